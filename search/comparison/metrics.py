"""What is compared: the measures of a row, and what they are relative to a baseline chip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.comparison.run import Comparison
from search.figures.charts import Measure
from search.sweep import Row
from workloads.errors import UserError, did_you_mean


class BaselineError(UserError):
    """A baseline that is not among the chips."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of a row that figures show.

    Attributes:
        name: of its files and of its relative column.
        title: over its figure.
        measure: its name and unit; where a row counts inferences instead of tokens, ``per_inference``.
        fields: of the row, the first that is not None.
        unknown: the word where a row has a result but not this number.
    """

    name: str
    title: str
    measure: Measure
    fields: tuple[str, ...]
    per_inference: Measure | None = None
    unknown: str = "unknown"


METRICS = (
    Metric("latency", "Latency", Measure("latency", "s"), ("seconds",)),
    Metric(
        "throughput", "Throughput", Measure("throughput", "tokens/s"), ("tokens_per_second", "inferences_per_second"),
        Measure("throughput", "inferences/s"),
    ),
    Metric("energy", "Energy", Measure("energy", "J"), ("energy_joules",)),
    Metric("energy_delay", "Energy-delay product", Measure("energy x delay", "J s"), ("energy_delay_joule_seconds",)),
    Metric(
        "work_per_joule", "Work per joule", Measure("work per joule", "tokens/J"),
        ("tokens_per_joule", "inferences_per_joule"), Measure("work per joule", "inferences/J"),
    ),
    Metric(
        "cost", "Cost", Measure("cost of a million tokens", "USD"), ("dollars_per_million",),
        Measure("cost of a million inferences", "USD"), "no price",
    ),
)  # fmt: skip
RELATIVE = tuple(f"relative_{metric.name}" for metric in METRICS)
"""Columns that stand beside the others where there is a baseline: this chip's value over the baseline's."""


def value(row: Row, metric: Metric) -> float | None:
    """A row's value of a metric; None where it has none."""
    return next((found for name in metric.fields if (found := getattr(row, name)) is not None), None)


def measure(rows: Sequence[Row], metric: Metric) -> Measure:
    """What a metric's axis shows for these rows: tokens, inferences, or both where rows differ."""
    if metric.per_inference is None:
        return metric.measure
    tokens = any(row.tokens_per_second is not None for row in rows)
    others = any(row.inferences_per_second is not None for row in rows)
    if tokens and others:
        both = (metric.measure.unit.replace("tokens", "tokens or inferences"),
                metric.measure.name.replace("tokens", "tokens or inferences"))  # fmt: skip
        return Measure(both[1], both[0])
    return metric.per_inference if others else metric.measure


def find_baseline(names: Sequence[str], wanted: str) -> int:
    """The place of the baseline among the chips' names.

    Raises:
        BaselineError: it is not there, or there more than once.
    """
    places = [place for place, name in enumerate(names) if name == wanted]
    if len(places) == 1:
        return places[0]
    if places:
        raise BaselineError(f"--baseline {wanted}: {len(places)} of the chips have this name")
    hint = did_you_mean(wanted, names) or f"; they are {', '.join(names)}"
    raise BaselineError(f"--baseline {wanted}: not among the chips compared{hint}; name it in --chips too")


def ratios(comparison: Comparison, baseline: int) -> list[tuple[float | None, ...]]:
    """For every row its metrics over those of the baseline with the same model and setting, in their order."""
    by_point = dict(zip(comparison.points, comparison.rows, strict=True))
    base = {(point.model, point.setting): row for point, row in by_point.items() if point.chip == baseline}
    found: list[tuple[float | None, ...]] = []
    for point, row in by_point.items():
        against = base[point.model, point.setting]
        found.append(tuple(_ratio(value(row, metric), value(against, metric)) for metric in METRICS))
    return found


def _ratio(own: float | None, base: float | None) -> float | None:
    return own / base if own is not None and base else None
