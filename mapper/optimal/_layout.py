# pyright: basic
"""Numbers of the columns, rows and entries of the arrays that the compiled functions share."""

from __future__ import annotations

import numpy as np

LANE, ARRAY, STEPS, TRIPS, PIECES, COPIES, MOST, OVER_ARRAY, OVER_LANE = range(9)
"""Columns of an array option: extents of one lane and of all lanes, steps in time, array tiles, lane tiles, lanes of
the first array tile (least, most), and what windows share within array tiles and within lane tiles."""
TILE, VISITS, OVER_TILE, COPIES_ONCE = range(4)
"""Columns of a buffer option: extent, number of tiles, what windows share within them, lanes of first array tiles."""
OUTPUT = 2
"""Number of the output among the operands."""
NO_DIM = -1
"""In place of a dimension: none."""
TRIPS_USED, PIECES_USED, COPIES_USED, FIRST_USED = 1, 2, 4, 8
"""Bits of the columns of an array option that cost depends on, given which operand stays; the others always count."""
INNER_STAY, INNER_CARRIED, OUTER_STAY, OUTER_CARRIED, THROUGH = range(5)
"""Entries of a mode: the operand that stays over array tiles, the window dimension innermost of those that move the
input (or -1), the same two over buffer tiles, and whether one operand stays through both (only bounds look at it)."""


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
kind: 0 for a spatial array, 1 for a systolic one; from 2 on the outer memory alone, see ``OUTER_AND_AGAIN``.
"""

OUTER_AND_AGAIN, OUTER_ALONE, OUTER_BEHIND = range(2, 5)
"""Kinds of bounds of the outer traffic: with what the operand that stays in the lanes adds when it comes anew for every
buffer tile; without; and hidden behind the least time of its deliveries."""

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

ALWAYS, ONCE, KNOWN = range(3)
"""States of an operand's share in ``array_costs``: computed each time, kept from the next time on, kept."""
