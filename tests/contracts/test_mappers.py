"""What every mapper promises; a new one joins by its line in ``mapper.base``."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest

from hwsim.access import tile_extents
from hwsim.machine import Machine, make_machine
from hwsim.nest import Nest
from hwsim.operand import OPERANDS, Operand
from hwsim.units.base import ArrayUnit
from hwsim.work import memory_traffic, without_resident
from mapper.base import Found, Goal, InfeasibleError, Objective, Task, get_mapper, mapper_names, rank
from mapper.cost import held_bytes
from tests.unit.hwsim.nests import chip_with, conv_nest, eyeriss_like, matmul_nest

OBJECTIVES: tuple[Objective, ...] = ("latency", "energy", "edp", "traffic")
PROVING = ("optimal",)
"""The exhaustive mapper tries every tile size over the arrays' own inner mappings, and ranks them by a closed form."""
"""Mappers that find the best of their space."""
SYSTOLIC = {"kind": "systolic_array", "rows": 4, "columns": 8, "rates": {8: 2, 16: 1}}
MACHINES: dict[str, Machine] = {
    "weight stationary": make_machine(chip_with({**SYSTOLIC, "dataflow": "ws"})),
    "output stationary": make_machine(chip_with({**SYSTOLIC, "dataflow": "os"})),
    "row stationary": make_machine(eyeriss_like()),
}
NESTS: dict[str, Nest] = {
    "matmul": matmul_nest(12, 10, 14, bits=16),
    "vector times matrix": matmul_nest(1, 30, 17, bits=16),
    "batched": matmul_nest(5, 4, 6, batch=3, bits=16),
    "convolution": conv_nest(1, 6, 4, 5, 5, 2, 1, bits=16),
}
WINDOWS = 1.1
CAPACITIES = (150.0, 400.0, 20_000.0)


def array_of(machine: Machine) -> ArrayUnit:
    return next(iter(machine.arrays.values()))


def task_of(machine: Machine, nest: str, capacity: float, resident: frozenset[Operand] = frozenset()) -> Task:
    return Task(NESTS[nest], array_of(machine), capacity, resident)


def find(mapper: str, machine: Machine, task: Task, objective: Objective = "latency") -> Found:
    return get_mapper(mapper)(task, machine, Goal(objective))


def moved_bytes(machine: Machine, task: Task, found: Found) -> float:
    """Bytes over the outer memory by exact counts."""
    outer = machine.outer(task.unit.name)
    rows = task.unit.traffic(task.nest, without_resident(found.levels, outer, task.resident))
    read, written = memory_traffic(task.nest, rows, outer).get(outer, (0.0, 0.0))
    return read + written


CASES = [
    pytest.param(mapper, machine, nest, capacity, id=f"{mapper}, {machine}, {nest}, {capacity:g} bytes")
    for mapper, machine, nest, capacity in itertools.product(mapper_names(), MACHINES, NESTS, CAPACITIES)
]


