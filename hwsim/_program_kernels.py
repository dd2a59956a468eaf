# pyright: basic
"""Compiled player of loop programs: the times of ``hwsim.program.run``, which is its plain reference.

A program is one array of whole numbers, written by ``hwsim.program_code``:

    RUN resource duration sets delay waits...     COPY target sources...          MARK operator
    DEFER slot previous, then as RUN              FLUSH slot
    REPEAT count length registers... resources... operators... and the body of that length

where every list begins with its length.
"""

from __future__ import annotations

import numpy as np
from numba import njit

RUN, COPY, DEFER, FLUSH, REPEAT, MARK = range(6)
LONGEST_PERIOD = 3
_KEPT = 2 * LONGEST_PERIOD + 1
_HORIZON, _MARKED = 0, 1
_START, _END, _LEFT, _STORED, _LISTS = range(5)


@njit(cache=True)
def _start(code, at, registers, free, clock):
    """A task whose fields begin at ``at``; returns the place behind it."""
    resource, duration, sets, delay, waits = code[at], code[at + 1], code[at + 2], code[at + 3], code[at + 4]
    start = free[resource]
    for place in range(at + 5, at + 5 + waits):
        start = max(start, registers[code[place]])
    finish = start + duration
    free[resource] = finish
    registers[sets] = finish + delay
    clock[_HORIZON] = max(clock[_HORIZON], finish)
    return at + 5 + waits


@njit(cache=True)
def _flush(code, slot, pending, registers, free, clock):
    at = pending[slot]
    if at >= 0:
        pending[slot] = -1
        registers[code[at]] = registers[code[at + 3]]
        _start(code, at + 1, registers, free, clock)


@njit(cache=True)
def _copy(code, at, registers):
    latest = np.int64(0)
    for place in range(at + 2, at + 2 + code[at + 1]):
        value = registers[code[place]]
        if place == at + 2 or value > latest:
            latest = value
    registers[code[at]] = latest
    return at + 2 + code[at + 1]


@njit(cache=True)
def _store(code, at, registers, free, pending, ops, clock, times, waiting):
    """The state that a loop's body writes, as ``times`` (those of operators behind all others) and ``waiting``.

    ``at`` is where the loop's lists begin. Returns how many times move together, and how many there are.
    """
    count = 0
    for source in (registers, free):
        for place in range(at + 1, at + 1 + code[at]):
            times[count] = source[code[place]]
            count += 1
        at += 1 + code[at]
    times[count] = clock[_HORIZON]
    count += 1
    if code[at]:
        times[count] = clock[_MARKED]
        count += 1
    for place in range(code[at]):
        times[count + place] = ops[code[at + 1 + place]]
    waiting[: len(pending)] = pending
    return count, count + code[at]


@njit(cache=True)
def _period(times, waiting, stored, count):
    """The shortest period after which every time has moved by the same amount, or 0; see ``hwsim.program``."""
    for period in range(1, min((stored - 1) // 2, LONGEST_PERIOD) + 1):
        now, before = (stored - 1) % _KEPT, (stored - 1 - period) % _KEPT
        shift = times[now, 0] - times[before, 0]
        steady = True
        for place in range(count):
            steady = steady and times[now, place] - times[before, place] == shift
        for back in range(period + 1):
            one, two = (stored - 1 - back) % _KEPT, (stored - 1 - back - period) % _KEPT
            for slot in range(waiting.shape[1]):
                steady = steady and waiting[one, slot] == waiting[two, slot]
        if steady:
            return period
    return 0


@njit(cache=True)
def _skip(code, at, registers, free, ops, clock, now, before, moving, rounds):
    """Move everything that the body writes by so many periods."""
    shift = rounds * (now[0] - before[0])
    for target in (registers, free):
        for place in range(at + 1, at + 1 + code[at]):
            target[code[place]] += shift
        at += 1 + code[at]
    clock[_HORIZON] += shift
    if code[at]:
        clock[_MARKED] += shift
    for place in range(code[at]):
        ops[code[at + 1 + place]] += rounds * (now[moving + place] - before[moving + place])


@njit(cache=True)
def _body_ends(code, frame, depth, registers, free, pending, ops, clock, times, waiting):
    """After one iteration: skip what repeats; returns whether the body runs again."""
    frame[depth, _LEFT] -= 1
    if frame[depth, _STORED] == 0:
        return frame[depth, _LEFT] > 0
    lists, last = frame[depth, _LISTS], frame[depth, _STORED] % _KEPT
    moving, _ = _store(code, lists, registers, free, pending, ops, clock, times[depth, last], waiting[depth, last])
    frame[depth, _STORED] += 1
    stored, left = frame[depth, _STORED], frame[depth, _LEFT]
    period = _period(times[depth], waiting[depth], stored, moving) if left else 0
    if period and left // period:
        rounds = left // period
        before = (stored - 1 - period) % _KEPT
        _skip(code, lists, registers, free, ops, clock, times[depth, last], times[depth, before], moving, rounds)
        frame[depth, _LEFT] -= rounds * period
        _store(code, lists, registers, free, pending, ops, clock, times[depth, 0], waiting[depth, 0])
        frame[depth, _STORED] = 1
    return frame[depth, _LEFT] > 0


@njit(cache=True)
def play(code, registers, free, pending, ops, frame, times, waiting):
    """Play a program from time zero; ``ops`` gets the time of every operator, and the makespan is returned.

    Args:
        code: see the module.
        registers, free, pending, ops: zeros (``pending``: -1), one per register, resource, slot and operator.
        frame: room for five numbers per level of nested loops.
        times, waiting: room for seven states per level: [level, 7, numbers that a body writes], [level, 7, slots].
    """
    clock = np.zeros(2, np.int64)
    at, depth = 0, -1
    while True:
        while depth >= 0 and at == frame[depth, _END]:
            if _body_ends(code, frame, depth, registers, free, pending, ops, clock, times, waiting):
                at = frame[depth, _START]
            else:
                depth -= 1
        if at == len(code):
            return clock[_HORIZON]
        kind = code[at]
        at += 1
        if kind == RUN:
            at = _start(code, at, registers, free, clock)
        elif kind == COPY:
            at = _copy(code, at, registers)
        elif kind == DEFER:
            _flush(code, code[at], pending, registers, free, clock)
            pending[code[at]] = at + 1
            at += 7 + code[at + 6]
        elif kind == FLUSH:
            _flush(code, code[at], pending, registers, free, clock)
            at += 1
        elif kind == MARK:
            ops[code[at]] += clock[_HORIZON] - clock[_MARKED]
            clock[_MARKED] = clock[_HORIZON]
            at += 1
        else:
            depth += 1
            at = _enter(code, at, frame, depth, registers, free, pending, ops, clock, times, waiting)


@njit(cache=True)
def _enter(code, at, frame, depth, registers, free, pending, ops, clock, times, waiting):
    """Begin a loop; returns where its body begins."""
    lists = at + 2
    start = lists
    for _ in range(3):
        start += 1 + code[start]
    frame[depth, _START], frame[depth, _END], frame[depth, _LEFT] = start, start + code[at + 1], code[at]
    frame[depth, _LISTS], frame[depth, _STORED] = lists, 0
    if code[at] > 2:
        _store(code, lists, registers, free, pending, ops, clock, times[depth, 0], waiting[depth, 0])
        frame[depth, _STORED] = 1
    return start
