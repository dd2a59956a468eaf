"""Systolic cycles against SCALE-Sim 3.0.0, exactly, on all runs of the reference folder; a third ships as cases."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from search.validation.groups.scalesim import RUNS, elapsed


def _reference_runs(reference: Path) -> dict[tuple[str, int, int, tuple[int, int, int]], int]:
    path = reference / "scalesim" / "compute_cycles.csv"
    if not path.is_file():
        pytest.skip("the SCALE-Sim runs are not in the reference folder")
    runs: dict[tuple[str, int, int, tuple[int, int, int]], int] = {}
    for run in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        dataflow, shape = run["run"].split("_")[-2:]
        rows, columns = (int(text) for text in shape.split("x"))
        runs[dataflow, rows, columns, (int(run["M"]), int(run["N"]), int(run["K"]))] = int(run["total_cycles"])
    return runs


def test_all_reference_runs_are_reproduced(reference: Path) -> None:
    runs = _reference_runs(reference)
    assert len(runs) == 28
    for (dataflow, rows, columns, gemm), printed in runs.items():
        assert elapsed(dataflow, rows, columns, *gemm) == printed + 1


def test_the_shipped_runs_are_among_them(reference: Path) -> None:
    runs = _reference_runs(reference)
    assert all(runs[dataflow, rows, columns, gemm] == printed for dataflow, rows, columns, gemm, printed in RUNS)
