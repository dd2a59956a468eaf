# pyright: basic
"""Compiled branch and bound: array options, then buffer tiles, every node bounded from below. See docs/mapping.md."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mapper.optimal._kernels import (
    array_costs,
    copy_row,
    copy_rows,
    lane_bits,
    set_states,
)
from mapper.optimal._layout import (
    ARRAY,
    CAPACITY,
    CONSTANT,
    COPIES,
    COPIES_ONCE,
    DOUBLED,
    INNER_CARRIED,
    INNER_STAY,
    LANE,
    LEAKAGE,
    LIMITED,
    MOST,
    OUTER_CARRIED,
    OUTER_STAY,
    OVER_ARRAY,
    OVER_LANE,
    OVER_TILE,
    PIECES,
    STEPS,
    TILE,
    TRIPS,
    VISITS,
)
from mapper.optimal._list_kernels import entry_value, kept_entries, only_visits
from mapper.optimal._outer_kernels import held
from mapper.optimal._tile_kernels import (
    buffer_options,
    carriers,
    evaluate,
    keys,
    ordered,
    overlap_limit,
    promising,
    search_tiles,
)


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
    """A lower bound from the least cost of the array and the least costs of the outer memory.

    ``least`` are its seconds with repeated deliveries, joules, bytes, seconds alone, and seconds behind deliveries.
    """
    if p.scalars[LIMITED] == 0.0:
        value[0] = array[0]
    elif p.scalars[DOUBLED] > 0:
        value[0] = max(array[0], least[0])
    else:
        value[0] = max(max(array[3] + least[0], array[0] + least[3]), least[4])
    value[1] = array[1] + least[1] + p.scalars[CONSTANT] + p.scalars[LEAKAGE] * value[0]
    value[2] = array[2] + least[2]


@njit(cache=True, nogil=True, error_model="numpy")
def tile_orders(p, order, rows, options, known, mode, limit, best, choice, optimum, budget, scratch):
    """All buffer tiles over one array option with given operands that stay, in every order of windows; the nodes."""
    inner, outer = np.empty(p.dims, np.int64), np.empty(p.dims, np.int64)
    stay, outer_stay = mode[INNER_STAY], mode[OUTER_STAY]
    many = carriers(p, rows, stay, inner)
    others = 1
    outer[0] = -1
    if stay == 0:
        others = carriers(p, rows, outer_stay, outer)
    nodes = 0
    for i in range(many):
        for j in range(others):
            mode[INNER_CARRIED], mode[OUTER_CARRIED] = inner[i], outer[j]
            rest = budget - nodes
            nodes += search_tiles(p, order, rows, options, known, mode, limit, best, choice, optimum, rest, scratch)
    return nodes


@njit(cache=True, nogil=True, error_model="numpy")
def finish(p, order, rows, options, known, stay, through, least, limit, best, choice, optimum, budget, scratch):
    """All buffer tiles and orders of the outer loops over one array option; the nodes visited."""
    value, key, array = np.empty(3), np.empty(3), np.empty(4)
    mode = np.array([stay, -1, stay, -1, through])
    buffer_options(p, rows, options, known)
    if through:
        single_tiles(p, stay, options, known)
        return 1 + tile_orders(
            p, order, rows, options, known, mode, limit, best, choice, optimum, budget, scratch
        )  # fmt: skip
    set_states(scratch[5], -1)
    array_costs(p, rows, ideal_tiles(p, rows), mode, True, scratch[5], array)
    nodes = 1
    for outer_stay in range(3):
        floor_value(p, array, least[outer_stay], value)
        if promising(p, order, value, limit, best, key):
            mode[OUTER_STAY] = outer_stay
            rest = budget - nodes
            nodes += tile_orders(p, order, rows, options, known, mode, limit, best, choice, optimum, rest, scratch)
    return nodes


@njit(cache=True, nogil=True, error_model="numpy")
def finish_listed(
    p, order, rows, options, known, stay, lists, some, count, limit, best, choice, optimum, budget, scratch
):
    """The buffer tiles of some listed tilings and orders of the loops over one array option; the nodes visited."""
    entries, stays, _ = lists
    buffer_options(p, rows, options, known)
    mode = np.array([stay, -1, stay, -1, 0])
    fitting, many = np.empty_like(options), np.empty(p.dims, np.int64)
    nodes = 1
    for place in range(count):
        only_visits(p, entries[some[place]], options, known, fitting, many)
        mode[OUTER_STAY] = stays[some[place]]
        rest = budget - nodes
        nodes += tile_orders(p, order, rows, fitting, many, mode, limit, best, choice, optimum, rest, scratch)
    return nodes


@njit(cache=True, nogil=True, error_model="numpy")
def single_tiles(p, stay, options, known):
    """One array tile per buffer tile in every dimension that moves the operand that stays through both levels."""
    for d in range(p.dims):
        if p.moves[stay, d]:
            copy_row(options[d, known[d] - 1], options[d, 0])
            known[d] = 1


@njit(cache=True, nogil=True, error_model="numpy")
def ideal_tiles(p, rows):
    """Buffer options that no real one beats: everything in one tile."""
    tiles = np.empty((p.dims, 4))
    for d in range(p.dims):
        tiles[d, TILE], tiles[d, VISITS], tiles[d, COPIES_ONCE] = (
            min(rows[d, ARRAY], p.extents[d]),
            1.0,
            rows[d, COPIES],
        )
        tiles[d, OVER_TILE] = max(p.extents[d] - max(overlap_limit(p, d), 0.0), 0.0)
    return tiles


@njit(cache=True, nogil=True, error_model="numpy")
def node_value(p, rows, stay, through, bottom, scratch, value):
    """The least cost of any completion of a node; infinite where not even single array tiles fit the shared memory."""
    tiles = ideal_tiles(p, rows)
    mode = np.array([stay, -1, stay, -1, through])
    if through:
        for d in range(p.dims):
            if p.moves[stay, d]:
                tiles[d, VISITS], tiles[d, OVER_TILE] = rows[d, TRIPS], rows[d, OVER_ARRAY]
    if held(p, tiles) > p.scalars[CAPACITY]:
        value[0] = value[1] = value[2] = math.inf
    elif through:
        evaluate(p, rows, tiles, mode, True, scratch, value)
    else:
        set_states(scratch[5], -1)
        array_costs(p, rows, tiles, mode, True, scratch[5], scratch[0])
        floor_value(p, scratch[0], bottom, value)


@njit(cache=True, nogil=True, error_model="numpy")
def ideal_row(p, d, lane, lanes, row):
    """An array option that none of a dimension beats, given the largest tile of a lane and the most lanes."""
    extent = p.extents[d]
    row[LANE] = row[ARRAY] = row[COPIES] = 1.0
    row[STEPS], row[TRIPS], row[PIECES] = math.ceil(extent / lanes), math.ceil(extent / (lane * lanes)), 1.0
    row[PIECES], row[MOST] = math.ceil(extent / lane), lanes
    row[OVER_ARRAY] = row[OVER_LANE] = max(extent - max(overlap_limit(p, d), 0.0), 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def lowest(least, bottom):
    """The smallest number of every column."""
    for column in range(len(bottom)):
        bottom[column] = min(least[0, column], least[1, column], least[2, column])


@njit(cache=True, nogil=True, error_model="numpy")
def through_bounds(p, order, lane, most, scratch, bounds):
    """The least first key per assignment of lanes and operand that stays through both levels."""
    value, key, rows, bottom = np.empty(3), np.empty(3), np.empty((p.dims, 9)), np.empty(5)
    for one in range(len(most)):
        for d in range(p.dims):
            ideal_row(p, d, lane[d], most[one, d], rows[d])
        for stay in range(3):
            node_value(p, rows, stay, 1, bottom, scratch, value)
            keys(order, value, key)
            bounds[one, stay] = key[0]


@njit(cache=True, nogil=True, error_model="numpy")
def plain_bounds(p, order, lane, most, stay, least, lists, scratch, bounds):
    """The least first key per assignment of lanes when one operand stays, from ``least`` or from listed tilings."""
    value, key, rows, bottom = np.empty(3), np.empty(3), np.empty((p.dims, 9)), np.empty(5)
    entries, stays, count = lists
    lowest(least, bottom)
    mode = np.array([stay, -1, stay, -1, 0])
    for one in range(len(most)):
        for d in range(p.dims):
            ideal_row(p, d, lane[d], most[one, d], rows[d])
        bounds[one] = math.inf
        if count < 0:
            node_value(p, rows, stay, 0, bottom, scratch, value)
            keys(order, value, key)
            bounds[one] = key[0]
            continue
        set_states(scratch[5], stay)
        for number in range(count):
            mode[OUTER_STAY] = stays[number]
            entry_value(p, rows, entries[number], mode, scratch, value)
            keys(order, value, key)
            bounds[one] = min(bounds[one], key[0])


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
def known_already(most, searched, depth, place, rows):
    """Whether an assignment of lanes that was searched before allows every completion of a node."""
    for one in range(len(searched)):
        within = True
        for d in range(len(most)):
            if searched[one, d] < most[d] and (place[d] > depth or rows[d, ARRAY] > searched[one, d] * rows[d, LANE]):
                within = False
                break
        if within:
            return True
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def search_array(  # noqa: C901  (one loop instead of recursion)
    p, order, tables, lanes, stay, through, least, lists, limit, options, known, best, choice, optimum, budget, scratch
):
    """Depth first over the array options of one assignment of lanes, with one operand staying; the nodes visited.

    Args:
        p: the problem.
        order: number of the objective.
        tables: array options of all dimensions, where those of each begin, how many there are, and for every option
            a row that neither it nor one before it beats.
        lanes: most lanes per dimension, and those of the assignments that have been searched.
        stay, through: the operand whose loops run innermost over array tiles, and whether it stays over buffer tiles.
        least: lower bounds of the outer traffic per order of the outer loops, see ``floor_value``.
        lists: all buffer tilings within the limit, see ``list_tiles``; with a number of -1 ``least`` bounds them.
        limit: nodes whose bound is above are left for later.
        options, known: room for buffer options.
        best, choice, optimum: the smallest key so far, its rows, its seconds, joules and bytes.
        budget: nodes after which to stop.
        scratch: room for costs.
    """
    dims = p.dims
    table, first, many, ideals = tables
    most, searched = lanes
    entries, stays, count = lists
    at, value, key = np.zeros(dims, np.int64), np.empty(3), np.empty(3)
    bottom = np.empty(5)
    lowest(least, bottom)
    sequence, place = np.empty(dims, np.int64), np.empty(dims, np.int64)
    ordered(many, dims, 1, sequence)
    for depth in range(dims):
        place[sequence[depth]] = depth
    stack, rooms = np.zeros((dims + 1, dims, 9)), np.zeros((dims + 1, dims), np.int64)
    some, sizes = np.empty((dims + 1, max(count, 0)), np.int64), np.zeros(dims + 1, np.int64)
    sizes[0] = count
    for number in range(count):
        some[0, number] = number
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
        copy_rows(stack[depth], rows)
        copy_row(table[first[d] + at[depth]], rows[d])
        nodes += 1
        last = depth == dims - 1
        good = not known_already(most, searched, depth, place, rows)
        if good and count < 0:
            node_value(p, rows, stay, through, bottom, scratch, value)
            good = promising(p, order, value, limit, best, key)
        if good and not last:
            good = tighten(p, table, first, rooms[depth], ideals, depth + 1, sequence, rows, rooms[depth + 1])
            if good and count < 0:
                node_value(p, rows, stay, through, bottom, scratch, value)
                good = promising(p, order, value, limit, best, key)
        if good and count >= 0:
            sizes[depth + 1] = kept_entries(
                p, order, rows, place, depth, stay, entries, stays, some[depth], sizes[depth], limit, best,
                some[depth + 1], scratch,
            )  # fmt: skip
            nodes += sizes[depth] // 8
            good = sizes[depth + 1] > 0
        if good and not last:
            depth += 1
            at[depth] = 0
            continue
        if good and count >= 0:
            nodes += finish_listed(
                p, order, rows, options, known, stay, lists, some[dims], sizes[dims], limit, best, choice, optimum,
                budget - nodes, scratch,
            )  # fmt: skip
        elif good:
            nodes += finish(
                p, order, rows, options, known, stay, through, least, limit, best, choice, optimum, budget - nodes,
                scratch,
            )  # fmt: skip
        at[depth] += 1
    return nodes
