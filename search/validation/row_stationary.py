"""Row-stationary mappings from the seven numbers by which they are published.

A processing element slides one filter row over one input row; a *set* of R x e elements makes e rows of one output
channel. The array holds r x t sets, one above the other or side by side; a set taller than the array allows is folded
over several blocks of rows.

Source: Chen et al., Eyeriss, JSSC 2017, section IV and Table III.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.nest import Nest
from hwsim.schedule import Level, TileLoop
from hwsim.units.spatial_array import SpatialArray
from workloads.errors import UserError


@dataclass(frozen=True, slots=True)
class RowStationary:
    """The mapping of one convolution.

    Attributes:
        m: output channels whose partial sums are in the buffer.
        n: images that share a load of the filters.
        e: output rows in the array at a time.
        p, q: output and input channels that one element interleaves.
        r, t: sets that share their outputs (input channels), and that share their inputs (output channels).
    """

    m: int
    n: int
    e: int
    p: int
    q: int
    r: int
    t: int


def row_stationary(nest: Nest, choice: RowStationary, array: SpatialArray, outer: str) -> tuple[Level, ...]:
    """The levels of a mapping: from the memory ``outer`` through the shared buffer to the lanes.

    Input rows of q x r channels are in the buffer while p x t filters after p x t filters slide over them; the partial
    sums of m channels stay in the buffer until all input channels are done.

    Raises:
        UserError: the sets do not fit the array.
    """
    rows, columns = _unrolled(nest.full.get("r", 1), choice, array.spec.rows, array.spec.columns)
    lane = {**dict.fromkeys(nest.dims, 1), "k": choice.p, "c": choice.q, "s": nest.full.get("s", 1)}
    in_space: list[TileLoop] = []
    size = dict(lane)
    for axis, pairs in (("columns", columns), ("rows", rows)):
        for dim, lanes in reversed(pairs):
            in_space.insert(0, TileLoop(dim, size.get(dim, 1), axis))
            size[dim] = size.get(dim, 1) * lanes
    tile = {"g": 1, "k": choice.m, "n": choice.n, "p": choice.e, "c": choice.q * choice.r}
    inside = {"k": choice.p * choice.t, "n": 1, "q": 1}
    filters, windows, sums = array.lane_memories
    return (
        Level(outer, _loops(nest.full, tile)),
        Level(array.shared_memory, (*_loops({**nest.full, **tile}, inside), *in_space), ("input", "output")),
        Level(filters, (), ("weight",)),
        Level(windows, (), ("input",)),
        Level(sums, tuple(TileLoop(dim, 1) for dim in ("k", "c", "s") if lane[dim] > 1), ("output",)),
    )


def _loops(enclosing: dict[str, int], tile: dict[str, int]) -> tuple[TileLoop, ...]:
    return tuple(TileLoop(dim, size) for dim, size in tile.items() if size < enclosing.get(dim, 1))


def _unrolled(
    filter_rows: int, choice: RowStationary, rows: int, columns: int
) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Dimensions along the rows and the columns of the array, outermost first, with their lanes."""
    blocks = -(-choice.e // columns)
    down, beside = rows // (filter_rows * blocks), columns // choice.e if blocks == 1 else 1
    across = 1 if choice.r * choice.t <= down else -(-choice.t * choice.r // max(down, 1))
    if down < 1 or across > beside or choice.t % across:
        raise UserError(f"{choice.r} x {choice.t} sets of {filter_rows} x {choice.e} do not fit {rows} x {columns}")
    up: list[tuple[str, int]] = [("k", choice.t // across), ("c", choice.r), ("p", blocks), ("r", filter_rows)]
    side = [("k", across), ("p", min(choice.e, columns))]
    return [pair for pair in up if pair[1] > 1], [pair for pair in side if pair[1] > 1]
