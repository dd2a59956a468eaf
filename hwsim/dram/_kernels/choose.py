"""Which request of a queue goes next."""

# pyright: basic
from __future__ import annotations

from hwsim.dram._kernels.device import ready_at
from hwsim.dram._kernels.jit import inner
from hwsim.dram._kernels.layout import (
    ACT,
    ACT2,
    ACTIVATED,
    ACTIVATES,
    ACTIVE,
    BANK,
    BANK_STRIDE,
    BANKS,
    BUS,
    CLOCK,
    CLOSES,
    CMD,
    COLUMN,
    COLUMN_BUS,
    COLUMNS,
    DUE,
    EARLIEST,
    EDGE,
    EDGE_ALL,
    EDGE_BANK,
    EDGES,
    EFFECT,
    FAR,
    FCFS,
    FINAL,
    FIRST,
    HEAD,
    HIT_FIRST,
    KEY,
    KINDS,
    LENGTH,
    MAX_ENTRIES,
    MAX_LEVELS,
    NONE,
    OPEN,
    OPENING,
    PAIR_SPAN,
    PER_BANK,
    PER_COMMAND,
    PER_ENTRY,
    PER_QUEUE,
    PREAB,
    PRECHARGES,
    PREPB,
    PRIORITY,
    PRIORITY_HEAD,
    PRIORITY_TAIL,
    RD,
    READY_OF,
    REFPB,
    REFRESHES,
    RING,
    ROW,
    ROW_BUS,
    SCHEDULER,
    SCOPE,
    SHARED,
    SPAN,
    SPLIT,
    STARVED,
    WAKE,
    WR,
)
from hwsim.dram._kernels.queues import lane_of, refresh_keys


@inner
def wake_at(s, clock):
    """Note that something may be possible at a tick."""
    s[EARLIEST] = min(s[EARLIEST], clock)


@inner
def is_column(t, command):
    """Whether a command reads or writes."""
    return t[EFFECT + command * PER_COMMAND] == COLUMN


@inner
def low_bank(t, command, bank):
    """First bank that a command to a bank addresses."""
    return t[FIRST + bank * MAX_LEVELS + t[SCOPE + command * PER_COMMAND]]


@inner
def _edge_allows(t, s, command, bank):
    """Double edge: what may go at this edge; see DoubleEdge in hwsim/dram/buses.py."""
    clock = s[CLOCK]
    if clock % 2 == 1:
        return True
    if t[CLOSES + command * PER_COMMAND] == 0 or t[BUS + command * PER_COMMAND] != ROW_BUS:
        return False
    span = t[PAIR_SPAN]
    if clock != s[EDGE] or bank // span != s[EDGE_BANK] // span:
        return True
    return s[EDGE_ALL] == 0 and t[SPAN + command * PER_COMMAND] == 1 and bank != s[EDGE_BANK]


@inner
def _opening_allows(t, s, command, bank):
    """Split activate: what may go while a bank is half open."""
    if command == t[ACT2]:
        return False
    if s[OPENING] < 0 or is_column(t, command):
        return True
    if t[CLOSES + command * PER_COMMAND] == 0 and t[EFFECT + command * PER_COMMAND] != REFRESHES:
        return False
    return low_bank(t, command, s[BANK + s[OPENING] * PER_ENTRY]) != low_bank(t, command, bank)


@inner
def allowed(t, s, command, bank, bus):
    """Whether the command bus takes a command now, apart from timing."""
    if bus != SHARED and t[BUS + command * PER_COMMAND] != bus:
        return False
    if t[EDGES] == 2 and not _edge_allows(t, s, command, bank):
        wake_at(s, s[CLOCK] + 1)
        return False
    return t[SPLIT] == 0 or _opening_allows(t, s, command, bank)


@inner
def closes_active(t, s, command, bank):
    """Whether a command closes a bank that was activated for somebody."""
    if t[CLOSES + command * PER_COMMAND] == 0 or s[LENGTH + ACTIVATED * PER_QUEUE] == 0:
        return False
    low = low_bank(t, command, bank)
    for other in range(low, low + t[SPAN + command * PER_COMMAND]):  # noqa: SIM110
        if s[ACTIVE + other * PER_BANK] > 0:
            return True
    return False


@inner
def _next_command(t, s, entry):
    """What an entry needs next, from the row of its bank."""
    row = s[OPEN + s[BANK + entry * PER_ENTRY] * PER_BANK]
    if row == s[ROW + entry * PER_ENTRY]:
        return s[FINAL + entry * PER_ENTRY]
    if row == -1:
        return t[ACT]
    return t[ACT2] if row == -2 else t[PREPB]


@inner
def _may_go(t, s, queue, entry, bus):
    """Whether the next command of one entry may go now; notes when timing will allow it."""
    command, bank = _next_command(t, s, entry), s[BANK + entry * PER_ENTRY]
    if bus != SHARED and t[BUS + command * PER_COMMAND] != bus:
        return False
    at = ready_at(t, s, command, bank)
    if at > s[CLOCK]:
        wake_at(s, at)
        return False
    if not allowed(t, s, command, bank, bus):
        return False
    return queue == ACTIVATED or not closes_active(t, s, command, bank)


