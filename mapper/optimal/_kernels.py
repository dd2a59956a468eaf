# pyright: basic
"""Compiled cost of one mapping: products over the dimensions of a few numbers each. See docs/mapping.md.

``mapper.cost.evaluate`` is the plain reference; tests compare the two on random mappings. Operands are numbered input,
weight, output; a dimension's choice is a row of an option table (columns below), sizes are held as floats.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

LANE, ARRAY, STEPS, TRIPS, PIECES, COPIES, MOST, OVER_ARRAY, OVER_LANE = range(9)
"""Columns of an array option: extents of one lane and of all lanes, steps in time, array tiles, lane tiles, lanes of
the first array tile (least, most), and what windows share within array tiles and within lane tiles."""
TILE, VISITS, OVER_TILE, COPIES_ONCE = range(4)
"""Columns of a buffer option: extent, number of tiles, what windows share within them, lanes of first array tiles."""


MOST_DIMS, MOST_AXES, MOST_SPLITS, MOST_ROOMS = 10, 24, 64, 4
PROBLEM = np.dtype([
    ("dims", np.int64), ("axis_count", np.int64), ("split_count", np.int64), ("room_count", np.int64),
    ("kind", np.int64),
    ("extents", np.float64, (MOST_DIMS,)),
    ("moves", np.int64, (3, MOST_DIMS)),
    ("axes", np.int64, (MOST_AXES, 3)),
    ("limits", np.float64, (MOST_AXES, 2)),
    ("flags", np.int64, (5, 3)),
    ("element", np.float64, (2, 3)),
    ("words", np.float64, (3,)),
    ("energy", np.float64, (2, 3)),
    ("places", np.float64, (3,)),
    ("scalars", np.float64, (19,)),
    ("dram", np.float64, (19,)),
    ("systolic", np.float64, (6,)),
    ("splits", np.float64, (MOST_SPLITS, 3)),
    ("classes", np.int64, (MOST_DIMS,)),
    ("folds", np.float64, (3, 2)),
    ("rooms", np.float64, (MOST_ROOMS, 4)),
])  # fmt: skip
"""One contraction on one array, as a record of numbers and small arrays of which the first entries are used.

