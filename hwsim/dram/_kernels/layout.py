"""Where everything lies in the arrays of the compiled engine. All arrays are of 64-bit integers."""

from __future__ import annotations

from typing import Any, NamedTuple

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
    REFRESH_COMMAND, REQUESTS, LIMIT, WATCHDOG, TWO_BUSES, SETTINGS,
) = range(28)  # fmt: skip
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


class Tables(NamedTuple):
    """What does not change: node of each bank at each level, levels (base, banks per node, count), constraints."""

    node: Any
    level: Any
    rule_start: Any
    rule: Any
    command: Any
    named: Any
    setting: Any
    target: Any


class State(NamedTuple):
    """What changes; see the columns above. ``ready`` is node x command, ``past`` node x slot x window."""

    ready: Any
    past: Any
    bank: Any
    entry: Any
    queue: Any
    priority: Any
    pending: Any
    allowed: Any
    reg: Any
    count: Any
    log: Any


class Work(NamedTuple):
    """Requests as columns, and what becomes of them."""

    time: Any
    write: Any
    line: Any
    bank: Any
    row: Any
    column: Any
    arrive: Any
    depart: Any
