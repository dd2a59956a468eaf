"""Queues as linked lists of entries, and the entries' next commands."""

# pyright: basic
from __future__ import annotations

from hwsim.dram._kernels.device import ready_at
from hwsim.dram._kernels.jit import inner
from hwsim.dram._kernels.layout import (
    ACT,
    ACT2,
    ACTIVATED,
    ACTIVE,
    BANK,
    BANKS_BELOW,
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
    LAST_LEVEL,
    LENGTH,
    LINE,
    MAX_LEVELS,
    MAX_NODES,
    NEXT,
    NODE,
    NONE,
    OPEN,
    OTHERS,
    PER_BANK,
    PER_COMMAND,
    PER_ENTRY,
    PER_LEVEL,
    PER_QUEUE,
    PREAB,
    PREPB,
    READY,
    REFPB,
    ROW,
    SCOPE,
    TAIL,
    VERSION,
    WAITING,
    WAKE_COLUMN,
    WAKE_OTHER,
    WORK_COLUMNS,
)


@inner
def _group(t, s, queue, entry):
    """Where the entries of a queue for the bank group of an entry are counted."""
    return WAITING + queue * MAX_NODES + t[NODE + s[BANK + entry * PER_ENTRY] * MAX_LEVELS + t[LAST_LEVEL] - 1]


@inner
def append(t, s, queue, entry):
    """Put an entry at the end of a queue."""
    last = s[TAIL + queue * PER_QUEUE]
    s[BEFORE + entry * PER_ENTRY], s[NEXT + entry * PER_ENTRY] = last, NONE
    if last < 0:
        s[HEAD + queue * PER_QUEUE] = entry
    else:
        s[NEXT + last * PER_ENTRY] = entry
    s[TAIL + queue * PER_QUEUE] = entry
    s[LENGTH + queue * PER_QUEUE] += 1
    s[_group(t, s, queue, entry)] += 1
    s[WAKE_COLUMN + queue * PER_QUEUE] = 0
    s[WAKE_OTHER + queue * PER_QUEUE] = 0
    if s[OPEN + s[BANK + entry * PER_ENTRY] * PER_BANK] != s[ROW + entry * PER_ENTRY]:
        s[OTHERS + queue * PER_QUEUE] = 1


@inner
def unlink(t, s, queue, entry):
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
    s[_group(t, s, queue, entry)] -= 1


@inner
def release(s, entry):
    """Give an entry back."""
    s[NEXT + entry * PER_ENTRY] = s[FREE]
    s[FREE] = entry


@inner
def refresh_entry(t, s, entry):
    """Work out the next command of an entry again when its bank has changed."""
    bank = s[BANK + entry * PER_ENTRY]
    if s[VERSION + entry * PER_ENTRY] == s[CHANGES + bank * PER_BANK]:
        return
    s[VERSION + entry * PER_ENTRY] = s[CHANGES + bank * PER_BANK]
    s[READY + entry * PER_ENTRY] = 0
    row = s[OPEN + bank * PER_BANK]
    if row == s[ROW + entry * PER_ENTRY]:
        s[CMD + entry * PER_ENTRY] = s[FINAL + entry * PER_ENTRY]
    elif row == -1:
        s[CMD + entry * PER_ENTRY] = t[ACT]
    elif row == -2:
        s[CMD + entry * PER_ENTRY] = t[ACT2]
    else:
        s[CMD + entry * PER_ENTRY] = t[PREPB]


@inner
def is_ready(t, s, entry, clock):
    """Whether timing allows the next command; remembers when it will."""
    if s[READY + entry * PER_ENTRY] > clock:
        return False
    at = ready_at(t, s, s[CMD + entry * PER_ENTRY], s[BANK + entry * PER_ENTRY])
    s[READY + entry * PER_ENTRY] = at
    return at <= clock


@inner
def maintenance_command(t, s, command, bank):
    """What has to come next for a refresh or a precharge."""
    if t[CLOSES + command * PER_COMMAND] != 0:
        return command
    span = t[BANKS_BELOW + t[SCOPE + command * PER_COMMAND] * PER_LEVEL]
    low = bank // span * span
    for other in range(low, low + span):
        if s[OPEN + other * PER_BANK] != -1:
            return t[PREPB] if command == t[REFPB] else t[PREAB]
    return command


@inner
def closes_active(t, s, command, bank):
    """Whether a command closes a bank that was activated for somebody."""
    if t[CLOSES + command * PER_COMMAND] == 0 or s[LENGTH + ACTIVATED * PER_QUEUE] == 0:
        return False
    if t[SCOPE + command * PER_COMMAND] == t[LAST_LEVEL]:
        return s[ACTIVE + bank * PER_BANK] > 0
    span = t[BANKS_BELOW + t[SCOPE + command * PER_COMMAND] * PER_LEVEL]
    low = bank // span * span
    for other in range(low, low + span):  # noqa: SIM110
        if s[ACTIVE + other * PER_BANK] > 0:
            return True
    return False


@inner
def is_column(t, command):
    """Whether a command reads or writes."""
    return t[EFFECT + command * PER_COMMAND] == COLUMN


@inner
def uses_column_bus(t, command):
    """Whether a command goes over the column bus of a device that has one."""
    return t[BUS + command * PER_COMMAND] == COLUMN_BUS


@inner
def holds_line(s, work, queue, wanted):
    """Whether a queue has a request for an access number."""
    entry = s[HEAD + queue * PER_QUEUE]
    while entry >= 0:
        if work[LINE + s[ID + entry * PER_ENTRY] * WORK_COLUMNS] == wanted:
            return True
        entry = s[NEXT + entry * PER_ENTRY]
    return False
