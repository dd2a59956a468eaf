"""The main loop: offers requests, plays the ticks at which something may happen, skips the others."""

# pyright: basic
from __future__ import annotations

from numba import njit

from hwsim.dram._kernels.buses import shared_tick, split_activate_tick, split_tick
from hwsim.dram._kernels.choose import wake_at
from hwsim.dram._kernels.layout import (
    ARRIVE,
    BANK,
    CAPPED_ROWS,
    CHANGES,
    CLOCK,
    COUNTED,
    DEPART,
    DONE,
    EARLIEST,
    FAR,
    FINAL,
    FINISHED,
    FORWARDED,
    FREE,
    ID,
    ISSUED,
    LAST_ISSUE,
    LENGTH,
    LIMIT,
    LINE,
    LOG_FULL,
    LOG_ROWS,
    LOGGED,
    MERGED,
    NEXT,
    OFFERED,
    PENDING_HEAD,
    PENDING_TAIL,
    PRIORITY_HEAD,
    PRIORITY_TAIL,
    RD,
    READ_DEPTH,
    READS,
    REQUESTS,
    RING,
    ROW,
    ROW_POLICY,
    SPLIT,
    TIME,
    TWO_BUSES,
    VERSION,
    WATCHDOG,
    WORK_BANK,
    WORK_ROW,
    WR,
    WRITE,
    WRITE_DEPTH,
    WRITES,
)  # fmt: skip
from hwsim.dram._kernels.queues import append, holds_line
from hwsim.dram._kernels.refresh import ask_for_precharges, refresh_tick


@njit(cache=True)
def _enqueue(t, s, work, request, queue):
    """Take a free entry for a request."""
    entry = s.reg[FREE]
    s.reg[FREE] = s.entry[entry, NEXT]
    bank = work[request, WORK_BANK]
    s.entry[entry, ID], s.entry[entry, BANK], s.entry[entry, ROW] = request, bank, work[request, WORK_ROW]
    s.entry[entry, FINAL] = t.named[WR] if queue == WRITES else t.named[RD]
    s.entry[entry, VERSION] = s.bank[bank, CHANGES] - 1
    s.entry[entry, COUNTED] = 0
    append(s, queue, entry)


@njit(cache=True)
def _offer(t, s, work, request):
    """Offer a request to its queue; False when that is full."""
    clock, write = s.reg[CLOCK], work[request, WRITE]
    if s.queue[WRITES, LENGTH] > 0 and holds_line(s, work, WRITES, work[request, LINE]):
        work[request, ARRIVE] = clock
        if write:
            work[request, DEPART] = clock
            s.reg[MERGED] += 1
            s.reg[DONE] += 1
        else:
            tail = s.reg[PENDING_TAIL] % RING
            s.pending[tail, 0], s.pending[tail, 1] = request, clock + 1
            s.reg[PENDING_TAIL] += 1
            s.reg[FORWARDED] += 1
        return True
    queue = WRITES if write else READS
    if s.queue[queue, LENGTH] >= (t.setting[WRITE_DEPTH] if write else t.setting[READ_DEPTH]):
        return False
    work[request, ARRIVE] = clock
    _enqueue(t, s, work, request, queue)
    return True


@njit(cache=True)
def _offer_next(t, s, work):
    """Offer the next request if it is due, and note when the one after it is."""
    count = t.setting[REQUESTS]
    if s.reg[OFFERED] < count:
        time = work[s.reg[OFFERED], TIME]
        due = s.reg[DONE] == s.reg[OFFERED] if time < 0 else s.reg[CLOCK] >= time
        if not due:
            if time >= 0:
                wake_at(s, time + 1)
            return
        if not _offer(t, s, work, s.reg[OFFERED]):
            return
        s.reg[OFFERED] += 1
        s.reg[LAST_ISSUE] = s.reg[CLOCK]
    if s.reg[OFFERED] < count and work[s.reg[OFFERED], TIME] >= 0:
        wake_at(s, max(work[s.reg[OFFERED], TIME], s.reg[CLOCK] + 1) + 1)


@njit(cache=True)
def _complete(t, s, work):
    """Reads whose data have arrived."""
    while s.reg[PENDING_HEAD] != s.reg[PENDING_TAIL]:
        head = s.reg[PENDING_HEAD] % RING
        if s.pending[head, 1] > s.reg[CLOCK]:
            return
        work[s.pending[head, 0], DEPART] = s.pending[head, 1]
        s.reg[DONE] += 1
        s.reg[PENDING_HEAD] += 1


@njit(cache=True)
def _tick(t, s, work):
    """Everything of one tick after the clock advanced."""
    _complete(t, s, work)
    refresh_tick(t, s)
    if t.setting[ROW_POLICY] == CAPPED_ROWS:
        ask_for_precharges(t, s)
    kind = t.setting[SPLIT]
    if kind == 0:
        if t.setting[TWO_BUSES]:
            split_tick(t, s, work)
        else:
            shared_tick(t, s, work)
    else:
        split_activate_tick(t, s, work)


@njit(cache=True)
def _next_clock(t, s, work, issued):
    """The next tick at which something can happen, minus one."""
    clock = s.reg[CLOCK]
    if issued:
        return clock
    if s.reg[PENDING_HEAD] != s.reg[PENDING_TAIL]:
        waits = s.reg[OFFERED] == t.setting[REQUESTS] or work[s.reg[OFFERED], TIME] < 0
        if waits:
            wake_at(s, s.pending[s.reg[PENDING_HEAD] % RING, 1])
    elif s.reg[OFFERED] < t.setting[REQUESTS] and s.reg[DONE] == s.reg[OFFERED] and work[s.reg[OFFERED], TIME] < 0:
        return clock
    return max(s.reg[EARLIEST], clock + 1) - 1


@njit(cache=True)
def run(tables, state, work):
    """Play until all requests are complete, the log is full, or nothing moves any more."""
    t, s = tables[0], state[0]
    while s.reg[DONE] < t.setting[REQUESTS]:
        if s.reg[LOGGED] + 4 > LOG_ROWS:
            return LOG_FULL
        if s.reg[CLOCK] >= t.setting[LIMIT]:
            break
        s.reg[EARLIEST] = FAR
        _offer_next(t, s, work)
        before = s.reg[ISSUED]
        s.reg[CLOCK] += 1
        _tick(t, s, work)
        if s.reg[DONE] == t.setting[REQUESTS]:
            break
        following = min(_next_clock(t, s, work, s.reg[ISSUED] > before), t.setting[LIMIT])
        stuck_at = s.reg[LAST_ISSUE] + t.setting[WATCHDOG] + 1
        waiting = s.reg[OFFERED] > s.reg[DONE] or s.reg[PRIORITY_HEAD] != s.reg[PRIORITY_TAIL]
        if following >= stuck_at and waiting:
            s.reg[CLOCK] = stuck_at
            break
        s.reg[CLOCK] = following
    return FINISHED