@pytest.mark.parametrize("mapper, machine, nest, capacity", CASES)
def test_the_mapping_is_legal(mapper: str, machine: str, nest: str, capacity: float) -> None:
    chip = MACHINES[machine]
    task = task_of(chip, nest, capacity)
    found = find(mapper, chip, task)
    path = task.unit.spec.path
    assert tuple(level.memory for level in found.levels) == path[: len(found.levels)]
    tile = task.nest.full
    lanes: dict[str, int] = {}
    for level in found.levels:
        assert set(level.keeps) <= set(OPERANDS)
        for loop in level.loops:
            # An array's own loops are written for the largest tile; in a smaller one they take what there is.
            assert 1 <= loop.size <= task.nest.full[loop.dim]
            assert loop.size <= tile[loop.dim] or level is not found.levels[0], f"{loop} does not nest in {tile}"
            size = min(loop.size, tile[loop.dim])
            if loop.axis:
                lanes[loop.axis] = lanes.get(loop.axis, 1) * -(-tile[loop.dim] // size)
            tile[loop.dim] = size
    spec = task.unit.spec.model_dump()
    assert all(used <= spec[axis] for axis, used in lanes.items())
    assert float(held_bytes(task, chip, tile_extents(task.nest, found.levels, 1))) <= capacity


@pytest.mark.parametrize("mapper, machine, nest, capacity", CASES)
def test_its_numbers_are_those_of_the_mapping(mapper: str, machine: str, nest: str, capacity: float) -> None:
    chip = MACHINES[machine]
    task = task_of(chip, nest, capacity)
    for objective in OBJECTIVES:
        found = find(mapper, chip, task, objective)
        exact = moved_bytes(chip, task, found)
        # Windows of ragged tiles are counted as whole ones by the closed form, which may only be too careful.
        most = WINDOWS if nest == "convolution" else 1.0
        assert exact * (1 - 1e-9) <= found.outer_bytes <= exact * most * (1 + 1e-9)
        assert found.evaluated >= 1 and math.isfinite(found.energy_joules)
        assert found.seconds >= task.nest.active_points / peak(task) * (1 - 1e-9)


def peak(task: Task) -> float:
    """Points per second of the array, all lanes busy."""
    spec = task.unit.spec.model_dump()
    return float(spec["rows"] * spec["columns"] * spec["count"] * max(spec["rates"].values()) * 1e9)


@pytest.mark.parametrize("mapper", mapper_names())
@pytest.mark.parametrize("machine", MACHINES)
def test_the_same_task_gives_the_same_mapping(mapper: str, machine: str) -> None:
    for nest in NESTS:
        task = task_of(MACHINES[machine], nest, 400)
        assert find(mapper, MACHINES[machine], task) == find(mapper, MACHINES[machine], task)


@pytest.mark.parametrize("mapper", PROVING)
@pytest.mark.parametrize("machine", MACHINES)
def test_every_objective_is_best_at_its_own_quantity(mapper: str, machine: str) -> None:
    chip = MACHINES[machine]
    for nest in NESTS:
        task = task_of(chip, nest, 400)
        found = {objective: find(mapper, chip, task, objective) for objective in OBJECTIVES}
        assert found["latency"].seconds == min(one.seconds for one in found.values())
        assert found["traffic"].outer_bytes == min(one.outer_bytes for one in found.values())


@pytest.mark.parametrize("mapper", PROVING)
@pytest.mark.parametrize("machine", MACHINES)
def test_more_capacity_is_never_worse(mapper: str, machine: str) -> None:
    chip = MACHINES[machine]
    for nest, objective in itertools.product(NESTS, ("latency", "traffic")):
        found = [find(mapper, chip, task_of(chip, nest, capacity), objective) for capacity in CAPACITIES]
        values = [rank(objective, one.seconds, one.energy_joules, one.outer_bytes)[0] for one in found]
        assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("mapper", PROVING)
@pytest.mark.parametrize("machine", MACHINES)
def test_no_mapper_beats_one_that_proves(mapper: str, machine: str) -> None:
    chip = MACHINES[machine]
    for nest, capacity in itertools.product(NESTS, CAPACITIES):
        task = task_of(chip, nest, capacity)
        best = find(mapper, chip, task)
        assert best.seconds <= find("fast", chip, task).seconds * (1 + 1e-9)


@pytest.mark.parametrize("mapper", mapper_names())
@pytest.mark.parametrize("machine", MACHINES)
def test_what_can_not_fit_is_refused_with_the_memory_and_its_need(mapper: str, machine: str) -> None:
    chip = MACHINES[machine]
    with pytest.raises(InfeasibleError, match=r"memories\.\w+\.size: not even the smallest tile fits .* needs \d"):
        find(mapper, chip, task_of(chip, "matmul", 1))


@pytest.mark.parametrize("mapper", mapper_names())
@pytest.mark.parametrize("machine", MACHINES)
def test_resident_operands_cause_no_outer_traffic(mapper: str, machine: str) -> None:
    chip = MACHINES[machine]
    for role in OPERANDS:
        kept = chip.chip.memories[chip.scratchpad(array_of(chip).name) or ""].operands
        if role not in kept:
            continue
        task = task_of(chip, "matmul", 400, frozenset([role]))
        found = find(mapper, chip, task)
        outer = chip.outer(task.unit.name)
        rows = task.unit.traffic(task.nest, without_resident(found.levels, outer, task.resident))
        assert role not in {row.operand for row in rows if row.outer == outer}
        all_streamed = find(mapper, chip, replace(task, resident=frozenset()), "traffic")
        assert find(mapper, chip, task, "traffic").outer_bytes < all_streamed.outer_bytes
