"""Queues as linked lists of entries, and the entries' next commands."""

# pyright: basic
from __future__ import annotations

from numba import njit

from hwsim.dram._kernels.device import ready_at
from hwsim.dram._kernels.layout import (
    ACT,
    ACT2,
    ACTIVATED,
    ACTIVE,
    BANK,
    BEFORE,
    BUS,
    CHANGES,
    CLOSES,
    CMD,
    COLUMN,
    COLUMN_BUS,
    EFFECT,
    FINAL,
    FREE,
    HEAD,
    ID,
    LENGTH,
    LINE,
    NEXT,
    OPEN,
    PREAB,
    PREPB,
    READY,
    REFPB,
    ROW,
    SCOPE,
    TAIL,
    VERSION,
    WAKE_COLUMN,
    WAKE_OTHER,
)  # fmt: skip


@njit(cache=True)
def append(s, queue, entry):
    """Put an entry at the end of a queue."""
    last = s.queue[queue, TAIL]
    s.entry[entry, BEFORE], s.entry[entry, NEXT] = last, -1
    if last < 0:
        s.queue[queue, HEAD] = entry
    else:
        s.entry[last, NEXT] = entry
    s.queue[queue, TAIL] = entry
    s.queue[queue, LENGTH] += 1
    s.queue[queue, WAKE_COLUMN] = 0
    s.queue[queue, WAKE_OTHER] = 0


@njit(cache=True)
def unlink(s, queue, entry):
    """Take an entry out of a queue."""
    before, after = s.entry[entry, BEFORE], s.entry[entry, NEXT]
    if before < 0:
        s.queue[queue, HEAD] = after
    else:
        s.entry[before, NEXT] = after
    if after < 0:
        s.queue[queue, TAIL] = before
    else:
        s.entry[after, BEFORE] = before
    s.queue[queue, LENGTH] -= 1


@njit(cache=True)
def release(s, entry):
    """Give an entry back."""
    s.entry[entry, NEXT] = s.reg[FREE]
    s.reg[FREE] = entry


@njit(cache=True)
def refresh_entry(t, s, entry):
    """Work out the next command of an entry again when its bank has changed."""
    bank = s.entry[entry, BANK]
    if s.entry[entry, VERSION] == s.bank[bank, CHANGES]:
        return
    s.entry[entry, VERSION] = s.bank[bank, CHANGES]
    s.entry[entry, READY] = 0
    row = s.bank[bank, OPEN]
    if row == s.entry[entry, ROW]:
        s.entry[entry, CMD] = s.entry[entry, FINAL]
    elif row == -1:
        s.entry[entry, CMD] = t.named[ACT]
    elif row == -2:
        s.entry[entry, CMD] = t.named[ACT2]
    else:
        s.entry[entry, CMD] = t.named[PREPB]


@njit(cache=True)
def is_ready(t, s, entry, clock):
    """Whether timing allows the next command; remembers when it will."""
    if s.entry[entry, READY] > clock:
        return False
    at = ready_at(t, s, s.entry[entry, CMD], s.entry[entry, BANK])
    s.entry[entry, READY] = at
    return at <= clock


@njit(cache=True)
def maintenance_command(t, s, command, bank):
    """What has to come next for a refresh or a precharge."""
    if t.command[command, CLOSES]:
        return command
    span = t.level[t.command[command, SCOPE], 1]
    low = bank // span * span
    for other in range(low, low + span):
        if s.bank[other, OPEN] != -1:
            return t.named[PREPB] if command == t.named[REFPB] else t.named[PREAB]
    return command


@njit(cache=True)
def closes_active(t, s, command, bank):
    """Whether a command closes a bank that was activated for somebody."""
    if not t.command[command, CLOSES] or s.queue[ACTIVATED, LENGTH] == 0:
        return False
    span = t.level[t.command[command, SCOPE], 1]
    low, found = bank // span * span, False
    for other in range(low, low + span):
        found = found or s.bank[other, ACTIVE] > 0
    return found


@njit(cache=True)
def is_column(t, command):
    """Whether a command reads or writes."""
    return t.command[command, EFFECT] == COLUMN


@njit(cache=True)
def uses_column_bus(t, command):
    """Whether a command goes over the column bus of a device that has one."""
    return t.command[command, BUS] == COLUMN_BUS


@njit(cache=True)
def holds_line(s, work, queue, wanted):
    """Whether a queue has a request for an access number."""
    entry = s.queue[queue, HEAD]
    while entry >= 0:
        if work[s.entry[entry, ID], LINE] == wanted:
            return True
        entry = s.entry[entry, NEXT]
    return False
