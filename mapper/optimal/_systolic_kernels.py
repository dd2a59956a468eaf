# pyright: basic
"""Compiled work of a systolic array on all buffer tiles together; ``mapper.cost`` is the plain reference."""

from __future__ import annotations

import math

from numba import njit

from mapper.optimal._layout import (
    BITS,
    BYPASS_RATE,
    DENSITY,
    FED,
    HERTZ,
    OUT_READ,
    OUT_WRITE,
    PAD_READ,
    PAD_WRITE,
    PARTIAL,
    RESIDENT,
    SHARED_RATE,
    STORED,
    TILE,
    VISITS,
)

ROWS, COLUMNS, RATE_OF_ARRAY, DATAFLOW, HIDES_FILL, LOADS_BEHIND = range(6)
"""Entries of ``systolic``; the dataflow is 0 for os, 1 for ws, 2 for is."""
BATCH, M, N, K = range(4)
"""Classes of dimensions."""


@njit(cache=True, nogil=True, error_model="numpy")
def class_sizes(p, tiles, sizes, counts, known):
    """Products of tile extents per class of dimensions, and how many tiles have them."""
    for c in range(4):
        known[c], sizes[c, 0], counts[c, 0] = 1, 1.0, 1.0
    for d in range(p.dims):
        c = p.classes[d]
        tile = p.extents[d] if tiles[d, VISITS] == 1.0 else tiles[d, TILE]
        whole = math.floor(p.extents[d] / tile)
        rest = p.extents[d] - whole * tile
        many = known[c]
        for i in range(many):
            if rest > 0:
                sizes[c, many + i] = sizes[c, i] * rest
                counts[c, many + i] = counts[c, i]
            sizes[c, i] *= tile
            counts[c, i] *= whole
        if rest > 0:
            known[c] = 2 * many


@njit(cache=True, nogil=True, error_model="numpy")
def class_sum(c, sizes, counts, known, divisor, moved, least):
    """Sum over the tiles of one class of (extent if ``moved``) x max(ceil(extent / divisor), least)."""
    result = 0.0
    for i in range(known[c]):
        part = max(math.ceil(sizes[c, i] / divisor), least)
        result += counts[c, i] * part * (sizes[c, i] if moved else 1.0)
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def stream_sums(c, sizes, counts, known, share, slow, skew, load):
    """Sums over the tiles of the class that streams: of its period, of the longer of period and load, of its length."""
    period = longer = length = 0.0
    for i in range(known[c]):
        one = math.ceil(math.ceil(sizes[c, i] / share) / slow)
        period += counts[c, i] * (one + skew)
        longer += counts[c, i] * max(one + skew, load)
        length += counts[c, i] * one
    return period, longer, length


@njit(cache=True, nogil=True, error_model="numpy")
def split_cycles(p, split, sizes, counts, known):
    """Cycles of all tiles when copies of the array share batch, M and N of each as in ``split``."""
    rows, columns, rate, flow = p.systolic[ROWS], p.systolic[COLUMNS], p.systolic[RATE_OF_ARRAY], p.systolic[DATAFLOW]
    down, across, along = (M, N, K) if flow == 0 else (K, N, M) if flow == 1 else (K, M, N)
    share = (p.splits[split, 0], p.splits[split, 1], p.splits[split, 2], 1.0)
    slow = rate if flow == 0 or rate < 1 else 1.0
    deep = rate if flow != 0 and rate >= 1 else 1.0
    skew = rows + columns - 2
    load = 0.0 if flow == 0 else rows
    folds = many = 1.0
    for c in range(4):
        tiles = class_sum(c, sizes, counts, known, 1e300, False, 1.0)
        many *= tiles
        if c == along:
            continue
        part = 0.0
        for i in range(known[c]):
            one = math.ceil(sizes[c, i] / share[c])
            if c == down:
                one = math.ceil(math.ceil(one / deep) / rows)
            elif c == across:
                one = math.ceil(one / columns)
            part += counts[c, i] * one
        folds *= part
    hides, behind = p.systolic[HIDES_FILL] > 0, p.systolic[LOADS_BEHIND] > 0
    period, longer, length = stream_sums(along, sizes, counts, known, share[along], slow, 0.0 if hides else skew, load)
    if behind:
        streams = class_sum(along, sizes, counts, known, 1e300, False, 1.0)
        others = many / streams
        return many * (load + skew) + (folds - others) * longer + others * length
    extra = many * skew if hides else 0.0
    streams = class_sum(along, sizes, counts, known, 1e300, False, 1.0)
    return folds * (period + load * streams) + extra


@njit(cache=True, nogil=True, error_model="numpy")
def passes(p, op, sizes, counts, known):
    """Elements of one operand that the array takes or gives, all tiles together; as ``hwsim`` counts them."""
    result = 1.0
    for c in range(4):
        moved = c == BATCH or (op == 0 and c != N) or (op == 1 and c != M) or (op == 2 and c != K)
        divisor = p.folds[op, 1] if p.folds[op, 0] == c else 1e300
        result *= class_sum(c, sizes, counts, known, divisor, moved, 1.0)
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def systolic_costs(p, tiles, work, out):
    """Seconds of the array, joules of what it takes from the memories, bytes past the shared memory; into ``out``."""
    sizes, counts, known = work
    class_sizes(p, tiles, sizes, counts, known)
    cycles = math.inf
    for split in range(p.split_count):
        cycles = min(cycles, split_cycles(p, split, sizes, counts, known))
    shared = past = 0.0
    out[1] = out[2] = 0.0
    for op in range(3):
        count, bits = passes(p, op, sizes, counts, known), p.element[BITS, op]
        stored = p.element[STORED, op]
        read, write = count * bits, 0.0
        if op == 2:
            results = p.places[2]
            read = (count - results) * p.scalars[PARTIAL]
            write = results * bits + read
        if p.flags[FED, op]:
            shared += read + write
            out[1] += read * p.scalars[PAD_READ] + write * p.scalars[PAD_WRITE]
        else:
            past += read + write
            if not p.flags[RESIDENT, op]:
                if op == 2:
                    write += results * bits * (stored - 1)
                else:
                    read *= stored
                out[1] += read * p.scalars[OUT_READ] + write * p.scalars[OUT_WRITE]
                out[2] += (read + write) / 8
    cycles = max(cycles, max(shared / p.scalars[SHARED_RATE], past / p.scalars[BYPASS_RATE]))
    out[0] = cycles * p.scalars[DENSITY] / p.scalars[HERTZ]
