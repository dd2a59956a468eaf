"""Points: a roofline with everything that was estimated, and scatter plots with their front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hwsim.plot import MARKERS
from search.figures.bars import Keys
from search.figures.charts import Mark, Roof, Roofline, Scatter
from search.figures.style import ink, look, outlined, set_axis, spans_decades

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NAMES = 14
"""Points beyond which their names are no longer written beside them."""


def points_size(chart: Roofline | Scatter) -> tuple[float, float]:
    """Width and height in inches."""
    return 7.2, 4.4


def draw_roofline(axes: Axes, chart: Roofline) -> Keys:
    """Draw one roof per chip, and a mark per point: colour by chip, or colour and number where shapes are models."""
    series = [roof.name for roof in chart.roofs]
    xs = [mark.x for mark in chart.marks] + [roof.peak / roof.bandwidth for roof in chart.roofs if _whole(roof)]
    ys = [mark.y for mark in chart.marks] + [roof.peak for roof in chart.roofs if roof.peak]
    axes.set_title(chart.title)
    _note_absent(axes, chart.absent)
    if not chart.marks:
        axes.text(0.5, 0.5, "no result with arithmetic and traffic", transform=axes.transAxes, ha="center")
        axes.set_axis_off()
        return []
    for which, measure, values in (("x", chart.x, xs), ("y", chart.y, ys)):
        # At least three decades, so that the axis is logarithmic whatever the points are.
        set_axis(axes, which, measure, [*values, max(values) / 1.1e3 if not spans_decades(values) else max(values)])
    low, high = min(xs) / 4, max(xs) * 4
    axes.set_xlim(low, high)
    bottom, top = min(ys) / 4, max(ys) * 3
    axes.set_ylim(bottom, top)
    for roof in chart.roofs:
        _roof(axes, roof, look(series.index(roof.name)).line, low, high)
    for names, peak in _labels(chart.roofs, (top / bottom) ** 0.035):
        axes.annotate(
            names, (high, peak), (-2, 2), textcoords="offset points", ha="right", fontsize=7, color="0.2",
            path_effects=outlined(),
        )  # fmt: skip
    return _marks(axes, chart.marks, series)


def _whole(roof: Roof) -> bool:
    return bool(roof.peak and roof.bandwidth)


def _roof(axes: Axes, roof: Roof, color: str, low: float, high: float) -> None:
    if roof.bandwidth:
        right = min(high, roof.peak / roof.bandwidth) if roof.peak else high
        axes.plot([low, right], [low * roof.bandwidth, right * roof.bandwidth], "-", color=color, linewidth=1.1)
    if roof.peak:
        left = max(low, roof.peak / roof.bandwidth) if roof.bandwidth else low
        axes.plot([left, high], [roof.peak, roof.peak], "-", color=color, linewidth=1.1)


def _labels(roofs: Sequence[Roof], apart: float) -> list[tuple[str, float]]:
    """Names of roofs at their peaks; roofs closer than a factor share one line of text, at the highest of them."""
    found: list[tuple[list[str], float, float]] = []
    for roof in sorted((roof for roof in roofs if roof.peak), key=lambda roof: (-roof.peak, roof.name)):
        if found and found[-1][2] < roof.peak * apart:
            found[-1][0].append(roof.name)
        else:
            found.append(([roof.name], roof.peak, roof.peak))
    return [(", ".join(names) if len(names) < 4 else f"{names[0]} and {len(names) - 1} more", peak)
            for names, peak, _ in found]  # fmt: skip


def draw_scatter(axes: Axes, chart: Scatter) -> Keys:
    """Draw points by series and group, and the front where one is asked for."""
    set_axis(axes, "x", chart.x, [mark.x for mark in chart.marks])
    set_axis(axes, "y", chart.y, [mark.y for mark in chart.marks])
    axes.set_title(chart.title)
    _note_absent(axes, chart.absent)
    if chart.front is not None:
        best = front(chart.marks, chart.front)
        axes.plot([mark.x for mark in best], [mark.y for mark in best], "-", color="0.45", linewidth=1.2, zorder=2)
    return _marks(axes, chart.marks, list(dict.fromkeys(mark.series for mark in chart.marks)))


def front(marks: Sequence[Mark], better: tuple[str, str]) -> list[Mark]:
    """Marks that no other beats in one quantity without losing in the other, in the order of x."""
    sign_x, sign_y = (1 if way == "min" else -1 for way in better)
    ordered = sorted(marks, key=lambda mark: (sign_x * mark.x, sign_y * mark.y))
    found: list[Mark] = []
    for mark in ordered:
        if not found or sign_y * mark.y < sign_y * found[-1].y:
            found.append(mark)
    return sorted(found, key=lambda mark: mark.x)


def _marks(axes: Axes, marks: Sequence[Mark], series: list[str]) -> Keys:
    from matplotlib.lines import Line2D

    groups = list(dict.fromkeys(mark.group for mark in marks))
    several = len(groups) > 1
    for place, mark in enumerate(marks):
        above = 3 + place / len(marks)
        one = look(series.index(mark.series))
        shape = MARKERS[groups.index(mark.group) % len(MARKERS)] if several else one.marker
        size = 90 if several else 42
        axes.scatter(
            mark.x, mark.y, size, color=one.line, marker=shape, edgecolors="black", linewidths=0.6, zorder=above
        )
        if several:
            axes.annotate(
                str(series.index(mark.series) + 1), (mark.x, mark.y), ha="center", va="center_baseline", fontsize=6.5,
                color=ink(one.line), zorder=above,
            )  # fmt: skip
        if mark.name and len(marks) <= MOST_NAMES:
            axes.annotate(mark.name, (mark.x, mark.y), (6, -9), textcoords="offset points", fontsize=7)
    shown = [name for name in series if any(mark.series == name for mark in marks)]
    keys: Keys = []
    for name in shown:
        one = look(series.index(name))
        marker = "s" if several else one.marker
        text = f"{series.index(name) + 1}: {name}" if several else name
        keys.append((Line2D([], [], color=one.line, marker=marker, linestyle="none", markeredgecolor="black"), text))
    for index, group in enumerate(groups if several else []):
        hollow = Line2D([], [], color="white", marker=MARKERS[index % len(MARKERS)], linestyle="none",
                        markeredgecolor="black")  # fmt: skip
        keys.append((hollow, group))
    return keys


def _note_absent(axes: Axes, absent: Sequence[tuple[str, str]]) -> None:
    if not absent:
        return
    lines = [f"{name}: {word}" for name, word in absent[:6]]
    if len(absent) > 6:
        lines.append(f"and {len(absent) - 6} more without a result")
    axes.text(
        0.99, 0.02, "\n".join(lines), transform=axes.transAxes, ha="right", fontsize=7, style="italic", color="0.15",
        bbox={"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": "0.35", "linestyle": (0, (3, 2))},
        zorder=5,
    )  # fmt: skip
