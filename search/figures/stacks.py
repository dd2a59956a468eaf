"""Stacked bars: what a whole consists of, absolute or as shares with the total beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from search.figures.bars import Keys
from search.figures.charts import Measure, Series, Stacks, Value
from search.figures.style import label, look, set_axis, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PARTS = 16
_READABLE = 0.07
"""Share of the axis from which a segment has room for its percentage."""
_DECADE = 10.0


def stacks_size(chart: Stacks) -> tuple[float, float]:
    """Width and height in inches."""
    lines = [wrapped(name, 34).count("\n") + 1 for name in chart.bars]
    return 8.0, 1.0 + sum(max(0.3, 0.15 * count) for count in lines)


def draw_stacks(axes: Axes, chart: Stacks) -> Keys:
    """Draw lying stacked bars, one per name, the first on top."""
    from matplotlib.patches import Patch

    parts = few(chart.parts)
    totals = [_total(parts, place) for place in range(len(chart.bars))]
    known = [value for value in totals if not isinstance(value, str)]
    shares = chart.shares if chart.shares is not None else _differ(known)
    measure = Measure(f"share of {chart.measure.name}", "%") if shares else chart.measure
    set_axis(axes, "x", measure, [0.0, *([100.0] if shares else known)])
    span = axes.get_xlim()[1]
    for place, total in enumerate(totals):
        if isinstance(total, str):
            text = f"{total}"
            axes.text(0.008 * span, place, text, va="center", fontsize=7.5, style="italic", color="0.15")
            _empty(axes, place, span)
            continue
        scale = (100.0 / total if total else 0.0) if shares else 1.0
        _stack(axes, place, [_number(part, place) * scale for part in parts], span)
        axes.annotate(
            label(total, chart.measure), (total * scale, place), (4, 0), textcoords="offset points", va="center",
            fontsize=7.5,
        )  # fmt: skip
    axes.set_yticks(range(len(chart.bars)), [wrapped(name, 34) for name in chart.bars])
    margin = max(0.6, (3 - len(chart.bars)) / 2)
    axes.set_ylim(len(chart.bars) - 1 + margin, -margin)
    axes.tick_params(axis="y", length=0)
    axes.set_title(chart.title)
    looks = [look(index) for index in range(len(parts))]
    return [
        (Patch(facecolor=one.color, hatch=one.hatch, edgecolor="black", linewidth=0.5), parts[index].name)
        for index, one in enumerate(looks)
    ]


def few(parts: Sequence[Series]) -> tuple[Series, ...]:
    """At most ``MOST_PARTS`` parts, in the order given; the smallest by their sum are added up as "others"."""
    if len(parts) <= MOST_PARTS:
        return tuple(parts)
    shares = _weights(parts)
    kept = sorted(range(len(parts)), key=lambda index: (-shares[index], index))[: MOST_PARTS - 1]
    rest = [part for index, part in enumerate(parts) if index not in kept]
    places = range(len(rest[0].values))
    together: list[Value] = [_total(rest, place) for place in places]
    return (*(parts[index] for index in sorted(kept)), Series(f"{len(rest)} others", tuple(together)))


def _weights(parts: Sequence[Series]) -> list[float]:
    """The largest share that each part has of any bar."""
    places = range(len(parts[0].values))
    totals = [_total(parts, place) for place in places]
    return [
        max((_number(part, place) / total for place, total in enumerate(totals) if isinstance(total, float) and total),
            default=0.0)
        for part in parts
    ]  # fmt: skip


def _number(part: Series, place: int) -> float:
    value = part.values[place]
    return 0.0 if isinstance(value, str) else float(value)


def _total(parts: Sequence[Series], place: int) -> Value:
    """The sum of a bar's parts, or the word where it has no result."""
    words = [value for part in parts if isinstance(value := part.values[place], str)]
    return words[0] if words else float(sum(_number(part, place) for part in parts))


def _differ(totals: Sequence[float]) -> bool:
    positive = [total for total in totals if total > 0]
    return bool(positive) and max(positive) > _DECADE * min(positive)


def _stack(axes: Axes, place: int, widths: Sequence[float], span: float) -> None:
    left, total = 0.0, sum(widths)
    for index, width in enumerate(widths):
        if width <= 0:
            continue
        one = look(index)
        axes.barh(
            place, width, 0.72, left=left, color=one.color, hatch=one.hatch, edgecolor="black", linewidth=0.5
        )  # fmt: skip
        if width > _READABLE * span:
            axes.text(
                left + width / 2, place, f"{width / total:.0%}", ha="center", va="center", fontsize=7,
                bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
            )  # fmt: skip
        left += width


def _empty(axes: Axes, place: int, span: float) -> None:
    from matplotlib.patches import Rectangle

    corner = (0.0, place - 0.36)
    box = Rectangle(corner, 0.4 * span, 0.72, fill=False, edgecolor="0.35", linestyle=(0, (3, 2)))
    axes.add_patch(box)
