"""What every kind of unit promises. A new kind joins by one line in ``EXAMPLES``."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from hwsim.access import COMPUTE
from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.nest import Nest, is_contraction, nest_of, volume
from hwsim.schedule import Level
from hwsim.units.base import ArrayUnit, KernelUnit, StreamUnit, Unit
from hwsim.units.registry import build_unit, kinds
from tests.unit.hwsim.nests import chip_with, conv_nest, eyeriss_like, matmul_nest
from workloads.graph import Op, OperatorGraph, Role, Segment, elements, operations, points
from workloads.inline import parse_inline
from workloads.offload import only_fetches
from workloads.shard import exchange_op

SYSTOLIC = {"kind": "systolic_array", "rows": 8, "columns": 16, "rates": {8: 2, 16: 1, 32: 0.25}}

EXAMPLES: dict[str, Chip] = {
    "systolic_array os": chip_with({**SYSTOLIC, "dataflow": "os"}),
    "systolic_array ws": chip_with({**SYSTOLIC, "dataflow": "ws", "count": 4, "hide_fill": True}),
    "systolic_array is": chip_with({**SYSTOLIC, "dataflow": "is", "weight_double_buffer": True}),
    "spatial_array row stationary": eyeriss_like(),
    "spatial_array without reuse": eyeriss_like(halo_reuse=False, streamed=(), count=3, networks={"weight": 2.0}),
    "spatial_array without memories": chip_with(
        {
            "kind": "spatial_array",
            "rows": 4,
            "columns": 4,
            "rates": {16: 2},
            "axes": {"rows": ("p",), "columns": ("q",)},
        }
    ),
    "vector_unit": chip_with({"kind": "vector_unit", "lanes": 64}),
    "gpu": load_chip("t4"),
    "dram_mac": load_chip("pim_gpt"),
    "dram_mac alternating": load_chip("hbm3_logic_pim"),
    "memory_controller": load_chip("hw_configs/spaces/dram_controller_base.yaml"),
    "interconnect": load_chip("a100_80gb_sxm"),
    "storage": load_chip("m1_max_flash"),
    "hardwired": load_chip("hnlpu", ["units.grid.weight_bits=16"]),
    "fpga_engines": load_chip("edge_moe_zcu102"),
    "flightllm": load_chip("flightllm_u280", ["units.core.weight_bits=16", "units.core.activation_bits=16"]),
}


def transposed(nest: Nest) -> Nest:
    """Every input point is spread over a window of outputs: input and output change places."""
    inputs, weights, outputs = nest.operands
    swapped = (dataclasses.replace(outputs, role="input"), weights, dataclasses.replace(inputs, role="output"))
    return dataclasses.replace(nest, operands=swapped)


NESTS: dict[str, Nest] = {
    "matmul": matmul_nest(48, 40, 36, bits=16),
    "vector times matrix": matmul_nest(1, 300, 70, bits=16),
    "one product": matmul_nest(2, 1, 1, bits=16),
    "batched": matmul_nest(5, 7, 11, batch=6, bits=16),
    "masked": dataclasses.replace(matmul_nest(32, 32, 16, bits=16), active_points=32 * 33 // 2 * 16),
    "convolution": conv_nest(2, 20, 6, 13, 13, 3, 3, stride=2, bits=16),
    "dilated": conv_nest(1, 4, 4, 10, 10, 3, 3, dilation=2, bits=16),
    "transposed": transposed(conv_nest(1, 6, 8, 9, 9, 3, 3, stride=2, bits=16)),
    "depthwise": conv_nest(1, 1, 1, 14, 14, 3, 3, groups=24, bits=16),
}


def joined_halves() -> OperatorGraph:
    """A result whose halves two devices add up."""
    graph = parse_inline("matmul:m=64,n=48,k=96")
    result = graph.by_name[graph.segments[0].ops[0].writes[0].tensor]
    reduced = exchange_op("all_reduce", dataclasses.replace(result, role=Role.INPUT), "sum", 2, elements(result))
    tensors = (dataclasses.replace(result, role=Role.INPUT),)
    return OperatorGraph("all_reduce", "forward", tensors, (Segment("sum", (reduced,)),))


OPS: dict[str, OperatorGraph] = {
    text.partition(":")[0]: parse_inline(text)
    for text in (
        "matmul:m=64,n=48,k=96",
        "conv2d:n=1,c=8,h=16,w=16,k=12,r=3,s=3",
        "softmax:rows=64,columns=128",
        "layernorm:rows=64,columns=128",
        "attention:batch=1,heads=4,queries=16,keys=16,head_dim=8",
        "accesses:lines=1000,random=20,writes=30",
    )
} | {"all_reduce": joined_halves(), "fetch": only_fetches(parse_inline("matmul:m=1,n=64,k=96"))}

SPECIALTIES = {"all_reduce": "interconnect", "accesses": "memory_controller", "fetch": "storage"}
"""Operators that one kind of unit runs and that runs nothing else."""


def unit_named(example: str) -> Unit:
    """The unit of an example whose kind is the first word of its name."""
    chip, kind = EXAMPLES[example], example.split(maxsplit=1)[0]
    return build_unit(next(name for name, spec in chip.units.items() if spec.kind == kind), chip)


def examples_of(shape: Any) -> list[str]:
    return [name for name in EXAMPLES if isinstance(unit_named(name), shape)]


def per_cycle(unit: Unit, example: str, op: Op, graph: OperatorGraph) -> float:
    return unit.peak_operations(op, graph.by_name) / EXAMPLES[example].clocks[unit.spec.clock]


def op_like(nest: Nest) -> tuple[Op, OperatorGraph]:
    """An operator of the same precision, to ask for the peak rate."""
    graph = parse_inline(f"matmul:m=4,n=4,k=4,bits={nest.operand('input').bits}")
    return graph.segments[0].ops[0], graph


def growing_tiles(nest: Nest) -> dict[str, Any]:
    """Tiles from one point to the whole nest, each at least as large as the one before in every dimension."""
    return {dim: np.array([1 + (extent - 1) * step // 12 for step in range(13)]) for dim, extent in nest.full.items()}


def test_every_kind_has_an_example() -> None:
    assert {name.split(maxsplit=1)[0] for name in EXAMPLES} == set(kinds())


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_runs_something_and_says_why_not_otherwise(example: str) -> None:
    unit = unit_named(example)
    assert isinstance(unit, ArrayUnit | StreamUnit | KernelUnit)
    accepted = 0
    for graph in OPS.values():
        op = graph.segments[0].ops[0]
        reason = unit.refuses(op, graph.by_name)
        assert reason is None or reason.strip()
        if reason is None:
            accepted += 1
            peak = unit.peak_operations(op, graph.by_name)
            assert peak > 0
            assert peak < math.inf or not is_contraction(op), "only what a unit hides takes no time"
    assert accepted


@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize("example", examples_of(ArrayUnit))
class TestArray:
    """Units that run contractions tile by tile."""

    def options(self, example: str, nest: str) -> tuple[ArrayUnit, Nest, list[tuple[Level, ...]]]:
        unit = unit_named(example)
        assert isinstance(unit, ArrayUnit)
        options = list(unit.inner_options(NESTS[nest]))
        assert options
        return unit, NESTS[nest], options

    def test_options_use_its_memories_and_the_dimensions_of_the_nest(self, example: str, nest: str) -> None:
        unit, shape, options = self.options(example, nest)
        for levels in options:
            names = tuple(level.memory for level in levels)
            assert names == unit.spec.path[-len(names) :]
            for loop in (loop for level in levels for loop in level.loops):
                assert 1 <= loop.size <= shape.full[loop.dim]

    def test_tiles_inside_the_array_fit_their_memories(self, example: str, nest: str) -> None:
        _, shape, options = self.options(example, nest)
        memories = EXAMPLES[example].memories
        for levels in options:
            tile = shape.full
            for index, level in enumerate(levels):
                if index:
                    held = (shape.operand(role) for role in level.keeps)
                    need = sum(volume(operand, tile) * operand.bits / 8 for operand in held)
                    assert need <= memories[level.memory].size
                for loop in level.loops:
                    tile[loop.dim] = min(tile[loop.dim], loop.size)

    def test_cycles_are_positive_and_a_larger_tile_never_takes_fewer(self, example: str, nest: str) -> None:
        unit, shape, options = self.options(example, nest)
        for levels in options:
            cycles = unit.tile_cycles(shape, levels, growing_tiles(shape))
            assert np.issubdtype(cycles.dtype, np.integer)
            assert cycles[0] >= 1
            assert (np.diff(cycles) >= 0).all()

    def test_arrays_of_tiles_equal_single_tiles(self, example: str, nest: str) -> None:
        unit, shape, options = self.options(example, nest)
        tiles = growing_tiles(shape)
        for levels in options:
            together = unit.tile_cycles(shape, levels, tiles)
            for index, found in enumerate(together):
                one = unit.tile_cycles(shape, levels, {dim: int(sizes[index]) for dim, sizes in tiles.items()})
                assert isinstance(one, int) and one == found

    def test_no_tile_is_faster_than_the_peak(self, example: str, nest: str) -> None:
        unit, shape, options = self.options(example, nest)
        rate = per_cycle(unit, example, *op_like(shape))
        tiles = growing_tiles(shape)
        done = np.prod([tiles[dim] for dim in shape.dims], axis=0) * shape.density
        for levels in options:
            assert (unit.tile_cycles(shape, levels, tiles) >= done / rate * (1 - 1e-12)).all()

    def test_traffic_is_at_least_compulsory(self, example: str, nest: str) -> None:
        unit, shape, options = self.options(example, nest)
        for levels in options:
            before = unit.spec.path[: -len(levels)]
            rows = unit.traffic(shape, (*(Level(memory) for memory in before), *levels))
            for row in rows:
                assert min(row.outer_reads, row.inner_fills, row.outer_writes, row.inner_drains, row.final_writes) >= 0
                distinct = int(volume(shape.operand(row.operand), shape.full))
                if row.operand == "output":
                    assert row.outer_writes >= row.final_writes == distinct
                else:
                    assert row.outer_reads >= distinct
                    assert row.inner_fills >= row.outer_reads
            assert {row.operand for row in rows if row.inner == COMPUTE} == {"input", "weight", "output"}

    def test_every_active_point_is_one_multiply_accumulate(self, example: str, nest: str) -> None:
        unit, shape, options = self.options(example, nest)
        actions = unit.actions(shape, (Level(unit.spec.path[0]), *options[0]))
        assert [row.count for row in actions if row.action == "mac"] == [shape.active_points]
        assert all(row.count >= 0 and (row.energy_joules is None or row.energy_joules >= 0) for row in actions)
        assert all(row.energy_joules is not None for row in actions if row.action != "network bit")

    def test_a_fresh_unit_gives_the_same_options(self, example: str, nest: str) -> None:
        _, _, options = self.options(example, nest)
        assert self.options(example, nest)[2] == options


@pytest.mark.parametrize("example", [name for name in examples_of(ArrayUnit)])
def test_an_array_takes_contractions_and_nothing_else(example: str) -> None:
    unit = unit_named(example)
    for graph in OPS.values():
        op = graph.segments[0].ops[0]
        refused = unit.refuses(op, graph.by_name)
        assert (refused is None) == is_contraction(op)
        if refused is None:
            assert isinstance(unit, ArrayUnit) and unit.inner_options(nest_of(op, graph.by_name))


@pytest.mark.parametrize("kind", OPS)
@pytest.mark.parametrize("example", examples_of(StreamUnit))
class TestStream:
    """Units that run everything else element by element."""

    def test_more_points_never_take_fewer_cycles(self, example: str, kind: str) -> None:
        unit, graph = unit_named(example), OPS[kind]
        assert isinstance(unit, StreamUnit)
        for op in graph.segments[0].ops[0].parts or graph.segments[0].ops:
            cycles = [unit.stream_cycles(op, count) for count in range(1, 300, 7)]
            assert cycles == sorted(cycles) and cycles[0] >= 1

    def test_it_is_not_faster_than_its_peak(self, example: str, kind: str) -> None:
        unit, graph = unit_named(example), OPS[kind]
        assert isinstance(unit, StreamUnit)
        for op in graph.segments[0].ops[0].parts or graph.segments[0].ops:
            least = points(op) / per_cycle(unit, example, op, graph)
            assert unit.stream_cycles(op, points(op)) >= least * (1 - 1e-12)

    def test_energy_counts_every_operation(self, example: str, kind: str) -> None:
        unit, graph = unit_named(example), OPS[kind]
        assert isinstance(unit, StreamUnit)
        for op in graph.segments[0].ops[0].parts or graph.segments[0].ops:
            assert {row.action: row.count for row in unit.stream_actions(op)} == operations(op)


@pytest.mark.parametrize("kind", OPS)
@pytest.mark.parametrize("example", examples_of(KernelUnit))
def test_a_kernel_is_not_faster_than_its_peak(example: str, kind: str) -> None:
    unit, graph = unit_named(example), OPS[kind]
    assert isinstance(unit, KernelUnit)
    op = graph.segments[0].ops[0]
    if unit.refuses(op, graph.by_name) is not None:
        specialist = example.split(maxsplit=1)[0]
        if specialist in SPECIALTIES.values():
            assert SPECIALTIES.get(op.kind) != specialist
        else:
            assert op.kind in SPECIALTIES or specialist == "dram_mac"
        return
    kernel = unit.kernel(op, graph.by_name)
    hidden = math.isinf(unit.peak_operations(op, graph.by_name))
    assert (kernel.seconds > 0 or hidden) and kernel.overhead_seconds >= 0
    assert kernel.seconds >= max(kernel.compute_seconds, kernel.memory_seconds) * (1 - 1e-9)
    if not op.parts:
        assert kernel.seconds >= points(op) / unit.peak_operations(op, graph.by_name) * (1 - 1e-9)
    assert all(count >= 0 for _, count in (*kernel.reads_bytes, *kernel.writes_bytes))
    assert all(row.energy_joules is None or row.energy_joules >= 0 for row in kernel.actions)
