"""Which request of a queue goes next."""

# pyright: basic
from __future__ import annotations

from hwsim.dram._kernels.device import ready_at
from hwsim.dram._kernels.jit import apart, inner
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
    COLUMN,
    COLUMN_BUS,
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
    LANES,
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
    PREPB,
    PRIORITY,
    PRIORITY_HEAD,
    READS,
    READY_OF_KIND,
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
    WAKE,
)


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


@apart
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


@apart
def _opening_allows(t, s, command, bank):
    """Split activate: what may go while a bank is half open."""
    if command == t[ACT2]:
        return False
    if s[OPENING] < 0 or is_column(t, command):
        return True
    if t[CLOSES + command * PER_COMMAND] == 0 and t[EFFECT + command * PER_COMMAND] != REFRESHES:
        return False
    return low_bank(t, command, s[BANK + s[OPENING] * PER_ENTRY]) != low_bank(t, command, bank)


@apart
def _closes_active(t, s, command, bank):
    """Whether a command closes a bank that was activated for somebody."""
    if t[CLOSES + command * PER_COMMAND] == 0 or s[LENGTH + ACTIVATED * PER_QUEUE] == 0:
        return False
    low = low_bank(t, command, bank)
    for other in range(low, low + t[SPAN + command * PER_COMMAND]):  # noqa: SIM110
        if s[ACTIVE + other * PER_BANK] > 0:
            return True
    return False


@inner
def next_command(t, s, entry):
    """What an entry needs next, from the row of its bank."""
    row = s[OPEN + s[BANK + entry * PER_ENTRY] * PER_BANK]
    if row == s[ROW + entry * PER_ENTRY]:
        return s[FINAL + entry * PER_ENTRY]
    if row == -1:
        return t[ACT]
    return t[ACT2] if row == -2 else t[PREPB]


@apart
def _may_go(t, s, queue, command, bank, bus):
    """Whether a command may go now; notes when timing will allow it."""
    if bus != SHARED and t[BUS + command * PER_COMMAND] != bus:
        return False
    at = ready_at(t, s, command, bank)
    if at > s[CLOCK]:
        wake_at(s, at)
        return False
    if t[EDGES] == 2 and not _edge_allows(t, s, command, bank):
        wake_at(s, s[CLOCK] + 1)
        return False
    if t[SPLIT] != 0 and not _opening_allows(t, s, command, bank):
        return False
    return queue == ACTIVATED or not _closes_active(t, s, command, bank)


@inner
def _oldest(t, s, index):
    """Smallest key of a kind and lane whose command may go now, FAR if none; notes when the first may."""
    keys, ready, clock = KEY + index * BANK_STRIDE, t[READY_OF_KIND + index], s[CLOCK]
    best = soonest = FAR
    for bank in range(t[BANKS]):
        key, at = s[keys + bank], s[ready + bank]
        best = min(best, key if at <= clock else FAR)
        soonest = min(soonest, FAR if (at <= clock) | (key == FAR) else at)
    s[WAKE + index] = soonest if best == FAR else clock
    return best


@apart
def _beside_edge(t, s, index):
    """``_oldest`` of the precharges that may go at the falling edge that ends a row command."""
    keys, ready, best = KEY + index * BANK_STRIDE, t[READY_OF_KIND + index], FAR
    for bank in range(t[BANKS]):
        key = s[keys + bank]
        if key < best and s[ready + bank] <= s[CLOCK] and _edge_allows(t, s, t[PREPB], bank):
            best = key
    return best


@inner
def _oldest_here(t, s, kind, index):
    """``_oldest`` unless none can be ready, or what the command bus takes now excludes it."""
    clock, falling = s[CLOCK], t[EDGES] == 2 and s[CLOCK] % 2 == 0
    if s[WAKE + index] > clock:
        wake_at(s, s[WAKE + index])
        return FAR
    if (falling or s[OPENING] >= 0) and kind == ACTIVATES:
        wake_at(s, clock + 1)
        return FAR
    if falling and clock == s[EDGE]:
        wake_at(s, clock + 1)
        return _beside_edge(t, s, index)
    best = _oldest(t, s, index)
    wake_at(s, s[WAKE + index])
    return best


@inner
def _by_age(t, s, queue, bus):
    """Oldest entry of a queue whose command may go now; row hits first where the scheduler says so."""
    best = FAR
    for kind in range(1 if bus == ROW_BUS else 0, 1 if bus == COLUMN_BUS else KINDS):
        if kind == 1 and best != FAR and t[SCHEDULER] == HIT_FIRST:
            break
        for lane in range(queue, LANES if queue == ACTIVATED else queue + 1):
            best = min(best, _oldest_here(t, s, kind, kind * LANES + lane))
    return NONE if best == FAR else best & (MAX_ENTRIES - 1)


@inner
def best_of(t, s, queue, bus):
    """Best entry of a queue whose command may go now; NONE if none. Who has waited too long goes first."""
    head = s[HEAD + queue * PER_QUEUE]
    if head < 0:
        return NONE
    due = s[DUE + queue * PER_QUEUE]
    entry = NONE
    if s[CLOCK] >= due or t[SCHEDULER] == FCFS:
        if _may_go(t, s, queue, next_command(t, s, head), s[BANK + head * PER_ENTRY], bus):
            entry = head
    else:
        wake_at(s, due)
    if entry < 0 and t[SCHEDULER] != FCFS:
        entry = _by_age(t, s, queue, bus)
    return entry


@apart
def priority_ready(t, s, bus):
    """Next command of the oldest maintenance request, or NONE if it may not go now."""
    head = s[PRIORITY_HEAD] % RING
    command, bank = s[PRIORITY + head * 2], s[PRIORITY + head * 2 + 1]
    if t[CLOSES + command * PER_COMMAND] == 0:
        low = low_bank(t, command, bank)
        for other in range(low, low + t[SPAN + command * PER_COMMAND]):
            if s[OPEN + other * PER_BANK] != -1:
                command = t[PREPB] if command == t[REFPB] else t[PREAB]
                break
    return command if _may_go(t, s, READS, command, bank, bus) else NONE
