"""A chart as plain data for plotly.js: traces, a layout, and words that say the same to those who can't see it."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hwsim.plot import PALETTE
from search.html.tags import Markup, tag

PATTERNS = ("", "/", ".", "\\", "x", "-", "+", "|")
"""Fills of areas, in the order of ``PALETTE``, so that neighbours differ without colour."""
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star")

Trace: TypeAlias = dict[str, Any]
LEGEND = {"orientation": "h", "traceorder": "normal", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left"}


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    Attributes:
        title: its heading.
        words: what it shows, in a sentence or two.
        traces, layout: as plotly.js takes them; colours of text and grid are the page's.
        height: in CSS pixels.
        wide: whether it takes a row of its own.
    """

    title: str
    words: str
    traces: tuple[Trace, ...]
    layout: Mapping[str, Any] = field(default_factory=dict)
    height: int = 320
    wide: bool = False


def fill(index: int) -> dict[str, Any]:
    """Colour and pattern of the areas of one series."""
    place = index % len(PALETTE)
    shape = PATTERNS[place]
    marker: dict[str, Any] = {"color": PALETTE[place], "line": {"width": 0.6, "color": "#222"}}
    if shape:
        marker["pattern"] = {"shape": shape, "fgcolor": "#222", "fillmode": "overlay", "size": 7, "solidity": 0.12}
    return marker


def point(index: int) -> dict[str, Any]:
    """Colour and symbol of the points of one series."""
    place = index % len(PALETTE)
    return {"color": PALETTE[place], "symbol": SYMBOLS[place], "line": {"width": 1, "color": "#222"}}


def label(text: str) -> str:
    """Text as plotly.js is to show it: it reads markup in labels, and must find none."""
    return html.escape(text, quote=False)


def bar_axis(unit: str, values: Iterable[float], log: bool = False) -> dict[str, Any]:
    """The axis of horizontal bars: SI prefixes, and room for a label behind the longest bar.

    Args:
        unit: behind every tick.
        values: of the bars, in base units.
        log: whether it is logarithmic; bars then begin at half of the smallest value.
    """
    positive = [value for value in values if value > 0] or [1.0]
    axis: dict[str, Any] = {"ticksuffix": unit, "exponentformat": "SI", "minexponent": 1, "nticks": 6}
    if not log:
        return {**axis, "range": [0, max(positive) * 1.22]}
    low, high = math.log10(min(positive) / 2), math.log10(max(positive))
    return {**axis, "type": "log", "dtick": max(1, round((high - low) / 5)), "range": [low, high + 0.25 * (high - low)]}


def log_axis(title: str, values: Iterable[float], unit: str = "") -> dict[str, Any]:
    """A logarithmic axis of points, ticks at powers of ten where there are several."""
    positive = [value for value in values if value > 0] or [1.0]
    ticks = {"dtick": 1} if max(positive) / min(positive) > 30 else {"dtick": "D2"}
    axis = {
        "type": "log",
        "title": {"text": label(title)},
        "ticksuffix": unit,
        "exponentformat": "SI",
        "minexponent": 1,
    }
    return {**axis, **ticks}


def spans_decades(values: Sequence[float], factor: float = 100.0) -> bool:
    """Whether positive values range so widely that a logarithmic axis shows them better."""
    positive = [value for value in values if value > 0]
    return bool(positive) and len(positive) == len(values) and max(positive) / min(positive) > factor


def figure(chart: Chart, number: int) -> Markup:
    """The place where a chart is drawn; ``number`` counts the charts of the page from 0."""
    place = tag(
        "div", class_="chart", data_chart=number, style=f"height:{chart.height}px", role="img", aria_label=chart.words
    )
    caption = tag("figcaption", tag("strong", chart.title), " ", chart.words)
    return tag("figure", caption, place, class_="wide" if chart.wide else "half")
