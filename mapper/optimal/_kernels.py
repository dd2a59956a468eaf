# pyright: basic
"""Compiled cost of one mapping: products over the dimensions of a few numbers each. See docs/mapping.md.

``mapper.cost.evaluate`` is the plain reference; tests compare the two on random mappings. Operands are numbered input,
weight, output; a dimension's choice is a row of an option table (columns below), sizes are held as floats.
"""

from __future__ import annotations

import math

from numba import njit

from mapper.optimal._layout import (
    ALWAYS,
    ARRAY,
    BITS,
    BYPASS_RATE,
    CONSTANT,
    COPIES,
    COPIES_ONCE,
    DENSITY,
    DOUBLED,
    EXPOSED,
    FED,
    HALO,
    HELD,
    HERTZ,
    INNER_CARRIED,
    INNER_STAY,
    KNOWN,
    LANE,
    LANE_READ,
    LANE_WRITE,
    LEAKAGE,
    LIMITED,
    MOST,
    NETWORK,
    NO_DIM,
    ONCE,
    OUT_READ,
    OUT_WRITE,
    OUTER_CARRIED,
    OUTER_STAY,
    OVER_ARRAY,
    OVER_LANE,
    OVER_TILE,
    PAD_READ,
    PAD_WRITE,
    PARTIAL,
    PIECES,
    RATE,
    RESIDENT,
    SHARED_RATE,
    STEPS,
    STORED,
    THROUGH,
    TRIPS,
    VISITS,
)


@njit(cache=True, nogil=True, error_model="numpy")
def copy_row(source, target):
    """One row copied; assignments of slices take long to compile."""
    for i in range(len(source)):
        target[i] = source[i]


@njit(cache=True, nogil=True, error_model="numpy")
def copy_rows(source, target):
    """All rows copied."""
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@njit(cache=True, nogil=True, error_model="numpy")
def set_states(shares, stay):
    """Shares of operands are kept from now on, but for that of one which is computed each time (all with -1)."""
    for op in range(3):
        shares[op, 0] = ALWAYS if stay < 0 or op == stay else ONCE


