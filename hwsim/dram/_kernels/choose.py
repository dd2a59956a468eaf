"""Which request of a queue goes next."""

# pyright: basic
from __future__ import annotations

from hwsim.dram._kernels.device import ready_at
from hwsim.dram._kernels.jit import inner
from hwsim.dram._kernels.layout import (
    ACT2,
    ACTIVATED,
    ARRIVE,
    BANK,
    BANKS_BELOW,
    BLOCKED,
    BUS,
    CLOCK,
    CLOSES,
    CMD,
    COLUMN_BUS,
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
    MAX_COMMANDS,
    MAX_LEVELS,
    MAX_NODES,
    NEXT,
    NODE,
    NODES_BEFORE,
    NONE,
    OPENING,
    OTHERS,
    PAIR_SPAN,
    PATIENCE,
    PER_BANK,
    PER_COMMAND,
    PER_ENTRY,
    PER_LEVEL,
    PER_QUEUE,
    PRIORITY,
    PRIORITY_HEAD,
    PRIORITY_TAIL,
    RD,
    READY,
    READY_AT,
    REFRESHES,
    RING,
    ROW_BUS,
    SCHEDULER,
    SCOPE,
    SHARED,
    SPLIT,
    WAITING,
    WAKE_COLUMN,
    WAKE_OTHER,
    WORK_COLUMNS,
    WR,
    WRITES,
)
from hwsim.dram._kernels.queues import closes_active, is_column, is_ready, maintenance_command, refresh_entry


@inner
def wake_at(s, clock):
    """Note that something may be possible at a tick."""
    if clock < s[EARLIEST]:
        s[EARLIEST] = clock


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
    single = t[SCOPE + command * PER_COMMAND] == t[LAST_LEVEL]
    return s[EDGE_ALL] == 0 and single and bank != s[EDGE_BANK]


@inner
def _opening_allows(t, s, command, bank):
    """Split activate: what may go while a bank is half open."""
    if command == t[ACT2]:
        return False
    if s[OPENING] < 0 or is_column(t, command):
        return True
    if t[CLOSES + command * PER_COMMAND] == 0 and t[EFFECT + command * PER_COMMAND] != REFRESHES:
        return False
    span = t[BANKS_BELOW + t[SCOPE + command * PER_COMMAND] * PER_LEVEL]
    return s[BANK + s[OPENING] * PER_ENTRY] // span != bank // span


@inner
def allowed(t, s, command, bank, bus):
    """Whether the command bus takes a command now, apart from timing."""
    if bus != SHARED and t[BUS + command * PER_COMMAND] != bus:
        return False
    if t[EDGES] == 2 and not _edge_allows(t, s, command, bank):
        wake_at(s, s[CLOCK] + 1)
        return False
    if t[SPLIT] == 0:
        return True
    return _opening_allows(t, s, command, bank)


@inner
def _candidate(t, s, queue, entry, bus):
    """Whether the next command of an entry may go now, timing and bus included."""
    command, bank = s[CMD + entry * PER_ENTRY], s[BANK + entry * PER_ENTRY]
    if bus != SHARED and t[BUS + command * PER_COMMAND] != bus:
        return False
    if not is_ready(t, s, entry, s[CLOCK]):
        return False
    if not allowed(t, s, command, bank, bus):
        return False
    if queue == ACTIVATED:
        return True
    if closes_active(t, s, command, bank):
        s[BLOCKED] = 1
        return False
    return True


@inner
def _soonest(t, s, entry, bus, clock, soonest):
    """The earlier of a tick and the one at which timing allows an entry; what may go already waits for others."""
    ready = s[READY + entry * PER_ENTRY]
    if ready <= clock or ready >= soonest:
        return soonest
    if bus != SHARED and t[BUS + s[CMD + entry * PER_ENTRY] * PER_COMMAND] != bus:
        return soonest
    return ready


@inner
def _keeps_hit(t, s, entry, mark):
    """Whether the next command would close a row that a marked request hits."""
    if s[MARK + s[BANK + entry * PER_ENTRY] * PER_BANK] != mark:
        return False
    command = s[CMD + entry * PER_ENTRY]
    return command != s[FINAL + entry * PER_ENTRY] and t[CLOSES + command * PER_COMMAND] != 0


@inner
def _in_order(t, s, queue, bus):
    """Oldest entry whose command may go; with marks, no row is closed for an entry younger than a hit on it."""
    guard = t[SCHEDULER] == FIRST_READY_ROW_HIT
    clock = s[CLOCK]
    soonest = FAR
    others = 0
    s[MARKS] += 1
    mark = s[MARKS]
    best = NONE
    entry = s[HEAD + queue * PER_QUEUE]
    while entry >= 0:
        refresh_entry(t, s, entry)
        if s[CMD + entry * PER_ENTRY] != s[FINAL + entry * PER_ENTRY]:
            others = 1
        elif guard:
            s[MARK + s[BANK + entry * PER_ENTRY] * PER_BANK] = mark
        due = s[READY + entry * PER_ENTRY] <= clock and not _keeps_hit(t, s, entry, mark)
        if due and _candidate(t, s, queue, entry, bus):
            if queue != ACTIVATED:
                return entry
            if best < 0 or s[ID + entry * PER_ENTRY] < s[ID + best * PER_ENTRY]:
                best = entry
        soonest = _soonest(t, s, entry, bus, clock, soonest)
        entry = s[NEXT + entry * PER_ENTRY]
    wake_at(s, soonest)
    s[OTHERS + queue * PER_QUEUE] = others
    return best


