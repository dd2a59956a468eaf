"""Figures: nothing is left out, axes fit their values, equal data give equal bytes."""

from __future__ import annotations

from typing import Any

import pytest

from search.figures.bars import error_text
from search.figures.charts import (
    Bars,
    Chart,
    Claim,
    Claims,
    Line,
    Lines,
    Mark,
    Measure,
    Roof,
    Roofline,
    Scatter,
    Series,
    Stacks,
    relative,
)
from search.figures.draw import draw, picture
from search.figures.lines import geometric
from search.figures.points import front
from search.figures.stacks import MOST_PARTS, few
from search.figures.style import label, look, spans_decades, wrapped

SECONDS = Measure("latency", "s")
BARS = Bars(
    "Latency",
    SECONDS,
    ("llama-3-8b", "gpt2"),
    (Series("tpu", (0.01, 0.002)), Series("gpu", ("does not fit", 0.004)), Series("pim", (0.02, 0.001))),
)
LINE = Line("tpu", (1, 2, 4, 8), (10.0, 19.0, "does not fit", "does not fit"))
CHARTS: dict[str, Chart] = {
    "bars": BARS,
    "bars-of-one-group": Bars("Energy", Measure("energy", "J"), ("gpt2",), (Series("a", (1.0,)), Series("b", ("no",)))),
    "stacks": Stacks("Time", SECONDS, ("a", "b"), (Series("matmul", (0.1, "no")), Series("norm", (0.2, "no")))),
    "lines": Lines("Sweep", Measure("batch"), Measure("throughput", "tokens/s"), (LINE,), 12.0),
    "roofline": Roofline(
        "Roofline",
        Measure("MACs per byte"),
        Measure("rate", "MAC/s"),
        (Roof("tpu", 1e14, 6e11), Roof("gpu", 0.0, 2e12)),
        (Mark("", "tpu", 1.0, 5e11, "llama"), Mark("", "gpu", 1.0, 1e12, "gpt2")),
        (("gpt2 on tpu", "no"),),
    ),
    "scatter": Scatter("Front", SECONDS, SECONDS, (Mark("a", "a", 1, 2), Mark("b", "b", 2, 1)), ("min", "min")),
    "claims": Claims("Paper", SECONDS, (Claim("x", 1.0, 1.1), Claim("y", 2.0, "no", "secondary"))),
}


def texts(figure: Any) -> list[str]:
    import matplotlib.text

    return [found.get_text() for found in figure.findobj(matplotlib.text.Text) if found.get_text()]


@pytest.mark.parametrize("chart", CHARTS.values(), ids=list(CHARTS))
def test_equal_charts_give_equal_bytes(chart: Chart) -> None:
    assert picture(chart, "svg", "title") == picture(chart, "svg", "title")


@pytest.mark.parametrize(("file_format", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_picture_is_of_the_format_asked_for(file_format: str, start: bytes) -> None:
    first = picture(BARS, file_format)
    assert first.startswith(start)
    assert first == picture(BARS, file_format)


@pytest.mark.parametrize(
    ("chart", "word"),
    [(BARS, "does not fit"), (CHARTS["bars-of-one-group"], "no"), (CHARTS["stacks"], "no"), (CHARTS["claims"], "no"),
     (CHARTS["lines"], "tpu: does not fit from 4"), (CHARTS["roofline"], "gpt2 on tpu: no")],
    ids=["bars", "lying-bars", "stacks", "claims", "lines", "roofline"],
)  # fmt: skip
def test_what_has_no_result_is_shown_with_its_word(chart: Chart, word: str) -> None:
    assert word in texts(draw(chart))


def test_bars_over_more_than_two_decades_are_logarithmic_and_none_is_cut_off() -> None:
    wide = Bars("x", SECONDS, ("a", "b"), (Series("s", (1e-5, 3.0)), Series("t", (0.5, 0.2))))
    (axes,) = draw(wide).axes
    assert axes.get_yscale() == "log"
    low, high = axes.get_ylim()
    assert low < 1e-5 and high > 3.0
    (narrow,) = draw(BARS).axes
    assert narrow.get_yscale() == "linear" and narrow.get_ylim()[0] == 0
    assert narrow.get_ylabel() == "latency (ms)"


def test_a_range_is_logarithmic_only_beyond_two_decades_of_positive_values() -> None:
    assert spans_decades([1.0, 101.0])
    assert not spans_decades([1.0, 99.0])
    assert not spans_decades([0.0, 1000.0]) and not spans_decades([])


def test_relative_bars_are_ratios_to_the_baseline_of_their_own_group() -> None:
    scaled = relative(BARS, "tpu")
    assert [series.values for series in scaled.series] == [(1.0, 1.0), ("does not fit", 2.0), (2.0, 0.5)]
    against_missing = relative(BARS, "gpu")
    assert against_missing.series[0].values == ("no baseline", 0.5)
    with pytest.raises(KeyError):
        relative(BARS, "absent")


def test_panels_with_equal_series_share_one_legend() -> None:
    figure = draw([BARS, relative(BARS, "tpu")])
    assert len(figure.legends) == 1
    assert all(axes.get_legend() is None for axes in figure.axes)
    figure = draw([BARS, CHARTS["lines"]])
    assert not figure.legends and all(axes.get_legend() is not None for axes in figure.axes)


def test_points_of_several_models_carry_the_number_of_their_chip() -> None:
    written = texts(draw(CHARTS["roofline"]))
    assert {"1", "2", "1: tpu", "2: gpu", "llama", "gpt2"} <= set(written)


def test_many_series_all_look_different() -> None:
    looks = [look(index) for index in range(64)]
    assert len({(one.color, one.hatch) for one in looks}) == 64
    assert len({(one.line, one.marker) for one in looks}) == 64


def test_the_smallest_of_many_parts_are_added_up_and_nothing_is_lost() -> None:
    parts = [Series(f"p{index}", (float(index + 1), 0.5)) for index in range(20)]
    kept = few(parts)
    assert len(kept) == MOST_PARTS
    assert sum(float(part.values[0]) for part in kept) == pytest.approx(210.0)
    assert kept[-1].name == "5 others"


def test_the_front_is_what_no_other_beats() -> None:
    marks = [Mark(str(x), "s", x, y) for x, y in ((1, 5), (2, 3), (3, 4), (4, 1), (5, 1))]
    assert [mark.name for mark in front(marks, ("min", "min"))] == ["1", "2", "4"]
    assert [mark.name for mark in front(marks, ("max", "max"))] == ["1", "3", "5"]


def test_an_error_is_signed_and_becomes_a_factor_when_far_off() -> None:
    assert [error_text(2.0, 2.5), error_text(2.0, 1.0), error_text(1.0, 40.0)] == ["+25.0%", "-50.0%", "x 40"]
    assert error_text(1.0, "does not fit") == ""


def test_values_are_written_with_their_unit() -> None:
    assert label(0.00231, SECONDS) == "2.31 ms"
    assert label(12345.6, Measure("throughput", "tokens/s")) == "12,346"


def test_long_names_break_where_words_end() -> None:
    assert wrapped("a100_80gb_sxm clocks.mac=250 MHz", 14) == "a100_80gb_sxm\nclocks.mac=250\nMHz"
    assert wrapped("deepseek-v3", 9) == "deepseek-\nv3"


def test_doubling_sweeps_are_geometric_and_steps_are_not() -> None:
    assert geometric([1, 2, 4, 8]) and geometric([128, 512, 2048])
    assert not geometric([1, 2, 3, 4, 5, 6]) and not geometric([0, 10, 100])
