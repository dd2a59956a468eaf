# pyright: basic
"""Compiled branch and bound: array options, then buffer tiles, every node bounded from below. See docs/mapping.md."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mapper.optimal._kernels import (
    ARRAY,
    CAPACITY,
    CONSTANT,
    COPIES,
    COPIES_ONCE,
    DOUBLED,
    HALO,
    LANE,
    LEAKAGE,
    LIMITED,
    OVER_TILE,
    TILE,
    TIMED,
    VISITS,
    array_costs,
    combine,
    held,
    lane_bits,
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
    array, outer, sizes, counts, many = scratch
    if p.kind == 0:
        array_costs(p, rows, tiles, mode, optimist, array)
    elif p.kind == 1:
        systolic_costs(p, tiles, (sizes, counts, many), array)
    else:
        array[0] = array[1] = array[2] = 0.0
    outer_costs(p, tiles, mode[2], optimist, outer)
    if p.kind == 2 and p.scalars[DOUBLED] == 0.0:
        # What is fetched ahead hides behind an array that is not looked at here.
        outer[1] -= outer[0]
        outer[0] = 0.0
    combine(p, array, outer, value)


@njit(cache=True, nogil=True, error_model="numpy")
def open_tiles(p, rows, options, known):
    """For dimensions still open: one visit, and the smallest tile for what has to fit."""
    tiles = np.empty((p.dims, 4))
    for d in range(p.dims):
        tiles[d, TILE], tiles[d, VISITS] = min(rows[d, ARRAY], p.extents[d]), 1.0
        for k in range(known[d]):
            tiles[d, TILE] = min(tiles[d, TILE], options[d, k, TILE])
        tiles[d, OVER_TILE], tiles[d, COPIES_ONCE] = options[d, 0, OVER_TILE], rows[d, COPIES]
    return tiles


@njit(cache=True, nogil=True, error_model="numpy")
def search_tiles(p, order, rows, options, known, mode, best, choice, optimum, budget, scratch):
    """Depth first over buffer tiles; improves ``best`` and what reaches it; returns the nodes visited."""
    dims = p.dims
    at, value, key = np.zeros(dims, np.int64), np.empty(3), np.empty(3)
    sequence = np.argsort(-known[:dims].astype(np.float64), kind="mergesort")
    start = open_tiles(p, rows, options, known)
    tiles = start.copy()
    # More visits never cost less, but for the first tiles, runs of a DRAM, and an array that likes some tiles best.
    rising = p.kind != 1 and p.dram[TIMED] == 0.0
    nodes, depth = 0, 0
    at[0] = 0
    while depth >= 0:
        d = sequence[depth]
        if at[depth] >= known[d] or nodes >= budget:
            tiles[d] = start[d]
            depth -= 1
            if depth >= 0:
                at[depth] += 1
            continue
        tiles[d] = options[d, at[depth]]
        nodes += 1
        last = depth == dims - 1
        good = held(p, tiles) <= p.scalars[CAPACITY]
        if good:
            evaluate(p, rows, tiles, mode, not last, scratch, value)
            keys(order, value, key)
            good = less(key, best)
            if not good and rising and (not last or mode[0] != mode[2]):
                scratch[1][2] = 0.0
                combine(p, scratch[0], scratch[1], value)
                keys(order, value, key)
                if not less(key, best):
                    at[depth] = known[d]
                    continue
        if good and not last:
            depth += 1
            at[depth] = 0
            continue
        if good:
            best[:] = key
            optimum[:] = value
            choice[:dims, :9] = rows
            choice[:dims, 9:13] = tiles
            choice[:4, 13] = mode
        at[depth] += 1
    return nodes


@njit(cache=True, nogil=True, error_model="numpy")
def fits_lanes(p, rows):
    """Whether one lane's tile fits the lane memories."""
    for memory in range(p.room_count):
        need = 0.0
        for op in range(3):
            if p.rooms[memory, 1 + op] > 0:
                need += lane_bits(p, op, rows)
        if need > p.rooms[memory, 0]:
            return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def floor_value(p, array, least, value):
    """A lower bound from the least cost of the array and the least cost of the outer memory."""
    if p.scalars[LIMITED] == 0.0:
        value[0] = array[0]
    elif p.scalars[DOUBLED] > 0:
        value[0] = max(array[0], least[0])
    else:
        value[0] = array[0] + least[0]
    value[1] = array[1] + least[1] + p.scalars[CONSTANT] + p.scalars[LEAKAGE] * value[0]
    value[2] = array[2] + least[2]


@njit(cache=True, nogil=True, error_model="numpy")
def finish(p, order, rows, options, known, stay, least, limit, best, choice, optimum, budget, scratch):
    """All buffer tiles and orders of the outer loops over one array option; the nodes visited."""
    array = scratch[0]
    value, key = np.empty(3), np.empty(3)
    ideal = ideal_tiles(p, rows)
    mode = np.array([stay, -1, stay, -1])
    inner, outer = np.empty(p.dims, np.int64), np.empty(p.dims, np.int64)
    array_costs(p, rows, ideal, mode, True, array)
    nodes, ready = 1, False
    for outer_stay in range(3):
        array_costs(p, rows, ideal, mode, True, array)
        floor_value(p, array, least[outer_stay], value)
        keys(order, value, key)
        if key[0] > limit * (1 + SAME) or not less(key, best):
            continue
        if not ready:
            buffer_options(p, rows, options, known)
            ready = True
        many = carriers(p, rows, stay, inner)
        others = carriers(p, rows, outer_stay, outer) if stay == 0 else 1
        if stay != 0:
            outer[0] = -1
        for i in range(many):
            for j in range(others):
                orders = np.array([stay, inner[i], outer_stay, outer[j]])
                rest = budget - nodes
                nodes += search_tiles(p, order, rows, options, known, orders, best, choice, optimum, rest, scratch)
    return nodes


