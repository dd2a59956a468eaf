# pyright: basic
"""Compiled search over buffer tiles, every node bounded from below. See docs/mapping.md."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mapper.optimal._kernels import (
    array_costs,
    combine,
    copy_row,
    copy_rows,
    set_states,
)
from mapper.optimal._layout import (
    ALWAYS,
    ARRAY,
    CAPACITY,
    COPIES,
    COPIES_ONCE,
    DOUBLED,
    HALO,
    HELD,
    INNER_STAY,
    LANE,
    ONCE,
    OUTER_ALONE,
    OUTER_AND_AGAIN,
    OUTER_BEHIND,
    OUTER_STAY,
    OVER_TILE,
    TILE,
    TIMED,
    TRIPS,
    VISITS,
)
from mapper.optimal._outer_kernels import (
    again_costs,
    held,
    outer_costs,
)
from mapper.optimal._systolic_kernels import systolic_costs
from mapper.optimal._table_kernels import buffer_rows

LATENCY_FIRST, ENERGY_FIRST, PRODUCT_FIRST, TRAFFIC_FIRST = range(4)
SAME = 1e-11
"""Values nearer to each other than this fraction are equal."""


@njit(cache=True, nogil=True, error_model="numpy")
def keys(order, value, key):
    """The objective and its tie breakers, as ``mapper.base.rank``."""
    seconds, joules, size = value[0], value[1], value[2]
    if order == LATENCY_FIRST:
        key[0], key[1], key[2] = seconds, joules, size
    elif order == ENERGY_FIRST:
        key[0], key[1], key[2] = joules, seconds, size
    elif order == PRODUCT_FIRST:
        key[0], key[1], key[2] = joules * seconds, seconds, size
    else:
        key[0], key[1], key[2] = size, seconds, joules


@njit(cache=True, nogil=True, error_model="numpy")
def less(key, best):
    """Whether a tuple comes before another by more than rounding."""
    if best[0] == math.inf:
        return key[0] < math.inf
    for i in range(3):
        slack = SAME * best[i]
        if key[i] < best[i] - slack:
            return True
        if not key[i] <= best[i] + slack:
            return False
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def partner(p, d):
    """The dimension with which one forms windows of the input, or -1."""
    for a in range(p.axis_count):
        if p.axes[a, 0] == 0 and p.axes[a, 2] >= 0:
            if p.axes[a, 1] == d:
                return p.axes[a, 2]
            if p.axes[a, 2] == d:
                return p.axes[a, 1]
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def carriers(p, rows, stay, found):
    """Window dimensions that may be the innermost loop that moves the input, and that no axis spreads; their number."""
    count = 0
    if p.scalars[HALO] > 0:
        for d in range(p.dims):
            other = partner(p, d)
            if other < 0 or (stay != 0 and p.moves[stay, d]):
                continue
            alone = min(rows[d, ARRAY], p.extents[d]) <= rows[d, LANE]
            if alone and min(rows[other, ARRAY], p.extents[other]) <= rows[other, LANE]:
                found[count] = d
                count += 1
    if count == 0:
        found[0] = -1
        count = 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def overlap_limit(p, d):
    """How much of a dimension's tile its windows do not share; 0 for one that does not slide."""
    for a in range(p.axis_count):
        if p.axes[a, 2] >= 0:
            if p.axes[a, 1] == d:
                return p.limits[a, 0]
            if p.axes[a, 2] == d:
                return p.limits[a, 1]
    return -1.0


