"""The compiled fast and coarse mappers find the mappings of the plain ones, to the bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.config import load_chip
from hwsim.machine import Machine, make_machine
from hwsim.nest import Nest
from hwsim.operand import OPERANDS
from mapper.base import OBJECTIVES, CannotMapError, Goal, Task, get_mapper
from mapper.compiled import compiled_look, compiled_mapper
from mapper.fast import grid, looking, rows_of
from search.space_file import SPACES
from tests.unit.hwsim.nests import conv_nest, matmul_nest

MACHINES = tuple(
    make_machine(load_chip(SPACES / "edge_npu_base.yaml", overrides))
    for overrides in (
        (),
        ("units.array.dataflow=os", "units.array.count=4", "memories.scratchpad.size=64 KiB"),
        ("units.array.dataflow=is", "units.array.count=2", "memories.scratchpad.double_buffered=false"),
        ("units.array.weight_double_buffer=false", "units.array.hide_fill=true", "units.array.rates={8: 2}"),
        ("memories.dram.latency=100 ns", "units.array.rates={8: 0.5}", "units.array.columns=24"),
        ("memories.scratchpad.double_buffered=false", "memories.scratchpad.prefetched=[weight]"),
    )
)
SIZES = st.integers(1, 70)
NESTS = st.one_of(
    st.builds(matmul_nest, SIZES, SIZES, SIZES),
    st.builds(conv_nest, st.integers(1, 3), SIZES, SIZES, SIZES, SIZES, st.integers(1, 5), st.integers(1, 5)),
)


def task_of(machine: Machine, nest: Nest, capacity: float, resident: frozenset[str]) -> Task:
    roles = frozenset(role for role in OPERANDS if role in resident)
    return Task(nest, machine.arrays["array"], capacity, roles)


@pytest.mark.parametrize("name", ["fast", "coarse"])
@settings(max_examples=60, deadline=None)
@given(
    nest=NESTS,
    machine=st.sampled_from(MACHINES),
    capacity=st.sampled_from([300.0, 2048.0, 65536.0]),
    resident=st.frozensets(st.sampled_from(OPERANDS)),
    objective=st.sampled_from(OBJECTIVES),
)
def test_compiled_mappings_are_the_plain_ones(
    name: str, nest: Nest, machine: Machine, capacity: float, resident: frozenset[str], objective: str
) -> None:
    task, goal = task_of(machine, nest, capacity, resident), Goal(next(one for one in OBJECTIVES if one == objective))
    try:
        plain = get_mapper(name)(task, machine, goal)
    except CannotMapError as error:
        with pytest.raises(type(error)):
            compiled_mapper(name)(task, machine, goal)
        return
    found = compiled_mapper(name)(task, machine, goal)
    assert (found.levels, found.evaluated) == (plain.levels, plain.evaluated)
    if name == "coarse":
        assert found == plain


def test_equal_tilings_are_told_apart_alike() -> None:
    machine = MACHINES[0]
    task = task_of(machine, matmul_nest(16, 16, 16), 65536.0, frozenset(OPERANDS))
    tile = rows_of(task.nest, grid(task.nest, {}, frozenset(), 3000))
    inner = task.unit.inner_options(task.nest)[0]
    for objective in OBJECTIVES:
        assert compiled_look(task, machine, objective)(inner, tile) == looking(task, machine, objective)(inner, tile)


def test_what_is_not_compiled_is_looked_at_as_always() -> None:
    eyeriss = make_machine(load_chip("eyeriss"))
    task = Task(matmul_nest(64, 64, 64), eyeriss.arrays["array"], 65536.0, frozenset())
    assert compiled_mapper("fast")(task, eyeriss, Goal()).levels == get_mapper("fast")(task, eyeriss, Goal()).levels
    assert compiled_mapper("optimal") is get_mapper("optimal")
    masked = replace(matmul_nest(32, 32, 32), active_points=20_000)
    plain = Task(masked, MACHINES[0].arrays["array"], 4096.0, frozenset())
    assert compiled_mapper("fast")(plain, MACHINES[0], Goal()).levels == (
        get_mapper("fast")(plain, MACHINES[0], Goal()).levels
    )
