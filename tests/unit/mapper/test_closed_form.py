"""How far the closed form that the mappers minimize may be from the tiles played one by one, and what more units do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.config import load_chip
from hwsim.machine import make_machine
from hwsim.simulation import simulate
from hwsim.work import nest_for
from mapper.graph import Search, map_with
from workloads.inline import parse_inline

OPERATORS = st.one_of(
    st.builds("matmul:m={},n={},k={}".format, st.integers(1, 2000), st.integers(16, 2000), st.integers(16, 2000)),
    st.builds(
        "conv2d:n=1,c={},h={},w={},k={},r=3,s=3,padding=1".format,
        *[st.integers(8, 256), st.integers(7, 56), st.integers(7, 56), st.integers(8, 256)],
    ),
)


@pytest.mark.parametrize("name", ["tpu_v4i", "tpu_v1", "eyeriss"])
def test_the_closed_form_is_within_a_factor_of_two_of_the_tiles_played(name: str) -> None:
    machine = make_machine(load_chip(name))

    @settings(max_examples=15, deadline=None)
    @given(text=OPERATORS)
    def check(text: str) -> None:
        search = Search(machine)
        graph = parse_inline(text)
        played = simulate(graph, map_with(search, graph), machine.chip, machine).seconds
        assert 0.5 <= played / next(iter(search.found.values())).seconds <= 2

    check()


@settings(max_examples=40, deadline=None)
@given(text=OPERATORS, count=st.integers(1, 8))
def test_another_array_never_makes_a_tile_slower(text: str, count: int) -> None:
    graph = parse_inline(text)
    _, op = next(graph.walk())
    cycles: list[int] = []
    for copies in (count, 2 * count):
        machine = make_machine(load_chip("tpu_v4i", [f"units.mxu.count={copies}"]))
        unit = machine.arrays["mxu"]
        nest = nest_for(machine, "mxu", op, graph.by_name)
        cycles.append(int(np.max(unit.tile_cycles(nest, unit.inner_options(nest)[0], nest.full))))
    assert cycles[1] <= cycles[0]