@njit(cache=True, nogil=True, error_model="numpy")
def ideal_tiles(p, rows):
    """Buffer options that no real one beats: everything in one tile."""
    tiles = np.empty((p.dims, 4))
    for d in range(p.dims):
        tiles[d, TILE], tiles[d, VISITS], tiles[d, COPIES_ONCE] = rows[d, ARRAY], 1.0, rows[d, COPIES]
        tiles[d, OVER_TILE] = max(p.extents[d] - max(overlap_limit(p, d), 0.0), 0.0)
    return tiles


@njit(cache=True, nogil=True, error_model="numpy")
def root_bound(p, order, ideal, stay, least, scratch):
    """The least first key that any option of an assignment of lanes could have."""
    value, key = np.empty(3), np.empty(3)
    array_costs(p, ideal, ideal_tiles(p, ideal), np.array([stay, -1, stay, -1]), True, scratch[0])
    result = math.inf
    for outer_stay in range(3):
        floor_value(p, scratch[0], least[outer_stay], value)
        keys(order, value, key)
        result = min(result, key[0])
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def tighten(p, table, first, many, ideals, first_open, sequence, rows, room):
    """Rows that no option beats for the dimensions still open, given what the others leave of the lanes' memories.

    Options are sorted by lane tile, ``ideals`` holds the best of each option and all before it. ``room`` receives how
    many options of each dimension fit; False if a dimension has none.
    """
    for depth in range(first_open, p.dims):
        rows[sequence[depth], LANE] = 1.0
    for depth in range(first_open, p.dims):
        d = sequence[depth]
        low, high = 0, many[d]
        while low < high:
            middle = (low + high) // 2
            rows[d, LANE] = table[first[d] + middle, LANE]
            if fits_lanes(p, rows):
                low = middle + 1
            else:
                high = middle
        rows[d, LANE] = 1.0
        room[d] = low
        if low == 0:
            return False
        for column in range(9):
            rows[d, column] = ideals[first[d] + low - 1, column]
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def node_bound(p, order, rows, mode, bottom, array, value, key):
    """The least key of any completion of a node."""
    array_costs(p, rows, ideal_tiles(p, rows), mode, True, array)
    floor_value(p, array, bottom, value)
    keys(order, value, key)


@njit(cache=True, nogil=True, error_model="numpy")
def search_array(
    p, order, table, first, many, ideals, stay, least, limit, options, known, best, choice, optimum, budget, scratch
):
    """Depth first over the array options of one assignment of lanes, with one operand staying; the nodes visited.

    Args:
        p: the problem.
        order: number of the objective.
        table, first, many: array options of all dimensions, where those of each begin, and how many there are.
        ideals: for every option a row that neither it nor one before it beats.
        stay: the operand whose loops run innermost over array tiles.
        least: lower bounds of the outer traffic per order of the outer loops: seconds, joules, bytes.
        limit: nodes whose bound is above are left for later.
        options, known: room for buffer options.
        best, choice, optimum: the smallest key so far, its rows, its seconds, joules and bytes.
        budget: nodes after which to stop.
        scratch: room for costs.
    """
    dims = p.dims
    at, value, key = np.zeros(dims, np.int64), np.empty(3), np.empty(3)
    mode = np.array([stay, -1, stay, -1])
    bottom = np.array([least[:, 0].min(), least[:, 1].min(), least[:, 2].min()])
    sequence = np.argsort(many, kind="mergesort")
    stack, rooms = np.zeros((dims + 1, dims, 9)), np.zeros((dims + 1, dims), np.int64)
    nodes, depth = 0, 0
    if not tighten(p, table, first, many, ideals, 0, sequence, stack[0], rooms[0]):
        return 1
    while depth >= 0:
        d = sequence[depth]
        if at[depth] >= rooms[depth, d] or nodes >= budget:
            depth -= 1
            if depth >= 0:
                at[depth] += 1
            continue
        rows = stack[depth + 1]
        rows[:] = stack[depth]
        rows[d] = table[first[d] + at[depth]]
        nodes += 1
        node_bound(p, order, rows, mode, bottom, scratch[0], value, key)
        good = key[0] <= limit * (1 + SAME) and less(key, best)
        if good and depth < dims - 1:
            good = tighten(p, table, first, rooms[depth], ideals, depth + 1, sequence, rows, rooms[depth + 1])
            if good:
                node_bound(p, order, rows, mode, bottom, scratch[0], value, key)
                good = key[0] <= limit * (1 + SAME) and less(key, best)
            if good:
                depth += 1
                at[depth] = 0
                continue
        elif good:
            nodes += finish(
                p, order, rows, options, known, stay, least, limit, best, choice, optimum, budget - nodes, scratch
            )
        at[depth] += 1
    return nodes
