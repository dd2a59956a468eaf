"""Issuing a command for a request, and what becomes of the request."""

# pyright: basic
from __future__ import annotations

from hwsim.dram._kernels.choose import is_column, low_bank
from hwsim.dram._kernels.device import issue_timing, ready_at
from hwsim.dram._kernels.jit import inner
from hwsim.dram._kernels.layout import (
    ACCESSES,
    ACT,
    ACTIVATED,
    ACTIVE,
    ASKED,
    AT_CAP,
    BANK,
    BANK_STRIDE,
    BANKS,
    BEGINS,
    BELOW,
    CAP,
    CAPPED_ROWS,
    CLOCK,
    CLOSED_ROWS,
    CLOSES,
    CLOSING,
    CMD,
    CONFLICTS,
    COUNT,
    COUNTED,
    DEPART,
    DONE,
    EFFECT,
    FAITHFUL,
    FINAL,
    HITS,
    ID,
    ISSUED,
    LANES,
    LAST_ISSUE,
    LENGTH,
    LOG,
    LOG_COLUMNS,
    LOGGED,
    LOGGING,
    MISSES,
    NONE,
    OLDEST,
    OPEN,
    OPEN_ROWS,
    OPENS,
    PENDING,
    PENDING_TAIL,
    PER_BANK,
    PER_COMMAND,
    PER_ENTRY,
    PER_QUEUE,
    PRIORITY,
    PRIORITY_HEAD,
    PRIORITY_TAIL,
    RD,
    RDA,
    READ_LATENCY,
    RING,
    ROW,
    ROW_POLICY,
    SPAN,
    STALLED,
    WORK_COLUMN,
    WORK_COLUMNS,
    WR,
    WRA,
    WRITE,
)
from hwsim.dram._kernels.queues import append, bank_freed, release, row_changed, unlink


@inner
def _change_rows(t, s, command, bank, row):
    """Open and closed rows after a command."""
    effect = t[EFFECT + command * PER_COMMAND]
    if effect == OPENS:
        s[OPEN + bank * PER_BANK] = row
        row_changed(t, s, bank)
    elif effect == BEGINS:
        s[OPEN + bank * PER_BANK] = -2
        row_changed(t, s, bank)
    elif t[CLOSES + command * PER_COMMAND] != 0:
        low = low_bank(t, command, bank)
        for closed in range(low, low + t[SPAN + command * PER_COMMAND]):
            s[OPEN + closed * PER_BANK] = -1
            row_changed(t, s, closed)


@inner
def send(t, s, command, bank, row, column):
    """A command to the device, with the log."""
    clock = s[CLOCK]
    issue_timing(t, s, command, bank, clock)
    _change_rows(t, s, command, bank, row)
    s[COUNT + command] += 1
    s[LAST_ISSUE] = clock
    s[ISSUED] += 1
    if t[LOGGING] != 0:
        place = LOG + s[LOGGED] * LOG_COLUMNS
        s[place], s[place + 1], s[place + 2], s[place + 3], s[place + 4] = clock, command, bank, row, column
        s[LOGGED] += 1
    if t[ROW_POLICY] == CAPPED_ROWS:
        _count_access(t, s, command, bank)


@inner
def _count_access(t, s, command, bank):
    """Accesses since a row was opened."""
    if t[CLOSES + command * PER_COMMAND] != 0:
        low = low_bank(t, command, bank)
        for other in range(low, low + t[SPAN + command * PER_COMMAND]):
            if s[ACCESSES + other * PER_BANK] >= t[CAP] and s[ASKED + other * PER_BANK] == 0:
                s[AT_CAP] -= 1
            s[ACCESSES + other * PER_BANK], s[ASKED + other * PER_BANK] = 0, 0
    elif command == t[RD] or command == t[WR]:
        s[ACCESSES + bank * PER_BANK] += 1
        if s[ACCESSES + bank * PER_BANK] == t[CAP] and s[ASKED + bank * PER_BANK] == 0:
            s[AT_CAP] += 1


@inner
def send_entry(t, s, work, entry):
    """The next command of an entry to the device."""
    command = s[CMD + entry * PER_ENTRY]
    closes_only = t[EFFECT + command * PER_COMMAND] == CLOSING
    row = NONE if closes_only else s[ROW + entry * PER_ENTRY]
    column = work[WORK_COLUMN + s[ID + entry * PER_ENTRY] * WORK_COLUMNS] if is_column(t, command) else NONE
    send(t, s, command, s[BANK + entry * PER_ENTRY], row, column)


@inner
def count_row(s, entry):
    """Row hit, miss or conflict, once per request."""
    if s[COUNTED + entry * PER_ENTRY] != 0:
        return
    s[COUNTED + entry * PER_ENTRY] = 1
    row = s[OPEN + s[BANK + entry * PER_ENTRY] * PER_BANK]
    if row == s[ROW + entry * PER_ENTRY]:
        s[HITS] += 1
    elif row >= 0:
        s[CONFLICTS] += 1
    else:
        s[MISSES] += 1


