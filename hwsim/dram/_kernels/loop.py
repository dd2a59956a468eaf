"""The main loop: offers requests, plays the ticks at which something may happen, skips the others."""

# pyright: basic
from __future__ import annotations

from typing import Any

from hwsim.dram._kernels.buses import use_buses
from hwsim.dram._kernels.choose import wake_at
from hwsim.dram._kernels.jit import entry_point, fingerprint, inner, pointer
from hwsim.dram._kernels.layout import (
    ARRIVE,
    AT_CAP,
    BANK,
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
    PENDING,
    PENDING_HEAD,
    PENDING_TAIL,
    PER_ENTRY,
    PER_QUEUE,
    PRIORITY_HEAD,
    PRIORITY_TAIL,
    RD,
    READ_DEPTH,
    READS,
    REQUESTS,
    RING,
    ROW,
    TIME,
    WATCHDOG,
    WORK_BANK,
    WORK_COLUMNS,
    WORK_ROW,
    WR,
    WRITE,
    WRITE_DEPTH,
    WRITES,
    WRITING,
)
from hwsim.dram._kernels.queues import append, holds_line
from hwsim.dram._kernels.refresh import ask_for_precharges, refresh_tick


@inner
def _enqueue(t, s, work, request, queue):
    """Take a free entry for a request."""
    entry = s[FREE]
    s[FREE] = s[NEXT + entry * PER_ENTRY]
    bank = work[WORK_BANK + request * WORK_COLUMNS]
    s[ID + entry * PER_ENTRY], s[BANK + entry * PER_ENTRY] = request, bank
    s[ROW + entry * PER_ENTRY] = work[WORK_ROW + request * WORK_COLUMNS]
    s[FINAL + entry * PER_ENTRY] = t[WR] if queue == WRITES else t[RD]
    s[WRITING + entry * PER_ENTRY] = 1 if queue == WRITES else 0
    s[COUNTED + entry * PER_ENTRY] = 0
    append(t, s, work, queue, entry)


@inner
def _offer(t, s, work, request):
    """Offer a request to its queue; False when that is full."""
    clock, write = s[CLOCK], work[WRITE + request * WORK_COLUMNS]
    line, bank = work[LINE + request * WORK_COLUMNS], work[WORK_BANK + request * WORK_COLUMNS]
    if s[LENGTH + WRITES * PER_QUEUE] > 0 and holds_line(s, work, line, bank):
        work[ARRIVE + request * WORK_COLUMNS] = clock
        if write != 0:
            work[DEPART + request * WORK_COLUMNS] = clock
            s[MERGED] += 1
            s[DONE] += 1
        else:
            tail = s[PENDING_TAIL] & (RING - 1)
            s[PENDING + tail * 2], s[PENDING + tail * 2 + 1] = request, clock + 1
            s[PENDING_TAIL] += 1
            s[FORWARDED] += 1
        return True
    queue = WRITES if write else READS
    if s[LENGTH + queue * PER_QUEUE] >= (t[WRITE_DEPTH] if write else t[READ_DEPTH]):
        return False
    work[ARRIVE + request * WORK_COLUMNS] = clock
    _enqueue(t, s, work, request, queue)
    return True


@inner
def _offer_next(t, s, work):
    """Offer the next request if it is due, and note when the one after it is."""
    count = t[REQUESTS]
    if s[OFFERED] < count:
        time = work[TIME + s[OFFERED] * WORK_COLUMNS]
        due = s[CLOCK] >= time
        if time < 0:
            due = s[DONE] == s[OFFERED]
        if not due:
            if time >= 0:
                wake_at(s, time + 1)
            return
        if not _offer(t, s, work, s[OFFERED]):
            return
        s[OFFERED] += 1
        s[LAST_ISSUE] = s[CLOCK]
    if s[OFFERED] < count and work[TIME + s[OFFERED] * WORK_COLUMNS] >= 0:
        wake_at(s, max(work[TIME + s[OFFERED] * WORK_COLUMNS], s[CLOCK] + 1) + 1)


@inner
def _complete(t, s, work):
    """Reads whose data have arrived."""
    while s[PENDING_HEAD] != s[PENDING_TAIL]:
        head = s[PENDING_HEAD] & (RING - 1)
        if s[PENDING + head * 2 + 1] > s[CLOCK]:
            return
        work[DEPART + s[PENDING + head * 2] * WORK_COLUMNS] = s[PENDING + head * 2 + 1]
        s[DONE] += 1
        s[PENDING_HEAD] += 1


@inner
def _tick(t, s, work):
    """Everything of one tick after the clock advanced."""
    _complete(t, s, work)
    refresh_tick(t, s)
    if s[AT_CAP] > 0:
        ask_for_precharges(t, s)
    use_buses(t, s, work)


@inner
def _next_clock(t, s, work, issued):
    """The next tick at which something can happen, minus one."""
    clock = s[CLOCK]
    if issued:
        return clock
    if s[PENDING_HEAD] != s[PENDING_TAIL]:
        waits = s[OFFERED] == t[REQUESTS] or work[TIME + s[OFFERED] * WORK_COLUMNS] < 0
        if waits:
            wake_at(s, s[PENDING + (s[PENDING_HEAD] & (RING - 1)) * 2 + 1])
    elif s[OFFERED] < t[REQUESTS] and s[DONE] == s[OFFERED] and work[TIME + s[OFFERED] * WORK_COLUMNS] < 0:
        return clock
    return max(s[EARLIEST], clock + 1) - 1


@inner
def _play(t, s, work):
    """Play until all requests are complete, the log is full, or nothing moves any more."""
    while s[DONE] < t[REQUESTS]:
        if s[LOGGED] + 4 > LOG_ROWS:
            return LOG_FULL
        if s[CLOCK] >= t[LIMIT]:
            break
        s[EARLIEST] = FAR
        _offer_next(t, s, work)
        before = s[ISSUED]
        s[CLOCK] += 1
        _tick(t, s, work)
        if s[DONE] == t[REQUESTS]:
            break
        following = min(_next_clock(t, s, work, s[ISSUED] > before), t[LIMIT])
        stuck_at = s[LAST_ISSUE] + t[WATCHDOG] + 1
        waiting = s[OFFERED] > s[DONE] or s[PRIORITY_HEAD] != s[PRIORITY_TAIL]
        if following >= stuck_at and waiting:
            s[CLOCK] = stuck_at
            break
        s[CLOCK] = following
    return FINISHED


def _build(sources: int) -> Any:
    @entry_point
    def run(tables, state, requests):
        return _play(pointer(tables), pointer(state), pointer(requests)) if sources else 0

    return run


run = _build(fingerprint())
"""``run(tables, state, requests)``: plays all requests; FINISHED, or LOG_FULL when it is to be called again.

What is kept on disk depends on the number it encloses, so that no change of any kernel file finds an old version.
"""
