"""Systolic cycles against SCALE-Sim 3.0.0, exactly: it prints the index of the last cycle, one less than elapse."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from hwsim.units.registry import build_unit
from hwsim.units.systolic_array import SystolicArray
from tests.unit.hwsim.nests import chip_with, matmul_nest

COPY = [
    ("is", 128, 128, (64, 64, 64), 445),
    ("is", 16, 16, (33, 129, 257), 8924),
    ("is", 32, 32, (196, 64, 64), 2211),
    ("os", 128, 128, (33, 129, 257), 1021),
    ("os", 16, 16, (196, 192, 384), 64583),
    ("os", 32, 32, (196, 64, 64), 1763),
    ("ws", 128, 128, (33, 129, 257), 2489),
    ("ws", 16, 16, (33, 129, 257), 12086),
    ("ws", 32, 32, (196, 64, 64), 1159),
]
"""Dataflow, rows, columns, (M, N, K), printed cycles: a copy of a third of the reference runs."""


def elapsed(dataflow: str, rows: int, columns: int, m: int, n: int, k: int) -> int:
    unit = {"kind": "systolic_array", "rows": rows, "columns": columns, "dataflow": dataflow, "rates": {8: 1}}
    array = build_unit("unit", chip_with(unit))
    assert isinstance(array, SystolicArray)
    nest = matmul_nest(m, n, k)
    (inner,) = array.inner_options(nest)
    return int(array.tile_cycles(nest, inner, nest.full))


@pytest.mark.parametrize(("dataflow", "rows", "columns", "gemm", "printed"), COPY)
def test_kept_runs_are_reproduced(
    dataflow: str, rows: int, columns: int, gemm: tuple[int, int, int], printed: int
) -> None:
    assert elapsed(dataflow, rows, columns, *gemm) == printed + 1


def test_all_reference_runs_are_reproduced(reference: Path) -> None:
    path = reference / "scalesim" / "compute_cycles.csv"
    if not path.is_file():
        pytest.skip("the SCALE-Sim runs are not in the reference folder")
    runs = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert len(runs) == 28
    for run in runs:
        dataflow, shape = run["run"].split("_")[-2:]
        rows, columns = (int(text) for text in shape.split("x"))
        found = elapsed(dataflow, rows, columns, int(run["M"]), int(run["N"]), int(run["K"]))
        assert found == int(run["total_cycles"]) + 1, run
