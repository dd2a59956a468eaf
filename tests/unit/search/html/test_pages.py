"""Pages of reports, comparisons and studies: everything is on them, once, escaped, and the same bytes every time."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from hwsim.config import chip_names, load_chip
from hwsim.output import as_json
from hwsim.schedule import FusedGroup
from search.html.comparison import comparison_page
from search.html.diagram import chip_diagram
from search.html.estimate import estimate_page, sentences
from search.html.estimate_charts import short_names
from search.html.estimate_json import report_from_json
from search.html.page import Page, Section, page_html
from search.sweep import Row
from tests.unit.hwsim.report_example import example_report
from tests.unit.search.html.page_reader import PageReader

EVIL = '<script>alert("x")</script><img src=x>'


def estimate_text(command: str = "hwsim report") -> str:
    return page_html(estimate_page(example_report(), load_chip("tpu_v4i"), command))


def test_a_page_of_an_estimate_has_every_operator_warning_source_and_the_command() -> None:
    report = example_report()
    page = PageReader(estimate_text("hwsim report tiny-llama --chip 'my chip.yaml'"))
    operators = [row for row in page.rows if row and row[0] in {op.name for op in report.ops}]
    assert len(operators) == len(report.ops)
    for text in (*report.warnings, *(note.cite for note in report.footnotes), "'my chip.yaml'", "hwsim 0"):
        assert text in page.text
    assert [chart["data"][0]["type"] for chart in page.charts] == ["bar", "bar", "bar", "bar", "scatter", "bar"]


def test_equal_reports_give_equal_bytes() -> None:
    assert estimate_text() == estimate_text()


def test_a_page_is_small_and_asks_for_nothing() -> None:
    text = estimate_text()
    assert len(text.encode()) < 5_000_000
    page = PageReader(text)
    linked = [a[key] for _, a in page.elements for key in ("src", "href") if key in a]
    assert linked
    assert all(str(address).startswith("#") for address in linked)


def test_names_from_models_and_chips_never_become_markup() -> None:
    report = example_report()
    evil = replace(
        report,
        model=EVIL,
        chip=EVIL,
        ops=tuple(replace(op, name=EVIL + op.name, kind=EVIL, mapping=EVIL) for op in report.ops),
        warnings=(EVIL,),
        traffic=tuple(replace(row, memory=EVIL) for row in report.traffic),
        fused=(FusedGroup("g", (EVIL,), EVIL, 2, ((EVIL, 8),)),),
    )
    chip = load_chip("tpu_v4i").model_copy(update={"title": EVIL, "description": EVIL})
    page = PageReader(page_html(estimate_page(evil, chip, EVIL)))
    assert [name for name, _ in page.elements].count("script") == 3
    assert not [name for name, _ in page.elements if name == "img"]
    assert EVIL in page.text
    assert "<script" not in page.data["charts"]
    assert "<script" not in str(page.charts)


def test_a_report_from_its_json_file_says_the_same_as_far_as_it_goes() -> None:
    report = example_report()
    again = report_from_json(as_json(report))
    assert as_json(again) == as_json(report)
    # Sums over other rows may differ in the last digit, which no sentence shows.
    assert list(sentences(again)) == list(sentences(report))
    page = PageReader(page_html(estimate_page(again, None, "hwsim report file.json")))
    assert len(page.charts) == 4
    assert "has no timeline" in page.text


def test_a_page_without_charts_carries_no_library() -> None:
    text = page_html(Page("empty", "", (Section("nothing"),), "hwsim report"))
    assert len(text) < 50_000
    assert set(PageReader(text).data) == {"own"}


@pytest.mark.parametrize("name", chip_names())
def test_every_shipped_chip_has_a_diagram_without_overlaps(name: str) -> None:
    chip = load_chip(name)
    page = PageReader(chip_diagram(chip).text)
    rects = [a for tag, a in page.elements if tag == "rect"]
    assert len(rects) == len(chip.memories) + len(chip.units)
    boxes = [tuple(float(a[key] or 0) for key in ("x", "y", "width", "height")) for a in rects]
    for place, (x, y, width, height) in enumerate(boxes):
        for left, top, _, tall in boxes[place + 1 :]:
            assert left >= x + width or left + width <= x or top >= y + height or top + tall <= y
    for part in (*chip.memories, *chip.units):
        assert part[:20] in page.text


def rows() -> list[dict[str, object]]:
    fine = Row("a", "x", "decode", 1, 64, seconds=1.0, tokens_per_second=2.0, energy_joules=3.0, bound_by="compute")
    bad = Row("a", EVIL, "decode", 1, status="does not fit: 2 B")
    return [asdict(row) for row in (fine, replace(fine, chip="y", seconds=500.0), bad)]


def test_what_does_not_fit_is_shown_in_charts_and_table() -> None:
    page = PageReader(page_html(comparison_page(rows(), "hwsim report")))
    latency = page.charts[0]
    assert latency["layout"]["xaxis"]["type"] == "log"
    assert latency["data"][-1]["text"] == ["does not fit"]
    assert "does not fit: 2 B" in page.text
    assert "a is fastest on x: 1.00 s, 500 times as fast as on y." in page.text
    assert "2 of them could run" in page.text
    assert "<script" not in str(page.charts)


def test_a_sweep_becomes_lines_with_gaps() -> None:
    sizes = [{**rows()[0], "batch": 2**n, "seconds": 1.0 * 2**n} for n in range(4)]
    sizes[2] = {**sizes[2], "seconds": None, "energy_joules": None, "status": "does not fit"}
    page = PageReader(page_html(comparison_page(sizes, "hwsim report")))
    line = page.charts[0]["data"][0]
    assert line["mode"] == "lines+markers"
    assert line["x"] == [1, 2, 4, 8]
    assert line["y"] == [1.0, 2.0, None, 8.0]


def test_a_model_that_runs_nowhere_is_said_to() -> None:
    page = PageReader(page_html(comparison_page(rows()[2:], "hwsim report")))
    assert "a runs on none of the chips" in page.text


def test_short_names_stay_apart() -> None:
    assert short_names(["model.layers.0.mlp", "model.layers.1.mlp"], 4) == ["model.layers.0.mlp", "model.layers.1.mlp"]
    assert short_names(["model.layers.0.attention.q_proj"], 17) == ["attention.q_proj"]