@inner
def _mark_hits(t, s, queue):
    """Mark the banks that a queued request hits; note whether some request is no hit."""
    s[MARKS] += 1
    entry, others = s[HEAD + queue * PER_QUEUE], 0
    while entry >= 0:
        refresh_entry(t, s, entry)
        if s[CMD + entry * PER_ENTRY] == s[FINAL + entry * PER_ENTRY]:
            s[MARK + s[BANK + entry * PER_ENTRY] * PER_BANK] = s[MARKS]
        else:
            others = 1
        entry = s[NEXT + entry * PER_ENTRY]
    s[OTHERS + queue * PER_QUEUE] = others


@inner
def _better(s, entry, best, hit):
    """Whether an entry beats the best so far: hits before others, then the older one."""
    if best < 0:
        return True
    best_hit = s[CMD + best * PER_ENTRY] == s[FINAL + best * PER_ENTRY]
    if hit != best_hit:
        return hit
    return s[ID + entry * PER_ENTRY] < s[ID + best * PER_ENTRY]


@inner
def _hits_first(t, s, work, queue, bus):
    """Row hits first, nobody starves; see hit_first in hwsim/dram/policies/schedulers.py."""
    head = s[HEAD + queue * PER_QUEUE]
    if head < 0:
        return NONE
    _mark_hits(t, s, queue)
    due = work[ARRIVE + s[ID + head * PER_ENTRY] * WORK_COLUMNS] + t[PATIENCE] + 1
    closed_bank = NONE
    if s[CLOCK] < due:
        wake_at(s, due)
    else:
        if _candidate(t, s, queue, head, bus):
            return head
        closed_bank = s[BANK + head * PER_ENTRY]
    entry = head
    best = NONE
    clock = s[CLOCK]
    soonest = FAR
    while entry >= 0:
        open_to = s[BANK + entry * PER_ENTRY] != closed_bank and s[READY + entry * PER_ENTRY] <= clock
        due = open_to and not _keeps_hit(t, s, entry, s[MARKS])
        if due and _candidate(t, s, queue, entry, bus):
            hit = s[CMD + entry * PER_ENTRY] == s[FINAL + entry * PER_ENTRY]
            if _better(s, entry, best, hit):
                best = entry
            if hit and queue != ACTIVATED:
                return entry
        soonest = _soonest(t, s, entry, bus, clock, soonest)
        entry = s[NEXT + entry * PER_ENTRY]
    wake_at(s, soonest)
    return best


@inner
def _head_only(t, s, queue, bus):
    """The oldest, if its command may go."""
    head = s[HEAD + queue * PER_QUEUE]
    if head < 0:
        return NONE
    refresh_entry(t, s, head)
    if _candidate(t, s, queue, head, bus):
        return head
    wake_at(s, _soonest(t, s, head, bus, s[CLOCK], FAR))
    return NONE


@inner
def _columns_from(t, s, queue):
    """No column command of a queue can go before this tick: what the groups that have entries allow."""
    command = t[WR] if queue == WRITES else t[RD]
    soonest = FAR
    level = t[LAST_LEVEL] - 1
    base, span = t[NODES_BEFORE + level * PER_LEVEL], t[BANKS_BELOW + level * PER_LEVEL]
    place = NODE
    for group in range(base, t[NODES_BEFORE + (level + 1) * PER_LEVEL]):
        if s[WAITING + queue * MAX_NODES + group] > 0:
            at = s[READY_AT + group * MAX_COMMANDS + command]
            for above in range(place, place + level):
                at = max(at, s[READY_AT + t[above] * MAX_COMMANDS + command])
            soonest = min(soonest, at)
        place += span * MAX_LEVELS
    return soonest


@inner
def best_of(t, s, work, queue, bus):
    """Best entry of a queue whose command may go now; NONE if none. Skips queues known to have nothing yet."""
    column = WAKE_OTHER if bus == ROW_BUS else WAKE_COLUMN
    clock = s[CLOCK]
    if s[column + queue * PER_QUEUE] > clock:
        wake_at(s, s[column + queue * PER_QUEUE])
        return NONE
    if queue != ACTIVATED and (bus == COLUMN_BUS or (bus == SHARED and s[OTHERS + queue * PER_QUEUE] == 0)):
        bound = _columns_from(t, s, queue)
        if bound > clock:
            wake_at(s, bound)
            return NONE
    if bus == ROW_BUS and s[OTHERS + queue * PER_QUEUE] == 0:
        return NONE
    before = s[EARLIEST]
    s[EARLIEST] = FAR
    if t[SCHEDULER] == HIT_FIRST:
        entry = _hits_first(t, s, work, queue, bus)
    elif t[SCHEDULER] == FCFS:
        entry = _head_only(t, s, queue, bus)
    else:
        entry = _in_order(t, s, queue, bus)
    if entry < 0:
        s[column + queue * PER_QUEUE] = s[EARLIEST]
    wake_at(s, before)
    return entry


@inner
def priority_ready(t, s, bus):
    """Next command of the oldest maintenance request, or NONE if it may not go now."""
    head = s[PRIORITY_HEAD]
    if head == s[PRIORITY_TAIL]:
        return NONE
    final, bank = s[PRIORITY + (head % RING) * 2], s[PRIORITY + (head % RING) * 2 + 1]
    command = maintenance_command(t, s, final, bank)
    if bus != SHARED and t[BUS + command * PER_COMMAND] != bus:
        return NONE
    at = ready_at(t, s, command, bank)
    if at > s[CLOCK]:
        wake_at(s, at)
        return NONE
    if closes_active(t, s, command, bank) or not allowed(t, s, command, bank, bus):
        return NONE
    return command