@njit(cache=True, nogil=True, error_model="numpy")
def buffer_options(p, rows, options, known):
    """For every dimension the buffer tiles worth trying over its array option."""
    for d in range(p.dims):
        known[d] = buffer_rows(p.extents[d], overlap_limit(p, d), rows[d], options[d])


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate(p, rows, tiles, mode, optimist, scratch, value):
    """Seconds, joules, bytes of a mapping, or a lower bound of them for a node with optimistic rows."""
    set_states(scratch[5], -1)
    evaluate_next(p, rows, tiles, mode, optimist, scratch, value)


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate_next(p, rows, tiles, mode, optimist, scratch, value):
    """The same, with what is known of the operands' shares."""
    array, outer, sizes, counts, many, shares = scratch
    outer_costs(p, tiles, mode[OUTER_STAY], optimist, outer)
    if p.kind == 0:
        array_costs(p, rows, tiles, mode, optimist, shares, array)
    elif p.kind == 1:
        systolic_costs(p, tiles, (sizes, counts, many), array)
    else:
        again_costs(p, tiles, mode, array)
        if p.kind == OUTER_BEHIND or p.scalars[DOUBLED] > 0.0:
            array[0] = array[3]
        else:
            # What is fetched ahead hides behind an array that is not looked at here.
            outer[1] -= outer[0]
            outer[0] = 0.0
            if p.kind == OUTER_ALONE:
                array[0] = 0.0
    combine(p, array, outer, value)


@njit(cache=True, nogil=True, error_model="numpy")
def open_tiles(p, rows, options, known, tiles):
    """For dimensions still open the fewest visits, and the smallest tile for what has to fit; how many are open."""
    free = 0
    for d in range(p.dims):
        if known[d] == 1:
            copy_row(options[d, 0], tiles[d])
            continue
        free += 1
        tiles[d, TILE], tiles[d, VISITS] = min(rows[d, ARRAY], p.extents[d]), options[d, 0, VISITS]
        for k in range(known[d]):
            tiles[d, TILE] = min(tiles[d, TILE], options[d, k, TILE])
        tiles[d, OVER_TILE], tiles[d, COPIES_ONCE] = options[d, 0, OVER_TILE], rows[d, COPIES]
    return max(free, 1)


@njit(cache=True, nogil=True, error_model="numpy")
def ordered(counts, dims, sign, sequence):
    """Dimensions by rising (or, with a sign of -1, falling) counts."""
    for d in range(dims):
        at = d
        while at > 0 and sign * counts[sequence[at - 1]] > sign * counts[d]:
            sequence[at] = sequence[at - 1]
            at -= 1
        sequence[at] = d


@njit(cache=True, nogil=True, error_model="numpy")
def class_fits(p, d, rows, visits, tiles):
    """Whether the smallest tile of one dimension with as many visits fits; open dimensions are at their least."""
    tile, before = tiles[d, TILE], tiles[d, VISITS]
    tiles[d, TILE] = min(math.ceil(rows[d, TRIPS] / visits) * rows[d, ARRAY], p.extents[d])
    tiles[d, VISITS] = visits
    good = held(p, tiles) <= p.scalars[CAPACITY]
    tiles[d, TILE], tiles[d, VISITS] = tile, before
    return good


@njit(cache=True, nogil=True, error_model="numpy")
def tighten_tiles(p, rows, options, known, first_open, free, sequence, lows, tiles):
    """The fewest visits with which each open dimension could fit; ``lows`` is its option. False if there is none.

    Each is found alone, the others at their smallest tiles and at the visits that are known to be needed.
    """
    for depth in range(first_open, free):
        d = sequence[depth]
        low, high = lows[d], known[d]
        if low == 0:
            if class_fits(p, d, rows, options[d, 0, VISITS], tiles):
                continue
            low = 1
        while low < high:
            middle = (low + high) // 2
            if class_fits(p, d, rows, options[d, middle, VISITS], tiles):
                high = middle
            else:
                low = middle + 1
        if low == known[d]:
            return False
        while low > 1 and options[d, low - 1, VISITS] == options[d, low, VISITS]:
            low -= 1
        lows[d] = low
        if p.kind != 1:
            # A systolic array takes an open dimension as whole, which its extent of one tile would not tell.
            tiles[d, VISITS] = options[d, low, VISITS]
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def promising(p, order, value, limit, best, key):
    """Whether a cost is within the limit and before the best; bounds of the outer traffic need no tie breakers."""
    keys(order, value, key)
    if p.kind >= OUTER_AND_AGAIN:
        key[1] = key[2] = 0.0
    return key[0] <= limit * (1 + SAME) and less(key, best)


