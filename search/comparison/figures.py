"""The figures of a comparison, as charts: bars or sweep lines of every metric, roofline, breakdowns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from search.comparison.metrics import METRICS, Metric, measure, value
from search.comparison.plan import Point
from search.comparison.run import Comparison
from search.figures.charts import (
    Bars,
    Chart,
    Line,
    Lines,
    Mark,
    Measure,
    Roof,
    Roofline,
    Series,
    Stacks,
    Value,
    ratio,
    relative,
)
from search.sweep import OK, Parts, Row, word

MOST_STACKS = 36
"""Bars of a breakdown beyond which only the ends of the sweeps are shown."""
_TIGHT = "\u00a0"
"""A space at which no line is broken."""
_UNITS = {"context": "tokens", "prompt": "tokens", "output": "tokens"}
_BREAKDOWNS: tuple[tuple[str, str, Measure, Callable[[Row], Parts]], ...] = (
    ("time_by_kind", "Time by kind of operator", Measure("time", "s"), lambda row: row.time_by_kind),
    ("time_by_bound", "Time by what bounds it", Measure("time", "s"), lambda row: row.time_by_bound),
    ("energy_by_component", "Energy by component", Measure("energy", "J"), lambda row: row.energy_by_component),
)


def charts(comparison: Comparison, baseline: int | None = None) -> dict[str, Chart]:
    """All figures by the name of their file; what a comparison has no numbers for is left out.

    Args:
        comparison: finished.
        baseline: place of the chip that metrics are relative to; None draws them in their units.
    """
    found: dict[str, Chart] = {}
    for metric in METRICS:
        if any(value(row, metric) is not None for row in comparison.rows):
            found.update(_metric_charts(comparison, metric, baseline))
    if any(row.status == OK for row in comparison.rows):
        found["roofline"] = roofline(comparison)
        for name, title, unit, parts in _BREAKDOWNS:
            found[name] = _stacks(comparison, title, unit, parts)
    return found


def _metric_charts(comparison: Comparison, metric: Metric, baseline: int | None) -> dict[str, Chart]:
    """One chart of bars, or one of lines per model where something is swept."""
    axis = swept_axis(comparison)
    if axis is None:
        return {metric.name: _bars(comparison, metric, baseline)}
    models = _names([model.name for model in comparison.plan.models])
    drawn = {name: _lines(comparison, metric, baseline, place, axis) for place, name in enumerate(models)}
    return {f"{metric.name}-{_file(name)}" if len(models) > 1 else metric.name: one for name, one in drawn.items()}


def _file(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-._" else "_" for letter in name)


def _names(names: Sequence[str]) -> list[str]:
    """Names with a number behind those that occur before."""
    return [
        f"{name} ({names[: place + 1].count(name)})" if names.index(name) < place else name
        for place, name in enumerate(names)
    ]


def _value(row: Row, metric: Metric) -> Value:
    found = value(row, metric)
    return found if found is not None else word(row) or metric.unknown


def _by_point(comparison: Comparison) -> dict[Point, Row]:
    return dict(zip(comparison.points, comparison.rows, strict=True))


def _bars(comparison: Comparison, metric: Metric, baseline: int | None) -> Bars:
    plan, rows = comparison.plan, _by_point(comparison)
    chips = _names([chip.name for chip in plan.chips])
    models = range(len(plan.models))
    series = tuple(
        Series(name, tuple(_value(rows[Point(model, chip, 0)], metric) for model in models))
        for chip, name in enumerate(chips)
    )
    groups = tuple(_names([model.name for model in plan.models]))
    bars = Bars(metric.title, measure(comparison.rows, metric), groups, series)
    return bars if baseline is None else relative(bars, chips[baseline])


def swept_axis(comparison: Comparison) -> str | None:
    """The key along which lines are drawn: the sweep with the most values; None where nothing varies."""
    settings = comparison.plan.settings
    counts = {key: len({dict(one.swept)[key] for one in settings}) for key, _ in settings[0].swept}
    best = max(counts, key=lambda key: counts[key], default=None)
    return best if best is not None and counts[best] > 1 else None


def _lines(comparison: Comparison, metric: Metric, baseline: int | None, model: int, axis: str) -> Lines:
    plan, rows = comparison.plan, _by_point(comparison)
    chips = _names([chip.name for chip in plan.chips])
    families: dict[str, list[int]] = {}
    for place, setting in enumerate(plan.settings):
        families.setdefault(_label(setting.swept, axis), []).append(place)
    lines: list[Line] = []
    for chip, name in enumerate(chips):
        for others, places in families.items():
            x = tuple(float(dict(plan.settings[place].swept)[axis]) for place in places)
            y = tuple(_value(rows[Point(model, chip, place)], metric) for place in places)
            if baseline is not None:
                base = tuple(_value(rows[Point(model, baseline, place)], metric) for place in places)
                y = tuple(map(ratio, y, base))
            lines.append(Line(f"{name}, {others}" if others else name, x, y))
    own = [row for point, row in rows.items() if point.model == model]
    shown = measure(own, metric)
    if baseline is not None:
        shown = Measure(f"{shown.name} relative to {chips[baseline]}")
    title = f"{metric.title}: {plan.models[model].name}"
    where = Measure(axis, _UNITS.get(axis, ""))
    return Lines(title, where, shown, tuple(lines), 1.0 if baseline is not None else None)


def _label(swept: Sequence[tuple[str, str]], without: str | None = None) -> str:
    return ", ".join(f"{key}{_TIGHT}{_thousands(text)}" for key, text in swept if key != without)


def _thousands(text: str) -> str:
    return f"{int(text):,}" if text.isdecimal() else text


def roofline(comparison: Comparison) -> Roofline:
    """Every point in one roofline; the roofs are the highest that any point of the chip has."""
    plan, rows = comparison.plan, _by_point(comparison)
    chips = _names([chip.name for chip in plan.chips])
    models = _names([model.name for model in plan.models])
    marks: list[Mark] = []
    peaks, rates = dict.fromkeys(chips, 0.0), dict.fromkeys(chips, 0.0)
    absent: dict[tuple[int, int, str], int] = {}
    for point, row in rows.items():
        chip, model = chips[point.chip], models[point.model]
        if row.status != OK:
            key = (point.model, point.chip, word(row))
            absent[key] = absent.get(key, 0) + 1
            continue
        peaks[chip] = max(peaks[chip], (row.macs or 0) / row.compute_seconds if row.compute_seconds else 0.0)
        rates[chip] = max(rates[chip], (row.compulsory_bytes or 0) / row.memory_seconds if row.memory_seconds else 0.0)
        if row.macs and row.traffic_bytes and row.seconds:
            marks.append(Mark("", chip, row.macs / row.traffic_bytes, row.macs / row.seconds, model))
    roofs = tuple(Roof(chip, peaks[chip], rates[chip]) for chip in chips if peaks[chip] or rates[chip])
    x = Measure("multiply-accumulates per byte of outer memory", "MAC/B")
    of = len(plan.settings)
    missing = tuple(
        (f"{models[model]} on {chips[chip]}", text if of == 1 else f"{text} in {count} of {of} settings")
        for (model, chip, text), count in absent.items()
    )
    return Roofline("Roofline", x, Measure("rate", "MAC/s"), roofs, tuple(marks), missing)


def _stacks(comparison: Comparison, title: str, unit: Measure, parts: Callable[[Row], Parts]) -> Stacks:
    plan, rows = comparison.plan, _by_point(comparison)
    last = len(plan.settings) - 1
    if len(rows) > MOST_STACKS and last > 1:
        rows = {point: row for point, row in rows.items() if point.setting in (0, last)}
        title = f"{title} (ends of the sweep)"
    chips, models = (_names([one.name for one in many]) for many in (plan.chips, plan.models))
    names: list[str] = []
    for point in rows:
        several = f"{models[point.model]} on " if len(models) > 1 else ""
        setting = _label(plan.settings[point.setting].swept)
        names.append(f"{several}{chips[point.chip]}{', ' if setting else ''}{setting}")
    totals: dict[str, float] = {}
    for row in rows.values():
        for name, amount in parts(row):
            share = amount / (sum(one for _, one in parts(row)) or 1.0)
            totals[name] = totals.get(name, 0.0) + share
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    series = tuple(
        Series(name, tuple(word(row) or dict(parts(row)).get(name, 0.0) for row in rows.values())) for name in ranked
    )
    title = title if len(models) > 1 else f"{title}: {models[0]}"
    return Stacks(title, unit, tuple(names), series)
