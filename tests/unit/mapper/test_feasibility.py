"""What does not fit says why, and the change it asks for is enough while one byte less is not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.machine import make_machine
from mapper.base import CannotMapError, InfeasibleError, Task
from mapper.cost import held_bytes
from mapper.estimate import make_estimator
from mapper.fast import candidate_sizes
from mapper.feasibility import infeasible, smallest_tile
from mapper.graph import map_graph
from mapper.pieces import NoUnitError
from tests.unit.mapper.test_mappers import task_of
from workloads.catalog import load
from workloads.graph import OperatorGraph
from workloads.inline import parse_inline
from workloads.precision import parse_bits, with_precision

SYSTOLIC = """\
title: one array
technology: {node: 28 nm}
clock: core
clocks: {core: 1 GHz}
memories:
  dram: {kind: dram, size: 1 GiB, bandwidth: 4 GB/s}
  sram: {kind: sram, size: 3 B}
units:
  array:
    {kind: systolic_array, clock: core, path: [dram, sram], rows: 4, columns: 4, dataflow: ws, rates: {16: 1, 8: 1}}
"""
SPATIAL = """\
title: lanes
technology: {node: 28 nm}
clock: core
clocks: {core: 1 GHz}
memories:
  dram: {kind: dram, size: 1 GiB, bandwidth: 4 GB/s}
  sram: {kind: sram, size: 4 KiB}
  weights: {kind: sram, size: 64 B, instances: 16, operands: [weight], double_buffered: false}
  inputs: {kind: register, size: 1 B, instances: 16, operands: [input], double_buffered: false}
  sums: {kind: register, size: 2 B, instances: 16, operands: [output], double_buffered: false}
units:
  array:
    {kind: spatial_array, clock: core, path: [dram, sram, weights, inputs, sums], rows: 4, columns: 4,
     axes: {rows: [c, k], columns: [p, k]}, rates: {16: 1}, accumulator_bits: 32}
