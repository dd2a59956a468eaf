"""Which request of a queue goes next."""

# pyright: basic
from __future__ import annotations

from numba import njit

from hwsim.dram._kernels.device import ready_at
from hwsim.dram._kernels.layout import (
    ACT2,
    ACTIVATED,
    ACTIVE,
    ARRIVE,
    BANK,
    BUS,
    CLOCK,
    CLOSES,
    CMD,
    EARLIEST,
    EDGE,
    EDGE_ALL,
    EDGE_BANK,
    EDGES,
    EFFECT,
    FAR,
    FCFS,
    FINAL,
    FIRST_READY_ROW_HIT,
    HEAD,
    HIT_FIRST,
    ID,
    LAST_LEVEL,
    MARK,
    MARKS,
    NEXT,
    OPENING,
    PAIR_SPAN,
    PATIENCE,
    PRIORITY_HEAD,
    PRIORITY_TAIL,
    READY,
    REFRESHES,
    RING,
    ROW_BUS,
    SCHEDULER,
    SCOPE,
    SHARED,
    SPLIT,
    WAKE_COLUMN,
    WAKE_OTHER,
)  # fmt: skip
from hwsim.dram._kernels.queues import closes_active, is_column, is_ready, maintenance_command, refresh_entry


@njit(cache=True)
def wake_at(s, clock):
    """Note that something may be possible at a tick."""
    if clock < s.reg[EARLIEST]:
        s.reg[EARLIEST] = clock


@njit(cache=True)
def _edge_allows(t, s, command, bank):
    """Double edge: what may go at this edge; see DoubleEdge in hwsim/dram/buses.py."""
    clock = s.reg[CLOCK]
    if clock % 2 == 1:
        return True
    if not t.command[command, CLOSES] or t.command[command, BUS] != ROW_BUS:
        return False
    span = t.setting[PAIR_SPAN]
    if clock != s.reg[EDGE] or bank // span != s.reg[EDGE_BANK] // span:
        return True
    single = t.command[command, SCOPE] == t.setting[LAST_LEVEL]
    return s.reg[EDGE_ALL] == 0 and single and bank != s.reg[EDGE_BANK]


@njit(cache=True)
def _opening_allows(t, s, command, bank):
    """Split activate: what may go while a bank is half open."""
    if command == t.named[ACT2]:
        return False
    if s.reg[OPENING] < 0 or is_column(t, command):
        return True
    if not (t.command[command, CLOSES] or t.command[command, EFFECT] == REFRESHES):
        return False
    span = t.level[t.command[command, SCOPE], 1]
    return s.entry[s.reg[OPENING], BANK] // span != bank // span


@njit(cache=True)
def allowed(t, s, command, bank, bus):
    """Whether the command bus takes a command now, apart from timing."""
    if bus != SHARED and t.command[command, BUS] != bus:
        return False
    if t.setting[EDGES] == 2 and not _edge_allows(t, s, command, bank):
        wake_at(s, s.reg[CLOCK] + 1)
        return False
    return t.setting[SPLIT] == 0 or _opening_allows(t, s, command, bank)


@njit(cache=True)
def _candidate(t, s, queue, entry, bus):
    """Whether the next command of an entry may go now, timing and bus included."""
    command, bank = s.entry[entry, CMD], s.entry[entry, BANK]
    if bus != SHARED and t.command[command, BUS] != bus:
        return False
    if not is_ready(t, s, entry, s.reg[CLOCK]):
        wake_at(s, s.entry[entry, READY])
        return False
    if not allowed(t, s, command, bank, bus):
        return False
    return queue == ACTIVATED or not closes_active(t, s, command, bank)


@njit(cache=True)
def _in_order(t, s, queue, bus):
    """Oldest entry whose command may go; with marks, no row is closed for an entry younger than a hit on it."""
    guard = t.setting[SCHEDULER] == FIRST_READY_ROW_HIT
    s.reg[MARKS] += 1
    mark, best = s.reg[MARKS], -1
    entry = s.queue[queue, HEAD]
    while entry >= 0:
        refresh_entry(t, s, entry)
        bank = s.entry[entry, BANK]
        hit = s.entry[entry, CMD] == s.entry[entry, FINAL]
        if guard and hit:
            s.bank[bank, MARK] = mark
        kept = guard and not hit and t.command[s.entry[entry, CMD], CLOSES] and s.bank[bank, MARK] == mark
        if not kept and _candidate(t, s, queue, entry, bus):
            if queue != ACTIVATED:
                return entry
            if best < 0 or s.entry[entry, ID] < s.entry[best, ID]:
                best = entry
        entry = s.entry[entry, NEXT]
    return best


