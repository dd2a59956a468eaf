"""The mappers: legal results, the fast one close to the best of all, and never a better cost than the oracle."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.access import tile_extents
from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.machine import Machine, make_machine
from hwsim.nest import Nest
from hwsim.units.base import ArrayUnit
from hwsim.work import nest_for
from mapper.base import Found, Goal, InfeasibleError, Objective, Task, get_mapper
from mapper.cost import held_bytes
from mapper.exhaustive import TooLargeError
from mapper.fast import neighbours
from tests.unit.hwsim.nests import conv_nest
from workloads.errors import UserError
from workloads.inline import parse_inline

TINY = ("memories.sram.size=4 KiB",)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return make_machine(_chip(tmp_path_factory))


def _chip(tmp_path_factory: pytest.TempPathFactory) -> Chip:
    path = tmp_path_factory.mktemp("chip") / "tiny.yaml"
    path.write_text(
        "title: tiny\ntechnology: {node: 28 nm}\nclock: core\nclocks: {core: 1 GHz}\n"
        "memories:\n  dram: {kind: dram, size: 1 GiB, bandwidth: 4 GB/s, latency: 50 ns}\n"
        "  sram: {kind: sram, size: 2 KiB}\n"
        "units:\n  array: {kind: systolic_array, clock: core, path: [dram, sram], rows: 4, columns: 4, dataflow: ws,"
        " rates: {16: 1}}\n"
    )
    return load_chip(path)


def task_of(machine: Machine, text: str, capacity: float = 2048) -> Task:
    graph = parse_inline(text)
    _, op = next(graph.walk())
    unit = machine.units["array"]
    assert isinstance(unit, ArrayUnit)
    nest: Nest = nest_for(machine, "array", op, graph.by_name)
    return Task(nest, unit, capacity, frozenset())


def tile_of(task: Task, found: Found) -> dict[str, int]:
    return tile_extents(task.nest, found.levels, 1)


@settings(max_examples=60, deadline=None)
@given(
    m=st.integers(1, 24), n=st.integers(1, 24), k=st.integers(1, 24), capacity=st.sampled_from([64, 300, 1000, 2048])
)
def test_the_fast_mapper_is_legal_and_close_to_the_best_of_all(
    machine: Machine, m: int, n: int, k: int, capacity: int
) -> None:
    task = task_of(machine, f"matmul:m={m},n={n},k={k}", capacity)
    fast = get_mapper("fast")(task, machine, Goal())
    best = get_mapper("optimal")(task, machine, Goal())
    if task.nest.dims:
        assert float(held_bytes(task, machine, tile_of(task, fast))) <= capacity
    assert best.seconds <= fast.seconds * (1 + 1e-9)
    assert fast.seconds <= best.seconds * 1.5


def test_a_tile_that_can_not_fit_says_which_memory_and_how_much(machine: Machine) -> None:
    with pytest.raises(InfeasibleError, match=r"memories\.sram\.size.*needs \d.*has 2"):
        get_mapper("fast")(task_of(machine, "matmul:m=8,n=8,k=8", 2), machine, Goal())


def test_the_exhaustive_mapper_refuses_what_it_can_not_finish(machine: Machine) -> None:
    with pytest.raises(TooLargeError, match="use --mapper fast"):
        get_mapper("exhaustive")(task_of(machine, "matmul:m=999,n=999,k=999"), machine, Goal())


def test_a_wrong_mapper_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UserError, match="did you mean 'fast'"):
        get_mapper("fats")


def test_every_objective_ranks_its_own_quantity_first(machine: Machine) -> None:
    task = task_of(machine, "matmul:m=20,n=24,k=22", 600)
    names: tuple[Objective, ...] = ("latency", "traffic")
    found = {name: get_mapper("exhaustive")(task, machine, Goal(name)) for name in names}
    assert found["latency"].seconds <= found["traffic"].seconds
    assert found["traffic"].outer_bytes <= found["latency"].outer_bytes


def test_neighbours_differ_in_at_most_two_dimensions() -> None:
    nest = conv_nest(4, 64, 32, 13, 13, 3, 3)
    sizes = {dim: max(1, extent // 2) for dim, extent in nest.full.items()}
    found = neighbours(nest, {}, sizes)
    changed = sum((found[dim] != sizes[dim]).astype(int) for dim in nest.dims)
    assert changed.max() == 2 and len(changed) > 500
    assert all((found[dim] >= 1).all() and (found[dim] <= nest.full[dim]).all() for dim in nest.dims)


def test_a_prime_matmul_uses_nearly_all_of_the_168_elements_of_eyeriss() -> None:
    eyeriss = make_machine(load_chip("eyeriss"))
    unit = eyeriss.units["array"]
    assert isinstance(unit, ArrayUnit)
    graph = parse_inline("matmul:m=1024,n=1024,k=1024")
    _, op = next(graph.walk())
    nest = nest_for(eyeriss, "array", op, graph.by_name)
    used = []
    for inner in unit.inner_options(nest):
        lanes, tile = 1, dict(nest.full)
        for level in inner:
            for loop in level.loops:
                if loop.axis:
                    lanes *= -(-tile[loop.dim] // loop.size)
                tile[loop.dim] = min(tile[loop.dim], loop.size)
        used.append(lanes)
    assert max(used) >= 160
