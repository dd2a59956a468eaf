from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.config import ChipFileError, load_chip
from hwsim.sources import NO_SOURCE, footnotes, source_of, uncovered_keys, unused_source_keys
from hwsim.yaml_text import FileProblems, read_yaml, scalar
from workloads.errors import UserError

GOOD = """\
title: a test chip
technology: {node: 28 nm}
clock: core
clocks: {core: 1 GHz}
memories:
  dram: {kind: dram, size: 1 GiB, bandwidth: 10 GB/s}
  sram: {kind: sram, size: 64 KiB}
units:
  array:
    kind: systolic_array
    clock: core
    path: [dram, sram]
    rows: 16
    columns: 16
    dataflow: ws
    rates: {8: 1}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "chip.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str, *overrides: str) -> list[str]:
    with pytest.raises(ChipFileError) as caught:
        load_chip(write(folder, text), overrides)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_a_chip_is_read_in_base_units(tmp_path: Path) -> None:
    chip = load_chip(write(tmp_path, GOOD))
    assert (chip.name, chip.clock_hertz, chip.technology.node) == ("chip", 1e9, 28e-9)
    assert chip.memories["dram"].size == 2**30
    assert chip.units["array"].path == ("dram", "sram")


def test_every_problem_of_a_file_is_named_with_its_place(tmp_path: Path) -> None:
    bad = (
        GOOD.replace("rows: 16", "rows: 0")
        .replace("columns: 16", "colums: 16")
        .replace("dataflow: ws", "dataflow: wss")
        .replace("size: 64 KiB", "size: 64")
        .replace("node: 28 nm", "node: -28 nm")
    )
    assert problems(tmp_path, bad) == [
        "chip.yaml:2:20: technology.node: must be greater than zero, got '-28 nm'",
        "chip.yaml:7:28: memories.sram.size: a unit is missing: "
        "expected text such as '512 KiB', got the bare number 64",
        "chip.yaml:10:5: units.array.columns: is missing",
        "chip.yaml:13:11: units.array.rows: must be at least 1, got 0",
        "chip.yaml:14:5: units.array.colums: unknown key; did you mean 'columns'?",
        "chip.yaml:15:15: units.array.dataflow: must be 'os', 'ws' or 'is', got 'wss'; did you mean 'ws'?",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("clock: core\n    path", "clock: cor\n    path", "11:12: units.array.clock: no clock is named 'cor'; did"),
        ("[dram, sram]", "[dram, srem]", "12:11: units.array.path: no memory is named 'srem'; did you mean 'sram'?"),
        ("kind: systolic_array", "kind: sistolic_array", "10:5: units.array: unknown kind of unit 'sistolic_array'"),
        ("rows: 16", "rows: true", "13:11: units.array.rows: must be a whole number, got True"),
        ("rows: 16", "rows: 16.5", "13:11: units.array.rows: must be a whole number, got 16.5"),
        ("rows: 16", "rows: 16\n    rows: 32", "14:5: units.array.rows: duplicate key; it already stands in line 13"),
        ("path: [dram, sram]", "path: dram", "12:11: units.array.path: must be a list, got 'dram'"),
        ("title: a", "title: !!python/name:os.system a", "1:8: title: tags such as"),
        ("title: a test chip", "title: &x a\ndescription: *x", "2:14: description: anchors and aliases"),
        ("clocks: {core: 1 GHz}", "clocks: 1 GHz", "4:9: clocks: must be a mapping of keys to values, got '1 GHz'"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert any(line.startswith(f"chip.yaml:{message}") for line in found), found


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "a: [1", "\t", "a: 1\n---\nb: 2\n", "[" * 5000, "\x00"])
def test_what_is_not_a_chip_file_at_all_is_refused(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)[0].startswith("chip.yaml")


def test_an_absent_file_and_an_unknown_name_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ChipFileError, match=r"can't be read: No such file"):
        load_chip(tmp_path / "none.yaml")
    with pytest.raises(UserError, match=r"no chip is named 'tpu-v4'; did you mean 'tpu_v4i'.*a100_80gb_sxm"):
        load_chip("tpu-v4")


def test_an_override_replaces_a_value_and_is_assumed(tmp_path: Path) -> None:
    chip = load_chip(write(tmp_path, GOOD), ["units.array.rows=64", "memories.dram.bandwidth=1 TB/s", "package.tdp=5W"])
    assert chip.units["array"].rows == 64  # type: ignore[attr-defined]
    assert (chip.memories["dram"].bandwidth, chip.package.tdp) == (1e12, 5.0)
    source = source_of(chip, "units.array.rows")
    assert source is not None
    assert (source.cite, source.status) == ("set on the command line", "assumed")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("units.array.row=64", "--set units.array.row=64: unknown key; did you mean 'rows'?"),
        ("units.array.rows=0", "--set units.array.rows=0: must be at least 1, got 0"),
        ("units.aray.rows=1", "--set units.aray.rows=1: units.aray: no such key; did you mean 'array'?"),
        ("memories.srm={}", "--set memories.srm={}: no such key; did you mean 'sram'?"),
        ("memories.sram.size=64", "--set memories.sram.size=64: a unit is missing: expected text such as '512 KiB'"),
        ("units.array.path.0=x", "--set units.array.path.0=x: units.array.path is not a mapping; set it as a whole"),
        ("rows", "--set rows: expected key.path=value"),
        ("clock=", "--set clock=: expected key.path=value"),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, override: str, message: str) -> None:
    assert problems(tmp_path, GOOD, override)[0].startswith(message)


def test_an_override_does_not_hide_problems_of_the_file(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD.replace("columns: 16", "columns: 0"), "units.array.rows=0")
    assert [line.split(": ")[0] for line in found] == ["chip.yaml:14:14", "--set units.array.rows=0"]


def test_the_longest_source_wins_and_numbers_without_one_get_a_footnote(tmp_path: Path) -> None:
    sources = """\