@inner
def _oldest(t, s, lane, kind, command):
    """Smallest key of a lane and kind whose command may go now, FAR if none; notes when the first may."""
    wake, keys = WAKE + lane * KINDS + kind, KEY + (lane * KINDS + kind) * BANK_STRIDE
    clock, ready = s[CLOCK], t[READY_OF + command * PER_COMMAND]
    if s[wake] > clock:
        wake_at(s, s[wake])
        return FAR
    best = soonest = FAR
    for bank in range(t[BANKS]):
        key, at = s[keys + bank], s[ready + bank]
        best = min(best, key if at <= clock else FAR)
        soonest = min(soonest, FAR if (at <= clock) | (key == FAR) else at)
    s[wake] = soonest if best == FAR else clock
    wake_at(s, s[wake])
    return best


@inner
def _beside_edge(t, s, lane):
    """``_oldest`` of the precharges that may go at the falling edge that ends a row command."""
    keys, clock, ready = KEY + (lane * KINDS + PRECHARGES) * BANK_STRIDE, s[CLOCK], t[READY_OF + t[PREPB] * PER_COMMAND]
    best = FAR
    for bank in range(t[BANKS]):
        key = s[keys + bank]
        if key < best and s[ready + bank] <= clock and _edge_allows(t, s, t[PREPB], bank):
            best = key
    wake_at(s, clock + 1)
    return best


@inner
def _oldest_for_rows(t, s, lane):
    """Smallest key of a lane that needs an activate or a precharge."""
    clock = s[CLOCK]
    if t[EDGES] == 2 and clock % 2 == 0:
        wake_at(s, max(s[WAKE + lane * KINDS + ACTIVATES], clock + 1))
        if clock == s[EDGE]:
            return _beside_edge(t, s, lane)
        return _oldest(t, s, lane, PRECHARGES, t[PREPB])
    best = FAR
    if s[OPENING] < 0:
        best = _oldest(t, s, lane, ACTIVATES, t[ACT])
    return min(best, _oldest(t, s, lane, PRECHARGES, t[PREPB]))


@inner
def _starved(t, s, queue, bus):
    """The first of a queue if it has waited too long and may go; its bank serves nobody else meanwhile."""
    due = s[DUE + queue * PER_QUEUE]
    if s[CLOCK] < due:
        wake_at(s, due)
        return NONE
    head = s[HEAD + queue * PER_QUEUE]
    if s[STARVED + queue * PER_QUEUE] < 0:
        bank = s[BANK + head * PER_ENTRY]
        s[STARVED + queue * PER_QUEUE] = bank
        refresh_keys(t, s, lane_of(s, queue, head), bank)
    return head if _may_go(t, s, queue, head, bus) else NONE


@inner
def _by_age(t, s, queue, bus):
    """Oldest entry of a queue whose command may go now; row hits first where the scheduler says so."""
    lanes = 2 if queue == ACTIVATED else 1
    best = FAR
    if bus != ROW_BUS:
        for lane in range(queue, queue + lanes):
            best = min(best, _oldest(t, s, lane, COLUMNS, t[WR] if lane % 2 == 1 else t[RD]))
    if bus != COLUMN_BUS and (best == FAR or t[SCHEDULER] != HIT_FIRST):
        for lane in range(queue, queue + lanes):
            best = min(best, _oldest_for_rows(t, s, lane))
    return NONE if best == FAR else best % MAX_ENTRIES


@inner
def best_of(t, s, queue, bus):
    """Best entry of a queue whose command may go now; NONE if none."""
    head = s[HEAD + queue * PER_QUEUE]
    if head < 0:
        return NONE
    if t[SCHEDULER] == FCFS:
        entry = head if _may_go(t, s, queue, head, bus) else NONE
    else:
        entry = _starved(t, s, queue, bus)
        if entry < 0:
            entry = _by_age(t, s, queue, bus)
    if entry >= 0:
        s[CMD + entry * PER_ENTRY] = _next_command(t, s, entry)
    return entry


@inner
def _maintenance_command(t, s, command, bank):
    """What has to come next for a refresh or a precharge."""
    if t[CLOSES + command * PER_COMMAND] != 0:
        return command
    low = low_bank(t, command, bank)
    for other in range(low, low + t[SPAN + command * PER_COMMAND]):
        if s[OPEN + other * PER_BANK] != -1:
            return t[PREPB] if command == t[REFPB] else t[PREAB]
    return command


@inner
def priority_ready(t, s, bus):
    """Next command of the oldest maintenance request, or NONE if it may not go now."""
    head = s[PRIORITY_HEAD]
    if head == s[PRIORITY_TAIL]:
        return NONE
    final, bank = s[PRIORITY + (head % RING) * 2], s[PRIORITY + (head % RING) * 2 + 1]
    command = _maintenance_command(t, s, final, bank)
    if bus != SHARED and t[BUS + command * PER_COMMAND] != bus:
        return NONE
    at = ready_at(t, s, command, bank)
    if at > s[CLOCK]:
        wake_at(s, at)
        return NONE
    if closes_active(t, s, command, bank) or not allowed(t, s, command, bank, bus):
        return NONE
    return command
