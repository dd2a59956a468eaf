"""Timing of the device: when a command may go, and what follows from issuing it."""

# pyright: basic
from __future__ import annotations

from hwsim.dram._kernels.jit import inner
from hwsim.dram._kernels.layout import (
    AREA,
    AREA_BANKS,
    COUNT_OF,
    END,
    FIRST,
    LATENCY,
    MANY,
    MAX_BANKS,
    MAX_DEPTH,
    MAX_LEVELS,
    ONE,
    PAST,
    PER_COMMAND,
    PER_RULE,
    PER_RULES,
    PLACE,
    READY_OF,
    SCOPE,
    SLOT,
    SPECIAL,
    START,
    STEP,
    STRIDE,
    WINDOW,
    WITHOUT,
)


@inner
def ready_at(t, s, command, bank):
    """First tick at which timing allows a command to a bank."""
    first = t[FIRST + bank * MAX_LEVELS + t[SCOPE + command * PER_COMMAND]]
    return s[t[READY_OF + command * PER_COMMAND] + first]


@inner
def _not_before(s, place, clock):
    """Raise a tick to another one by arithmetic: a maximum becomes masked stores, slow on some processors."""
    late = clock - s[place]
    s[place] += late & ~(late >> 63)


@inner
def _remember(s, place, window, clock):
    """Shift a command into the history of a node; returns the tick of the one ``window`` before, or -1."""
    for index in range(place + window - 1, place, -1):
        s[index] = s[index - 1]
    s[place] = clock
    return s[place + window - 1]


@inner
def _bind_node(t, s, rule, low, past):
    """Apply a constraint to the node whose first bank is ``low``."""
    place = t[PLACE + rule] + t[FIRST + low * MAX_LEVELS + t[START + rule]]
    at, stride = past + t[LATENCY + rule], t[STRIDE + rule]
    for index in range(place, place + t[COUNT_OF + rule] * stride, stride):
        _not_before(s, index, at)


@inner
def _bind_special(t, s, rule, bank, clock):
    """Apply a constraint with a window, of siblings, or on commands that address more than one bank."""
    low = t[FIRST + bank * MAX_LEVELS + t[AREA + rule]]
    without = t[WITHOUT + rule]
    own = t[FIRST + bank * MAX_LEVELS + without] if without >= 0 else without
    window, step = t[WINDOW + rule], t[STEP + rule]
    for node in range(low, low + t[AREA_BANKS + rule], step):
        if node == own:
            continue
        past = clock
        if window > 1:
            past = _remember(s, PAST + (t[SLOT + rule] * MAX_BANKS + node) * MAX_DEPTH, window, clock)
        if past >= 0:
            _bind_node(t, s, rule, node, past)


@inner
def issue_timing(t, s, command, bank, clock):
    """Constraints that follow from a command."""
    rules, path = command * PER_RULES, FIRST + bank * MAX_LEVELS
    many, special, end = t[MANY + rules], t[SPECIAL + rules], t[END + rules]
    for rule in range(t[ONE + rules], many, PER_RULE):
        _not_before(s, t[PLACE + rule] + t[path + t[START + rule]], clock + t[LATENCY + rule])
    for rule in range(many, special, PER_RULE):
        place = t[PLACE + rule] + t[path + t[START + rule]]
        at = clock + t[LATENCY + rule]
        for index in range(place, place + t[COUNT_OF + rule]):
            _not_before(s, index, at)
    for rule in range(special, end, PER_RULE):
        _bind_special(t, s, rule, bank, clock)
