"""What a figure shows, as plain data; ``search.figures.draw`` draws it.

A value that does not exist is the word why ("does not fit"): it is drawn as such and never left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

Value: TypeAlias = float | str
"""A number, or the word why there is none."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What an axis measures: a name, and the unit of its numbers (SI base units; empty for a bare number)."""

    name: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One value per group (or per bar), under one name."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """Grouped bars.

    Attributes:
        groups: names of the groups, for example models.
        series: one bar per group each, for example chips; as many values as there are groups.
        reference: where a line is drawn across, such as 1 for values relative to a baseline.
    """

    title: str
    measure: Measure
    groups: tuple[str, ...]
    series: tuple[Series, ...]
    reference: float | None = None


@dataclass(frozen=True, slots=True)
class Stacks:
    """Stacked bars: what a whole consists of.

    Attributes:
        bars: one name per bar.
        parts: one value per bar each; where a bar has no result, every part has the word why.
        shares: whether bars are drawn as shares of their total, which then stands beside them; None means where the
            totals differ by more than a decade.
    """

    title: str
    measure: Measure
    bars: tuple[str, ...]
    parts: tuple[Series, ...]
    shares: bool | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Values along a sweep; ``published`` ones are drawn as points without a line."""

    name: str
    x: tuple[float, ...]
    y: tuple[Value, ...]
    published: bool = False


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines over one swept quantity."""

    title: str
    x: Measure
    y: Measure
    lines: tuple[Line, ...]
    reference: float | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with a name, one of a series (a chip); a second grouping (the model) chooses its shape."""

    name: str
    series: str
    x: float
    y: float
    group: str = ""


@dataclass(frozen=True, slots=True)
class Roof:
    """A chip's limits: operations per second at its peak, and bytes per second of its outer memory; 0 is unknown."""

    name: str
    peak: float
    bandwidth: float


@dataclass(frozen=True, slots=True)
class Roofline:
    """Operational intensity against rate, on logarithmic axes.

    Attributes:
        roofs: one per series of the marks.
        absent: name and word of what has no point.
    """

    title: str
    x: Measure
    y: Measure
    roofs: tuple[Roof, ...]
    marks: tuple[Mark, ...]
    absent: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Scatter:
    """Points, and the line through those that no other beats in both quantities.

    Attributes:
        front: which way is better along x and y: "min" or "max" each; None draws no front.
    """

    title: str
    x: Measure
    y: Measure
    marks: tuple[Mark, ...]
    front: tuple[str, str] | None = None
    absent: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A published value beside the simulated one; ``status`` is that of the published value."""

    name: str
    published: float
    simulated: Value
    status: str = "published"


@dataclass(frozen=True, slots=True)
class Claims:
    """Published and simulated values side by side, each pair with its error."""

    title: str
    measure: Measure
    claims: tuple[Claim, ...]


Chart: TypeAlias = Bars | Stacks | Lines | Roofline | Scatter | Claims


def relative(bars: Bars, baseline: str) -> Bars:
    """The bars divided by those of one series, group by group; where that has no value, the word says so.

    Raises:
        KeyError: no series of that name.
    """
    base = {series.name: series.values for series in bars.series}[baseline]
    series = tuple(replace(one, values=tuple(map(ratio, one.values, base))) for one in bars.series)
    measure = Measure(f"{bars.measure.name} relative to {baseline}")
    return replace(bars, measure=measure, series=series, reference=1.0)


def ratio(value: Value, base: Value) -> Value:
    """A value over that of the baseline, or the word why there is no ratio."""
    if isinstance(value, str):
        return value
    if isinstance(base, str) or not base:
        return "no baseline"
    return value / base


def numbers(values: tuple[Value, ...]) -> tuple[float, ...]:
    """Those values that are numbers."""
    return tuple(value for value in values if not isinstance(value, str))