sources:
  - {cite: all memories, status: published, keys: [memories]}
  - {cite: the sizes, status: derived, keys: [memories.*.size]}
  - {cite: nothing, status: assumed, keys: [memories.dram.sise]}
"""
    chip = load_chip(write(tmp_path, GOOD + sources))
    cites = [getattr(source_of(chip, f"memories.dram.{key}"), "cite", None) for key in ("bandwidth", "size")]
    assert cites == ["all memories", "the sizes"]
    array = ("units.array.rows", "units.array.columns", "units.array.rates.8")
    assert uncovered_keys(chip) == ("technology.node", "clocks.core", *array)
    assert (footnotes(chip)[-1].cite, footnotes(chip)[-1].status) == (NO_SOURCE, "assumed")
    assert unused_source_keys(chip) == ("memories.dram.sise",)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("12:30:00", "12:30:00"), ("007", "007"), ("0x10", "0x10"),
        ("1_000", "1_000"), ("1e9", 1e9), ("1e999", "1e999"), (".inf", ".inf"), ("true", True), ("True", "True"),
        ("null", None), ("~", None), ("-3", -3), ("2.5", 2.5), ("2024-01-01", "2024-01-01"), ("=", "="),
    ],
)  # fmt: skip
def test_scalars_are_what_they_look_like(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_message(text: str) -> None:
    try:
        read_yaml(text, "x.yaml")
    except FileProblems as error:
        assert str(error).startswith("x.yaml")


def test_loading_a_chip_is_fast() -> None:
    load_chip("tpu_v4i")
    start = time.process_time()
    load_chip("tpu_v4i")
    assert time.process_time() - start < 0.04


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, hwsim\n"
        "assert not {'pydantic', 'yaml', 'numpy'} & set(sys.modules)\n"
        "assert hwsim.load_chip('t4').name == 't4'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3], timeout=60)