@njit(cache=True, nogil=True, error_model="numpy")
def shared_sum(extent: float, size: float, limit: float) -> float:
    """Sum over tiles of max(length - limit, 0): what windows of a tile share."""
    whole = math.floor(extent / size)
    return whole * max(size - limit, 0.0) + max(extent - whole * size - limit, 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def lane_bits(p, op, rows):
    """Bits of one operand's lane tile."""
    size = p.scalars[PARTIAL] if op == 2 else p.element[BITS, op]
    for a in range(p.axis_count):
        if p.axes[a, 0] == op:
            one, two = p.axes[a, 1], p.axes[a, 2]
            first = rows[one, LANE]
            if two < 0:
                size *= first
            else:
                second = rows[two, LANE]
                size *= first * second - max(first - p.limits[a, 0], 0.0) * max(second - p.limits[a, 1], 0.0)
    return size


@njit(cache=True, nogil=True, error_model="numpy")
def tile_volume(p, op, sizes, column):
    """Elements of one operand in a tile whose extents are a column of ``sizes``."""
    size = 1.0
    for a in range(p.axis_count):
        if p.axes[a, 0] == op:
            one, two = p.axes[a, 1], p.axes[a, 2]
            first = min(sizes[one, column], p.extents[one])
            if two < 0:
                size *= first
            else:
                second = min(sizes[two, column], p.extents[two])
                size *= first * second - max(first - p.limits[a, 0], 0.0) * max(second - p.limits[a, 1], 0.0)
    return size


@njit(cache=True, nogil=True, error_model="numpy")
def window_volume(p, op, rows, tiles, lanes, kept, kept_whole):
    """Positions of an operand over all deliveries; windows along ``kept`` are carried on (in tiles or wholly)."""
    volume = 1.0
    for a in range(p.axis_count):
        if p.axes[a, 0] != op:
            continue
        one, two = p.axes[a, 1], p.axes[a, 2]
        if two < 0:
            volume *= p.extents[one]
            continue
        again = 1.0
        for side in range(2):
            d = p.axes[a, 1 + side]
            if d == kept:
                again *= max(p.extents[d] - p.limits[a, side], 0.0) if kept_whole else tiles[d, OVER_TILE]
            else:
                again *= rows[d, OVER_LANE] if lanes else rows[d, OVER_ARRAY]
        volume *= p.extents[one] * p.extents[two] - again
    return volume


@njit(cache=True, nogil=True, error_model="numpy")
def streamed(p, op, rows):
    """Words, their time, copies, first copies and deliveries of an operand that lanes do not keep."""
    words = copies = first = 1.0
    for d in range(p.dims):
        words *= p.extents[d] if p.moves[op, d] else rows[d, STEPS]
        copies *= p.extents[d]
        first *= p.extents[d] if p.moves[op, d] else rows[d, MOST]
    return words, words, copies, first, 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def repeats(p, op, rows, tiles, mode, through):
    """Visits to each place, copies delivered, lanes of the first tile, visits of buffer tiles, moves of the tile."""
    times = copied = lanes = again = trips = 1.0
    for d in range(p.dims):
        if p.moves[op, d]:
            trips *= rows[d, TRIPS]
            continue
        lanes *= rows[d, MOST]
        again *= tiles[d, VISITS]
        if op != mode[INNER_STAY]:
            times *= rows[d, TRIPS]
            copied *= rows[d, PIECES]
        elif through:
            copied *= rows[d, COPIES]
        else:
            times *= tiles[d, VISITS]
            copied *= tiles[d, COPIES_ONCE]
    return times, copied, lanes, again, trips


@njit(cache=True, nogil=True, error_model="numpy")
def kept_words(p, op, rows, tiles, mode, bound, places):
    """The same as ``streamed`` for an operand that lanes keep; ``mode`` is the loop orders, see ``array_costs``."""
    moved = False
    for d in range(p.dims):
        if p.moves[op, d] and rows[d, TRIPS] > tiles[d, VISITS]:
            moved = True
    stays = op == mode[INNER_STAY]
    through = stays and op == mode[OUTER_STAY] and (mode[THROUGH] > 0 if bound else not moved)
    halo = op == 0 and p.scalars[HALO] > 0
    if bound and halo:
        volume = alone = steady = places
    else:
        whole = halo and stays and not moved
        kept = -1 if not halo else mode[INNER_CARRIED] if moved else mode[OUTER_CARRIED] if whole else -1
        lanes = not halo
        volume = window_volume(p, op, rows, tiles, lanes, kept, whole)
        alone = window_volume(p, op, rows, tiles, lanes or halo, kept, whole)
        steady = volume
        if whole:
            kept, whole = NO_DIM, not whole
            steady = window_volume(p, op, rows, tiles, lanes, kept, whole)
    times, copied, lanes, again, trips = repeats(p, op, rows, tiles, mode, through)
    played = steady * (1.0 if bound else again) if stays and not moved else volume * times
    return volume * times, played, alone * copied, lanes * places, trips * (again if stays else times)


@njit(cache=True, nogil=True, error_model="numpy")
def delivery_joules(p, op, words, copies, first, places, points):
    """Joules at the shared or outer memory, the network and the lanes, and bytes past the shared memory."""
    partial, bits, held_there = p.scalars[PARTIAL], p.element[BITS, op], p.flags[HELD, op]
    back = max(words - places, 0.0)
    read = back * partial if op == 2 else words * bits
    write = places * bits + back * partial if op == 2 else 0.0
    size = joules = 0.0
    if p.flags[FED, op]:
        joules += read * p.scalars[PAD_READ] + write * p.scalars[PAD_WRITE]
    elif not p.flags[RESIDENT, op]:
        stored = p.element[STORED, op]
        read *= 1.0 if op == 2 else stored
        write += places * bits * (stored - 1) if op == 2 else 0.0
        joules += read * p.scalars[OUT_READ] + write * p.scalars[OUT_WRITE]
        size += (read + write) / 8
    if op == 2:
        fills = max(copies - first, 0.0)
        joules += (fills + copies) * partial * p.scalars[NETWORK]
        if held_there:
            joules += (copies + points - first) * partial * p.energy[LANE_READ, 2]
            joules += fills * partial * p.energy[LANE_WRITE, 2]
        return joules, size
    joules += copies * bits * p.scalars[NETWORK]
    if held_there:
        joules += copies * bits * p.energy[LANE_WRITE, op]
    return joules, size


@njit(cache=True, nogil=True, error_model="numpy")
def operand_share(p, op, rows, tiles, mode, bound, points, share):
    """One operand's words played, deliveries, joules, bytes past the shared memory, shared bits and fill time."""
    places = p.places[op]
    if p.flags[HELD, op]:
        words, played, copies, first, delivered = kept_words(p, op, rows, tiles, mode, bound, places)
    else:
        words, played, copies, first, delivered = streamed(p, op, rows)
    joules, size = delivery_joules(p, op, words, copies, first, places, points)
    bits = played * p.element[BITS, op]
    if op == 2:
        bits = places * p.element[BITS, 2] + 2 * max(played - places, 0.0) * p.scalars[PARTIAL]
    share[1], share[2], share[3], share[4], share[5] = played, delivered, joules, size, bits
    share[6] = tile_volume(p, op, rows, ARRAY) / p.words[op] if p.words[op] > 0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def array_costs(p, rows, tiles, mode, bound, shares, out):
    """Work of the array: seconds, joules of everything but the outer-to-shared traffic, bytes past the shared memory.

    The seconds that the lanes and their networks alone would take come last. ``mode`` holds the orders of the loops,
    see ``_layout``. ``bound`` asks for a lower bound where rows are the best of several options. ``shares`` holds per
    operand its state and what ``operand_share`` says.
    """
    steps = points = restarts = 1.0
    for d in range(p.dims):
        steps *= rows[d, STEPS]
        points *= p.extents[d]
        restarts *= tiles[d, VISITS]
    busy, exposed, fill = steps / p.scalars[RATE], 0.0, 0.0
    shared = past = 0.0
    out[1] = out[2] = 0.0
    for op in range(3):
        share = shares[op]
        if share[0] != KNOWN:
            operand_share(p, op, rows, tiles, mode, bound, points, share)
            if share[0] == ONCE:
                share[0] = KNOWN
        rate = p.words[op]
        if rate > 0 and p.flags[EXPOSED, op]:
            exposed += share[1] / rate
            restarts = max(restarts, share[2])
        elif rate > 0:
            busy = max(busy, share[1] / rate)
            fill += share[6]
        if p.flags[FED, op]:
            shared += share[5]
        else:
            past += share[5]
        out[1] += share[3]
        out[2] += share[4]
    second = p.scalars[DENSITY] / p.scalars[HERTZ]
    out[3] = (busy + exposed + restarts * fill) * second
    out[0] = max(out[3], max(shared / p.scalars[SHARED_RATE], past / p.scalars[BYPASS_RATE]) * second)


@njit(cache=True, nogil=True, error_model="numpy")
def combine(p, array, outer, value):
    """Seconds, joules and bytes of the whole from those of the array and of the outer memory."""
    compute, hidden, moving, first, waiting = array[0], outer[0], outer[1], outer[2], outer[3]
    if p.scalars[LIMITED] == 0.0:
        value[0] = compute
    elif p.scalars[DOUBLED] > 0:
        value[0] = max(max(compute, moving), (compute + moving + waiting) / 2) + min(first, moving)
    else:
        value[0] = max(compute, hidden) + (moving - hidden) + waiting
    value[1] = array[1] + outer[4] + p.scalars[CONSTANT] + p.scalars[LEAKAGE] * value[0]
    value[2] = array[2] + outer[5]
