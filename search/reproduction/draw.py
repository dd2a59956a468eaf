"""A reproduction as a figure: a chart per panel, published beside simulated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from hwsim.quantity import parse
from search.figures.bars import bars_size
from search.figures.charts import Bars, Chart, Claim, Claims, Line, Lines, Measure, Series, Stacks, Value, numbers
from search.figures.draw import draw
from search.figures.style import render
from search.reproduction.result import PanelResult, Reproduction, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BASES = ("s", "J", "W", "B", "B/s", "Hz")
_ABSENT = "not simulated"
_NOT_CLAIMED = "shown, not claimed"
_WIDE = 10.0
"""Inches from which a chart has a row of its own."""


def picture(one: Reproduction, file_format: str) -> bytes:
    """The figure of a paper as the bytes of a file; equal results give equal bytes.

    Args:
        one: the paper with its rows.
        file_format: "png", "svg" or "pdf".
    """
    panels = [panel for panel in one.panels if panel.chart != "none"]
    charts = [chart_of(panel) for panel in panels]
    wide = any(isinstance(chart, Bars) and bars_size(chart)[0] > _WIDE for chart in charts)
    figure = draw(charts, f"{one.paper.name}: {one.paper.citation}", columns=1 if wide else 2)
    for axes, panel in zip(figure.axes, panels, strict=True):
        if panel.band is not None:
            _draw_band(axes, *panel.band)
        if panel.chart == "ratio":
            _clear_numbers(axes)
    return render(figure, file_format)


def chart_of(panel: PanelResult) -> Chart:
    """The chart of one panel."""
    return _CHARTS[panel.chart](panel)


def measure_of(panel: PanelResult) -> tuple[Measure, float]:
    """What the value axis shows in SI base units, and what the panel's numbers are multiplied by for it."""
    for base in _BASES:
        try:
            return Measure(panel.measure or panel.title, base), parse(f"1 {panel.unit}", base)
        except ValueError:
            continue
    return Measure(panel.measure or panel.title, panel.unit), 1.0


def _bars(panel: PanelResult) -> Chart:
    """Pairs with their errors where every row has a published value, else bars by series."""
    measure, scale = measure_of(panel)
    if all(row.published is not None for row in panel.rows):
        claims = tuple(
            Claim(_name(row), scale * row.published, _scaled(row.simulated, scale), _status(row))
            for row in panel.rows
            if row.published is not None
        )
        return Claims(panel.title, measure, claims)
    return _grouped(panel, measure, lambda row: _scaled(row.simulated, scale))


def _ratios(panel: PanelResult) -> Chart:
    """Simulated over published, for rows of different units."""
    measure = Measure("simulated over published")
    names = tuple(_name(row) for row in panel.rows)
    values = tuple(_ABSENT if row.error is None else 1 + row.error for row in panel.rows)
    return Bars(panel.title, measure, names, (Series("", values),), reference=1.0)


def _grouped(panel: PanelResult, measure: Measure, value: Callable[[Row], Value]) -> Bars:
    groups = tuple(dict.fromkeys(_place(row) for row in panel.rows))
    found = {(_place(row), row.series): value(row) for row in panel.rows}
    series = tuple(
        Series(name, tuple(found.get((group, name), _ABSENT) for group in groups))
        for name in dict.fromkeys(row.series for row in panel.rows)
    )
    return Bars(panel.title, measure, groups, series)


def _lines(panel: PanelResult) -> Chart:
    measure, scale = measure_of(panel)
    lines: list[Line] = []
    for name in dict.fromkeys(row.series for row in panel.rows):
        rows = [row for row in panel.rows if row.series == name]
        places = tuple(float(row.at) for row in rows)
        values = tuple(_scaled(row.simulated, scale) for row in rows)
        lines.append(Line(f"{name} simulated".strip(), places, values))
        printed = [(float(row.at), scale * row.published) for row in rows if row.published is not None]
        if printed:
            at, published = zip(*printed, strict=True)
            lines.append(Line(f"{name} published".strip(), at, published, published=True))
    return Lines(panel.title, Measure(panel.axis), measure, tuple(lines))


def _stacked(panel: PanelResult) -> Chart:
    """A bar per place, and before it one of published values if there are any; it lacks the parts not printed."""
    measure, scale = measure_of(panel)
    rows = {(_place(row), row.series): row for row in panel.rows}
    printed = {place for (place, _), row in rows.items() if row.published is not None}
    bars = [
        (place, which)
        for place in dict.fromkeys(place for place, _ in rows)
        for which in ("published", "simulated")
        if which == "simulated" or place in printed
    ]

    def value(place: str, which: str, name: str) -> Value:
        row = rows.get((place, name))
        if row is None:
            return 0.0
        return scale * (row.published or 0.0) if which == "published" else _scaled(row.simulated, scale)

    parts = tuple(
        Series(name, tuple(value(place, which, name) for place, which in bars))
        for name in dict.fromkeys(row.series for row in panel.rows)
    )
    if not panel.unit:
        parts = (*parts, _rest(parts, len(bars)))
    names = tuple(f"{place}, {which}" if printed else place for place, which in bars)
    return Stacks(panel.title, measure, names, parts, shares=False)


def _rest(parts: tuple[Series, ...], bars: int) -> Series:
    """What shares leave of one; it holds all parts that are not printed."""
    left = tuple(max(0.0, 1.0 - math.fsum(numbers(tuple(part.values[bar] for part in parts)))) for bar in range(bars))
    return Series("rest", left)


_CHARTS: dict[str, Callable[[PanelResult], Chart]] = {
    "bars": _bars,
    "ratio": _ratios,
    "lines": _lines,
    "stacked": _stacked,
}


def _place(row: Row) -> str:
    return row.at if isinstance(row.at, str) else f"{row.at:,}"


def _name(row: Row) -> str:
    return f"{_place(row)}, {row.series}" if row.series else _place(row)


def _status(row: Row) -> str:
    return _NOT_CLAIMED if row.basis == "alternative" else row.status


def _scaled(value: float | None, scale: float) -> Value:
    return _ABSENT if value is None else scale * value


def _clear_numbers(axes: Axes) -> None:
    """Numbers beside bars that end at the line of 1 stay readable."""
    for text in axes.texts:
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85})


def _draw_band(axes: Axes, low: float, high: float) -> None:
    axes.axhspan(low, high, color="0.85", zorder=0)
    axes.annotate(
        f"published: {low:g} to {high:g}", (1.0, high), (-3, -3), xycoords=("axes fraction", "data"),
        textcoords="offset points", ha="right", va="top", fontsize=7, style="italic",
    )  # fmt: skip
