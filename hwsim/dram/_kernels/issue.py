"""Issuing a command, and what becomes of the request that it was issued for."""

# pyright: basic
from __future__ import annotations

from hwsim.dram._kernels.choose import is_column, low_bank
from hwsim.dram._kernels.device import issue_timing, ready_at
from hwsim.dram._kernels.jit import apart, inner
from hwsim.dram._kernels.layout import (
    ACCESSES,
    ACT,
    ACTIVATED,
    ACTIVE,
    ALL_LANES,
    ASKED,
    AT_CAP,
    BANK,
    BANK_STRIDE,
    BANKS,
    BEGINS,
    BELOW,
    CAP,
    CAPPED_ROWS,
    CHOSEN,
    CHOSEN_QUEUE,
    CLOCK,
    CLOCK_OFF,
    CLOSED_ROWS,
    CLOSES,
    CLOSING,
    COMMAND,
    COMMAND_BANK,
    CONFLICTS,
    COUNT,
    COUNTED,
    DEADLINE,
    DEPART,
    DONE,
    EDGE,
    EDGE_ALL,
    EDGE_BANK,
    EDGES,
    EFFECT,
    FAITHFUL,
    FINAL,
    FOLLOW,
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
    MAINTENANCE,
    MISSES,
    NONE,
    OLDEST,
    OPEN,
    OPEN_BY,
    OPEN_ROWS,
    OPENING,
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
    REQUEST,
    RING,
    ROW,
    ROW_BUS,
    ROW_CHANGED,
    ROW_POLICY,
    SECOND_HALF,
    SPAN,
    SPLIT,
    STALLED,
    SYNC,
    SYNC_READ,
    SYNC_WRITE,
    SYNCED,
    SYNCED_QUEUE,
    WORK_COLUMN,
    WORK_COLUMNS,
    WR,
    WRA,
    WRITING,
)
from hwsim.dram._kernels.queues import append, mark, release, unlink


@inner
def _change_rows(t, s, command, bank, row):
    """Open and closed rows after a command."""
    effect, opened = t[EFFECT + command * PER_COMMAND], row
    if effect == BEGINS:
        opened = -2
    elif effect != OPENS:
        if t[CLOSES + command * PER_COMMAND] == 0:
            return
        opened = -1
    low = low_bank(t, command, bank)
    for other in range(low, low + t[SPAN + command * PER_COMMAND]):
        s[OPEN + other * PER_BANK] = opened
        mark(s, other, ALL_LANES + ROW_CHANGED)


@apart
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
def _send(t, s, command, bank, row, column):
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
def _count_row(s, entry):
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


@apart
def _others_want_row(s, entry):
    """Whether another queued request wants the same row."""
    for lane in range(LANES):
        other = s[OLDEST + lane * BANK_STRIDE + s[BANK + entry * PER_ENTRY]]
        while other >= 0:
            if s[ROW + other * PER_ENTRY] == s[ROW + entry * PER_ENTRY] and other != entry:
                return True
            other = s[BELOW + other * PER_ENTRY]
    return False


@apart
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
def _upgraded(t, s, entry, command):
    """RDA or WRA instead of RD or WR, if the row policy wants it and timing allows it."""
    if t[ROW_POLICY] == OPEN_ROWS or (command != t[RD] and command != t[WR]) or not _precharge_allowed(t, s, entry):
        return command
    closing = t[RDA] if command == t[RD] else t[WRA]
    if ready_at(t, s, closing, s[BANK + entry * PER_ENTRY]) > s[CLOCK]:
        return command
    s[FINAL + entry * PER_ENTRY] = closing
    return closing


@inner
def _note_edge(t, s, command, bank):
    """What the falling edge that ends a row command has to know of it."""
    s[EDGE] = s[CLOCK] + (3 if t[EFFECT + command * PER_COMMAND] == OPENS else 1)
    s[EDGE_BANK] = bank
    s[EDGE_ALL] = 1 if t[SPAN + command * PER_COMMAND] > 1 else 0


