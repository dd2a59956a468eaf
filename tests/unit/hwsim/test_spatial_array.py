"""Spatial array: lockstep time against a walk over lanes, words against access counts, and what is exposed."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hwsim.access import COMPUTE
from hwsim.nest import Nest
from hwsim.schedule import Level
from hwsim.units._spatial_options import allowed_dims
from hwsim.units._spatial_time import compute_cycles, read_inner, words
from hwsim.units.registry import build_unit
from hwsim.units.spatial_array import SpatialArray
from tests.unit.hwsim.nests import chip_with, conv_nest, eyeriss_like, matmul_nest, video_nest
from workloads.inline import parse_inline


def array_of(**changes: Any) -> SpatialArray:
    built = build_unit("unit", eyeriss_like(**changes))
    assert isinstance(built, SpatialArray)
    return built


def bare_array(memories: dict[str, Any] | None = None, **changes: Any) -> SpatialArray:
    """4 x 4 lanes over the columns and rows of a product; without memories of their own unless given."""
    fields = {"rows": 4, "columns": 4, "rates": {8: 1}, "axes": {"rows": ("c",), "columns": ("k",)}, **changes}
    built = build_unit("unit", chip_with({"kind": "spatial_array", **fields}, memories))
    assert isinstance(built, SpatialArray)
    return built


def busy_lanes(nest: Nest, levels: tuple[Level, ...]) -> float:
    return nest.active_points / float(compute_cycles(nest, read_inner(nest, levels), nest.full, 1))


def occupied_lanes(nest: Nest, levels: tuple[Level, ...]) -> int:
    walk = read_inner(nest, levels)
    return math.prod(-(-walk.array[dim] // walk.lane[dim]) for dim in nest.dims)


@st.composite
def small_nests(draw: st.DrawFn) -> Nest:
    kind = draw(st.sampled_from(("matmul", "conv", "video")))
    if kind == "matmul":
        size = st.integers(1, 40)
        nest = matmul_nest(draw(size), draw(size), draw(size), draw(st.integers(1, 3)), bits=16)
    elif kind == "video":
        size, window = st.integers(1, 6), st.integers(1, 3)
        nest = video_nest(draw(size), draw(size), draw(st.tuples(*[size] * 3)), draw(st.tuples(*[window] * 3)), bits=16)
    else:
        size, window = st.integers(1, 14), st.integers(1, 4)
        outer = [draw(size) for _ in range(5)]
        nest = conv_nest(*outer, draw(window), draw(window), draw(window), draw(window), draw(window), bits=16)
    return nest


def walk_lanes(nest: Nest, levels: tuple[Level, ...]) -> int:
    """Cycles by brute force: for every step in time, the largest share of any lane."""
    walk = read_inner(nest, levels)
    shares: list[list[int]] = []
    for dim, extent in nest.full.items():
        along: list[int] = []
        for start in range(0, extent, walk.array[dim]):
            piece = min(walk.array[dim], extent - start)
            along.append(max(min(walk.lane[dim], piece - at) for at in range(0, piece, walk.lane[dim])))
        shares.append(along)
    return sum(math.prod(step) for step in itertools.product(*shares))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(small_nests().filter(lambda nest: len(nest.dims) > 0))
def test_ragged_edges_take_as_long_as_the_fullest_lane(nest: Nest) -> None:
    for levels in array_of().inner_options(nest)[:3]:
        assert compute_cycles(nest, read_inner(nest, levels), nest.full, 1) == walk_lanes(nest, levels)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(small_nests().filter(lambda nest: len(nest.dims) > 0), st.booleans())
def test_words_on_the_networks_equal_the_access_counts(nest: Nest, halo: bool) -> None:
    array = array_of(halo_reuse=halo)
    for levels in array.inner_options(nest):
        for row in array.traffic(nest, levels):
            if row.outer == array.shared_memory:
                found = words(nest, row.operand, read_inner(nest, levels), nest.full, True, halo).delivered
                assert found == (row.outer_writes if row.operand == "output" else row.outer_reads)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(small_nests().filter(lambda nest: len(nest.dims) > 0), st.booleans())
def test_lanes_without_memory_fetch_every_step(nest: Nest, halo: bool) -> None:
    array = bare_array(rates={16: 1}, axes={"rows": ("p", "c"), "columns": ("q", "k")}, halo_reuse=halo)
    for levels in array.inner_options(nest):
        rows = [row for row in array.traffic(nest, levels) if row.inner == COMPUTE]
        for row in rows:
            found = words(nest, row.operand, read_inner(nest, levels), nest.full, False, halo).delivered
            assert found == (row.outer_writes if row.operand == "output" else row.outer_reads)


def test_imperfect_factors_keep_the_array_busy() -> None:
    nest = matmul_nest(1024, 1024, 1024, bits=16)
    best = array_of(networks={}).inner_options(nest)[0]
    assert occupied_lanes(nest, best) == 168
    assert busy_lanes(nest, best) >= 160, "perfect factors of 1024 reach only 64 lanes"


def test_networks_still_leave_most_lanes_occupied() -> None:
    nest = matmul_nest(1024, 1024, 1024, bits=16)
    assert occupied_lanes(nest, array_of().inner_options(nest)[0]) >= 160


def test_a_network_limits_the_pace() -> None:
    nest = matmul_nest(8, 4, 4)
    free, slow = bare_array(), bare_array(networks={"input": 1.0})
    # 4 x 4 lanes hold one weight each; every step takes four inputs. The first step's inputs fill the network.
    assert free.tile_cycles(nest, free.inner_options(nest)[0], nest.full) == 8
    assert slow.tile_cycles(nest, slow.inner_options(nest)[0], nest.full) == 8 * 4 + 4


WEIGHT_SLOTS: dict[str, Any] = {
    "sram": {"kind": "sram", "size": "1 MiB"},
    "slot": {"kind": "register", "size": "1 B", "instances": 16, "operands": ("weight",), "double_buffered": False},
}


def test_single_buffered_weights_stop_the_array_while_they_load() -> None:
    nest = matmul_nest(8, 4, 12)
    array = bare_array(WEIGHT_SLOTS, networks={"weight": 2.0})
    inner = array.inner_options(nest)[0]
    # Three tiles of 16 weights, each for eight rows of inputs.
    assert array.tile_cycles(nest, inner, nest.full) == 3 * (8 + 16 // 2)


def test_queues_hide_the_load() -> None:
    nest = matmul_nest(8, 4, 12)
    array = bare_array(WEIGHT_SLOTS, networks={"weight": 2.0}, streamed=("weight",))
    inner = array.inner_options(nest)[0]
    assert array.tile_cycles(nest, inner, nest.full) == 3 * 8 + 16 // 2


def test_double_buffered_memories_hold_half() -> None:
    doubled = {**WEIGHT_SLOTS, "slot": {**WEIGHT_SLOTS["slot"], "size": "4 B", "double_buffered": True}}
    array, nest = bare_array(doubled), matmul_nest(8, 64, 64)
    for levels in array.inner_options(nest):
        walk = read_inner(nest, levels)
        assert walk.lane["n"] * walk.lane["k"] <= 2


def test_the_shared_memory_limits_the_pace() -> None:
    memories = {"dram": {"kind": "dram", "size": "1 GiB"}, "sram": {"kind": "sram", "size": "1 MiB"}}
    memories["sram"]["bandwidth"] = "1 GB/s"
    array, nest = bare_array(memories), matmul_nest(8, 4, 4)
    found = min(array.tile_cycles(nest, levels, nest.full) for levels in array.inner_options(nest))
    # 8 steps fetch 4 inputs and 16 weights of one byte each and write 4 results, at one byte per cycle.
    assert found == 8 * (4 + 16 + 4)


def test_weights_that_bypass_the_shared_memory_cost_it_nothing() -> None:
    memories: dict[str, Any] = {
        "dram": {"kind": "dram", "size": "1 GiB"},
        "sram": {"kind": "sram", "size": "1 MiB", "operands": ("input", "output"), "bandwidth": "1 GB/s"},
    }
    array, nest = bare_array(memories), matmul_nest(8, 4, 4)
    found = min(array.tile_cycles(nest, levels, nest.full) for levels in array.inner_options(nest))
    assert found == 8 * (4 + 4)


def test_weights_that_bypass_the_shared_memory_are_limited_by_the_outer_one() -> None:
    memories: dict[str, Any] = {
        "dram": {"kind": "dram", "size": "1 GiB", "bandwidth": "2 GB/s"},
        "sram": {"kind": "sram", "size": "1 MiB", "operands": ("input", "output")},
    }
    array, nest = bare_array(memories), matmul_nest(8, 4, 4)
    found = min(array.tile_cycles(nest, levels, nest.full) for levels in array.inner_options(nest))
    # Lanes hold nothing: each of 8 steps fetches all 16 weights, two per cycle.
    assert found == 8 * 16 / 2


def test_copies_share_a_tile() -> None:
    nest, part = matmul_nest(64, 16, 16), matmul_nest(16, 16, 16)
    one, four = bare_array(), bare_array(count=4)
    inner = one.inner_options(nest)[0]
    assert four.tile_cycles(nest, inner, nest.full) == one.tile_cycles(nest, inner, part.full)


def test_names_of_a_convolution_stand_for_classes_of_a_product() -> None:
    conv, matmul = conv_nest(2, 8, 4, 10, 10, 3, 3), matmul_nest(8, 8, 8, batch=2)
    assert allowed_dims(conv, ("r", "c")) == ("c", "r")
    assert allowed_dims(matmul, ("r", "c")) == ("k",)
    assert allowed_dims(matmul, ("k",)) == ("n",)
    assert allowed_dims(matmul, ("p", "q")) == ("m",)
    assert allowed_dims(matmul, ("g",)) == ("b",)


def test_time_axes_of_a_convolution_go_where_its_first_space_axes_may() -> None:
    video = video_nest(8, 4, (5, 6, 6), (3, 3, 3))
    assert allowed_dims(video, ("r", "c")) == ("c", "t", "r")
    assert allowed_dims(video, ("p", "k")) == ("k", "o", "p")
    assert allowed_dims(video, ("q", "s")) == ("q", "s")


def test_a_lane_too_small_for_one_element_refuses() -> None:
    graph = parse_inline("matmul:m=4,n=4,k=4,bits=16")
    op = graph.segments[0].ops[0]
    assert array_of().refuses(op, graph.by_name) is None
    small = bare_array(WEIGHT_SLOTS, rates={16: 1})
    assert "needs 16 bits of slot, a lane has 8" in (small.refuses(op, graph.by_name) or "")


def test_network_energy_counts_bits_at_the_lanes() -> None:
    array, nest = array_of(network_energy="1 pJ/bit"), matmul_nest(16, 16, 16, bits=16)
    levels = array.inner_options(nest)[0]
    network = array.actions(nest, levels)[1]
    assert network.count >= 16 * 3 * 16 * 16 and network.energy_joules == 1e-12
    silent = array_of().actions(nest, levels)[1]
    assert silent.count == network.count and silent.energy_joules is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("axes", {"rows": ("x",), "columns": ()}), ("networks", {"input": 0.0}), ("streamed", ("bias",)), ("columns", 0)],
)
def test_bad_fields_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        array_of(**{field: value})
