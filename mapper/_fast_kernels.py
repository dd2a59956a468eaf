# pyright: basic
"""Compiled look at the tilings of one contraction on a systolic array, for searches over many chips.

``mapper.fast.looking`` is the plain reference: equal in every bit, because the operations on floats are the same in the
same order. Operands are numbered input, weight, output; classes of dimensions batch, m, n, k.
"""

from __future__ import annotations

import numpy as np
from numba import njit

ROWS, COLUMNS, DATAFLOW, HIDES_FILL, LOADS_BEHIND, DOUBLED, LIMITED, OBJECTIVE = range(8)
RATE, DENSITY, HERTZ, CAPACITY, PARTIAL, LATENCY, JOULES = range(7)
ROLE, SLOW, FAST, SLOW_STEP, FAST_STEP, WHOLE = range(6)
BITS, PLAIN, STORED, PACE = range(4)
MOVED, AHEAD = range(2)
LATENCY_GOAL, ENERGY_GOAL, EDP_GOAL, TRAFFIC_GOAL = range(4)
_OUTPUT, _SINGLE = 2, -1
_ROUNDING = 1 - 1e-9


@njit(cache=True, error_model="numpy")
def _ceil(value, divisor):
    return -(-value // divisor)


@njit(cache=True, error_model="numpy")
def _ceil_rate(value, rate):
    if rate == np.floor(rate):
        return _ceil(value, np.int64(rate))
    return np.int64(np.ceil(value / rate))


@njit(cache=True, error_model="numpy")
def _gemm_cycles(array, rate, batch, m, n, k):
    """``hwsim.units.systolic_array.gemm_cycles``."""
    if array[DATAFLOW] == 0:
        down, across, stream = m, n, _ceil_rate(k, rate)
    else:
        down, across, stream = (k, n, m) if array[DATAFLOW] == 1 else (k, m, n)
        if rate >= 1:
            down = _ceil_rate(down, rate)
        else:
            stream = _ceil_rate(stream, rate)
    folds = batch * _ceil(down, array[ROWS]) * _ceil(across, array[COLUMNS])
    skew = array[ROWS] + array[COLUMNS] - 2
    load = 0 if array[DATAFLOW] == 0 else array[ROWS]
    period = stream if array[HIDES_FILL] else stream + skew
    if array[LOADS_BEHIND]:
        return load + (folds - 1) * max(period, load) + stream + skew
    return folds * (period + load) + (skew if array[HIDES_FILL] else 0)


@njit(cache=True, error_model="numpy")
def _compute_seconds(tile, extents, classes, splits, array, numbers):
    """``mapper.cost.compute_seconds``."""
    batches = m = n = k = np.int64(1)
    share = 1.0
    for dim in range(len(extents)):
        extent, kind = tile[dim], classes[dim]
        share *= extents[dim] / extent
        if kind == 0:
            batches *= extent
        elif kind == 1:
            m *= extent
        elif kind == 2:
            n *= extent
        else:
            k *= extent
    fewest = np.int64(-1)
    for way in range(len(splits)):
        cycles = _gemm_cycles(
            array, numbers[RATE], _ceil(batches, splits[way, 0]), _ceil(m, splits[way, 1]), _ceil(n, splits[way, 2]), k
        )
        if fewest < 0 or cycles < fewest:
            fewest = cycles
    if numbers[DENSITY] < 1:
        return np.float64(np.int64(np.ceil(fewest * numbers[DENSITY]))) * share / numbers[HERTZ]
    return np.float64(fewest) * share / numbers[HERTZ]


@njit(cache=True, error_model="numpy")
def _span(axis, tile):
    """``hwsim.nest.span`` of an axis of one or two dimensions."""
    slow, fast = tile[axis[SLOW]], axis[FAST]
    if fast == _SINGLE:
        return slow
    return slow * tile[fast] - max(slow - axis[SLOW_STEP], 0) * max(tile[fast] - axis[FAST_STEP], 0)


@njit(cache=True, error_model="numpy")
def _fill_sizes(tile, axes, operands, volume, size):
    """Bytes of the tile of every operand."""
    volume[:] = 1
    for place in range(len(axes)):
        volume[axes[place, ROLE]] *= _span(axes[place], tile)
    for role in range(3):
        size[role] = volume[role] * np.int64(operands[role, BITS]) / 8


@njit(cache=True, error_model="numpy")
def _fill_swept(tile, trips, axes, operands, swept):
    """Bytes of one sweep over all tiles of every operand."""
    for role in range(3):
        swept[role] = operands[role, PLAIN]
    for place in range(len(axes)):
        axis = axes[place]
        if axis[FAST] != _SINGLE:
            moved = _span(axis, tile) * (trips[axis[SLOW]] * trips[axis[FAST]])
            swept[axis[ROLE]] = swept[axis[ROLE]] / axis[WHOLE] * max(moved, axis[WHOLE])


@njit(cache=True, error_model="numpy")
def _held(tile, extents, moves, order, size, array, numbers):
    """``mapper.cost.held_bytes``; ``order`` lists the operands that the scratchpad holds."""
    held = 0.0
    for place in range(len(order)):
        role = order[place]
        fetched = reduced = False
        for dim in range(len(tile)):
            if tile[dim] < extents[dim]:
                fetched |= moves[role, dim]
                reduced |= not moves[role, dim]
        one = size[role]
        if role == _OUTPUT:
            one *= numbers[PARTIAL] if reduced else 1.0
        held += one * (2 if fetched else 1) if array[DOUBLED] else one
    return held


@njit(cache=True, error_model="numpy")
def _visits(role, order, trips, moves):
    inside = False
    times = np.int64(1)
    for place in range(len(order) - 1, -1, -1):
        dim = order[place]
        if moves[role, dim]:
            inside |= trips[dim] > 1
        elif inside:
            times *= trips[dim]
    return times


@njit(cache=True, error_model="numpy")
def _cost(order, trips, moves, uses, size, swept, compute, operands, array, numbers, key):
    """``mapper.cost.costs_in_order`` of one tiling, ranked into ``key``."""
    outer = transfer = hidden = first = 0.0
    tiles = np.int64(1)
    for dim in range(len(trips)):
        tiles *= trips[dim]
    for role in range(3):
        if not uses[MOVED, role]:
            continue
        times, stored = _visits(role, order, trips, moves), operands[role, STORED]
        if role == _OUTPUT:
            moved = swept[role] * (stored + (times - 1) * 2 * numbers[PARTIAL])
        else:
            moved = swept[role] * times * stored
        outer += moved
        transfer += moved * operands[role, PACE]
        first += size[role] * operands[role, PACE]
        if uses[AHEAD, role]:
            hidden += moved * operands[role, PACE]
    seconds = compute
    if array[LIMITED]:
        waiting = tiles * numbers[LATENCY]
        if array[DOUBLED]:
            seconds = max(max(compute, transfer), (compute + transfer + waiting) / 2) + min(first, transfer)
        else:
            seconds = max(compute, hidden) + (transfer - hidden) + waiting
    _rank(array[OBJECTIVE], seconds, outer * 8 * numbers[JOULES] / 2, outer, key)
    key[3] = tiles


@njit(cache=True, error_model="numpy")
def _rank(objective, seconds, energy, outer, key):
    """``mapper.base.rank``."""
    if objective == LATENCY_GOAL:
        key[0], key[1], key[2] = seconds, energy, outer
    elif objective == ENERGY_GOAL:
        key[0], key[1], key[2] = energy, seconds, outer
    elif objective == EDP_GOAL:
        key[0], key[1], key[2] = energy * seconds, seconds, outer
    else:
        key[0], key[1], key[2] = outer, seconds, energy


@njit(cache=True, error_model="numpy")
def _better(key, best, order, place, best_order, best_place):
    """Whether a key comes before the best; among equals the first order, then the first tiling."""
    for part in range(4):
        if key[part] != best[part]:
            return key[part] < best[part]
    return best_place >= 0 and (order < best_order or (order == best_order and place < best_place))


@njit(cache=True, error_model="numpy")
def _least_transfer(uses, swept, operands):
    """Seconds of moving every operand once, less any rounding: no order of the loops takes less."""
    seconds = 0.0
    for role in range(3):
        if uses[MOVED, role]:
            seconds += swept[role] * operands[role, STORED] * operands[role, PACE]
    return seconds * _ROUNDING


@njit(cache=True, error_model="numpy")
def best_tiling(tiles, extents, classes, moves, axes, orders, splits, holds, uses, operands, array, numbers, best):
    """The best of some tilings in some orders.

    Args:
        tiles: extents, [dims, tilings].
        extents, classes: of the nest's dimensions.
        moves: [operand, dim], whether the dimension moves it.
        axes: rows of (ROLE, SLOW, FAST, SLOW_STEP, FAST_STEP, WHOLE); FAST is -1 where one dimension moves the axis.
        orders: [order, dim], outermost first.
        splits: [way, 3], shares of batch, m and n of one copy.
        holds: operands in the scratchpad, in its order.
        uses: [MOVED or AHEAD, operand], whether it crosses the port, and whether it does so ahead of a single buffer.
        operands: [operand, 4], columns BITS, PLAIN, STORED, PACE.
        array, numbers: see the constants.
        best: the key to be beaten, and on return the best key; infinite if there is none.

    Returns:
        Column of the best tiling (-1: none), its order, and how many tilings fit.
    """
    dims, count = tiles.shape
    tile, trips, volume = np.empty(dims, np.int64), np.empty(dims, np.int64), np.empty(3, np.int64)
    size, swept, key = np.empty(3), np.empty(3), np.empty(4)
    best_place = best_order = -1
    fitting = 0
    # From the largest, which are usually good, so that most others are left behind after their first term.
    for place in range(count - 1, -1, -1):
        for dim in range(dims):
            tile[dim] = tiles[dim, place]
        _fill_sizes(tile, axes, operands, volume, size)
        if _held(tile, extents, moves, holds, size, array, numbers) > numbers[CAPACITY]:
            continue
        fitting += 1
        compute = _compute_seconds(tile, extents, classes, splits, array, numbers)
        if array[OBJECTIVE] == LATENCY_GOAL and compute > best[0]:
            continue
        for dim in range(dims):
            trips[dim] = _ceil(extents[dim], tile[dim])
        _fill_swept(tile, trips, axes, operands, swept)
        if array[OBJECTIVE] == LATENCY_GOAL and _least_transfer(uses, swept, operands) > best[0]:
            continue
        for order in range(len(orders)):
            _cost(orders[order], trips, moves, uses, size, swept, compute, operands, array, numbers, key)
            if _better(key, best, order, place, best_order, best_place):
                best[:] = key
                best_place, best_order = place, order
    return best_place, best_order, fitting
