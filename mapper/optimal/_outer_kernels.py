# pyright: basic
"""Compiled room of buffer tiles and cost of the traffic of the outer memory; see ``_kernels`` for the arguments."""

from __future__ import annotations

import math

from numba import njit

from mapper.optimal._kernels import (
    tile_volume,
)
from mapper.optimal._layout import (
    AHEAD,
    BANK_FIRST,
    BANK_LAST,
    BANK_LEAST,
    BANK_NEXT,
    BANKS,
    BITS,
    BURST,
    BURST_CLOCKS,
    BYPASS_RATE,
    CHANNELS,
    DATA_CLOCKS,
    DENSITY,
    DOUBLED,
    DRAM_RATE,
    EXPOSED,
    FED,
    HELD,
    HERTZ,
    INNER_STAY,
    INTERLEAVE,
    LANE_READ,
    LANE_WRITE,
    LATENCY,
    NETWORK,
    OPEN_CLOCKS,
    OPEN_ENERGY,
    OUT_READ,
    OUT_WRITE,
    OVER_TILE,
    OVERRIDDEN,
    PACE,
    PAD_READ,
    PAD_WRITE,
    PARTIAL,
    PORT_RATE,
    REFRESH,
    RESIDENT,
    ROW,
    SHARED_RATE,
    STORED,
    STREAM_FRACTION,
    TILE,
    TIMED,
    VISITS,
)


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
def again_costs(p, tiles, mode, out):
    """The least that fetching the operand that stays in the lanes anew for every buffer tile adds to one pass over it.

    Seconds of delivery that stops the array, joules and bytes past the shared memory are what is added; last come the
    least seconds in all that its network and the memories allow.
    """
    op = mode[INNER_STAY]
    out[:4] = 0.0
    if not p.flags[HELD, op]:
        return
    visits = 1.0
    for d in range(p.dims):
        if not p.moves[op, d]:
            visits *= tiles[d, VISITS]
    places, bits, second = p.places[op], p.element[BITS, op], p.scalars[DENSITY] / p.scalars[HERTZ]
    more = places * (visits - 1)
    if p.words[op] > 0:
        out[3] = places * visits / p.words[op] * second
        if p.flags[EXPOSED, op]:
            out[0] = more / p.words[op] * second
    moved = places * bits + 2 * more * p.scalars[PARTIAL] if op == 2 else places * visits * bits
    out[3] = max(out[3], moved / (p.scalars[SHARED_RATE] if p.flags[FED, op] else p.scalars[BYPASS_RATE]) * second)
    size = p.scalars[PARTIAL] if op == 2 else bits
    joules = size * p.scalars[NETWORK] + size * p.energy[LANE_WRITE, op]
    if op == 2:
        joules += size * (p.scalars[NETWORK] + p.energy[LANE_READ, op])
    if p.flags[FED, op]:
        joules += size * p.scalars[PAD_READ] + (size * p.scalars[PAD_WRITE] if op == 2 else 0.0)
    elif not p.flags[RESIDENT, op]:
        read = size if op == 2 else size * p.element[STORED, op]
        write = size if op == 2 else 0.0
        joules += read * p.scalars[OUT_READ] + write * p.scalars[OUT_WRITE]
        out[2] = more * (read + write) / 8
    out[1] = more * joules
