"""Queues as linked lists of entries, their parts per bank, and the keys by which requests are chosen."""

# pyright: basic
from __future__ import annotations

from hwsim.dram._kernels.jit import inner
from hwsim.dram._kernels.layout import (
    ABOVE,
    ACT,
    ACTIVATED,
    ACTIVATES,
    ACTIVE,
    ARRIVE,
    BANK,
    BANK_STRIDE,
    BEFORE,
    BELOW,
    COLUMNS,
    DUE,
    FAR,
    FCFS,
    FIRST_READY_ROW_HIT,
    FREE,
    HEAD,
    HIT_FIRST,
    HIT_OF,
    ID,
    KEY,
    KINDS,
    LANES,
    LENGTH,
    LINE,
    LINE_COUNTERS,
    LINES,
    MAX_ENTRIES,
    NEWEST,
    NEXT,
    NONE,
    OLDEST,
    OPEN,
    OTHER_OF,
    PATIENCE,
    PER_BANK,
    PER_COMMAND,
    PER_ENTRY,
    PER_QUEUE,
    PRECHARGES,
    PREPB,
    RD,
    READY_OF,
    ROW,
    SCHEDULER,
    STARVED,
    TAIL,
    WAKE,
    WORK_COLUMNS,
    WR,
    WRITES,
    WRITING,
)


@inner
def lane_of(s, queue, entry):
    """Lane of an entry of a queue."""
    return queue if queue != ACTIVATED else queue + s[WRITING + entry * PER_ENTRY]


@inner
def _key(s, entry):
    """Order of an entry: by age."""
    return FAR if entry < 0 else s[ID + entry * PER_ENTRY] * MAX_ENTRIES + entry


@inner
def _set_key(t, s, lane, kind, bank, key, command):
    """State the oldest request of a lane that needs a kind of command in a bank."""
    place = lane * KINDS + kind
    s[KEY + place * BANK_STRIDE + bank] = key
    if key != FAR:
        s[WAKE + place] = min(s[WAKE + place], s[t[READY_OF + command * PER_COMMAND] + bank])


@inner
def _keeps_row(t, s, lane, bank, hit, other):
    """Whether hits keep a row open that another request of the same queue would close."""
    if lane >= ACTIVATED:
        pair = 2 * ACTIVATED + 1 - lane
        hit = min(hit, _key(s, s[HIT_OF + pair * BANK_STRIDE + bank]))
    if t[SCHEDULER] == HIT_FIRST:
        return hit != FAR
    return t[SCHEDULER] == FIRST_READY_ROW_HIT and hit < other


@inner
def set_keys(t, s, lane, bank):
    """State the keys of a lane and bank anew."""
    place = lane * BANK_STRIDE + bank
    hit, other, row = _key(s, s[HIT_OF + place]), _key(s, s[OTHER_OF + place]), s[OPEN + bank * PER_BANK]
    queue = min(lane, ACTIVATED)
    if s[STARVED + queue * PER_QUEUE] == bank:
        head = s[HEAD + queue * PER_QUEUE]
        own = _key(s, head) if lane_of(s, queue, head) == lane else FAR
        found = s[ROW + head * PER_ENTRY] == row
        hit, other = own if found else FAR, FAR if found else own
    elif row >= 0 and _keeps_row(t, s, lane, bank, hit, other):
        other = FAR
    opens = other if row == -1 else FAR
    closes = other if row >= 0 and (lane >= ACTIVATED or s[ACTIVE + bank * PER_BANK] == 0) else FAR
    _set_key(t, s, lane, COLUMNS, bank, hit, t[WR] if lane % 2 == 1 else t[RD])
    _set_key(t, s, lane, ACTIVATES, bank, opens, t[ACT])
    _set_key(t, s, lane, PRECHARGES, bank, closes, t[PREPB])


@inner
def refresh_keys(t, s, lane, bank):
    """State the keys of the lanes that a change of one concerns."""
    if t[SCHEDULER] == FCFS:
        return
    first = min(lane, ACTIVATED)
    for other in range(first, first + (2 if lane >= ACTIVATED else 1)):
        set_keys(t, s, other, bank)


@inner
def _next_hit(s, entry, row):
    """First entry from this one on in its bank's part of the lane that hits a row; NONE if none."""
    while entry >= 0 and s[ROW + entry * PER_ENTRY] != row:
        entry = s[BELOW + entry * PER_ENTRY]
    return entry


@inner
def _next_other(s, entry, row):
    """First entry from this one on in its bank's part of the lane that does not hit a row; NONE if none."""
    while entry >= 0 and s[ROW + entry * PER_ENTRY] == row:
        entry = s[BELOW + entry * PER_ENTRY]
    return entry


@inner
def row_changed(t, s, bank):
    """Sort the requests of a bank into hits and others after its row changed."""
    row = s[OPEN + bank * PER_BANK]
    for lane in range(LANES):
        place = lane * BANK_STRIDE + bank
        first = s[OLDEST + place]
        if first >= 0:
            s[HIT_OF + place] = _next_hit(s, first, row)
            s[OTHER_OF + place] = _next_other(s, first, row)
    for lane in range(LANES):
        if s[OLDEST + lane * BANK_STRIDE + bank] >= 0 and t[SCHEDULER] != FCFS:
            set_keys(t, s, lane, bank)


