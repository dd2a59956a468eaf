"""Timing of the device: when a command may go, and what follows from issuing it."""

# pyright: basic
from __future__ import annotations

from hwsim.dram._kernels.jit import inner
from hwsim.dram._kernels.layout import (
    BANKS_BELOW,
    BEGINS,
    CHANGES,
    CLOSES,
    EFFECT,
    FOLLOWING,
    LAST_LEVEL,
    LATENCY,
    LEVEL,
    MAX_COMMANDS,
    MAX_DEPTH,
    MAX_LEVELS,
    MAX_WINDOWS,
    NODE,
    NODES_BEFORE,
    NODES_PER_PARENT,
    OPEN,
    OPENS,
    OTHERS,
    PAST,
    PER_BANK,
    PER_COMMAND,
    PER_LEVEL,
    PER_QUEUE,
    PER_RULE,
    QUEUES,
    READY_AT,
    RULE_START,
    SCOPE,
    SIBLING,
    SLOT,
    WAKE_COLUMN,
    WAKE_OTHER,
    WINDOW,
)


@inner
def wide_ready_at(t, s, command, bank):
    """First tick for a command that addresses more than one bank."""
    scope, at = t[SCOPE + command * PER_COMMAND], 0
    levels = t[LAST_LEVEL] + 1
    span = t[BANKS_BELOW + scope * PER_LEVEL]
    low = bank // span * span
    for level in range(levels):
        if level <= scope:
            at = max(at, s[READY_AT + t[NODE + bank * MAX_LEVELS + level] * MAX_COMMANDS + command])
        else:
            for node in range(t[NODE + low * MAX_LEVELS + level], t[NODE + (low + span - 1) * MAX_LEVELS + level] + 1):
                at = max(at, s[READY_AT + node * MAX_COMMANDS + command])
    return at


@inner
def _node_ready(t, s, command, place):
    """When a command may go at one node of a bank's path; ``place`` is where the node is stated."""
    return s[READY_AT + t[place] * MAX_COMMANDS + command]


@inner
def ready_at(t, s, command, bank):
    """First tick at which timing allows a command to a bank."""
    if t[SCOPE + command * PER_COMMAND] < t[LAST_LEVEL]:
        return wide_ready_at(t, s, command, bank)
    place = NODE + bank * MAX_LEVELS
    high = max(_node_ready(t, s, command, place), _node_ready(t, s, command, place + 1))
    middle = max(_node_ready(t, s, command, place + 2), _node_ready(t, s, command, place + 3))
    low = max(_node_ready(t, s, command, place + 4), _node_ready(t, s, command, place + 5))
    return max(high, max(middle, low))


@inner
def _remember(s, place, window, clock):
    """Shift a command into the history of a node."""
    for index in range(place + window - 1, place, -1):
        s[index] = s[index - 1]
    s[place] = clock


@inner
def _bind(t, s, rule, node, clock):
    """Apply one constraint at one node."""
    past, window = clock, t[WINDOW + rule * PER_RULE]
    if window > 1:
        place = PAST + (node * MAX_WINDOWS + t[SLOT + rule * PER_RULE]) * MAX_DEPTH
        _remember(s, place, window, clock)
        past = s[place + window - 1]
        if past < 0:
            return
    place = READY_AT + node * MAX_COMMANDS + t[FOLLOWING + rule * PER_RULE]
    s[place] = max(s[place], past + t[LATENCY + rule * PER_RULE])


@inner
def _bind_siblings(t, s, rule, bank, clock):
    """Apply one constraint at the other nodes below the same parent."""
    level, at = t[LEVEL + rule * PER_RULE], clock + t[LATENCY + rule * PER_RULE]
    base, count = t[NODES_BEFORE + level * PER_LEVEL], t[NODES_PER_PARENT + level * PER_LEVEL]
    own = t[NODE + bank * MAX_LEVELS + level]
    first = base + (own - base) // count * count
    for node in range(first, first + count):
        if node != own:
            place = READY_AT + node * MAX_COMMANDS + t[FOLLOWING + rule * PER_RULE]
            s[place] = max(s[place], at)


@inner
def _wide_timing(t, s, command, bank, clock):
    """Constraints after a command that addresses more than one bank."""
    span = t[BANKS_BELOW + t[SCOPE + command * PER_COMMAND] * PER_LEVEL]
    low = bank // span * span
    for index in range(t[RULE_START + command], t[RULE_START + command + 1]):
        level = t[LEVEL + index * PER_RULE]
        if t[SIBLING + index * PER_RULE] != 0:
            _bind_siblings(t, s, index, bank, clock)
            continue
        for node in range(t[NODE + low * MAX_LEVELS + level], t[NODE + (low + span - 1) * MAX_LEVELS + level] + 1):
            _bind(t, s, index, node, clock)


@inner
def issue_timing(t, s, command, bank, clock):
    """Constraints that follow from a command."""
    if t[SCOPE + command * PER_COMMAND] < t[LAST_LEVEL]:
        _wide_timing(t, s, command, bank, clock)
        return
    for index in range(t[RULE_START + command], t[RULE_START + command + 1]):
        if t[SIBLING + index * PER_RULE] != 0:
            _bind_siblings(t, s, index, bank, clock)
        else:
            _bind(t, s, index, t[NODE + bank * MAX_LEVELS + t[LEVEL + index * PER_RULE]], clock)


@inner
def wake_queues(s):
    """Something changed that queued requests may have waited for."""
    for queue in range(QUEUES):
        s[WAKE_COLUMN + queue * PER_QUEUE] = 0
        s[WAKE_OTHER + queue * PER_QUEUE] = 0
        s[OTHERS + queue * PER_QUEUE] = 1


@inner
def issue_rows(t, s, command, bank, row):
    """Open and closed rows after a command."""
    effect = t[EFFECT + command * PER_COMMAND]
    if effect == OPENS:
        s[OPEN + bank * PER_BANK] = row
        s[CHANGES + bank * PER_BANK] += 1
    elif effect == BEGINS:
        s[OPEN + bank * PER_BANK] = -2
        s[CHANGES + bank * PER_BANK] += 1
    elif t[CLOSES + command * PER_COMMAND] != 0:
        span = t[BANKS_BELOW + t[SCOPE + command * PER_COMMAND] * PER_LEVEL]
        low = bank // span * span
        for closed in range(low, low + span):
            s[OPEN + closed * PER_BANK] = -1
            s[CHANGES + closed * PER_BANK] += 1
    else:
        return
    wake_queues(s)
