"""Where everything lies in the two arrays of the compiled engine, both flat and of 64-bit integers.

``t`` does not change during a run: commands, constraints, settings. ``s`` changes: when each command may go to each
bank, banks, queues. A name is the place of the first value of its kind; those that come once per bank, entry, queue,
command or constraint are PER_BANK, PER_ENTRY, ... places apart. (Flat arrays and not one array per kind, because every
array that is passed to a compiled function makes it slower to compile.)

A *lane* holds the requests of a queue that end with the same command: reads, writes, activated reads, activated
writes. A *kind* says what a request needs next: a column command, an activate, or a precharge. For every lane, kind and
bank there is a key, number of the oldest such request times MAX_ENTRIES plus its entry, or FAR: all others of its lane,
kind and bank come later under every scheduler. Choosing is then a minimum over banks.
"""

from __future__ import annotations

import numpy as np

FAR = np.int64(2**62)
MAX_BANKS, MAX_LEVELS, MAX_COMMANDS, MAX_RULES, MAX_WINDOWS, MAX_DEPTH = 256, 6, 32, 2048, 24, 8
MAX_ENTRIES, RING, LOG_ROWS, LOG_COLUMNS, LINE_COUNTERS = 1024, 4096, 1 << 14, 5, 1024
BANK_STRIDE = MAX_BANKS + 8
"""Places between arrays with a value per bank; no power of two, so that they do not share cache sets."""

# t: named commands, settings of device and policy.
RD, WR, RDA, WRA, ACT, ACT2, PREPB, PREAB, REFAB, REFPB, CAS_RD, CAS_WR, _SETTINGS = range(13)
(
    BANKS, READ_LATENCY, EDGES, DEADLINE, SYNC_READ, SYNC_WRITE, SPLIT, PAIR_SPAN, ROUND, SCHEDULER, ROW_POLICY, CAP,
    POSTPONE, READ_DEPTH, WRITE_DEPTH, DRAIN_START, DRAIN_STOP, PATIENCE, FAITHFUL, REFRESH, INTERVAL, RECOVERY,
    REFRESH_COMMAND, REQUESTS, LIMIT, WATCHDOG, TWO_BUSES, TURNS, TARGETS, LOGGING, _COMMANDS,
) = range(_SETTINGS, _SETTINGS + 31)  # fmt: skip
# t: per command: level of its scope, effect, bus, whether it closes, banks that it addresses, place in s of the ticks
# from which it may go (stated at the first bank that it addresses).
PER_COMMAND = 6
SCOPE, EFFECT, BUS, CLOSES, SPAN, READY_OF = range(_COMMANDS, _COMMANDS + PER_COMMAND)
# t: per bank and level: first bank below the same node.
FIRST = _COMMANDS + MAX_COMMANDS * PER_COMMAND
# t: per command: its first constraints that set one value, that set neighbours, the others, and their end.
RULES_OF = FIRST + MAX_BANKS * MAX_LEVELS
PER_RULES, ONE, MANY, SPECIAL, END = 4, RULES_OF, RULES_OF + 1, RULES_OF + 2, RULES_OF + 3
# t: per constraint: level at which the values to set begin, their place, latency, how many, how far apart; of special
# ones level and banks of the area, banks per node in it, level of the node to leave out (-1: none), window, history.
PER_RULE = 11
_RULES = RULES_OF + MAX_COMMANDS * PER_RULES
(
    START, PLACE, LATENCY, COUNT_OF, STRIDE, AREA, AREA_BANKS, STEP, WITHOUT, WINDOW, SLOT,
) = range(_RULES, _RULES + PER_RULE)  # fmt: skip
# t: per kind and lane: place in s of the ticks from which its command may go.
READY_OF_KIND = _RULES + MAX_RULES * PER_RULE
# t: banks of each refresh turn.
TARGET = READY_OF_KIND + 12
TABLE_SIZE = TARGET + MAX_BANKS * MAX_BANKS