@inner
def bank_freed(t, s, bank):
    """State the keys of waiting requests anew after the number of activated ones of their bank changed."""
    for lane in range(ACTIVATED):
        if s[OLDEST + lane * BANK_STRIDE + bank] >= 0:
            refresh_keys(t, s, lane, bank)


@inner
def _join_bank(t, s, lane, entry):
    """Put an entry into its bank's part of a lane, by age; the keys are stated when it is the oldest of its kind."""
    bank = s[BANK + entry * PER_ENTRY]
    place = lane * BANK_STRIDE + bank
    above, below = s[NEWEST + place], NONE
    while above >= 0 and s[ID + above * PER_ENTRY] > s[ID + entry * PER_ENTRY]:
        above, below = s[ABOVE + above * PER_ENTRY], above
    s[ABOVE + entry * PER_ENTRY], s[BELOW + entry * PER_ENTRY] = above, below
    if above < 0:
        s[OLDEST + place] = entry
    else:
        s[BELOW + above * PER_ENTRY] = entry
    if below < 0:
        s[NEWEST + place] = entry
    else:
        s[ABOVE + below * PER_ENTRY] = entry
    hit = s[OPEN + bank * PER_BANK] == s[ROW + entry * PER_ENTRY]
    best = (HIT_OF if hit else OTHER_OF) + place
    if _key(s, entry) < _key(s, s[best]):
        s[best] = entry
        refresh_keys(t, s, lane, bank)


@inner
def _leave_bank(t, s, lane, entry):
    """Take an entry out of its bank's part of a lane."""
    bank = s[BANK + entry * PER_ENTRY]
    place = lane * BANK_STRIDE + bank
    above, below = s[ABOVE + entry * PER_ENTRY], s[BELOW + entry * PER_ENTRY]
    if above < 0:
        s[OLDEST + place] = below
    else:
        s[BELOW + above * PER_ENTRY] = below
    if below < 0:
        s[NEWEST + place] = above
    else:
        s[ABOVE + below * PER_ENTRY] = above
    row = s[OPEN + bank * PER_BANK]
    if s[HIT_OF + place] == entry:
        s[HIT_OF + place] = _next_hit(s, below, row)
    elif s[OTHER_OF + place] == entry:
        s[OTHER_OF + place] = _next_other(s, below, row)
    else:
        return
    refresh_keys(t, s, lane, bank)


@inner
def _new_head(t, s, work, queue, head):
    """Note from when on the first of a queue has waited too long."""
    s[DUE + queue * PER_QUEUE] = FAR
    if head >= 0 and t[SCHEDULER] == HIT_FIRST:
        s[DUE + queue * PER_QUEUE] = work[ARRIVE + s[ID + head * PER_ENTRY] * WORK_COLUMNS] + t[PATIENCE] + 1


@inner
def _line_counter(s, work, entry):
    """Where waiting writes of an access number are counted, with others of the same remainder."""
    return LINES + work[LINE + s[ID + entry * PER_ENTRY] * WORK_COLUMNS] % LINE_COUNTERS


@inner
def append(t, s, work, queue, entry):
    """Put an entry at the end of a queue."""
    last = s[TAIL + queue * PER_QUEUE]
    s[BEFORE + entry * PER_ENTRY], s[NEXT + entry * PER_ENTRY] = last, NONE
    if last < 0:
        s[HEAD + queue * PER_QUEUE] = entry
        _new_head(t, s, work, queue, entry)
    else:
        s[NEXT + last * PER_ENTRY] = entry
    s[TAIL + queue * PER_QUEUE] = entry
    s[LENGTH + queue * PER_QUEUE] += 1
    if queue == WRITES:
        s[_line_counter(s, work, entry)] += 1
    _join_bank(t, s, lane_of(s, queue, entry), entry)


@inner
def unlink(t, s, work, queue, entry):
    """Take an entry out of a queue."""
    before, after = s[BEFORE + entry * PER_ENTRY], s[NEXT + entry * PER_ENTRY]
    if before < 0:
        s[HEAD + queue * PER_QUEUE] = after
    else:
        s[NEXT + before * PER_ENTRY] = after
    if after < 0:
        s[TAIL + queue * PER_QUEUE] = before
    else:
        s[BEFORE + after * PER_ENTRY] = before
    s[LENGTH + queue * PER_QUEUE] -= 1
    if queue == WRITES:
        s[_line_counter(s, work, entry)] -= 1
    starved = before < 0 and s[STARVED + queue * PER_QUEUE] >= 0
    if before < 0:
        s[STARVED + queue * PER_QUEUE] = NONE
        _new_head(t, s, work, queue, after)
    lane = lane_of(s, queue, entry)
    _leave_bank(t, s, lane, entry)
    if starved:
        refresh_keys(t, s, lane, s[BANK + entry * PER_ENTRY])


@inner
def release(s, entry):
    """Give an entry back."""
    s[NEXT + entry * PER_ENTRY] = s[FREE]
    s[FREE] = entry


@inner
def holds_line(s, work, wanted, bank):
    """Whether a write to an access number waits."""
    if s[LINES + wanted % LINE_COUNTERS] == 0:
        return False
    entry = s[OLDEST + WRITES * BANK_STRIDE + bank]
    while entry >= 0:
        if work[LINE + s[ID + entry * PER_ENTRY] * WORK_COLUMNS] == wanted:
            return True
        entry = s[BELOW + entry * PER_ENTRY]
    return False
