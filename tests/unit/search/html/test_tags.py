"""Text can't become markup, and tables and charts say what they are given."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.html.chart import bar_axis, label, log_axis, spans_decades
from search.html.table import Column, number_text, table
from search.html.tags import Markup, joined, script_safe, tag
from tests.unit.search.html.page_reader import PageReader


@given(text=st.text(alphabet="<>&\"'/abc \n-!", max_size=30))
def test_no_text_can_open_an_element_or_leave_an_attribute(text: str) -> None:
    page = PageReader(tag("p", text, title=text).text)
    assert page.elements == [("p", {"title": text})]
    assert page.text == text


@given(text=st.text(max_size=40))
def test_json_in_a_script_is_the_same_json_and_never_ends_the_script(text: str) -> None:
    safe = script_safe(json.dumps([text + "</script><!--"]))
    assert "<" not in safe
    assert json.loads(safe) == [text + "</script><!--"]


def test_markup_passes_and_empty_elements_are_not_closed() -> None:
    assert tag("p", Markup("<b>x</b>"), " & ", tag("br")).text == "<p><b>x</b> &amp; <br></p>"
    assert joined(["<", Markup("<i></i>")]).text == "&lt;<i></i>"
    assert tag("td", "1", class_="number", data_v=1.5).text == '<td class="number" data-v="1.5">1</td>'


def test_a_table_keeps_exact_numbers_beside_those_it_shows() -> None:
    columns = (Column("name"), Column("time", "s", "how long", bar=True), Column("share", "%"), Column("n", "#"))
    text = table("Rows", columns, [("a<b", 0.0012345, 0.5, 12345), ("c", None, None, None)]).text
    page = PageReader(text)
    assert page.rows == [["name", "time", "share", "n"], ["a<b", "1.23 ms", "50.0 %", "12,345"], ["c", "", "", ""]]
    assert [a["data-v"] for name, a in page.elements if name == "td" and "data-v" in a] == ["0.0012345", "0.5", "12345"]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(0.123, "%", "12.3 %"), (1234567, "#", "1,234,567"), (2.5e-3, "J", "2.50 mJ"), (1.5e9, "#", "1.5e+09")],
    ids=["share", "count", "quantity", "float count"],
)
def test_numbers_are_read_as_their_unit_says(value: float, unit: str, expected: str) -> None:
    assert number_text(value, unit) == expected


def test_labels_of_charts_hold_no_markup() -> None:
    assert label("<a href='x'>&") == "&lt;a href='x'&gt;&amp;"


def test_axes_are_logarithmic_only_where_values_are_positive_and_far_apart() -> None:
    assert spans_decades([1.0, 150.0])
    assert not spans_decades([1.0, 50.0])
    assert not spans_decades([0.0, 1.0, 150.0])
    assert not spans_decades([])
    low, high = bar_axis("s", [1e-3, 10.0], log=True)["range"]
    assert low < -3
    assert high > 1
    assert bar_axis("s", [])["range"][1] > 0
    assert log_axis("x", [1.0, 1e6])["dtick"] == 1