# s: registers.
(
    CLOCK, OFFERED, DONE, DRAINING, FREE, LAST_ISSUE, HITS, MISSES, CONFLICTS, FORWARDED, MERGED, STALLED,
    PRIORITY_HEAD, PRIORITY_TAIL, PENDING_HEAD, PENDING_TAIL, NEXT_REFRESH, TURN, OWED, PAIR_NEXT,
    OPENING, OPEN_BY, SYNCED, SYNCED_QUEUE, CLOCK_OFF, EDGE, EDGE_BANK, EDGE_ALL, LOGGED, ISSUED, EARLIEST,
    AT_CAP, DIRTY_COUNT, CHOSEN, CHOSEN_QUEUE, COMMAND, COMMAND_BANK, _QUEUES,
) = range(38)  # fmt: skip
# s: per queue: first and last entry, length, tick from which the first has waited too long, bank that then serves
# nobody else (-1: none).
QUEUES = 3
READS, WRITES, ACTIVATED = np.arange(QUEUES)
PER_QUEUE, PER_ENTRY, PER_BANK = 5, 11, 5
HEAD, TAIL, LENGTH, DUE, STARVED = range(_QUEUES, _QUEUES + PER_QUEUE)
# s: per entry of a queue: a request, its place, what it needs next and last, whether it writes, whether its row was
# counted, its neighbours in the queue and in its bank's part of the lane.
_ENTRIES = _QUEUES + QUEUES * PER_QUEUE
(
    ID, BANK, ROW, CMD, FINAL, WRITING, COUNTED, NEXT, BEFORE, BELOW, ABOVE,
) = range(_ENTRIES, _ENTRIES + PER_ENTRY)  # fmt: skip
# s: per bank: open row (-1 closed, -2 opening), activated requests, accesses since opened, precharge asked for, lanes
# whose keys are to be stated anew (a bit each, and one for a changed row); the banks of which some are.
_BANKS = _ENTRIES + MAX_ENTRIES * PER_ENTRY
OPEN, ACTIVE, ACCESSES, ASKED, DIRTY = range(_BANKS, _BANKS + PER_BANK)
# s: per lane and bank: first and last entry, oldest hit, oldest other.
LANES = 4
LANE_ARRAYS = 4
DIRTY_BANKS = _BANKS + MAX_BANKS * PER_BANK
OLDEST = DIRTY_BANKS + MAX_BANKS
NEWEST, HIT_OF, OTHER_OF = (OLDEST + LANES * BANK_STRIDE * place for place in (1, 2, 3))
# s: per kind and lane: the keys of all banks, and a tick before which none of them may go.
KINDS = 3
COLUMNS, ACTIVATES, PRECHARGES = np.arange(KINDS)
KEY = OLDEST + LANES * LANE_ARRAYS * BANK_STRIDE
WAKE = KEY + LANES * KINDS * BANK_STRIDE
# s: first tick of each command at each bank; history of commands with a window; maintenance and data on their way; when
# a stack may be refreshed again; writes waiting per remainder of their access number; commands counted and logged.
READY = WAKE + LANES * KINDS
PAST = READY + MAX_COMMANDS * BANK_STRIDE
PRIORITY = PAST + MAX_WINDOWS * MAX_BANKS * MAX_DEPTH
PENDING = PRIORITY + 2 * RING
ALLOWED = PENDING + 2 * RING
LINES = ALLOWED + MAX_BANKS * MAX_BANKS
COUNT = LINES + LINE_COUNTERS
LOG = COUNT + MAX_COMMANDS
STATE_SIZE = LOG + LOG_ROWS * LOG_COLUMNS

# Columns of a request in ``work``.
TIME, WRITE, LINE, WORK_BANK, WORK_ROW, WORK_COLUMN, ARRIVE, DEPART, WORK_COLUMNS = range(9)

# Values.
OPENS, BEGINS, CLOSING, COLUMN, REFRESHES, OTHER = range(6)
SHARED, ROW_BUS, COLUMN_BUS = np.arange(3)
NONE = np.int64(-1)
ALL_LANES, ROW_CHANGED = 15, 16
NOTHING, REQUEST, FOLLOW, MAINTENANCE, SECOND_HALF, SYNC = np.arange(6)
"""These, queues and kinds are typed: a Python number as argument would compile a function once per value."""
HIT_FIRST, FIRST_READY, FIRST_READY_ROW_HIT, FCFS = range(4)
OPEN_ROWS, CLOSED_ROWS, CAPPED_ROWS = range(3)
NO_REFRESH, PERIODIC, PAIRED = range(3)
RUNNING, FINISHED, LOG_FULL = range(3)
