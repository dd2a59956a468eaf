"""Timing of the device: when a command may go, and what follows from issuing it."""

# pyright: basic
from __future__ import annotations

from numba import njit

from hwsim.dram._kernels.layout import (
    BEGINS,
    CHANGES,
    CLOSES,
    EFFECT,
    FOLLOWING,
    LAST_LEVEL,
    LATENCY,
    LEVEL,
    OPEN,
    OPENS,
    QUEUES,
    SCOPE,
    SIBLING,
    SLOT,
    WAKE_COLUMN,
    WAKE_OTHER,
    WINDOW,
)  # fmt: skip


@njit(cache=True)
def wide_ready_at(t, s, command, bank):
    """First tick for a command that addresses more than one bank."""
    scope, at = t.command[command, SCOPE], 0
    levels = t.setting[LAST_LEVEL] + 1
    span = t.level[scope, 1]
    low = bank // span * span
    for level in range(levels):
        if level <= scope:
            at = max(at, s.ready[t.node[bank, level], command])
        else:
            for node in range(t.node[low, level], t.node[low + span - 1, level] + 1):
                at = max(at, s.ready[node, command])
    return at


@njit(cache=True)
def ready_at(t, s, command, bank):
    """First tick at which timing allows a command to a bank."""
    levels = t.setting[LAST_LEVEL] + 1
    if t.command[command, SCOPE] < levels - 1:
        return wide_ready_at(t, s, command, bank)
    at = 0
    for level in range(levels):
        at = max(at, s.ready[t.node[bank, level], command])
    return at


@njit(cache=True)
def _remember(s, node, slot, window, clock):
    """Shift a command into the history of a node."""
    for index in range(window - 1, 0, -1):
        s.past[node, slot, index] = s.past[node, slot, index - 1]
    s.past[node, slot, 0] = clock


@njit(cache=True)
def _bind(t, s, rule, node, clock):
    """Apply one constraint at one node."""
    past, window = clock, t.rule[rule, WINDOW]
    if window > 1:
        _remember(s, node, t.rule[rule, SLOT], window, clock)
        past = s.past[node, t.rule[rule, SLOT], window - 1]
        if past < 0:
            return
    at, following = past + t.rule[rule, LATENCY], t.rule[rule, FOLLOWING]
    if at > s.ready[node, following]:
        s.ready[node, following] = at


@njit(cache=True)
def _bind_siblings(t, s, rule, bank, clock):
    """Apply one constraint at the other nodes below the same parent."""
    level, following = t.rule[rule, LEVEL], t.rule[rule, FOLLOWING]
    own, base, count = t.node[bank, level], t.level[level, 0], t.level[level, 2]
    first = base + (own - base) // count * count
    at = clock + t.rule[rule, LATENCY]
    for node in range(first, first + count):
        if node != own and at > s.ready[node, following]:
            s.ready[node, following] = at


@njit(cache=True)
def _wide_timing(t, s, command, bank, clock):
    """Constraints after a command that addresses more than one bank."""
    span = t.level[t.command[command, SCOPE], 1]
    low = bank // span * span
    for index in range(t.rule_start[command], t.rule_start[command + 1]):
        level = t.rule[index, LEVEL]
        if t.rule[index, SIBLING]:
            _bind_siblings(t, s, index, bank, clock)
            continue
        for node in range(t.node[low, level], t.node[low + span - 1, level] + 1):
            _bind(t, s, index, node, clock)


@njit(cache=True)
def issue_timing(t, s, command, bank, clock):
    """Constraints that follow from a command."""
    if t.command[command, SCOPE] < t.setting[LAST_LEVEL]:
        _wide_timing(t, s, command, bank, clock)
        return
    for index in range(t.rule_start[command], t.rule_start[command + 1]):
        if t.rule[index, SIBLING]:
            _bind_siblings(t, s, index, bank, clock)
        else:
            _bind(t, s, index, t.node[bank, t.rule[index, LEVEL]], clock)


@njit(cache=True)
def wake_queues(s):
    """Something changed that queued requests may have waited for."""
    for queue in range(QUEUES):
        s.queue[queue, WAKE_COLUMN] = 0
        s.queue[queue, WAKE_OTHER] = 0


@njit(cache=True)
def issue_rows(t, s, command, bank, row):
    """Open and closed rows after a command."""
    effect = t.command[command, EFFECT]
    if effect == OPENS:
        s.bank[bank, OPEN] = row
        s.bank[bank, CHANGES] += 1
    elif effect == BEGINS:
        s.bank[bank, OPEN] = -2
        s.bank[bank, CHANGES] += 1
    elif t.command[command, CLOSES]:
        span = t.level[t.command[command, SCOPE], 1]
        low = bank // span * span
        for closed in range(low, low + span):
            s.bank[closed, OPEN] = -1
            s.bank[closed, CHANGES] += 1
    else:
        return
    wake_queues(s)
