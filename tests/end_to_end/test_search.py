"""`hwsim search` and `hwsim pareto` as a user meets them."""

from __future__ import annotations

import csv
import io
from itertools import pairwise
from pathlib import Path

import pytest

from hwsim.config import load_chip
from search.design import build_chip, make_design
from search.reading import read_study
from search.space_file import base_path
from tests.end_to_end.conftest import Run
from tests.unit.search.tiny import write_tiny


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_tiny(tmp_path)


def test_a_search_ends_in_chips_that_estimate_runs(hwsim: Run, tiny: Path, tmp_path: Path) -> None:
    done = hwsim("search", tiny, "--trials", 30, "--csv", "all.csv")
    assert done.code == 0, done.err
    assert "30 trials: " in done.out
    assert "next: hwsim pareto tiny.study" in done.out
    lines = list(csv.DictReader(io.StringIO(Path("all.csv").read_text(encoding="utf-8"))))
    assert [line["trial"] for line in lines] == [str(number) for number in range(30)]
    refused = hwsim("search", tiny, "--trials", 40)
    assert (refused.code, "add --resume" in refused.err) == (2, True)
    assert "40 trials: " in hwsim("search", tiny, "--trials", 40, "--resume").out
    shown = hwsim("pareto", "tiny.study", "--plot", "front.png", "--export", "best", "--csv", "-")
    assert shown.code == 0, shown.err
    assert len(shown.out.splitlines()) == 41
    assert Path("front.png").read_bytes().startswith(b"\x89PNG")
    space, _, rows = read_study("tiny.study")
    chips = sorted(Path("best").glob("tiny_*.yaml"))
    assert chips
    for path in chips:
        row = next(row for row in rows if path.stem == f"tiny_{row.number}")
        exported = load_chip(path)
        built = build_chip(base_path(space, tiny), make_design(space, row.values).overrides)
        for part in ("technology", "clock", "clocks", "memories", "units", "links", "package", "cost"):
            assert getattr(exported, part) == getattr(built, part)
    estimated = hwsim("estimate", space.workloads[0].model, "--chip", "best/knee.yaml", "--json", "-")
    assert estimated.code == 0, estimated.err
    knee = next(row for row in rows if f"Trial {row.number}:" in load_chip("best/knee.yaml").description)
    assert f'"seconds": {knee.outcome.quantities["seconds"]!r}' in estimated.out


@pytest.mark.parametrize("kind", ["history", "parallel", "importance"])
def test_every_picture_is_drawn(kind: str, hwsim: Run, tiny: Path) -> None:
    assert hwsim("search", tiny, "--trials", 12, "--sampler", "random").code == 0
    assert hwsim("pareto", "tiny.study", "--plot", "a.svg", "--kind", kind).code == 0
    assert "<svg" in Path("a.svg").read_text(encoding="utf-8")


def test_samplers_are_compared_at_equal_budgets(hwsim: Run, tiny: Path) -> None:
    done = hwsim(
        "search", tiny, "--trials", 12, "--compare", "random,aco", "--seeds", 2, "--csv", "r.csv", "--plot", "r.png"
    )
    assert done.code == 0, done.err
    rows = list(csv.DictReader(io.StringIO(Path("r.csv").read_text(encoding="utf-8"))))
    assert len(rows) == 2 * 2 * 12
    for name in ("random", "aco"):
        curve = [float(row["regret"]) for row in rows if (row["sampler"], row["seed"]) == (name, "1")]
        assert all(later <= earlier + 1e-12 for earlier, later in pairwise(curve))
    assert min(float(row["regret"]) for row in rows) >= -1e-9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("search", "nonsense"), "no space is named 'nonsense'"), (("pareto", "no.study"), "no.study: no such study"),
     (("search", "edge_npu", "--sampler", "tpee"), "no sampler is named 'tpee'; did you mean 'tpe'?"),
     (("search", "edge_npu", "--worker"), "--worker needs --storage URL"),
     (("search", "edge_npu", "--compare", "tpe,x"), "no sampler is named 'x'")],
    ids=["space", "study", "sampler", "worker", "compare"],
)  # fmt: skip
def test_mistakes_are_one_message(
    arguments: tuple[str, ...], message: str, hwsim: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = hwsim(*arguments)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
