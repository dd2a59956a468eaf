"""Grouped bars, and published values beside simulated ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from search.figures.charts import Bars, Claims, Series, Value, numbers
from search.figures.style import Look, label, look, outlined, set_axis, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Keys = list[tuple[object, str]]
"""Handles and texts of a legend."""
MOST_LABELS = 60
"""Bars beyond which values are no longer written on them."""
_WIDTH = 0.86
_PER_BAR = 0.24
_LETTERS_PER_INCH = 12
_WORD_SIZE = 7.0


def bars_size(chart: Bars) -> tuple[float, float]:
    """Width and height in inches."""
    if _sideways(chart):
        lines = [wrapped(name, 30).count("\n") + 1 for name in _names(chart)]
        return 6.4, 1.0 + sum(max(0.28, 0.15 * count) for count in lines)
    width = 1.4 + len(chart.groups) * max(0.9, _PER_BAR * (len(chart.series) + 0.8))
    return min(max(width, 4.2), 16.0), 3.1


def _sideways(chart: Bars) -> bool:
    return len(chart.groups) == 1 or len(chart.series) == 1


def _names(chart: Bars) -> tuple[str, ...]:
    return tuple(series.name for series in chart.series) if len(chart.groups) == 1 else chart.groups


def draw_bars(axes: Axes, chart: Bars) -> Keys:
    """Draw grouped bars: upright in groups, or lying with a name each where there is only one group or series."""
    if _sideways(chart):
        single = len(chart.groups) == 1
        values = tuple(one.values[0] for one in chart.series) if single else chart.series[0].values
        _lying(axes, chart, _names(chart), values)
        only = chart.groups[0] if single else chart.series[0].name
        axes.set_title(wrapped(f"{chart.title}: {only}" if only else chart.title, 58))
        return []
    axes.set_title(chart.title)
    return _upright(axes, chart, bars_size(chart)[0])


def _lying(axes: Axes, chart: Bars, names: Sequence[str], values: Sequence[Value]) -> None:
    known = numbers(tuple(values))
    set_axis(axes, "x", chart.measure, (*known, *_one(chart.reference)))
    left = axes.get_xlim()[0]
    for place, value in enumerate(values):
        if isinstance(value, str):
            _empty_lying(axes, place, value)
            continue
        axes.barh(
            place, max(value - left, 0.0), left=left, height=0.7, color=look(0).color, edgecolor="black", linewidth=0.5
        )
        text = label(value, chart.measure)
        axes.annotate(text, (max(value, left), place), (3, 0), textcoords="offset points", va="center", fontsize=7.5)
    if chart.reference is not None:
        axes.axvline(chart.reference, color="black", linewidth=0.8, linestyle=(0, (4, 2)))
    axes.set_yticks(range(len(names)), [wrapped(name, 30) for name in names])
    margin = max(0.6, (3 - len(names)) / 2)
    axes.set_ylim(len(names) - 1 + margin, -margin)
    axes.tick_params(axis="y", length=0)
    _room_right(axes)


def _room_right(axes: Axes) -> None:
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * (high / low) ** 0.12 if axes.get_xscale() == "log" else high * 1.06)


def _one(value: float | None) -> tuple[float, ...]:
    return () if value is None else (value,)


def _empty_lying(axes: Axes, place: int, word: str) -> None:
    from matplotlib.patches import Rectangle

    across = axes.get_yaxis_transform()
    box = Rectangle((0, place - 0.35), 0.34, 0.7, transform=across, fill=False, edgecolor="0.35", linestyle=(0, (3, 2)))
    axes.add_patch(box)
    axes.text(0.01, place, word, transform=across, va="center", fontsize=_WORD_SIZE, color="0.15", style="italic")


def _upright(axes: Axes, chart: Bars, inches: float) -> Keys:
    from matplotlib.patches import Patch

    groups, series = chart.groups, chart.series
    known = [value for one in series for value in numbers(one.values)]
    set_axis(axes, "y", chart.measure, (*known, *_one(chart.reference)))
    labelled = len(groups) * len(series) <= MOST_LABELS
    if labelled:
        _room_above(axes, max((len(label(value, chart.measure)) for value in known), default=0))
    width = _WIDTH / len(series)
    for index, one in enumerate(series):
        for group, value in enumerate(one.values):
            place = group - _WIDTH / 2 + (index + 0.5) * width
            _bar(axes, place, width, value, look(index), label(value, chart.measure) if labelled else "")
    if chart.reference is not None:
        axes.axhline(chart.reference, color="black", linewidth=0.8, linestyle=(0, (4, 2)))
    room = max(8, int((inches - 0.8) / len(groups) * _LETTERS_PER_INCH))
    axes.set_xticks(range(len(groups)), [wrapped(name, room) for name in groups])
    axes.set_xlim(-0.55, len(groups) - 0.45)
    axes.tick_params(axis="x", length=0)
    looks = [look(index) for index in range(len(series))]
    return [
        (Patch(facecolor=one.color, hatch=one.hatch, edgecolor="black", linewidth=0.5), series[index].name)
        for index, one in enumerate(looks)
    ]


def _room_above(axes: Axes, letters: int) -> None:
    """Space for values written upright above the tallest bar, the longest of so many letters."""
    low, high = axes.get_ylim()
    share = 0.16 * max(1.0, letters / 6)
    axes.set_ylim(low, high * (high / low) ** share if axes.get_yscale() == "log" else high * (1 + share))


def _bar(axes: Axes, place: float, width: float, value: Value, one: Look, text: str) -> None:
    from matplotlib.patches import Rectangle

    if isinstance(value, str):
        upward = axes.get_xaxis_transform()
        corner = (place - 0.45 * width, 0)
        box = Rectangle(
            corner, 0.9 * width, 0.4, transform=upward, fill=False, edgecolor="0.35", linestyle=(0, (3, 2)), zorder=2
        )
        axes.add_patch(box)
        axes.text(
            place, 0.015, value, transform=upward, rotation=90, ha="center", va="bottom", fontsize=_WORD_SIZE,
            color="0.15", style="italic", path_effects=outlined(), zorder=4,
        )  # fmt: skip
        return
    bottom = axes.get_ylim()[0]
    height = max(value - bottom, 0.0)  # on a logarithmic axis zero has its number and no bar
    axes.bar(place, height, width, bottom=bottom, color=one.color, hatch=one.hatch, edgecolor="black", linewidth=0.5)
    axes.annotate(
        text, (place, bottom + height), (0, 3), textcoords="offset points", rotation=90, ha="center", va="bottom",
        fontsize=6.5, path_effects=outlined(), zorder=4,
    )  # fmt: skip


def claims_size(chart: Claims) -> tuple[float, float]:
    """Width and height in inches."""
    return min(max(1.6 + 0.85 * len(chart.claims), 4.2), 16.0), 3.3


def draw_claims(axes: Axes, chart: Claims) -> Keys:
    """Draw pairs of bars, published and simulated, with the error of the latter above; a star: not published itself."""
    groups = [claim.name if claim.status == "published" else f"{claim.name} *" for claim in chart.claims]
    series = (
        Series("published", tuple(claim.published for claim in chart.claims)),
        Series("simulated", tuple(claim.simulated for claim in chart.claims)),
    )
    keys = _upright(axes, Bars(chart.title, chart.measure, tuple(groups), series), claims_size(chart)[0])
    logarithmic = axes.get_yscale() == "log"
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.2 if logarithmic else high * 1.1)
    for place, claim in enumerate(chart.claims):
        axes.text(
            place, 0.99, error_text(claim.published, claim.simulated), transform=axes.get_xaxis_transform(),
            ha="center", va="top", fontsize=8, fontweight="bold",
        )  # fmt: skip
    axes.set_title(chart.title)
    others = sorted({claim.status for claim in chart.claims} - {"published"})
    if others:
        axes.set_xlabel(f"* value is {' or '.join(others)}", fontsize=7.5, loc="right")
    return keys


def error_text(published: float, simulated: Value) -> str:
    """The simulated value over the published one as a signed percentage; as a factor where it is far off."""
    if isinstance(simulated, str) or not published:
        return ""
    error = simulated / published - 1
    return f"{error:+.1%}" if abs(error) < 2 else f"x {simulated / published:.3g}"