@inner
def _others_want_row(s, entry):
    """Whether another queued request wants the same row."""
    for lane in range(LANES):
        other = s[OLDEST + lane * BANK_STRIDE + s[BANK + entry * PER_ENTRY]]
        while other >= 0:
            if s[ROW + other * PER_ENTRY] == s[ROW + entry * PER_ENTRY] and other != entry:
                return True
            other = s[BELOW + other * PER_ENTRY]
    return False


@inner
def _precharge_allowed(t, s, entry):
    """Whether the row policy wants an automatic precharge."""
    if t[ROW_POLICY] == CLOSED_ROWS:
        return not _others_want_row(s, entry)
    bank = s[BANK + entry * PER_ENTRY]
    if s[ACCESSES + bank * PER_BANK] < t[CAP]:
        return False
    if t[FAITHFUL] != 0:
        return True
    for lane in range(ACTIVATED, LANES):
        other = s[OLDEST + lane * BANK_STRIDE + bank]
        if other >= 0 and (other != entry or s[BELOW + other * PER_ENTRY] >= 0):
            return False
    return True


@inner
def upgrade(t, s, entry):
    """Turn a read or write into one with automatic precharge, if the row policy wants it and timing allows it."""
    if t[ROW_POLICY] == OPEN_ROWS:
        return
    command = s[CMD + entry * PER_ENTRY]
    closing = NONE
    if command == t[RD]:
        closing = t[RDA]
    elif command == t[WR]:
        closing = t[WRA]
    if closing < 0 or not _precharge_allowed(t, s, entry):
        return
    if ready_at(t, s, closing, s[BANK + entry * PER_ENTRY]) <= s[CLOCK]:
        s[CMD + entry * PER_ENTRY] = closing
        s[FINAL + entry * PER_ENTRY] = closing


@inner
def _retire(t, s, work, queue, entry):
    """The last command of a request was issued."""
    unlink(t, s, work, queue, entry)
    if queue == ACTIVATED:
        bank = s[BANK + entry * PER_ENTRY]
        s[ACTIVE + bank * PER_BANK] -= 1
        bank_freed(t, s, bank)
    request, clock = s[ID + entry * PER_ENTRY], s[CLOCK]
    if work[WRITE + request * WORK_COLUMNS] != 0:
        work[DEPART + request * WORK_COLUMNS] = clock
        s[DONE] += 1
    else:
        tail = s[PENDING_TAIL] % RING
        s[PENDING + tail * 2], s[PENDING + tail * 2 + 1] = request, clock + t[READ_LATENCY]
        s[PENDING_TAIL] += 1
    release(s, entry)


@inner
def _promote(t, s, work, queue, entry):
    """A row was opened for a request."""
    full = s[LENGTH + ACTIVATED * PER_QUEUE] >= t[BANKS]
    if full or (queue == ACTIVATED and not t[FAITHFUL]):
        return
    unlink(t, s, work, queue, entry)
    activate(t, s, work, entry)


@inner
def activate(t, s, work, entry):
    """Put an entry among the activated ones."""
    bank = s[BANK + entry * PER_ENTRY]
    append(t, s, work, ACTIVATED, entry)
    s[ACTIVE + bank * PER_BANK] += 1
    bank_freed(t, s, bank)


@inner
def advance(t, s, work, queue, entry):
    """Move a request on after its command."""
    command = s[CMD + entry * PER_ENTRY]
    if command == s[FINAL + entry * PER_ENTRY]:
        _retire(t, s, work, queue, entry)
    elif command == t[ACT]:
        _promote(t, s, work, queue, entry)


@inner
def carry_out(t, s, work, queue, entry):
    """Issue the next command of an entry and move it on."""
    upgrade(t, s, entry)
    count_row(s, entry)
    send_entry(t, s, work, entry)
    advance(t, s, work, queue, entry)


@inner
def maintain(s, command, bank):
    """Queue a maintenance command."""
    if s[PRIORITY_TAIL] - s[PRIORITY_HEAD] >= RING:
        s[STALLED] = 1
        return
    tail = s[PRIORITY_TAIL] % RING
    s[PRIORITY + tail * 2], s[PRIORITY + tail * 2 + 1] = command, bank
    s[PRIORITY_TAIL] += 1


@inner
def carry_out_maintenance(t, s, command):
    """Issue the next command of the oldest maintenance request."""
    head = s[PRIORITY_HEAD] % RING
    send(t, s, command, s[PRIORITY + head * 2 + 1], NONE, NONE)
    if command == s[PRIORITY + head * 2]:
        s[PRIORITY_HEAD] += 1
