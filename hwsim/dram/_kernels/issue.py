"""Issuing a command for a request, and what becomes of the request."""

# pyright: basic
from __future__ import annotations

from numba import njit

from hwsim.dram._kernels.device import issue_rows, issue_timing, ready_at, wake_queues
from hwsim.dram._kernels.layout import (
    ACCESSES,
    ACT,
    ACTIVATED,
    ACTIVE,
    ASKED,
    BANK,
    BANKS,
    CAP,
    CAPPED_ROWS,
    CHANGES,
    CLOCK,
    CLOSED_ROWS,
    CLOSES,
    CMD,
    CONFLICTS,
    COUNTED,
    DEPART,
    DONE,
    FAITHFUL,
    FINAL,
    HEAD,
    HITS,
    ID,
    ISSUED,
    LAST_ISSUE,
    LENGTH,
    LOGGED,
    LOGGING,
    MISSES,
    NEXT,
    OPEN,
    OPEN_ROWS,
    PENDING_TAIL,
    PRIORITY_HEAD,
    PRIORITY_TAIL,
    QUEUES,
    RD,
    RDA,
    READ_LATENCY,
    RING,
    ROW,
    ROW_POLICY,
    SCOPE,
    STALLED,
    VERSION,
    WAKE_COLUMN,
    WAKE_OTHER,
    WORK_COLUMN,
    WR,
    WRA,
    WRITE,
)  # fmt: skip
from hwsim.dram._kernels.queues import append, is_column, release, unlink


@njit(cache=True)
def send(t, s, command, bank, row, column):
    """A command to the device, with the log."""
    clock = s.reg[CLOCK]
    issue_timing(t, s, command, bank, clock)
    issue_rows(t, s, command, bank, row)
    s.count[command] += 1
    s.reg[LAST_ISSUE] = clock
    s.reg[ISSUED] += 1
    if t.setting[LOGGING]:
        at = s.reg[LOGGED]
        s.log[at, 0], s.log[at, 1], s.log[at, 2] = clock, command, bank
        s.log[at, 3], s.log[at, 4] = row, column
        s.reg[LOGGED] += 1
    if t.setting[ROW_POLICY] == CAPPED_ROWS:
        _count_access(t, s, command, bank)


@njit(cache=True)
def _count_access(t, s, command, bank):
    """Accesses since a row was opened."""
    if t.command[command, CLOSES]:
        span = t.level[t.command[command, SCOPE], 1]
        low = bank // span * span
        for other in range(low, low + span):
            s.bank[other, ACCESSES], s.bank[other, ASKED] = 0, 0
    elif command == t.named[RD] or command == t.named[WR]:
        s.bank[bank, ACCESSES] += 1


@njit(cache=True)
def send_entry(t, s, work, entry):
    """The next command of an entry to the device."""
    command = s.entry[entry, CMD]
    closes_only = t.command[command, CLOSES] and not is_column(t, command)
    row = -1 if closes_only else s.entry[entry, ROW]
    column = work[s.entry[entry, ID], WORK_COLUMN] if is_column(t, command) else -1
    send(t, s, command, s.entry[entry, BANK], row, column)


@njit(cache=True)
def count_row(s, entry):
    """Row hit, miss or conflict, once per request."""
    if s.entry[entry, COUNTED]:
        return
    s.entry[entry, COUNTED] = 1
    row = s.bank[s.entry[entry, BANK], OPEN]
    if row == s.entry[entry, ROW]:
        s.reg[HITS] += 1
    elif row >= 0:
        s.reg[CONFLICTS] += 1
    else:
        s.reg[MISSES] += 1


@njit(cache=True)
def _others_want_row(s, entry):
    """Whether another queued request wants the same row."""
    for queue in range(QUEUES):
        other = s.queue[queue, HEAD]
        while other >= 0:
            same = s.entry[other, BANK] == s.entry[entry, BANK] and s.entry[other, ROW] == s.entry[entry, ROW]
            if same and other != entry:
                return True
            other = s.entry[other, NEXT]
    return False