extents: of the dimensions; moves: 1 where one moves an operand; axes: (operand, dimension, second dimension of
a window or -1) in the order in which they lie in memory; limits: per axis and side, how much of a tile does not
overlap, see ``hwsim.nest.span``; flags, element, energy: per operand, see below; words: per operand, words per cycle of
its network, 0 for unlimited; places: elements of every operand; scalars, dram, systolic: see below; splits: ways to
share batch, M and N among copies of a systolic array; classes: batch, m, n or k; folds: per operand, its class of folds
on a systolic array (or -1) and their size; rooms: per lane memory its bits, and whether it holds each operand;
kind: 0 for a spatial array, 1 for a systolic one, 2 for the outer memory alone.
"""

HELD, FED, RESIDENT, EXPOSED, AHEAD = range(5)
"""Rows of ``flags``: lanes hold it, shared memory does, no outer traffic, delivery stops the array, fetched ahead."""
BITS, STORED = range(2)
"""Rows of ``element``: width, size in the outer memory relative to plain."""
LANE_READ, LANE_WRITE = range(2)
"""Rows of ``energy``: joules per bit of the lane memory of each operand."""
(
    RATE, SHARED_RATE, BYPASS_RATE, DENSITY, HERTZ, LIMITED, DOUBLED, LATENCY, OUT_READ, OUT_WRITE, PAD_READ, PAD_WRITE,
    NETWORK, CONSTANT, LEAKAGE, CAPACITY, PARTIAL, HALO, PACE,
) = range(19)  # fmt: skip
"""Entries of ``scalars``; PACE is seconds per byte of the outer memory for long streams."""
(
    TIMED, ROW, CHANNELS, INTERLEAVE, BURST, BURST_CLOCKS, DATA_CLOCKS, OPEN_CLOCKS, BANK_LEAST, BANK_FIRST, BANK_NEXT,
    BANK_LAST, BANKS, OVERRIDDEN, REFRESH, STREAM_FRACTION, PORT_RATE, DRAM_RATE, OPEN_ENERGY,
) = range(19)  # fmt: skip
"""Entries of ``dram``: constants of ``hwsim.dram.bandwidth``; TIMED is 0 where the outer memory has no timing."""


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
def held(p, tiles):
    """Bytes of the shared memory that a buffer tile occupies with all its buffers."""
    total = 0.0
    for op in range(3):
        if not p.flags[FED, op] or p.flags[RESIDENT, op]:
            continue
        fetched = reduced = False
        for d in range(p.dims):
            if tiles[d, VISITS] > 1:
                if p.moves[op, d]:
                    fetched = True
                else:
                    reduced = True
        bits = p.scalars[PARTIAL] if op == 2 and reduced else p.element[BITS, op]
        size = tile_volume(p, op, tiles, TILE) * bits / 8
        total += 2 * size if fetched and p.scalars[DOUBLED] else size
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def runs(p, op, tiles):
    """Size, pitch and number of the runs of a tile in bytes; as ``hwsim.layout.runs_of``."""
    bits = p.element[BITS, op] / 8
    if op == 1:
        size = tile_volume(p, op, tiles, TILE) * bits
        return size, size, 1.0
    run = pitch = many = 1.0
    joined = linked = True
    for a in range(p.axis_count - 1, -1, -1):
        if p.axes[a, 0] != op:
            continue
        one, two = p.axes[a, 1], p.axes[a, 2]
        covered, whole = min(tiles[one, TILE], p.extents[one]), p.extents[one]
        if two >= 0:
            first, second = covered, min(tiles[two, TILE], p.extents[two])
            covered = first * second - max(first - p.limits[a, 0], 0.0) * max(second - p.limits[a, 1], 0.0)
            first, second = p.extents[one], p.extents[two]
            whole = first * second - max(first - p.limits[a, 0], 0.0) * max(second - p.limits[a, 1], 0.0)
        if joined:
            run *= covered
            pitch *= whole
        elif linked:
            many *= covered
        linked = linked and (joined or covered >= whole)
        joined = joined and covered >= whole
    return run * bits, pitch * bits, many


@njit(cache=True, nogil=True, error_model="numpy")
def pace(p, op, tiles):
    """Seconds per byte of an operand's tiles, and joules per byte to open rows beyond those of a stream."""
    if p.dram[TIMED] == 0.0:
        return p.scalars[PACE], 0.0
    size, pitch, many = runs(p, op, tiles)
    row, channels = p.dram[ROW], p.dram[CHANNELS]
    window = min(max(row * channels / pitch, 1.0), many)
    visit = min(max(min(size, p.dram[INTERLEAVE]), min(size, row * channels) * window / channels), row)
    opened = (1 / visit - 1 / row) * p.dram[OPEN_ENERGY]
    if p.dram[OVERRIDDEN] > 0:
        return p.scalars[PACE], opened
    run = min(size, visit)
    bursts = max(visit / run * math.ceil(run / p.dram[BURST]), 1.0)
    ready = max(p.dram[BANK_FIRST], p.dram[BANK_NEXT] + (bursts - 1) * p.dram[BANK_LAST])
    bank = max(p.dram[BANK_LEAST], ready) / p.dram[BANKS]
    clocks = max(max(bursts * p.dram[DATA_CLOCKS], p.dram[OPEN_CLOCKS]), bank)
    fraction = visit / p.dram[BURST] * p.dram[BURST_CLOCKS] / clocks * p.dram[REFRESH]
    rate = min(p.dram[PORT_RATE], p.dram[DRAM_RATE] * fraction / p.dram[STREAM_FRACTION])
    return 1 / rate, opened


@njit(cache=True, nogil=True, error_model="numpy")
def swept(p, op, tiles):
    """Elements of an operand summed over all buffer tiles; overlapping windows are fetched again."""
    volume = 1.0
    for a in range(p.axis_count):
        if p.axes[a, 0] == op:
            one, two = p.axes[a, 1], p.axes[a, 2]
            if two < 0:
                volume *= p.extents[one]
            else:
                volume *= p.extents[one] * p.extents[two] - tiles[one, OVER_TILE] * tiles[two, OVER_TILE]
    return volume


