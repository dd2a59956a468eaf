"""The notebooks run from top to bottom, and each .ipynb is its .py without outputs."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.py"))
PROMISES = {
    "01_first_estimate": "tokens/s",
    "02_your_model_and_chip": "times as fast",
    "03_mapping_and_scratchpad": "(proven)",
    "04_search": "of its volume",
    "05_reproduce_a_paper": "A100  at  2048",
}
"""Words that the last lines of each print."""


def test_every_notebook_is_run() -> None:
    assert [path.stem for path in NOTEBOOKS] == list(PROMISES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if "import torch" in path.read_text(encoding="utf-8"):
        pytest.importorskip("torch")
    runpy.run_path(str(path))
    assert PROMISES[path.stem] in capsys.readouterr().out


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_paired_with_its_text(path: Path) -> None:
    jupytext: Any = pytest.importorskip("jupytext")
    text, stored = jupytext.read(path), jupytext.read(path.with_suffix(".ipynb"))
    assert [(cell.cell_type, cell.source) for cell in text.cells] == [
        (cell.cell_type, cell.source) for cell in stored.cells
    ], "run `make notebooks`"
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in stored.cells)
