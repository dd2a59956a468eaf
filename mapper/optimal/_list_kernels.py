# pyright: basic
"""Compiled lists of buffer tilings that may still win, whatever the array does; array options shrink them.

An entry is, per dimension, a number of visits with the smallest tile that has it, multiples of an array tile or not.
"""

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
    ARRAY,
    CAPACITY,
    COPIES,
    COPIES_ONCE,
    INNER_STAY,
    OUTER_STAY,
    OVER_TILE,
    TILE,
    TRIPS,
    VISITS,
)
from mapper.optimal._outer_kernels import held, outer_costs
from mapper.optimal._table_kernels import buffer_row
from mapper.optimal._tile_kernels import (
    evaluate_next,
    open_tiles,
    ordered,
    promising,
    tighten_tiles,
)


@njit(cache=True, nogil=True, error_model="numpy")
def class_rows(extent, limit, row, options):
    """Per number of visits one buffer tile that no tile with as many visits beats, fewest visits first; their number.

    Args:
        extent, limit: of the dimension.
        row: the array option of single places.
        options: receives the rows.
    """
    count, visits = 0, 1.0
    while True:
        least = math.ceil(extent / visits)
        most = extent if visits == 1 else math.ceil(extent / (visits - 1)) - 1
        buffer_row(extent, limit, row, least, options[count])
        if limit > 1:
            over = options[count, OVER_TILE]
            for size in range(least + 1, most + 1):
                buffer_row(extent, limit, row, size, options[count])
                over = max(over, options[count, OVER_TILE])
            buffer_row(extent, limit, row, least, options[count])
            options[count, OVER_TILE] = over
        options[count, COPIES_ONCE] = visits
        count += 1
        if least <= 1:
            return count
        visits = math.ceil(extent / (least - 1))


@njit(cache=True, nogil=True, error_model="numpy")
def list_tiles(  # noqa: C901  (one loop instead of recursion)
    p, order, rows, options, known, mode, limit, best, entries, stays, count, most_nodes, scratch
):
    """Buffer tilings whose least cost over any array option is within the limit; see ``search_tiles``.

    Args:
        p, order, options, known, mode, limit, best, scratch: as there; options of ``class_rows``.
        rows: array options of single places, and rows that no array option beats.
        entries, stays: receive tilings and the operand that stays over them, from ``count`` on; without room for any,
            the best of them is looked for, and ``best`` receives its value.
        count: of entries so far.
        most_nodes: after which to give up.

    Returns:
        The number of entries (-1 where there is no room for all, or too many nodes), and nodes.
    """
    single, ideal = rows
    dims = p.dims
    at, value, key = np.zeros(dims, np.int64), np.empty(3), np.empty(3)
    sequence = np.empty(dims, np.int64)
    ordered(known, dims, -1, sequence)
    stack, lows = np.empty((dims + 1, dims, 4)), np.zeros((dims + 1, dims), np.int64)
    free = open_tiles(p, single, options, known, stack[0])
    set_states(scratch[5], mode[INNER_STAY])
    nodes, depth = 1, 0
    if not tighten_tiles(p, single, options, known, 0, free, sequence, lows[0], stack[0]):
        return count, nodes
    evaluate_next(p, ideal, stack[0], mode, True, scratch, value)
    if not promising(p, order, value, limit, best, key):
        return count, nodes
    at[0] = lows[0, sequence[0]]
    while depth >= 0:
        d = sequence[depth]
        if at[depth] >= known[d]:
            depth -= 1
            if depth >= 0:
                at[depth] += 1
            continue
        tiles = stack[depth + 1]
        copy_rows(stack[depth], tiles)
        copy_row(options[d, at[depth]], tiles[d])
        nodes += 1
        if nodes > most_nodes:
            return -1, nodes
        last = depth == free - 1
        good = held(p, tiles) <= p.scalars[CAPACITY]
        if good:
            evaluate_next(p, ideal, tiles, mode, True, scratch, value)
            good = promising(p, order, value, limit, best, key)
            if not good:
                scratch[1][2] = 0.0
                combine(p, scratch[0], scratch[1], value)
                if not promising(p, order, value, limit, best, key):
                    at[depth] = known[d]
                    continue
        if good and not last:
            copy_row(lows[depth], lows[depth + 1])
            good = tighten_tiles(p, single, options, known, depth + 1, free, sequence, lows[depth + 1], tiles)
            if good:
                evaluate_next(p, ideal, tiles, mode, True, scratch, value)
                good = promising(p, order, value, limit, best, key)
        if good and not last:
            depth += 1
            at[depth] = lows[depth, sequence[depth]]
            continue
        if good and len(entries) == 0:
            copy_row(key, best)
        elif good:
            if count == len(entries):
                return -1, nodes
            copy_rows(tiles, entries[count])
            stays[count] = mode[OUTER_STAY]
            count += 1
        at[depth] += 1
    return count, nodes


@njit(cache=True, nogil=True, error_model="numpy")
def entry_value(p, rows, tiles, mode, scratch, value):
    """The least cost of an entry over array options that these rows are not worse than."""
    outer_costs(p, tiles, mode[OUTER_STAY], True, scratch[1])
    array_costs(p, rows, tiles, mode, True, scratch[5], scratch[0])
    combine(p, scratch[0], scratch[1], value)


@njit(cache=True, nogil=True, error_model="numpy")
def kept_entries(p, order, rows, place, depth, stay, entries, stays, some, count, limit, best, left, scratch):
    """Which of some entries are still within the limit when the chosen dimensions have their array options.

    Args:
        p, order, limit, best, scratch: as in ``search_tiles``.
        rows: array options; of dimensions that are not chosen, rows that none of theirs beats.
        place, depth: the dimensions up to this depth in the sequence, by their places, have their options.
        stay: the operand that stays over array tiles.
        entries, stays: all entries.
        some, count: numbers of the entries to look at, and how many.
        left: receives the numbers of those that stay; may be ``some``.
    """
    value, key, tiles = np.empty(3), np.empty(3), np.empty((p.dims, 4))
    mode = np.array([stay, -1, stay, -1, 0])
    set_states(scratch[5], stay)
    many = 0
    for index in range(count):
        number = some[index]
        if not aligned(p, rows, place, depth, entries[number], tiles):
            continue
        mode[OUTER_STAY] = stays[number]
        entry_value(p, rows, tiles, mode, scratch, value)
        if promising(p, order, value, limit, best, key):
            left[many] = number
            many += 1
    return many


@njit(cache=True, nogil=True, error_model="numpy")
def aligned(p, rows, place, depth, entry, tiles):
    """The smallest tiles of whole array tiles with an entry's visits; false if there are none, or they do not fit."""
    copy_rows(entry, tiles)
    for d in range(p.dims):
        visits, trips = entry[d, VISITS], rows[d, TRIPS]
        if place[d] <= depth:
            factor = math.ceil(trips / visits)
            if math.ceil(trips / factor) != visits:
                return False
            tiles[d, TILE] = min(factor * rows[d, ARRAY], p.extents[d])
        elif visits > p.extents[d]:
            return False
        tiles[d, COPIES_ONCE] = (visits - 1) * rows[d, COPIES] + 1
    return held(p, tiles) <= p.scalars[CAPACITY]


@njit(cache=True, nogil=True, error_model="numpy")
def only_visits(p, entry, options, known, some, many):
    """The buffer options with the visits of an entry."""
    for d in range(p.dims):
        many[d] = 0
        for place in range(known[d]):
            if options[d, place, VISITS] == entry[d, VISITS]:
                copy_row(options[d, place], some[d, many[d]])
                many[d] += 1
