"""Where everything lies in the arrays of the compiled engine. All arrays are of 64-bit integers."""

from __future__ import annotations

import numpy as np

FAR = 2**62

# Columns of a queue entry.
ID, BANK, ROW, CMD, READY, NEXT, BEFORE, FINAL, VERSION, COUNTED, ENTRY_COLUMNS = range(11)
# Columns of a bank: open row (-1 closed, -2 opening), activated requests, accesses since opened, precharge asked for.
OPEN, ACTIVE, ACCESSES, ASKED, CHANGES, MARK, BANK_COLUMNS = range(7)
# Queues, and their columns: first and last entry, length, first tick at which a column or another command may go.
READS, WRITES, ACTIVATED, QUEUES = range(4)
HEAD, TAIL, LENGTH, WAKE_COLUMN, WAKE_OTHER, QUEUE_COLUMNS = range(6)
# Columns of a command: level of its scope, effect, bus, whether it closes.
SCOPE, EFFECT, BUS, CLOSES, COMMAND_COLUMNS = range(5)
OPENS, BEGINS, CLOSING, COLUMN, REFRESHES, OTHER = range(6)
SHARED, ROW_BUS, COLUMN_BUS = range(3)
# Columns of a constraint.
LEVEL, FOLLOWING, LATENCY, WINDOW, SIBLING, SLOT, RULE_COLUMNS = range(7)
# Named commands.
RD, WR, RDA, WRA, ACT, ACT2, PREPB, PREAB, REFAB, REFPB, CAS_RD, CAS_WR, NAMED = range(13)
# Settings of device and policy.
(
    BANKS, READ_LATENCY, EDGES, DEADLINE, SYNC_READ, SYNC_WRITE, SPLIT, PAIR_SPAN, ROUND, SCHEDULER, ROW_POLICY, CAP,
    POSTPONE, READ_DEPTH, WRITE_DEPTH, DRAIN_START, DRAIN_STOP, PATIENCE, FAITHFUL, REFRESH, INTERVAL, RECOVERY,
    REFRESH_COMMAND, REQUESTS, LIMIT, WATCHDOG, TWO_BUSES, LAST_LEVEL, TURNS,
    TARGETS, LOGGING, SETTINGS,
) = range(32)  # fmt: skip
HIT_FIRST, FIRST_READY, FIRST_READY_ROW_HIT, FCFS = range(4)
OPEN_ROWS, CLOSED_ROWS, CAPPED_ROWS = range(3)
NO_REFRESH, PERIODIC, PAIRED = range(3)
# Registers.
(
    CLOCK, OFFERED, DONE, DRAINING, FREE, LAST_ISSUE, HITS, MISSES, CONFLICTS, FORWARDED, MERGED, STALLED,
    PRIORITY_HEAD, PRIORITY_TAIL, PENDING_HEAD, PENDING_TAIL, NEXT_REFRESH, TURN, OWED, PAIR_NEXT, MARKS,
    OPENING, OPEN_BY, SYNCED, SYNCED_QUEUE, CLOCK_OFF, EDGE, EDGE_BANK, EDGE_ALL, LOGGED, ISSUED, EARLIEST, REGISTERS,
) = range(33)  # fmt: skip
RING = 4096
RUNNING, FINISHED, LOG_FULL = range(3)
LOG_COLUMNS = 5



MAX_BANKS, MAX_LEVELS, MAX_NODES, MAX_COMMANDS, MAX_RULES, MAX_WINDOWS, MAX_DEPTH = 256, 8, 1024, 32, 2048, 24, 8
MAX_ENTRIES, LOG_ROWS = 1024, 1 << 14


def _fields(**shapes: tuple[int, ...]) -> np.dtype[np.void]:
    return np.dtype([(name, np.int64, shape) for name, shape in shapes.items()])


TABLES = _fields(
    node=(MAX_BANKS, MAX_LEVELS),
    level=(MAX_LEVELS, 3),
    rule_start=(MAX_COMMANDS + 1,),
    rule=(MAX_RULES, RULE_COLUMNS),
    command=(MAX_COMMANDS, COMMAND_COLUMNS),
    named=(NAMED,),
    setting=(SETTINGS,),
    target=(MAX_BANKS, MAX_BANKS),
)
"""What does not change: node of each bank at each level, levels (base, banks per node, count), constraints, settings."""

STATE = _fields(
    ready=(MAX_NODES, MAX_COMMANDS),
    past=(MAX_NODES, MAX_WINDOWS, MAX_DEPTH),
    bank=(MAX_BANKS, BANK_COLUMNS),
    entry=(MAX_ENTRIES, ENTRY_COLUMNS),
    queue=(QUEUES, QUEUE_COLUMNS),
    priority=(RING, 2),
    pending=(RING, 2),
    allowed=(MAX_BANKS, MAX_BANKS),
    reg=(REGISTERS,),
    count=(MAX_COMMANDS,),
    log=(LOG_ROWS, LOG_COLUMNS),
)
"""What changes. Records are passed to the compiled functions by address, which keeps compilation short."""

TIME, WRITE, LINE, WORK_BANK, WORK_ROW, WORK_COLUMN, ARRIVE, DEPART, WORK_COLUMNS = range(9)
"""Columns of a request."""
