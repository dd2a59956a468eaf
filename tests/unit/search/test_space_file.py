"""Space files are validated like chip files: every problem with file, line, column and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hwsim.config import load_chip
from search.design import all_values, axes, count_points, make_design
from search.space_file import SpaceFileError, base_path, load_space, space_names, space_path
from tests.unit.search.tiny import SPACE, write_tiny
from workloads.errors import UserError

BROKEN = {
    "choices: [ws, os, is]": (
        "choices: [ws, os, xs]",
        "tiny.yaml:6:13: parameters.dataflow: xs: --set units.array.dataflow",
    ),
    "path: units.array.rows,": (
        "path: units.array.rowz,",
        "tiny.yaml:4:9: parameters.rows: 4: --set units.array.rowz=4",
    ),
    "{quantity: seconds,": (
        "{quantity: second,",
        "tiny.yaml:11:16: objectives.0.quantity: unknown quantity 'second'; did",
    ),
    "goal: min}\nconstraints": (
        "goal: mim}\nconstraints",
        "objectives.1.goal: must be 'min' or 'max', got 'mim'; did you",
    ),
    "{path: memories.sram.size, choices: [16 KiB, 64 KiB]}": (
        "{path: memories.sram.size, low: 16 KiB, high: 64 MiB}",
        "tiny.yaml:7:9: parameters.sram: low, high and step must",
    ),
    "workloads:": (
        "require: [rows <= colums]\nworkloads:",
        "tiny.yaml:8:10: require.0: no parameter is named 'colums'; did",
    ),
    "base: tiny_base": (
        "base: tiny_bas",
        "tiny.yaml:2:7: base: no chip is named 'tiny_bas'",
    ),
    "title: Tiny space": (
        "titel: Tiny space",
        "tiny.yaml:1:1: titel: unknown key; did you mean 'title'?",
    ),
    "at_most: 0.4": (
        "atmost: 0.4",
        "constraints.0.atmost: unknown key; did you mean 'at_most'?",
    ),
    "sram: {path": (
        "sram: {when: {rows: [5]}, path",
        "parameters.sram.when.rows: rows has the choices [4, 8, 16, 32]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("old", BROKEN)
def test_a_mistake_is_named_with_its_place(old: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, expected = BROKEN[old]
    assert old in SPACE
    write_tiny(tmp_path, SPACE.replace(old, new))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpaceFileError) as caught:
        load_space("tiny.yaml")
    assert expected in str(caught.value)


def test_an_unknown_space_lists_the_shipped_ones() -> None:
    with pytest.raises(UserError, match="no space is named 'edge_nqu'; did you mean 'edge_npu'"):
        load_space("edge_nqu")


@pytest.mark.parametrize("name", space_names())
def test_a_shipped_space_loads_and_its_first_design_is_a_chip(name: str) -> None:
    space = load_space(name)
    assert len(space.description) > 40
    values = {axis.name: (axis.values or (axis.value(axis.span.low),))[0] for axis in axes(space)}
    chip = load_chip(base_path(space, space_path(name)), make_design(space, values).overrides)
    assert chip.units


def test_conditions_remove_points_and_derived_values_follow(tmp_path: Path) -> None:
    text = SPACE.replace("sram: {path", "sram: {when: {dataflow: [ws]}, otherwise: 16 KiB, path").replace(
        "workloads:",
        "derived:\n  dram: {path: memories.dram.size, value: rows * columns + sram, unit: MiB}\nworkloads:",
    )
    space = load_space(write_tiny(tmp_path, text))
    points = list(all_values(space))
    assert len(points) == 4 * 4 * (2 + 1 + 1)
    assert all(("sram" in point) == (point["dataflow"] == "ws") for point in points)
    design = make_design(space, {"rows": 4, "columns": 8, "dataflow": "ws", "sram": "64 KiB"})
    assert "memories.dram.size=96 MiB" in design.overrides


def test_equal_designs_have_equal_keys_whatever_the_order(tmp_path: Path) -> None:
    space = load_space(write_tiny(tmp_path))
    one = make_design(space, {"rows": 4, "columns": 8, "dataflow": "ws", "sram": "64 KiB"})
    two = make_design(space, {"sram": "64 KiB", "dataflow": "ws", "columns": 8, "rows": 4})
    other = make_design(space, {"sram": "64 KiB", "dataflow": "ws", "columns": 8, "rows": 8})
    assert one.key == two.key != other.key


@pytest.mark.parametrize("name", space_names())
def test_a_number_of_designs_in_a_description_is_true(name: str) -> None:
    space = load_space(name)
    for stated in re.findall(r"([\d,]+) designs", space.description):
        assert int(stated.replace(",", "")) == count_points(space)