"""


def chip_of(tmp_path: Path, text: str, changes: Sequence[str] = ()) -> Chip:
    path = tmp_path / "chip.yaml"
    path.write_text(text)
    return load_chip(path, changes)


def failure(graph: OperatorGraph, chip: Chip, mapper: str = "fast") -> CannotMapError:
    with pytest.raises(CannotMapError) as caught:
        map_graph(graph, chip, mapper)
    return caught.value


def sizes_in(message: str) -> dict[str, int]:
    return {name: int(size) for name, size in re.findall(r"--set (memories\.\w+\.size)='(\d+) B'", message)}


def changed(sizes: dict[str, int]) -> list[str]:
    return [f"{name}={size} B" for name, size in sizes.items()]


@pytest.mark.parametrize("mapper", ["fast", "exhaustive"])
@pytest.mark.parametrize(
    "text",
    ["matmul:m=5,n=4,k=3", "matmul:m=1,n=8,k=8", "matmul:m=2,n=2,k=2", "matmul:m=1,n=1,k=40"],
)
def test_the_suggested_scratchpad_is_enough_and_one_byte_less_is_not(tmp_path: Path, text: str, mapper: str) -> None:
    graph = parse_inline(text)
    error = failure(graph, chip_of(tmp_path, SYSTOLIC), mapper)
    assert isinstance(error, InfeasibleError)
    assert re.search(
        r"memories\.sram\.size: .* needs \d+ B \(input \d+ B, weight \d+ B, output \d+ B\), has 3 B", str(error)
    )
    ((name, size),) = sizes_in(str(error)).items()
    assert map_graph(graph, chip_of(tmp_path, SYSTOLIC, [f"{name}={size} B"]), mapper).steps
    failure(graph, chip_of(tmp_path, SYSTOLIC, [f"{name}={size - 1} B"]), mapper)


def test_a_convolution_that_does_not_fit_is_helped_by_what_it_is_told(tmp_path: Path) -> None:
    graph = parse_inline("conv2d:n=1,c=3,k=4,h=9,w=9,r=3,s=3")
    sizes = sizes_in(str(failure(graph, chip_of(tmp_path, SYSTOLIC))))
    assert map_graph(graph, chip_of(tmp_path, SYSTOLIC, changed(sizes))).steps
    failure(graph, chip_of(tmp_path, SYSTOLIC, changed({name: size - 1 for name, size in sizes.items()})))


def test_memories_of_a_lane_are_named_each_with_its_smallest_size(tmp_path: Path) -> None:
    graph = parse_inline("matmul:m=64,n=64,k=64")
    error = failure(graph, chip_of(tmp_path, SPATIAL))
    assert isinstance(error, NoUnitError)
    sizes = sizes_in(str(error))
    assert sizes == {"memories.inputs.size": 2, "memories.sums.size": 4}
    assert map_graph(graph, chip_of(tmp_path, SPATIAL, changed(sizes))).steps
    for name in sizes:
        failure(graph, chip_of(tmp_path, SPATIAL, changed({**sizes, name: sizes[name] - 1})))


def test_fewer_bits_are_proposed_where_they_are_enough(tmp_path: Path) -> None:
    graph = parse_inline("matmul:m=8,n=8,k=8")
    small = chip_of(tmp_path, SYSTOLIC, ["memories.sram.size=14 B"])
    message = str(failure(graph, small))
    assert sizes_in(message) == {"memories.sram.size": 16}
    (bits,) = re.findall(r"--bits (\S+) would do", message)
    assert bits == "weight=8"
    assert map_graph(with_precision(graph, parse_bits(bits)), small).steps


def test_operands_wider_than_the_array_are_answered_with_bits_that_it_takes(tmp_path: Path) -> None:
    graph = parse_inline("matmul:m=8,n=8,k=8")
    narrow = chip_of(tmp_path, SYSTOLIC.replace("{16: 1, 8: 1}", "{8: 1}").replace("3 B", "4 KiB"))
    error = failure(graph, narrow)
    (bits,) = re.findall(r"--bits (\S+) would do", str(error))
    assert sizes_in(str(error)) == {}
    assert map_graph(with_precision(graph, parse_bits(bits)), narrow).steps


def test_a_whole_network_gets_what_its_most_demanding_operator_needs(tmp_path: Path) -> None:
    vector = "  vector: {kind: vector_unit, clock: core, path: [dram, sram], lanes: 8}\n"
    text = SYSTOLIC.replace("dram: {kind: dram, size: 1 GiB", "dram: {kind: dram, size: 4 GiB") + vector
    graph = load("alexnet")
    sizes = sizes_in(str(failure(graph, chip_of(tmp_path, text))))
    assert sizes
    assert map_graph(graph, chip_of(tmp_path, text, changed(sizes))).steps
    failure(graph, chip_of(tmp_path, text, changed({name: size - 1 for name, size in sizes.items()})))


def test_what_no_change_helps_is_still_explained_without_a_suggestion(tmp_path: Path) -> None:
    chip = chip_of(tmp_path, SYSTOLIC.replace("3 B", "4 KiB"))
    message = str(failure(parse_inline("softmax:rows=4,columns=8"), chip))
    assert "no unit runs" in message
    assert "would do" not in message


def test_a_sweep_may_leave_the_advice_out(tmp_path: Path) -> None:
    estimator = make_estimator(chip_of(tmp_path, SYSTOLIC))
    estimator.search.advise = False
    with pytest.raises(InfeasibleError, match=r"needs 16 B.*has 3 B$"):
        estimator.report(parse_inline("matmul:m=8,n=8,k=8"))


def test_the_smallest_tile_is_the_smallest_of_all_tiles(tmp_path: Path) -> None:
    machine = make_machine(chip_of(tmp_path, SYSTOLIC))
    for text in ("matmul:m=6,n=5,k=2", "matmul:m=2,n=9,k=1", "conv2d:n=1,c=2,k=2,h=4,w=4,r=3,s=2"):
        task: Task = task_of(machine, text, 3)
        least = float(held_bytes(task, machine, smallest_tile(task, machine)))
        tiles = [{}]
        for dim, extent in task.nest.full.items():
            tiles = [{**tile, dim: size} for tile in tiles for size in candidate_sizes(extent, 1)]
        assert least == min(float(held_bytes(task, machine, tile)) for tile in tiles)
        assert f"needs {int(least)} B" in str(infeasible(task, machine))
