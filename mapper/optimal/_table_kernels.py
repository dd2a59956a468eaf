# pyright: basic
"""Compiled tables of array options and buffer tiles per dimension, without those that another option beats."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mapper.optimal._kernels import (
    shared_sum,
)
from mapper.optimal._layout import (
    ARRAY,
    COPIES,
    COPIES_ONCE,
    COPIES_USED,
    FIRST_USED,
    LANE,
    MOST,
    OVER_ARRAY,
    OVER_LANE,
    OVER_TILE,
    PIECES,
    PIECES_USED,
    STEPS,
    TILE,
    TRIPS,
    TRIPS_USED,
    VISITS,
)


@njit(cache=True, nogil=True, error_model="numpy")
def array_row(extent, lane, lanes, limit, row):
    """The array option of one dimension with a lane tile and a number of lanes; ``limit`` < 0 without windows."""
    array = lane * lanes
    whole = math.floor(extent / array)
    row[LANE], row[ARRAY] = lane, array
    row[STEPS] = whole * lane + min(extent - whole * array, lane)
    row[TRIPS], row[PIECES] = math.ceil(extent / array), math.ceil(extent / lane)
    row[COPIES] = row[MOST] = math.ceil(min(array, extent) / lane)
    row[OVER_ARRAY] = shared_sum(extent, array, limit) if limit >= 0 else 0.0
    row[OVER_LANE] = shared_sum(extent, lane, limit) if limit >= 0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def buffer_row(extent, limit, row, tile, option):
    """The buffer option of one dimension with a tile size over an array option."""
    size = min(tile, extent)
    option[TILE], option[VISITS] = size, math.ceil(extent / size)
    option[OVER_TILE] = shared_sum(extent, size, limit) if limit >= 0 else 0.0
    whole = math.floor(extent / size)
    rest = extent - whole * size
    each = math.ceil(min(row[ARRAY], size) / row[LANE])
    option[COPIES_ONCE] = whole * each + math.ceil(min(rest, row[ARRAY]) / row[LANE])


@njit(cache=True, nogil=True, error_model="numpy")
def buffer_rows(extent, limit, row, options):
    """Buffer tiles worth trying over an array option, fewest visits first; their number.

    Of all tiles with as many visits the smallest is best, but for windows that share more than one place, and for the
    lanes that a short last tile needs, which only the largest tile may save.
    """
    count, trips = 0, row[TRIPS]
    visits = 1.0
    while True:
        least = math.ceil(trips / visits)
        most = least if visits == 1 else math.ceil(trips / (visits - 1)) - 1
        buffer_row(extent, limit, row, least * row[ARRAY], options[count])
        count += 1
        for factor in range(least + 1, most + 1):
            if limit > 1 or factor == most:
                buffer_row(extent, limit, row, factor * row[ARRAY], options[count])
                if limit > 1 or options[count, COPIES_ONCE] < options[count - 1, COPIES_ONCE]:
                    count += 1
        if least <= 1:
            return count
        visits = math.ceil(trips / (least - 1))


@njit(cache=True, nogil=True, error_model="numpy")
def _at_least_as_good(limit, uses, better, worse):
    """Whether no number that counts of the first array option is worse than that of the second, buffer tiles aside."""
    if better[STEPS] > worse[STEPS] or better[LANE] > worse[LANE] or better[ARRAY] > worse[ARRAY]:
        return False
    if better[TRIPS] > worse[TRIPS] and (uses & TRIPS_USED or worse[ARRAY] % better[ARRAY] != 0):
        return False
    if uses & PIECES_USED and better[PIECES] > worse[PIECES]:
        return False
    if uses & COPIES_USED and better[COPIES] > worse[COPIES]:
        return False
    if uses & FIRST_USED and better[MOST] < worse[MOST]:
        return False
    if limit < 0:
        return True
    if better[OVER_ARRAY] < worse[OVER_ARRAY] or better[OVER_LANE] < worse[OVER_LANE]:
        return False
    if worse[ARRAY] == worse[LANE] and better[ARRAY] != better[LANE]:
        return False
    return limit <= 1 or better[ARRAY] == worse[ARRAY]


@njit(cache=True, nogil=True, error_model="numpy")
def same_or_better(extent, limit, uses, better, worse, scratch):
    """Whether the first array option beats the second, or equals it, whatever the other dimensions choose."""
    if not _at_least_as_good(limit, uses, better, worse):
        return False
    if not uses & COPIES_USED:
        return True
    # A last tile short of lanes is the last array tile alone, as in tiles of one array tile, or the whole dimension.
    unit = better[ARRAY] if better[TRIPS] <= worse[TRIPS] else worse[ARRAY]
    for factor in (1.0, worse[TRIPS]):
        buffer_row(extent, limit, better, factor * unit, scratch[0])
        buffer_row(extent, limit, worse, factor * worse[ARRAY], scratch[1])
        if scratch[0, COPIES_ONCE] > scratch[1, COPIES_ONCE]:
            return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _beaten(extent, most_lanes, limit, uses, row, other, scratch):
    """Whether an array option of at most as many lanes beats one; only those of its classes of equal counts can."""
    lane, array = row[LANE], row[ARRAY]
    least_lane = math.ceil(extent / row[PIECES]) if uses & PIECES_USED else 1.0
    least_array = math.ceil(extent / row[TRIPS])
    smaller = lane
    while smaller >= least_lane:
        many = min(math.floor(array / smaller), most_lanes)
        while many >= 1 and smaller * many >= least_array:
            if smaller * many < array or smaller < lane:
                array_row(extent, smaller, many, limit, other)
                if same_or_better(extent, limit, uses, other, row, scratch):
                    return True
            many -= 1
        many = math.floor(array / lane)
        if not uses & TRIPS_USED and smaller < lane and lane % smaller == 0:
            array_row(extent, smaller, many, limit, other)
            if same_or_better(extent, limit, uses, other, row, scratch):
                return True
        smaller -= 1
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def array_rows(extent, most_lane, most_lanes, limit, uses, pruned):
    """All array options of one dimension; if ``pruned``, without those that others beat.

    Args:
        extent, limit: of the dimension.
        most_lane, most_lanes: the largest tile of a lane, and lanes.
        uses: bits of the numbers that cost depends on, see ``_layout``.
        pruned: whether options that others beat are left out.
    """
    count, size = 0, 256
    rows, other, scratch = np.empty((size, 9)), np.empty(9), np.empty((2, 4))
    for lanes in range(1, most_lanes + 1):
        for lane in range(1, most_lane + 1):
            if (lanes - 1) * lane >= extent:
                break
            if count == size:
                grown = np.empty((2 * size, 9))
                grown[:size] = rows
                rows, size = grown, 2 * size
            array_row(extent, lane, lanes, limit, rows[count])
            if not pruned or not _beaten(extent, most_lanes, limit, uses, rows[count], other, scratch):
                count += 1
    return rows[:count]


@njit(cache=True, nogil=True, error_model="numpy")
def tile_rows(extent, limit, divisors, whole, options):
    """Outer tile sizes for a systolic array: per number of tiles, those that need fewer folds than any smaller one.

    Args:
        extent, limit: of the dimension.
        divisors: extents whose folds count: sum over tiles of ceil(tile / divisor).
        whole: whether every size is taken.
        options: receives the rows; their number is returned.
    """
    count, visits = 0, 1.0
    folds = np.empty(len(divisors))
    while True:
        least = math.ceil(extent / visits)
        most = extent if visits == 1 else math.ceil(extent / (visits - 1)) - 1
        folds[:] = math.inf
        size = least
        while size <= most:
            good = whole or size == least
            rest = extent - (visits - 1) * size
            for i in range(len(divisors)):
                need = (visits - 1) * math.ceil(size / divisors[i]) + math.ceil(rest / divisors[i])
                if need < folds[i]:
                    folds[i] = need
                    good = True
            if good and count < len(options):
                option = options[count]
                option[TILE], option[VISITS], option[COPIES_ONCE] = size, visits, 1.0
                option[OVER_TILE] = shared_sum(extent, size, limit) if limit >= 0 else 0.0
                count += 1
            size += 1
        if least <= 1:
            return count
        visits = math.ceil(extent / (least - 1))
