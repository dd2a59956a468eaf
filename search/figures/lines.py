"""Lines over a swept quantity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from search.figures.bars import Keys
from search.figures.charts import Line, Lines, numbers
from search.figures.style import Look, look, set_axis, ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DOUBLING = 1.5
"""Mean ratio of neighbours from which swept values are taken as a geometric series."""


def lines_size(chart: Lines) -> tuple[float, float]:
    """Width and height in inches."""
    return 6.0, 4.0


def draw_lines(axes: Axes, chart: Lines) -> Keys:
    """Draw one line per series; where a value is missing a cross stands on the axis, under its word."""
    known = [value for line in chart.lines for value in numbers(line.y)]
    places = sorted({x for line in chart.lines for x in line.x})
    set_axis(axes, "y", chart.y, (*known, *(() if chart.reference is None else (chart.reference,))))
    _set_sweep(axes, chart, places)
    keys: Keys = []
    for index, line in enumerate(chart.lines):
        keys.append((_line(axes, line, look(index)), line.name))
    _missing(axes, chart)
    if chart.reference is not None:
        axes.axhline(chart.reference, color="black", linewidth=0.8, linestyle=(0, (4, 2)))
    axes.set_title(chart.title)
    return keys


def _set_sweep(axes: Axes, chart: Lines, places: Sequence[float]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_xlabel(f"{chart.x.name} ({chart.x.unit})" if chart.x.unit else chart.x.name)
    axes.grid(True, axis="x")
    if geometric(places):
        axes.set_xscale("log", base=2)
    if len(places) <= 16:
        axes.xaxis.set_major_locator(FixedLocator(list(places)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(axis="x", rotation=45 if max(map(len, map(_plain, places)), default=0) > 4 else 0)
    axes.xaxis.set_major_formatter(ticks(_plain))


def geometric(places: Sequence[float]) -> bool:
    """Whether ascending positive values grow by factors rather than by steps."""
    if len(places) < 3 or places[0] <= 0:
        return False
    return (places[-1] / places[0]) ** (1 / (len(places) - 1)) >= _DOUBLING


def _plain(value: float) -> str:
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"


def _line(axes: Axes, line: Line, one: Look) -> object:
    pairs = [(x, y) if not isinstance(y, str) else (x, float("nan")) for x, y in zip(line.x, line.y, strict=True)]
    (drawn,) = axes.plot(
        [x for x, _ in pairs], [y for _, y in pairs], color=one.line, marker=one.marker, markersize=5,
        markeredgecolor="black", markeredgewidth=0.6, linewidth=1.5, zorder=4 if line.published else 3,
        linestyle="none" if line.published else one.dashes,
        markerfacecolor="white" if line.published else one.line,
    )  # fmt: skip
    return drawn


def _missing(axes: Axes, chart: Lines) -> None:
    """Crosses along the lower edge, a row per line that lacks a value, with the word beside the first."""
    row = 0
    for index, line in enumerate(chart.lines):
        gone = [(x, y) for x, y in zip(line.x, line.y, strict=True) if isinstance(y, str)]
        if not gone:
            continue
        height = 0.03 + 0.05 * row
        axes.plot(
            [x for x, _ in gone], [height] * len(gone), "x", color=look(index).line, markersize=6, markeredgewidth=1.6,
            transform=axes.get_xaxis_transform(), zorder=5,
        )  # fmt: skip
        text = f"{line.name}: {gone[0][1]}"
        last = gone[0][0] > sorted(line.x)[len(line.x) // 2]
        axes.annotate(
            text, (gone[0][0], height), (-7 if last else 7, 0), xycoords=axes.get_xaxis_transform(),
            textcoords="offset points", ha="right" if last else "left", va="center", fontsize=7, style="italic",
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}, zorder=5,
        )  # fmt: skip
        row += 1