@njit(cache=True, nogil=True, error_model="numpy")
def outer_costs(p, tiles, stay, optimist, out):
    """Traffic of the outer memory: seconds (ahead, all), of the first tiles, waiting, joules, bytes into ``out``."""
    out[:6] = 0.0
    count = 1.0
    for d in range(p.dims):
        count *= tiles[d, VISITS]
    partial = p.scalars[PARTIAL]
    for op in range(3):
        if p.flags[RESIDENT, op]:
            continue
        volume, times = swept(p, op, tiles), 1.0
        if op != stay:
            for d in range(p.dims):
                if not p.moves[op, d]:
                    times *= tiles[d, VISITS]
        bits = p.element[BITS, op]
        coded = bits * p.element[STORED, op]
        per_byte, opening = (p.scalars[PACE], 0.0) if optimist else pace(p, op, tiles)
        read = volume * (times - 1) * partial if op == 2 else volume * times * coded
        write = volume * (coded + (times - 1) * partial) if op == 2 else 0.0
        busy = (read + write) / 8 * per_byte
        out[1] += busy
        if p.flags[AHEAD, op]:
            out[0] += busy
        out[2] += tile_volume(p, op, tiles, TILE) * bits / 8 * per_byte
        if p.flags[FED, op]:
            plain = volume * (bits + 2 * (times - 1) * partial) if op == 2 else volume * times * bits
            out[4] += read * p.scalars[OUT_READ] + write * p.scalars[OUT_WRITE] + plain / 8 * opening
            out[5] += (read + write) / 8
            if op == 2:
                out[4] += volume * partial * (times * p.scalars[PAD_READ] + (times - 1) * p.scalars[PAD_WRITE])
            else:
                out[4] += volume * times * bits * p.scalars[PAD_WRITE]
    out[3] = count * p.scalars[LATENCY]


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
        if op != mode[0]:
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
    stays = op == mode[0]
    through = stays and op == mode[2] and (bound or not moved)
    halo = op == 0 and p.scalars[HALO] > 0
    if bound and halo:
        volume = alone = steady = places
    else:
        whole = halo and stays and not moved
        kept = -1 if not halo else mode[1] if moved else mode[3] if whole else -1
        volume = window_volume(p, op, rows, tiles, not halo, kept, whole)
        alone = window_volume(p, op, rows, tiles, True, kept, whole)
        steady = window_volume(p, op, rows, tiles, not halo, -1, False) if whole else volume
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
def array_costs(p, rows, tiles, mode, bound, out):
    """Work of the array: seconds, joules of everything but the outer-to-shared traffic, bytes past the shared memory.

    ``mode`` holds: the operand whose loops run innermost over array tiles; the window dimension that is the innermost
    of the loops that move the input, or -1; the same two over buffer tiles. ``bound`` asks for a lower bound where rows
    are the best of several options.
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
        places = p.places[op]
        if p.flags[HELD, op]:
            words, played, copies, first, delivered = kept_words(p, op, rows, tiles, mode, bound, places)
        else:
            words, played, copies, first, delivered = streamed(p, op, rows)
        rate = p.words[op]
        if rate > 0 and p.flags[EXPOSED, op]:
            exposed += played / rate
            restarts = max(restarts, delivered)
        elif rate > 0:
            busy = max(busy, played / rate)
            fill += tile_volume(p, op, rows, ARRAY) / rate
        bits = played * p.element[BITS, op]
        if op == 2:
            bits = places * p.element[BITS, 2] + 2 * max(played - places, 0.0) * p.scalars[PARTIAL]
        if p.flags[FED, op]:
            shared += bits
        else:
            past += bits
        joules, size = delivery_joules(p, op, words, copies, first, places, points)
        out[1] += joules
        out[2] += size
    cycles = max(busy + exposed + restarts * fill, max(shared / p.scalars[SHARED_RATE], past / p.scalars[BYPASS_RATE]))
    out[0] = cycles * p.scalars[DENSITY] / p.scalars[HERTZ]


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
