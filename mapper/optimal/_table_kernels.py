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
    LANE,
    MOST,
    OVER_ARRAY,
    OVER_LANE,
    OVER_TILE,
    PIECES,
    STEPS,
    TILE,
    TRIPS,
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
def _at_least_as_good(limit, reduced, better, worse):
    """Whether no number of the first array option is worse than that of the second, buffer tiles aside."""
    if better[ARRAY] > worse[ARRAY] or better[LANE] > worse[LANE]:
        return False
    if better[STEPS] > worse[STEPS] or better[TRIPS] > worse[TRIPS] or better[PIECES] > worse[PIECES]:
        return False
    if better[COPIES] > worse[COPIES] or (reduced and better[COPIES] != worse[COPIES]):
        return False
    if limit < 0:
        return True
    if better[OVER_ARRAY] < worse[OVER_ARRAY] or better[OVER_LANE] < worse[OVER_LANE]:
        return False
    if worse[ARRAY] == worse[LANE] and better[ARRAY] != better[LANE]:
        return False
    return limit <= 1 or better[ARRAY] == worse[ARRAY]


@njit(cache=True, nogil=True, error_model="numpy")
def _same_or_better(extent, limit, reduced, better, worse, scratch):
    """Whether the first array option beats the second, or equals it, whatever the other dimensions choose."""
    if not _at_least_as_good(limit, reduced, better, worse):
        return False
    trips, visits = worse[TRIPS], 1.0
    while True:
        least = math.ceil(trips / visits)
        most = least if visits == 1 else math.ceil(trips / (visits - 1)) - 1
        for factor in (least, most):
            buffer_row(extent, limit, better, factor * better[ARRAY], scratch[0])
            buffer_row(extent, limit, worse, factor * worse[ARRAY], scratch[1])
            if scratch[0, COPIES_ONCE] > scratch[1, COPIES_ONCE]:
                return False
        if least <= 1:
            return True
        visits = math.ceil(trips / (least - 1))


@njit(cache=True, nogil=True, error_model="numpy")
def array_rows(extent, most_lane, most_lanes, limit, reduced, pruned):
    """All array options of one dimension; if ``pruned``, without those that others beat."""
    count = 0
    size = 4096
    rows = np.empty((size, 9))
    for lanes in range(1, most_lanes + 1):
        for lane in range(1, most_lane + 1):
            if (lanes - 1) * lane >= extent:
                break
            trips, pieces = math.ceil(extent / (lane * lanes)), math.ceil(extent / lane)
            if pruned and not reduced and 1 < lanes < most_lanes:
                # Of as many array tiles, fewer lanes make smaller ones and more lanes may save steps.
                before, after = math.ceil(extent / (lane * (lanes - 1))), math.ceil(extent / (lane * (lanes + 1)))
                if before == trips and after == trips and lanes * lane < extent:
                    continue
            if pruned and limit <= 1 and lane > 1 and math.ceil(extent / (lane - 1)) == pieces:
                rest = extent - math.floor(extent / (lane * lanes)) * lane * lanes
                if rest == 0 or rest >= lane:
                    continue
            if count == size:
                grown = np.empty((2 * size, 9))
                grown[:size] = rows
                rows, size = grown, 2 * size
            array_row(extent, lane, lanes, limit, rows[count])
            count += 1
    rows = rows[:count]
    if not pruned:
        return rows
    return _front(extent, limit, reduced, rows)


@njit(cache=True, nogil=True, error_model="numpy")
def _front(extent, limit, reduced, rows):
    keep = np.ones(len(rows), np.bool_)
    scratch = np.empty((2, 4))
    for one in range(len(rows)):
        for other in range(len(rows)):
            if (
                other != one
                and keep[other]
                and _same_or_better(extent, limit, reduced, rows[other], rows[one], scratch)
            ):
                keep[one] = False
                break
    return rows[keep]


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
