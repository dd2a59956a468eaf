"""The keys by which requests are chosen: stated anew for banks in which something changed."""

# pyright: basic
from __future__ import annotations

from hwsim.dram._kernels.jit import inner
from hwsim.dram._kernels.layout import (
    ACTIVATED,
    ACTIVATES,
    ACTIVE,
    ALL_LANES,
    BANK,
    BANK_STRIDE,
    CLOCK,
    COLUMNS,
    DIRTY,
    DIRTY_BANKS,
    DIRTY_COUNT,
    DUE,
    FAR,
    FIRST_READY_ROW_HIT,
    HEAD,
    HIT_FIRST,
    HIT_OF,
    ID,
    KEY,
    KINDS,
    LANES,
    MAX_ENTRIES,
    OLDEST,
    OPEN,
    OTHER_OF,
    PER_BANK,
    PER_ENTRY,
    PER_QUEUE,
    QUEUES,
    READY_OF_KIND,
    ROW,
    ROW_CHANGED,
    SCHEDULER,
    STARVED,
    WAKE,
)
from hwsim.dram._kernels.queues import lane_of, mark, next_hit, next_other


@inner
def _key(s, entry):
    """Order of an entry: by age."""
    return FAR if entry < 0 else s[ID + entry * PER_ENTRY] * MAX_ENTRIES + entry


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
def _set_keys(t, s, lane, bank):
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
    for kind in range(KINDS):
        key = hit if kind == COLUMNS else opens if kind == ACTIVATES else closes
        index = kind * LANES + lane
        s[KEY + index * BANK_STRIDE + bank] = key
        if key != FAR:
            s[WAKE + index] = min(s[WAKE + index], s[t[READY_OF_KIND + index] + bank])


@inner
def _sort(s, bank):
    """Sort the requests of a bank into hits and others after its row changed."""
    row = s[OPEN + bank * PER_BANK]
    for lane in range(LANES):
        place = lane * BANK_STRIDE + bank
        s[HIT_OF + place] = next_hit(s, s[OLDEST + place], row)
        s[OTHER_OF + place] = next_other(s, s[OLDEST + place], row)


@inner
def _note_starved(s):
    """A bank whose first request has waited too long serves nobody else of its queue."""
    for queue in range(QUEUES):
        if s[CLOCK] >= s[DUE + queue * PER_QUEUE] and s[STARVED + queue * PER_QUEUE] < 0:
            bank = s[BANK + s[HEAD + queue * PER_QUEUE] * PER_ENTRY]
            s[STARVED + queue * PER_QUEUE] = bank
            mark(s, bank, ALL_LANES)


@inner
def state_keys(t, s):
    """State the keys of all banks in which something changed."""
    _note_starved(s)
    for index in range(s[DIRTY_COUNT]):
        bank = s[DIRTY_BANKS + index]
        lanes = s[DIRTY + bank * PER_BANK]
        s[DIRTY + bank * PER_BANK] = 0
        if lanes & ROW_CHANGED:
            _sort(s, bank)
        for lane in range(LANES):
            if (lanes >> lane) & 1:
                _set_keys(t, s, lane, bank)
    s[DIRTY_COUNT] = 0
