"""Access counts against the loop interpreter, which walks the same program one iteration at a time."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.access import access_counts, tile_extents, tile_lengths, trip_count
from hwsim.nest import Nest
from hwsim.operand import OPERANDS
from hwsim.schedule import Level, TileLoop
from tests.unit.hwsim.interpreter import count_points, interpret
from tests.unit.hwsim.nests import conv_nest, matmul_nest

BIGGEST = 200


@st.composite
def nests(draw: st.DrawFn) -> Nest:
    small = st.integers(1, 7)
    if draw(st.booleans()):
        nest = matmul_nest(draw(small), draw(small), draw(small), batch=draw(st.integers(1, 3)))
    else:
        n, k, c, p, q = (draw(small) for _ in range(5))
        r, s, groups = (draw(st.integers(1, 4)) for _ in range(3))
        stride, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        nest = conv_nest(min(n, 2), min(k, 3), min(c, 3), p, min(q, 4), r, min(s, 2), stride, dilation, min(groups, 2))
    return nest


@st.composite
def mappings(draw: st.DrawFn) -> tuple[Nest, tuple[Level, ...]]:
    nest = draw(nests().filter(lambda nest: 1 < math.prod(nest.extents) <= BIGGEST))
    size = nest.full
    levels: list[Level] = []
    for index in range(draw(st.integers(2, 4))):
        loops: list[TileLoop] = []
        for _ in range(draw(st.integers(0, 3))):
            dim = draw(st.sampled_from(nest.dims))
            tile = draw(st.integers(1, size[dim] + 1))
            size[dim] = min(tile, size[dim])
            loops.append(TileLoop(dim, tile, draw(st.sampled_from(("", "", "rows", "columns")))))
        keeps = OPERANDS if index == 0 else tuple(role for role in OPERANDS if draw(st.booleans()))
        levels.append(Level(f"memory{index}", tuple(loops), keeps))
    return nest, tuple(levels)


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(mappings(), st.booleans(), st.booleans(), st.integers(0, 2))
def test_counts_equal_those_of_the_interpreter(
    mapping: tuple[Nest, tuple[Level, ...]], halo_reuse: bool, halo_multicast: bool, halo_from: int
) -> None:
    nest, levels = mapping
    counted = access_counts(nest, levels, halo_reuse, halo_multicast, halo_from)
    assert counted == interpret(nest, levels, halo_reuse, halo_multicast, halo_from)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(mappings())
def test_tiles_cover_every_point_once(mapping: tuple[Nest, tuple[Level, ...]]) -> None:
    nest, levels = mapping
    times, points = count_points(nest, levels)
    assert points == math.prod(nest.extents)
    assert trip_count(nest, levels) == times
    largest = tile_extents(nest, levels, len(levels))
    for dim, lengths in tile_lengths(nest, levels).items():
        assert sum(length * count for length, count in lengths.items()) == nest.full[dim]
        assert max(lengths) == largest[dim]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(mappings())
def test_sharing_halos_never_costs_traffic(mapping: tuple[Nest, tuple[Level, ...]]) -> None:
    nest, levels = mapping
    plain = access_counts(nest, levels)
    shared = access_counts(nest, levels, halo_reuse=True, halo_multicast=True)
    assert all(less.outer_reads <= more.outer_reads for less, more in zip(shared, plain, strict=True))


def test_refetch_follows_the_loop_order() -> None:
    nest = matmul_nest(8, 8, 8)
    inside = Level("sram", (TileLoop("m", 1), TileLoop("n", 1), TileLoop("k", 1)))

    def weights(*order: str) -> int:
        rows = access_counts(nest, (Level("dram", tuple(TileLoop(dim, 4) for dim in order)), inside))
        return next(row.outer_reads for row in rows if (row.operand, row.outer) == ("weight", "dram"))

    assert weights("k", "n", "m") == 64, "m innermost: a weight tile stays"
    assert weights("m", "k", "n") == 128, "m outermost: all weights come again for every row of tiles"


def test_partial_sums_are_read_back_on_every_visit_but_the_first() -> None:
    nest = matmul_nest(4, 4, 9)
    levels = (Level("dram", (TileLoop("k", 4), TileLoop("m", 2), TileLoop("n", 4))), Level("sram"))
    row = next(row for row in access_counts(nest, levels) if (row.operand, row.outer) == ("output", "dram"))
    assert (row.outer_writes, row.outer_reads, row.final_writes) == (3 * 16, 2 * 16, 16)
