"""Pages in a real browser, from a file and without a network: charts are drawn, tables sort and filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hwsim.config import load_chip
from mapper.estimate import estimate
from search.html.comparison import comparison_page
from search.html.estimate import estimate_page
from search.html.page import page_html
from tests.end_to_end.browser import Browser, browser
from tests.unit.search.html.test_pages import rows

MARKS = ".point path, .bars path, .lines path, .scatterlayer path"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that has opened the page of a real estimate, whose model is named to be dangerous."""
    chip = load_chip("eyeriss")
    report = replace(estimate("alexnet", chip), model="<script>window.hit = 1</script><b>alexnet</b>")
    page = tmp_path_factory.mktemp("pages") / "estimate.html"
    page.write_text(page_html(estimate_page(report, chip, "hwsim report alexnet --chip eyeriss")), encoding="utf-8")
    assert page.stat().st_size < 5_000_000
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        opened.size(1280, 900)
        opened.open(page)
        yield opened


def column(tab: Browser, number: int) -> list[str]:
    """Visible cells of one column of the table of operators."""
    cells = "[...document.querySelectorAll('.filtered tbody')[0].rows].filter(row => !row.hidden)"
    return tab.run(f"{cells}.map(row => row.cells[{number}].dataset.v ?? row.cells[{number}].textContent)")


def test_every_chart_is_drawn_without_a_complaint_or_a_request(tab: Browser) -> None:
    counts = tab.run(
        "[...document.querySelectorAll('[data-chart]')].map(place => place.querySelectorAll('" + MARKS + "').length)"
    )
    assert len(counts) == 6
    assert min(counts) > 0, counts
    assert tab.complaints() == []
    assert [address for address in tab.requests() if not address.startswith(("file:", "data:"))] == []
    assert tab.run("window.hit === undefined")
    assert "<script>window.hit = 1</script>" in tab.run("document.querySelector('h1').textContent")


def test_the_browser_itself_refuses_a_request(tab: Browser) -> None:
    assert tab.run("fetch('https://example.org/').then(() => 'loaded', () => 'refused')") == "refused"
    assert any("Content Security Policy" in text for text in tab.complaints())


def test_tables_sort_on_click_and_on_a_key(tab: Browser) -> None:
    head = "document.querySelectorAll('.filtered th')"
    tab.run(f"{head}[4].querySelector('button').click()")
    times = [float(text) for text in column(tab, 4)]
    assert times == sorted(times, reverse=True)
    assert tab.run(f"{head}[4].getAttribute('aria-sort')") == "descending"
    tab.run(f"{head}[4].querySelector('button').focus()")
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")
    times = [float(text) for text in column(tab, 4)]
    assert times == sorted(times)
    assert len(set(times)) > 3
    tab.run(f"{head}[0].querySelector('button').click()")
    assert column(tab, 0) == sorted(column(tab, 0), key=str.lower)


def test_rows_are_filtered_by_words(tab: Browser) -> None:
    every = column(tab, 1)
    write = "(() => { const i = document.querySelector('input[type=search]'); i.value = '%s';"
    write += " i.dispatchEvent(new Event('input')); })()"
    tab.run(write % "conv2d")
    assert set(column(tab, 1)) == {"conv2d"}
    said = tab.run("document.querySelector('.tools span').textContent")
    assert said == f"{every.count('conv2d')} of {len(every)} rows"
    tab.run(write % "-conv2d")
    assert set(column(tab, 1)) == set(every) - {"conv2d"}
    tab.run(write % "")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_is_wider_than_a_narrow_window(tab: Browser, dark: bool) -> None:
    tab.size(380, 800, dark)
    tab.wait_for("document.documentElement.scrollWidth <= 380")
    tab.wait_for("[...document.querySelectorAll('.main-svg')].every(chart => chart.clientWidth <= 380)")
    ink = "rgb(230, 233, 237)" if dark else "rgb(27, 31, 36)"
    tab.wait_for(f"getComputedStyle(document.querySelector('.chart .xtick text')).fill == '{ink}'")


def test_a_comparison_is_drawn_and_says_what_does_not_fit(tab: Browser, tmp_path: Path) -> None:
    path = tmp_path / "comparison.html"
    path.write_text(page_html(comparison_page(rows(), "hwsim report")), encoding="utf-8")
    tab.size(1280, 900)
    tab.open(path)
    assert tab.complaints() == []
    assert "does not fit" in tab.run("document.querySelector('.chart').textContent")
    assert tab.run("document.querySelectorAll('.js-plotly-plot').length") == tab.run(
        "document.querySelectorAll('[data-chart]').length"
    )


def test_tables_read_without_scripts(tab: Browser, tmp_path: Path) -> None:
    path = tmp_path / "comparison.html"
    path.write_text(page_html(comparison_page(rows(), "hwsim report")), encoding="utf-8")
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.call("Page.navigate", url=path.resolve().as_uri())
        tab.wait_for("document.readyState == 'complete' && document.querySelectorAll('tbody tr').length > 0")
        assert tab.run("document.querySelectorAll('tbody tr').length") == 3
        assert tab.run("document.querySelectorAll('th button').length") == 0
        assert "need JavaScript" in tab.run("document.querySelector('noscript').innerText")
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)
