"""Queues as linked lists of entries, and their parts per lane and bank."""

# pyright: basic
from __future__ import annotations

from hwsim.dram._kernels.jit import apart, inner
from hwsim.dram._kernels.layout import (
    ABOVE,
    ACTIVATED,
    ALL_LANES,
    ARRIVE,
    BANK,
    BANK_STRIDE,
    BEFORE,
    BELOW,
    DIRTY,
    DIRTY_BANKS,
    DIRTY_COUNT,
    DUE,
    FAR,
    FREE,
    HEAD,
    HIT_FIRST,
    HIT_OF,
    ID,
    LENGTH,
    LINE,
    LINE_COUNTERS,
    LINES,
    NEWEST,
    NEXT,
    NONE,
    OLDEST,
    OPEN,
    OTHER_OF,
    PATIENCE,
    PER_BANK,
    PER_ENTRY,
    PER_QUEUE,
    ROW,
    SCHEDULER,
    STARVED,
    TAIL,
    WORK_COLUMNS,
    WRITES,
    WRITING,
)


@inner
def lane_of(s, queue, entry):
    """Lane of an entry of a queue."""
    return queue if queue != ACTIVATED else queue + s[WRITING + entry * PER_ENTRY]


@inner
def mark(s, bank, lanes):
    """Note that the keys of some lanes of a bank are to be stated anew."""
    if s[DIRTY + bank * PER_BANK] == 0:
        s[DIRTY_BANKS + s[DIRTY_COUNT]] = bank
        s[DIRTY_COUNT] += 1
    s[DIRTY + bank * PER_BANK] |= lanes


@inner
def _mark_lane(s, bank, lane):
    """``mark`` the lanes that a change of one concerns: the number of activated requests concerns all."""
    mark(s, bank, ALL_LANES if lane >= ACTIVATED else 1 << lane)


@inner
def next_hit(s, entry, row):
    """First entry from this one on in its bank's part of the lane that hits a row; NONE if none."""
    while entry >= 0 and s[ROW + entry * PER_ENTRY] != row:
        entry = s[BELOW + entry * PER_ENTRY]
    return entry


@inner
def next_other(s, entry, row):
    """First entry from this one on in its bank's part of the lane that does not hit a row; NONE if none."""
    while entry >= 0 and s[ROW + entry * PER_ENTRY] == row:
        entry = s[BELOW + entry * PER_ENTRY]
    return entry


@inner
def _join_bank(s, lane, entry):
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
    if s[best] < 0 or s[ID + entry * PER_ENTRY] < s[ID + s[best] * PER_ENTRY]:
        s[best] = entry
        _mark_lane(s, bank, lane)


@inner
def _leave_bank(s, lane, entry):
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
        s[HIT_OF + place] = next_hit(s, below, row)
    elif s[OTHER_OF + place] == entry:
        s[OTHER_OF + place] = next_other(s, below, row)
    else:
        return
    _mark_lane(s, bank, lane)


@inner
def _new_head(t, s, work, queue, head):
    """Note from when on the first of a queue has waited too long."""
    s[DUE + queue * PER_QUEUE] = FAR
    if head >= 0 and t[SCHEDULER] == HIT_FIRST:
        s[DUE + queue * PER_QUEUE] = work[ARRIVE + s[ID + head * PER_ENTRY] * WORK_COLUMNS] + t[PATIENCE] + 1


@inner
def _line_counter(s, work, entry):
    """Where waiting writes of an access number are counted, with others of the same remainder."""
    return LINES + (work[LINE + s[ID + entry * PER_ENTRY] * WORK_COLUMNS] & (LINE_COUNTERS - 1))


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
    _join_bank(s, lane_of(s, queue, entry), entry)


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
    _leave_bank(s, lane, entry)
    if starved:
        _mark_lane(s, s[BANK + entry * PER_ENTRY], lane)


@inner
def release(s, entry):
    """Give an entry back."""
    s[NEXT + entry * PER_ENTRY] = s[FREE]
    s[FREE] = entry


@apart
def _finds_line(s, work, wanted, bank):
    """Whether a write to an access number waits."""
    entry = s[OLDEST + WRITES * BANK_STRIDE + bank]
    while entry >= 0:
        if work[LINE + s[ID + entry * PER_ENTRY] * WORK_COLUMNS] == wanted:
            return True
        entry = s[BELOW + entry * PER_ENTRY]
    return False


@inner
def holds_line(s, work, wanted, bank):
    """Whether a write to an access number waits; told apart from most others by a count."""
    return s[LINES + (wanted & (LINE_COUNTERS - 1))] > 0 and _finds_line(s, work, wanted, bank)