@njit(cache=True)
def _precharge_allowed(t, s, entry):
    """Whether the row policy wants an automatic precharge."""
    if t.setting[ROW_POLICY] == CLOSED_ROWS:
        return not _others_want_row(s, entry)
    bank = s.entry[entry, BANK]
    if s.bank[bank, ACCESSES] < t.setting[CAP]:
        return False
    if t.setting[FAITHFUL]:
        return True
    other = s.queue[ACTIVATED, HEAD]
    while other >= 0:
        if other != entry and s.entry[other, BANK] == bank:
            return False
        other = s.entry[other, NEXT]
    return True


@njit(cache=True)
def upgrade(t, s, entry):
    """Turn a read or write into one with automatic precharge, if the row policy wants it and timing allows it."""
    if t.setting[ROW_POLICY] == OPEN_ROWS:
        return
    command, closing = s.entry[entry, CMD], -1
    if command == t.named[RD]:
        closing = t.named[RDA]
    elif command == t.named[WR]:
        closing = t.named[WRA]
    if closing < 0 or not _precharge_allowed(t, s, entry):
        return
    if ready_at(t, s, closing, s.entry[entry, BANK]) <= s.reg[CLOCK]:
        s.entry[entry, CMD] = closing
        s.entry[entry, FINAL] = closing


@njit(cache=True)
def _retire(t, s, work, queue, entry):
    """The last command of a request was issued."""
    unlink(s, queue, entry)
    s.queue[queue, WAKE_COLUMN] = 0
    s.queue[queue, WAKE_OTHER] = 0
    if queue == ACTIVATED:
        s.bank[s.entry[entry, BANK], ACTIVE] -= 1
        wake_queues(s)
    request, clock = s.entry[entry, ID], s.reg[CLOCK]
    if work[request, WRITE]:
        work[request, DEPART] = clock
        s.reg[DONE] += 1
    else:
        tail = s.reg[PENDING_TAIL] % RING
        s.pending[tail, 0], s.pending[tail, 1] = request, clock + t.setting[READ_LATENCY]
        s.reg[PENDING_TAIL] += 1
    release(s, entry)


@njit(cache=True)
def _promote(t, s, queue, entry):
    """A row was opened for a request."""
    full = s.queue[ACTIVATED, LENGTH] >= t.setting[BANKS]
    if full or (queue == ACTIVATED and not t.setting[FAITHFUL]):
        return
    unlink(s, queue, entry)
    activate(s, entry)


@njit(cache=True)
def activate(s, entry):
    """Put an entry among the activated ones."""
    append(s, ACTIVATED, entry)
    s.entry[entry, VERSION] = s.bank[s.entry[entry, BANK], CHANGES] - 1
    s.bank[s.entry[entry, BANK], ACTIVE] += 1


@njit(cache=True)
def advance(t, s, work, queue, entry):
    """Move a request on after its command."""
    command = s.entry[entry, CMD]
    if command == s.entry[entry, FINAL]:
        _retire(t, s, work, queue, entry)
    elif command == t.named[ACT]:
        _promote(t, s, queue, entry)


@njit(cache=True)
def carry_out(t, s, work, queue, entry):
    """Issue the next command of an entry and move it on."""
    upgrade(t, s, entry)
    count_row(s, entry)
    send_entry(t, s, work, entry)
    advance(t, s, work, queue, entry)


@njit(cache=True)
def maintain(s, command, bank):
    """Queue a maintenance command."""
    if s.reg[PRIORITY_TAIL] - s.reg[PRIORITY_HEAD] >= RING:
        s.reg[STALLED] = 1
        return
    tail = s.reg[PRIORITY_TAIL] % RING
    s.priority[tail, 0], s.priority[tail, 1] = command, bank
    s.reg[PRIORITY_TAIL] += 1


@njit(cache=True)
def carry_out_maintenance(t, s, command):
    """Issue the next command of the oldest maintenance request."""
    head = s.reg[PRIORITY_HEAD] % RING
    send(t, s, command, s.priority[head, 1], -1, -1)
    if command == s.priority[head, 0]:
        s.reg[PRIORITY_HEAD] += 1
        wake_queues(s)
