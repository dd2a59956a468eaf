"""Where everything lies in the two arrays of the compiled engine, both flat and of 64-bit integers.

``t`` does not change during a run: the device's tree, its constraints and commands, the settings. ``s`` changes: when
each command may go at each node, banks, queues. A name is the place of the first value of its kind; those that come
once per bank, entry, queue, command, constraint or level are PER_BANK, PER_ENTRY, ... places apart. (Flat arrays and
not one array per kind, because every array that is passed to a compiled function makes it slower to compile.)
"""

from __future__ import annotations

import numpy as np

FAR = np.int64(2**62)
MAX_BANKS, MAX_LEVELS, MAX_NODES, MAX_COMMANDS, MAX_RULES, MAX_WINDOWS, MAX_DEPTH = 256, 6, 1024, 32, 2048, 24, 8
MAX_ENTRIES, RING, LOG_ROWS, LOG_COLUMNS = 1024, 4096, 1 << 14, 5

# t: named commands, settings of device and policy.
RD, WR, RDA, WRA, ACT, ACT2, PREPB, PREAB, REFAB, REFPB, CAS_RD, CAS_WR, _SETTINGS = range(13)
(
    BANKS, READ_LATENCY, EDGES, DEADLINE, SYNC_READ, SYNC_WRITE, SPLIT, PAIR_SPAN, ROUND, SCHEDULER, ROW_POLICY, CAP,
    POSTPONE, READ_DEPTH, WRITE_DEPTH, DRAIN_START, DRAIN_STOP, PATIENCE, FAITHFUL, REFRESH, INTERVAL, RECOVERY,
    REFRESH_COMMAND, REQUESTS, LIMIT, WATCHDOG, TWO_BUSES, LAST_LEVEL, TURNS, TARGETS, LOGGING, _COMMANDS,
) = range(_SETTINGS, _SETTINGS + 32)  # fmt: skip
# t: per command: level of its scope, effect, bus, whether it closes. Per level: nodes of levels before it, banks below
# a node, nodes below one parent. Per constraint. Node of each bank at each level. Banks of each refresh turn.
PER_COMMAND, PER_LEVEL, PER_RULE = 4, 3, 6
SCOPE, EFFECT, BUS, CLOSES = range(_COMMANDS, _COMMANDS + PER_COMMAND)
_LEVELS = _COMMANDS + MAX_COMMANDS * PER_COMMAND
NODES_BEFORE, BANKS_BELOW, NODES_PER_PARENT = range(_LEVELS, _LEVELS + PER_LEVEL)
_RULES = _LEVELS + MAX_LEVELS * PER_LEVEL
LEVEL, FOLLOWING, LATENCY, WINDOW, SIBLING, SLOT = range(_RULES, _RULES + PER_RULE)
RULE_START = _RULES + MAX_RULES * PER_RULE
NODE = RULE_START + MAX_COMMANDS + 1
TARGET = NODE + MAX_BANKS * MAX_LEVELS
TABLE_SIZE = TARGET + MAX_BANKS * MAX_BANKS

# s: registers.
(
    CLOCK, OFFERED, DONE, DRAINING, FREE, LAST_ISSUE, HITS, MISSES, CONFLICTS, FORWARDED, MERGED, STALLED,
    PRIORITY_HEAD, PRIORITY_TAIL, PENDING_HEAD, PENDING_TAIL, NEXT_REFRESH, TURN, OWED, PAIR_NEXT, MARKS,
    OPENING, OPEN_BY, SYNCED, SYNCED_QUEUE, CLOCK_OFF, EDGE, EDGE_BANK, EDGE_ALL, LOGGED, ISSUED, EARLIEST,
    BLOCKED, _QUEUES,
) = range(34)  # fmt: skip
# s: per queue: first and last entry, length, first tick at which a column or another command may go, whether an
# entry may need another command than its last one.
QUEUES = 3
READS, WRITES, ACTIVATED = np.arange(QUEUES)
PER_QUEUE, PER_ENTRY, PER_BANK = 6, 10, 6
HEAD, TAIL, LENGTH, WAKE_COLUMN, WAKE_OTHER, OTHERS = range(_QUEUES, _QUEUES + PER_QUEUE)
# s: per entry of a queue: a request, its place, what it needs next, when timing may allow that, its neighbours.
_ENTRIES = _QUEUES + QUEUES * PER_QUEUE
ID, BANK, ROW, CMD, READY, NEXT, BEFORE, FINAL, VERSION, COUNTED = range(_ENTRIES, _ENTRIES + PER_ENTRY)
# s: per bank: open row (-1 closed, -2 opening), activated requests, accesses since opened, precharge asked for.
_BANKS = _ENTRIES + MAX_ENTRIES * PER_ENTRY
OPEN, ACTIVE, ACCESSES, ASKED, CHANGES, MARK = range(_BANKS, _BANKS + PER_BANK)
# s: first tick of each command at each node; history of commands with a window; maintenance and data on their way;
# when a stack may be refreshed again; entries per queue and bank group; commands counted and logged.
READY_AT = _BANKS + MAX_BANKS * PER_BANK
PAST = READY_AT + MAX_NODES * MAX_COMMANDS
PRIORITY = PAST + MAX_NODES * MAX_WINDOWS * MAX_DEPTH
PENDING = PRIORITY + 2 * RING
ALLOWED = PENDING + 2 * RING
WAITING = ALLOWED + MAX_BANKS * MAX_BANKS
COUNT = WAITING + QUEUES * MAX_NODES
LOG = COUNT + MAX_COMMANDS
STATE_SIZE = LOG + LOG_ROWS * LOG_COLUMNS

# Columns of a request in ``work``.
TIME, WRITE, LINE, WORK_BANK, WORK_ROW, WORK_COLUMN, ARRIVE, DEPART, WORK_COLUMNS = range(9)

# Values.
OPENS, BEGINS, CLOSING, COLUMN, REFRESHES, OTHER = range(6)
SHARED, ROW_BUS, COLUMN_BUS = np.arange(3)
NONE = np.int64(-1)
"""These, and the queues, are typed: a Python number as argument would compile a function once per value."""
HIT_FIRST, FIRST_READY, FIRST_READY_ROW_HIT, FCFS = range(4)
OPEN_ROWS, CLOSED_ROWS, CAPPED_ROWS = range(3)
NO_REFRESH, PERIODIC, PAIRED = range(3)
RUNNING, FINISHED, LOG_FULL = range(3)