@njit(cache=True, nogil=True, error_model="numpy")
def keep(key, value, rows, tiles, mode, best, optimum, choice):
    """A mapping becomes the best so far: its key, cost, rows of 9 and 4 columns, and order of loops."""
    copy_row(key, best)
    copy_row(value, optimum)
    copy_rows(rows, choice)
    for d in range(len(tiles)):
        for column in range(4):
            choice[d, 9 + column] = tiles[d, column]
    for i in range(4):
        choice[i, 13] = mode[i]


@njit(cache=True, nogil=True, error_model="numpy")
def search_tiles(  # noqa: C901  (one loop instead of recursion)
    p, order, rows, options, known, mode, limit, best, choice, optimum, budget, scratch
):
    """Depth first over buffer tiles; improves ``best`` and what reaches it; returns the nodes visited."""
    dims = p.dims
    at, value, key = np.zeros(dims, np.int64), np.empty(3), np.empty(3)
    sequence = np.empty(dims, np.int64)
    ordered(known, dims, -1, sequence)
    stack, lows = np.empty((dims + 1, dims, 4)), np.zeros((dims + 1, dims), np.int64)
    free = open_tiles(p, rows, options, known, stack[0])
    # More visits never cost less, but for the first tiles, runs of a DRAM, and an array that likes some tiles best.
    rising = p.kind != 1 and p.dram[TIMED] == 0.0
    shares = scratch[5]
    for op in range(3):
        tied = p.flags[HELD, op] and (op == mode[INNER_STAY] or (op == 0 and p.scalars[HALO] > 0))
        shares[op, 0] = ALWAYS if tied else ONCE
    nodes, depth = 1, 0
    if not tighten_tiles(p, rows, options, known, 0, free, sequence, lows[0], stack[0]):
        return nodes
    evaluate_next(p, rows, stack[0], mode, True, scratch, value)
    if not promising(p, order, value, limit, best, key):
        return nodes
    at[0] = lows[0, sequence[0]]
    while depth >= 0:
        d = sequence[depth]
        if at[depth] >= known[d] or nodes >= budget:
            depth -= 1
            if depth >= 0:
                at[depth] += 1
            continue
        tiles = stack[depth + 1]
        copy_rows(stack[depth], tiles)
        copy_row(options[d, at[depth]], tiles[d])
        nodes += 1
        last = depth == free - 1
        good = held(p, tiles) <= p.scalars[CAPACITY]
        if good:
            evaluate_next(p, rows, tiles, mode, not last, scratch, value)
            good = promising(p, order, value, limit, best, key)
            ends = at[depth] + 1 == known[d] or options[d, at[depth] + 1, VISITS] > tiles[d, VISITS]
            if not good and ends and rising and (not last or mode[INNER_STAY] != mode[OUTER_STAY]):
                scratch[1][2] = 0.0
                combine(p, scratch[0], scratch[1], value)
                if not promising(p, order, value, limit, best, key):
                    at[depth] = known[d]
                    continue
        if good and not last:
            copy_row(lows[depth], lows[depth + 1])
            good = tighten_tiles(p, rows, options, known, depth + 1, free, sequence, lows[depth + 1], tiles)
            if good:
                evaluate_next(p, rows, tiles, mode, True, scratch, value)
                good = promising(p, order, value, limit, best, key)
        if good and not last:
            depth += 1
            at[depth] = lows[depth, sequence[depth]]
            continue
        if good:
            keep(key, value, rows, tiles, mode, best, optimum, choice)
        at[depth] += 1
    return nodes