@njit(cache=True)
def _mark_hits(t, s, queue):
    """Mark the banks that a queued request hits."""
    s.reg[MARKS] += 1
    entry = s.queue[queue, HEAD]
    while entry >= 0:
        refresh_entry(t, s, entry)
        if s.entry[entry, CMD] == s.entry[entry, FINAL]:
            s.bank[s.entry[entry, BANK], MARK] = s.reg[MARKS]
        entry = s.entry[entry, NEXT]


@njit(cache=True)
def _hits_first(t, s, work, queue, bus):
    """Row hits first, nobody starves; see hit_first in hwsim/dram/policies/schedulers.py."""
    head = s.queue[queue, HEAD]
    if head < 0:
        return -1
    _mark_hits(t, s, queue)
    due = work[s.entry[head, ID], ARRIVE] + t.setting[PATIENCE] + 1
    starved = s.reg[CLOCK] >= due
    if not starved:
        wake_at(s, due)
    elif _candidate(t, s, queue, head, bus):
        return head
    other, entry = -1, head
    hit_found = -1
    while entry >= 0:
        bank = s.entry[entry, BANK]
        hit = s.entry[entry, CMD] == s.entry[entry, FINAL]
        kept = t.command[s.entry[entry, CMD], CLOSES] and not hit and s.bank[bank, MARK] == s.reg[MARKS]
        if not kept and not (starved and bank == s.entry[head, BANK]) and _candidate(t, s, queue, entry, bus):
            if hit and (hit_found < 0 or s.entry[entry, ID] < s.entry[hit_found, ID]):
                hit_found = entry
                if queue != ACTIVATED:
                    break
            elif not hit and (other < 0 or s.entry[entry, ID] < s.entry[other, ID]):
                other = entry
        entry = s.entry[entry, NEXT]
    return hit_found if hit_found >= 0 else other


@njit(cache=True)
def _scan(t, s, work, queue, bus):
    """Best entry of a queue on a bus by the scheduler, -1 if none may go."""
    scheduler = t.setting[SCHEDULER]
    if scheduler == HIT_FIRST:
        return _hits_first(t, s, work, queue, bus)
    if scheduler == FCFS:
        head = s.queue[queue, HEAD]
        if head >= 0:
            refresh_entry(t, s, head)
            if _candidate(t, s, queue, head, bus):
                return head
        return -1
    return _in_order(t, s, queue, bus)


@njit(cache=True)
def best_of(t, s, work, queue, bus):
    """Best entry of a queue whose command may go now; -1 if none. Skips queues known to have nothing yet."""
    column = WAKE_OTHER if bus == ROW_BUS else WAKE_COLUMN
    clock = s.reg[CLOCK]
    if s.queue[queue, column] > clock:
        wake_at(s, s.queue[queue, column])
        return -1
    before = s.reg[EARLIEST]
    s.reg[EARLIEST] = FAR
    entry = _scan(t, s, work, queue, bus)
    if entry < 0:
        s.queue[queue, column] = s.reg[EARLIEST]
    wake_at(s, before)
    return entry


@njit(cache=True)
def priority_ready(t, s, bus):
    """Next command of the oldest maintenance request, or -1 if it may not go now."""
    head = s.reg[PRIORITY_HEAD]
    if head == s.reg[PRIORITY_TAIL]:
        return -1
    final, bank = s.priority[head % RING, 0], s.priority[head % RING, 1]
    command = maintenance_command(t, s, final, bank)
    if bus != SHARED and t.command[command, BUS] != bus:
        return -1
    at = ready_at(t, s, command, bank)
    if at > s.reg[CLOCK]:
        wake_at(s, at)
        return -1
    if closes_active(t, s, command, bank) or not allowed(t, s, command, bank, bus):
        return -1
    return command
