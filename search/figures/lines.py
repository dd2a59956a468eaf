"""Lines over a swept quantity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from search.figures.bars import Keys
from search.figures.charts import Line, Lines, numbers
from search.figures.style import Look, look, set_axis, ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_ROWS = 6
_ROW = 0.035
_DOUBLING = 1.5
"""Mean ratio of neighbours from which swept values are taken as a geometric series."""


def lines_size(chart: Lines) -> tuple[float, float]:
    """Width and height in inches."""
    return 6.0, 3.4


def draw_lines(axes: Axes, chart: Lines) -> Keys:
    """Draw one line per series; where a value is missing a cross stands below, and its word in the legend."""
    known = [value for line in chart.lines for value in numbers(line.y)]
    places = sorted({x for line in chart.lines for x in line.x})
    set_axis(axes, "y", chart.y, (*known, *(() if chart.reference is None else (chart.reference,))))
    _set_sweep(axes, chart, places)
    keys: Keys = []
    for index, line in enumerate(chart.lines):
        keys.append((_line(axes, line, look(index)), _named(line)))
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
    """Crosses in a strip below the values; the legend has the word of each."""
    lacking = [index for index, line in enumerate(chart.lines) if any(isinstance(y, str) for y in line.y)]
    if not lacking:
        return
    rows = min(len(lacking), _MOST_ROWS)
    strip = 0.03 + _ROW * rows
    _make_room(axes, strip)
    axes.plot([0, 1], [strip, strip], color="0.6", linewidth=0.6, transform=axes.transAxes)
    for place, index in enumerate(lacking):
        line = chart.lines[index]
        gone = [x for x, y in zip(line.x, line.y, strict=True) if isinstance(y, str)]
        height = 0.015 + _ROW * (rows - place % rows - 0.5)
        axes.plot(
            gone, [height] * len(gone), "x", color=look(index).line, markersize=5, markeredgewidth=1.5,
            transform=axes.get_xaxis_transform(), zorder=5,
        )  # fmt: skip


def _make_room(axes: Axes, strip: float) -> None:
    """Lower the axis so that a fraction of its height below the values is free."""
    low, high = axes.get_ylim()
    bottom = strip / (1 - strip)
    if axes.get_yscale() == "log":
        axes.set_ylim(low * (low / high) ** bottom, high)
        return
    axes.set_ylim(low - (high - low) * bottom, high)
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high])


def _named(line: Line) -> str:
    """The line's name in the legend, with what it lacks: ``t4: does not fit from 16``."""
    gone = [(x, y) for x, y in zip(line.x, line.y, strict=True) if isinstance(y, str)]
    if not gone:
        return line.name
    words = ", ".join(dict.fromkeys(word for _, word in gone))
    if len(gone) == len(line.x):
        return f"{line.name}: {words}"
    first = min(x for x, _ in gone)
    rest = all(isinstance(y, str) for x, y in zip(line.x, line.y, strict=True) if x >= first)
    where = f"from {_plain(first)}" if rest else f"at {', '.join(_plain(x) for x, _ in gone)}"
    return f"{line.name}: {words} {where}"
