"""Vector unit: lanes, classes of operation and their energy."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hwsim.units.registry import build_unit
from hwsim.units.vector_unit import OPERATIONS, VectorUnit
from tests.unit.hwsim.nests import chip_with
from workloads.graph import Family, Loop, Op, points
from workloads.inline import parse_inline


def unit_of(**fields: Any) -> VectorUnit:
    built = build_unit("unit", chip_with({"kind": "vector_unit", "lanes": 16, **fields}))
    assert isinstance(built, VectorUnit)
    return built


def op_of(extent: int, **arithmetic: int) -> Op:
    return Op("op", "test", Family.POINTWISE, (Loop("i", extent),), arithmetic=tuple(arithmetic.items()))


def test_a_partly_filled_round_counts_in_full() -> None:
    assert unit_of().stream_cycles(op_of(33, add=2), 33) == 3 * 2


def test_classes_add_up() -> None:
    assert unit_of(cycles={"exp": 8}).stream_cycles(op_of(16, exp=1, add=3), 16) == 8 + 3


def test_copies_share_the_elements() -> None:
    assert unit_of(count=2).stream_cycles(op_of(64, mul=1), 64) == 2


def test_moving_an_element_takes_a_lane_cycle() -> None:
    assert unit_of().stream_cycles(op_of(160), 160) == 10
    assert unit_of().stream_actions(op_of(160)) == ()


def test_lanes_may_be_faster_than_one_operation_per_cycle() -> None:
    assert unit_of(cycles={"mac": 0.5}).stream_cycles(op_of(48, mac=1), 48) == 2


def test_nothing_takes_no_time() -> None:
    assert unit_of().stream_cycles(op_of(16, add=1), 0) == 0


def test_energy_counts_every_operation_once() -> None:
    unit = unit_of(operation_energy={"add": "1 pJ/op"})
    graph = parse_inline("softmax:rows=4,columns=8")
    op = graph.segments[0].ops[0]
    assert {row.action: row.count for row in unit.stream_actions(op)} == {
        name: count * points(op) for name, count in op.arithmetic
    }
    (add,) = unit.stream_actions(op_of(10, add=3))
    assert (add.count, add.energy_joules) == (30, 1e-12)


def test_every_class_has_an_energy() -> None:
    op = op_of(1, **dict.fromkeys(OPERATIONS, 1))
    assert all(row.energy_joules is not None and row.energy_joules > 0 for row in unit_of().stream_actions(op))


def test_an_unknown_class_is_refused() -> None:
    assert "gelu" in (unit_of().refuses(op_of(4, gelu=1), {}) or "")
    with pytest.raises(ValidationError, match="unknown class of operation erf"):
        unit_of(cycles={"erf": 2})


def test_composites_are_left_to_their_parts() -> None:
    graph = parse_inline("attention:batch=1,heads=2,queries=4,keys=4,head_dim=8")
    op = graph.segments[0].ops[0]
    assert "parts" in (unit_of().refuses(op, graph.by_name) or "")
    assert all(unit_of().refuses(part, graph.by_name) is None for part in op.parts)
