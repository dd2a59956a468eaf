"""`hwsim explain` from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Result, Run
from tests.end_to_end.small_chip import SMALL_CHIP

MATMUL = "matmul:m=64,n=96,k=128"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chip.yaml").write_text(SMALL_CHIP)
    return tmp_path


def good(result: Result) -> Result:
    assert result.code == 0, result.err
    return result


def as_data(result: Result) -> dict[str, Any]:
    return json.loads(good(result).out)


def test_a_model_is_explained_on_eighty_columns_and_agrees_with_its_estimate(hwsim: Run) -> None:
    out = good(hwsim("explain", "gpt2", "tpu_v4i", "--context", 256)).out
    for fact in (
        "gpt2 on tpu_v4i",
        "context 256",
        "cycles (core clock",
        "where the time goes",
        "hbm",
        "speedup",
        "above",
    ):
        assert fact in out
    assert max(map(len, out.splitlines())) <= 80
    data = as_data(hwsim("explain", "gpt2", "tpu_v4i", "--context", 256, "--json", "-"))
    single = as_data(hwsim("estimate", "gpt2", "--chip", "tpu_v4i", "--context", 256, "--json", "-"))
    assert data["schema"] == 1
    assert (data["seconds"], data["cycles"]) == (single["seconds"], single["cycles"])
    assert sum(data["causes"].values()) == pytest.approx(data["seconds"])


def test_the_chip_is_an_argument_or_an_option_but_not_both(hwsim: Run, folder: Path) -> None:
    argument, option = (hwsim("explain", MATMUL, *chip) for chip in (("chip.yaml",), ("--chip", "chip.yaml")))
    assert good(argument).out == good(option).out
    for wrong in ((), ("chip.yaml", "--chip", "chip.yaml")):
        result = hwsim("explain", MATMUL, *wrong)
        assert result.code == 2
        assert "name one chip" in result.err


def test_one_operator_is_explained_in_full(hwsim: Run, folder: Path) -> None:
    out = good(hwsim("explain", MATMUL, "chip.yaml", "--op", "matmul")).out
    for fact in (
        "m 64, n 96, k 128",
        "[dram]",
        "[sram]",
        "array takes",
        "times",
        "reuse",
        "elements in use",
        "scratchpad:",
    ):
        assert fact in out
    data = as_data(hwsim("explain", MATMUL, "chip.yaml", "--op", "matmul", "--json", "-"))
    assert data["points"] == 64 * 96 * 128
    assert data["levels"][0]["memory"] == "dram"


def test_a_wrong_operator_is_answered_with_the_closest(hwsim: Run, folder: Path) -> None:
    result = hwsim("explain", MATMUL, "chip.yaml", "--op", "matmull")
    assert result.code == 2
    assert result.lines == [
        "error: no operator is named 'matmull'; did you mean 'matmul'?; there are 1, such as matmul"
    ]


def test_settings_and_bits_are_those_of_estimate(hwsim: Run, folder: Path) -> None:
    base = ("explain", MATMUL, "chip.yaml", "--json", "-")
    plain, wide = as_data(hwsim(*base)), as_data(hwsim(*base, "--set", "memories.dram.bandwidth=80 GB/s"))
    assert wide["seconds"] < plain["seconds"]
    assert as_data(hwsim(*base, "--bits", "weight=8"))["traffic_bytes"] < plain["traffic_bytes"]


def test_generations_and_lists_are_refused_with_advice(hwsim: Run, folder: Path) -> None:
    for arguments, advice in (
        (("gpt2", "tpu_v4i", "--phase", "generate"), "--phase prefill or --phase decode"),
        (("@ops.txt", "tpu_v4i"), "explain one operator"),
    ):
        result = hwsim("explain", *arguments)
        assert result.code == 2
        assert advice in result.err
