"""The page of reproductions: every published value stands beside the simulated one, and the scores are those given."""

from __future__ import annotations

from typing import Any

from search.html.page import page_html
from search.html.reproduction import reproduction_page
from tests.unit.search.html.page_reader import PageReader


def row(at: object, published: float | None, simulated: float | None, **more: Any) -> dict[str, Any]:
    known = published is not None and simulated is not None
    error = simulated / published - 1 if known and published and simulated is not None else None
    return {
        "at": at, "series": "s", "unit": "ms", "published": published, "simulated": simulated, "error": error,
        "tolerance": None, "within_tolerance": None, "status": "published", "basis": "predicted", "source": "Table 1",
        "problem": "", **more,
    }  # fmt: skip


def document(chart: str = "bars") -> dict[str, Any]:
    rows = [row("a", 2.0, 3.0), row("b", None, 1.0), row("c<b>", 4.0, None, problem="does not fit"),
            row("d", 1.0, 9.0, basis="alternative")]  # fmt: skip
    panel = {"panel": "Latency", "unit": "ms", "chart": chart, "axis": "", "note": "A note.", "rows": rows}
    paper = {
        "paper": "tiny", "title": "A <i>paper</i>", "citation": "Someone, 2020", "models": [], "chips": [],
        "modelled": "much", "assumed": "little", "not_modelled": "", "panels": [panel],
    }  # fmt: skip
    score = {
        "paper": "tiny", "rows": 2, "failed": 1, "predicted": 2, "mean_error": 0.5, "median_error": 0.5,
        "worst_error": 0.5, "within_tolerance": 0, "with_tolerance": 0,
    }  # fmt: skip
    return {"schema": 1, "papers": [paper], "scoreboard": [score, {**score, "paper": "all"}]}


def test_every_value_its_source_and_the_scores_are_on_the_page() -> None:
    page = PageReader(page_html(reproduction_page(document(), "hwsim report r.json")))
    assert ["a", "s", "2", "3", "50.0 %", "", "published", "predicted", "Table 1", ""] in page.rows
    assert any(cells[0] == "c<b>" and cells[-1] == "does not fit" for cells in page.rows)
    assert [cells[:3] for cells in page.rows if cells[0] in ("tiny", "all")] == [["tiny", "2", "1"], ["all", "2", "1"]]
    assert "2 published values of 1 papers" in page.text
    assert "A <i>paper</i>" in page.text
    assert "Not modelled" not in page.text


def test_the_overview_has_only_what_is_claimed_and_panels_have_all() -> None:
    overview, panel = PageReader(page_html(reproduction_page(document(), "hwsim report r.json"))).charts
    points = [trace for trace in overview["data"] if trace["name"] == "tiny"]
    assert (points[0]["x"], points[0]["y"]) == ([2.0], [3.0])
    assert panel["data"][0]["x"] == [2.0, None, 4.0, 1.0]
    assert panel["data"][1]["x"] == [3.0, 1.0, None, 9.0]
    assert panel["data"][0]["y"][2] == "c&lt;b&gt;, s"


def test_values_of_different_units_are_shown_as_ratios() -> None:
    _, panel = PageReader(page_html(reproduction_page(document("ratio"), "hwsim report r.json"))).charts
    assert panel["data"][0]["x"] == [1.5, 9.0]