@inner
def _retire(t, s, work, queue, entry):
    """The last command of a request was issued."""
    if queue == ACTIVATED:
        s[ACTIVE + s[BANK + entry * PER_ENTRY] * PER_BANK] -= 1
    request, clock = s[ID + entry * PER_ENTRY], s[CLOCK]
    if s[WRITING + entry * PER_ENTRY] != 0:
        work[DEPART + request * WORK_COLUMNS] = clock
        s[DONE] += 1
    else:
        tail = s[PENDING_TAIL] & (RING - 1)
        s[PENDING + tail * 2], s[PENDING + tail * 2 + 1] = request, clock + t[READ_LATENCY]
        s[PENDING_TAIL] += 1
    release(s, entry)


@inner
def _keep_clock(t, s, command):
    """The data clock stays on for a while after a column command."""
    if is_column(t, command):
        on = t[SYNC_READ] if command == t[RD] or command == t[RDA] else t[SYNC_WRITE]
        s[CLOCK_OFF] = max(s[CLOCK_OFF], s[CLOCK] + on)


@inner
def _move_on(t, s, work, action, command):
    """What becomes of the request of a command: complete, activated, or waiting for more."""
    entry, queue = s[CHOSEN], s[CHOSEN_QUEUE]
    activates = action == SECOND_HALF
    if activates:
        s[OPENING] = -1
    else:
        done = command == s[FINAL + entry * PER_ENTRY]
        room = s[LENGTH + ACTIVATED * PER_QUEUE] < t[BANKS] and (queue != ACTIVATED or t[FAITHFUL] != 0)
        moves = command == t[ACT] and (t[SPLIT] != 0 or room)
        if done or moves:
            unlink(t, s, work, queue, entry)
        if done:
            _retire(t, s, work, queue, entry)
        elif moves and t[SPLIT] != 0:
            s[OPENING], s[OPEN_BY] = entry, s[CLOCK] + t[DEADLINE]
        activates = moves and t[SPLIT] == 0
    if activates:
        s[ACTIVE + s[BANK + entry * PER_ENTRY] * PER_BANK] += 1
        append(t, s, work, ACTIVATED, entry)


@inner
def _issue(t, s, work, action, command):
    """Send the chosen command."""
    bank, entry, row, column = s[COMMAND_BANK], s[CHOSEN], NONE, NONE
    if action != MAINTENANCE:
        if t[EFFECT + command * PER_COMMAND] != CLOSING:
            row = s[ROW + entry * PER_ENTRY]
        if is_column(t, command):
            column = work[WORK_COLUMN + s[ID + entry * PER_ENTRY] * WORK_COLUMNS]
    _send(t, s, command, bank, row, column)


@inner
def carry_out(t, s, work, action, bus):
    """Issue the chosen command and move its request on."""
    command, entry = s[COMMAND], s[CHOSEN]
    if t[EDGES] == 2 and bus == ROW_BUS and s[CLOCK] % 2 == 1:
        _note_edge(t, s, command, s[COMMAND_BANK])
    if action == REQUEST:
        command = _upgraded(t, s, entry, command)
    if action == REQUEST or action == FOLLOW:  # noqa: SIM109  (a tuple would be compiled as one)
        _count_row(s, entry)
        if t[SPLIT] != 0:
            _keep_clock(t, s, command)
    _issue(t, s, work, action, command)
    if action == MAINTENANCE:
        if command == s[PRIORITY + (s[PRIORITY_HEAD] % RING) * 2]:
            s[PRIORITY_HEAD] += 1
    elif action == SYNC:
        s[SYNCED], s[SYNCED_QUEUE] = entry, s[CHOSEN_QUEUE]
    else:
        s[SYNCED] = NONE
        _move_on(t, s, work, action, command)


@inner
def maintain(s, command, bank):
    """Queue a maintenance command."""
    if s[PRIORITY_TAIL] - s[PRIORITY_HEAD] >= RING:
        s[STALLED] = 1
        return
    tail = s[PRIORITY_TAIL] % RING
    s[PRIORITY + tail * 2], s[PRIORITY + tail * 2 + 1] = command, bank
    s[PRIORITY_TAIL] += 1
