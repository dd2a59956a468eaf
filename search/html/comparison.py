"""The page of a comparison: models on chips, with what does not fit shown as such."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from hwsim.quantity import show
from hwsim.summary import number
from search.html.chart import LEGEND, Chart, Trace, bar_axis, fill, label, log_axis, point, spans_decades
from search.html.page import Page, Section
from search.html.table import Column, Value, table
from search.html.tags import Markup, tag

OK = "ok"
MOST_BARS = 60
LONG = 40
"""Letters from which on a text gets a column of its own width."""
Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of a row: its key, how it is called, its unit, and whether more of it is better."""

    key: str
    title: str
    unit: str
    more: bool = False


METRICS = (
    Metric("seconds", "latency", "s"),
    Metric("tokens_per_second", "tokens per second", "tok/s", True),
    Metric("inferences_per_second", "inferences per second", "inf/s", True),
    Metric("energy_joules", "energy", "J"),
    Metric("energy_delay_joule_seconds", "energy-delay product", "Js"),
    Metric("tokens_per_joule", "tokens per joule", "tok/J", True),
    Metric("inferences_per_joule", "inferences per joule", "inf/J", True),
    Metric("average_power_watts", "average power", "W"),
    Metric("dollars_per_million", "cost per million tokens or inferences", " USD"),
)
_SIZES = ("batch", "context", "prompt", "output")
_SETTINGS = ("bits", "zeros", "parallel")
_STACKS = (
    ("time_by_bound", "Time by what bounds it.", "s"),
    ("time_by_kind", "Time by kind of operator.", "s"),
    ("energy_by_component", "Energy by component.", "J"),
)
MOST_PARTS = 8
_UNITS = {
    "utilization": "%", "batch": "#", "context": "#", "traffic_bytes": "B", "compulsory_bytes": "B",
    "compute_seconds": "s", "memory_seconds": "s",
}  # fmt: skip


def comparison_page(rows: Sequence[Row], command: str) -> Page:
    """The page of the rows of ``hwsim compare --json``.

    Args:
        rows: one per model, chip and sizes; numbers are None where ``status`` is not "ok".
        command: the command line.
    """
    names = [[str(row[key]) for row in rows] for key in ("model", "chip")]
    models, chips = (list(dict.fromkeys(column)) for column in names)
    known = [metric for metric in METRICS if any(row.get(metric.key) is not None for row in rows)]
    charts = (*_charts(rows, known), *_trade(rows, chips))
    sections = (
        Section("Summary", (_summary(rows, models, chips), *_failures(rows))),
        Section("Charts", charts=charts),
        Section("All points", after=(_table(rows),)),
    )
    title = f"{_count(models, 'model')} on {_count(chips, 'chip')}"
    return Page(
        title, f"{len(rows)} points, {sum(row['status'] == OK for row in rows)} of them could run", sections, command
    )


def _count(names: Sequence[str], noun: str) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} {noun}s"


def _summary(rows: Sequence[Row], models: Sequence[str], chips: Sequence[str]) -> Markup:
    """Who is fastest and who needs least energy, per model."""
    lines: list[Markup] = []
    for model in models:
        ours = [row for row in rows if row["model"] == model and row["status"] == OK]
        if not ours:
            lines.append(tag("p", f"{model} runs on none of the chips."))
            continue
        quick, frugal = min(ours, key=lambda row: row["seconds"]), min(ours, key=lambda row: row["energy_joules"])
        text = f"{model} is fastest on {_point_name(quick, rows)}: {show(quick['seconds'], 's')}"
        slow = max(ours, key=lambda row: row["seconds"])
        if _swept(rows) is not None:
            busy = max(ours, key=_rate)
            text += f". It does most on {_point_name(busy, rows)}: {number(_rate(busy))} per second"
        elif slow is not quick:
            text += f", {number(slow['seconds'] / quick['seconds'])} times as fast as on {_point_name(slow, rows)}"
        text += f". Least energy: {_point_name(frugal, rows)} with {show(frugal['energy_joules'], 'J')}."
        lines.append(tag("p", text))
    return tag("div", *lines, class_="summary")


def _point_name(row: Row, rows: Sequence[Row]) -> str:
    """The chip, and the sizes and settings that vary."""
    sizes = [f"{key} {row[key]:,}" for key in _SIZES if row.get(key) and _varies(rows, key)]
    settings = [f"{key} {row[key] or 'as it is'}" for key in _SETTINGS if key in row and _varies(rows, key)]
    return ", ".join([str(row["chip"]), *sizes, *settings])


def _varies(rows: Sequence[Row], key: str) -> bool:
    """Whether a size or a setting is swept: the same model has several."""
    seen: dict[str, Any] = {}
    asked = [row for row in rows if row.get(key) or key in _SETTINGS]
    return any(seen.setdefault(row["model"], row.get(key)) != row.get(key) for row in asked)


def _swept(rows: Sequence[Row]) -> str | None:
    """The first size that is swept."""
    return next((key for key in _SIZES if _varies(rows, key)), None)


def _rate(row: Row) -> float:
    """Tokens or inferences per second."""
    return row["tokens_per_second"] or row["inferences_per_second"] or 0.0


def _failures(rows: Sequence[Row]) -> list[Markup]:
    return [
        tag("p", f"{row['model']} on {_point_name(row, rows)}: {row['status']}", class_="note")
        for row in rows
        if row["status"] != OK
    ][:MOST_BARS]


def _charts(rows: Sequence[Row], metrics: Sequence[Metric]) -> list[Chart]:
    swept = _swept(rows)
    if swept is not None:
        return [_lines(rows, metric, swept) for metric in metrics]
    if len(rows) > MOST_BARS:
        return []
    return [*(_bars(rows, metric) for metric in metrics), *_stacks(rows)]


def _bars(rows: Sequence[Row], metric: Metric) -> Chart:
    """A bar per row that has the metric; where a model does not run, words in its place."""
    rows = [row for row in rows if row["model"] in _having(rows, metric)]
    names = _names(rows)
    values = [row[metric.key] for row in rows if row.get(metric.key) is not None]
    log = spans_decades(values)
    traces: list[Trace] = []
    for index, chip in enumerate(dict.fromkeys(row["chip"] for row in rows)):
        ours = [(name, row) for name, row in zip(names, rows, strict=True) if row["chip"] == chip]
        shown = [_value_text(row, metric) for _, row in ours]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": label(chip),
                "y": [name for name, _ in ours],
                "x": [row.get(metric.key) for _, row in ours],
                "customdata": shown,
                "texttemplate": "%{customdata}",
                "textposition": "outside",
                "cliponaxis": False,
                "hovertemplate": "%{y}: %{customdata}<extra></extra>",
                "marker": fill(index),
            }
        )
    missing = [(name, _short(row["status"])) for name, row in zip(names, rows, strict=True) if row["status"] != OK]
    if missing:
        traces.append(_marked(missing, min(values) / 2 if log else 0.0))
    yaxis = {"type": "category", "autorange": "reversed", "categoryorder": "array", "categoryarray": names}
    layout = {"xaxis": bar_axis(metric.unit, values, log), "yaxis": yaxis, "barmode": "overlay", "showlegend": False}
    return Chart(f"{metric.title.capitalize()}.", _words(metric, log), tuple(traces), layout, 120 + 26 * len(rows))


def _names(rows: Sequence[Row]) -> list[str]:
    """What tells a row from the others."""
    one = len({row["model"] for row in rows}) == 1
    points = [_point_name(row, rows) for row in rows]
    return [label(name if one else f"{row['model']}, {name}") for row, name in zip(rows, points, strict=True)]


def _stacks(rows: Sequence[Row]) -> list[Chart]:
    """The breakdowns that the rows have, as parts of each row's whole."""
    good = [row for row in rows if row["status"] == OK]
    return [_stack(good, *stack) for stack in _STACKS if any(row.get(stack[0]) for row in good)]


def _stack(rows: Sequence[Row], key: str, title: str, unit: str) -> Chart:
    totals: dict[str, float] = {}
    shares = [{name: part / (sum(row[key].values()) or 1.0) for name, part in row[key].items()} for row in rows]
    for row in shares:
        for name, part in row.items():
            totals[name] = totals.get(name, 0.0) + part
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    kept, rest = ranked[: MOST_PARTS - 1], ranked[MOST_PARTS - 1 :]
    names = _names(rows)
    traces: list[Trace] = []
    parts = [*kept, "others"] if rest else kept
    for index, part in enumerate(parts):
        ours = [part] if part in kept else rest
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": label(part),
                "y": names,
                "x": [sum(row.get(name, 0.0) for name in ours) for row in shares],
                "customdata": [show(sum(row[key].get(name, 0.0) for name in ours), unit) for row in rows],
                "hovertemplate": "%{y}: %{customdata}, %{x:.1%}<extra>%{fullData.name}</extra>",
                "marker": fill(index),
            }
        )
    axes = {"xaxis": {"tickformat": ".0%", "range": [0, 1]}, "yaxis": {"type": "category", "autorange": "reversed"}}
    layout = {**axes, "barmode": "stack", "showlegend": True, "legend": LEGEND}
    return Chart(title, "Parts of each whole.", tuple(traces), layout, 140 + 26 * len(rows))


def _having(rows: Sequence[Row], metric: Metric) -> set[str]:
    """Models that have a metric, and those that run nowhere, of which nothing is known."""
    runs = {row["model"] for row in rows if row["status"] == OK}
    with_it = {row["model"] for row in rows if row.get(metric.key) is not None}
    return {row["model"] for row in rows} - (runs - with_it)


def _short(status: str) -> str:
    return "does not fit" if status.startswith("does not fit") else "does not run"


def _marked(missing: Sequence[tuple[str, str]], at: float) -> Trace:
    """Words in place of the bars that are missing."""
    return {
        "type": "scatter",
        "mode": "markers+text",
        "y": [name for name, _ in missing],
        "x": [at] * len(missing),
        "text": [words for _, words in missing],
        "textposition": "middle right",
        "hovertemplate": "%{y}: %{text}, see the table<extra></extra>",
        "marker": {"symbol": "x", "size": 8, "color": "#D55E00"},
    }


def _words(metric: Metric, log: bool) -> str:
    better = "More is better" if metric.more else "Less is better"
    return f"{better}{'; the axis is logarithmic.' if log else '.'}"


def _value_text(row: Row, metric: Metric) -> str:
    value = row.get(metric.key)
    if value is None:
        return ""
    return f"{number(value)} USD" if metric.unit == " USD" else show(value, metric.unit)


def _lines(rows: Sequence[Row], metric: Metric, swept: str) -> Chart:
    """A line per model, chip and what else varies, over the size that is swept; points that do not run are gaps."""
    others = [key for key in (*_SIZES, *_SETTINGS) if key != swept and _varies(rows, key)]
    series: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        series.setdefault((row["model"], row["chip"], *(row.get(key) for key in others)), []).append(row)
    several = len({key[0] for key in series}) > 1
    traces: list[Trace] = []
    for index, (key, ours) in enumerate(series.items()):
        ours = sorted(ours, key=lambda row: row.get(swept) or 0)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": label(", ".join(str(part) for part in (key if several else key[1:]))),
                "x": [row.get(swept) for row in ours],
                "y": [row.get(metric.key) for row in ours],
                "customdata": [_value_text(row, metric) for row in ours],
                "hovertemplate": f"{swept} %{{x}}: %{{customdata}}<extra>%{{fullData.name}}</extra>",
                "marker": {**point(index), "size": 9},
                "line": {"color": point(index)["color"], "dash": ("solid", "dash", "dot", "dashdot")[index % 4]},
            }
        )
    values = [row[metric.key] for row in rows if row.get(metric.key) is not None]
    log = spans_decades(values)
    yaxis = {
        "exponentformat": "SI",
        "minexponent": 1,
        "ticksuffix": metric.unit,
        "type": "log" if log else "linear",
        "rangemode": "tozero",
    }
    sizes = sorted({row[swept] for row in rows if row.get(swept)})
    xaxis = {"title": {"text": swept}, "type": "log", "tickvals": sizes, "ticktext": [f"{size:,}" for size in sizes]}
    layout = {"xaxis": xaxis, "yaxis": yaxis, "showlegend": True, "legend": LEGEND}
    return Chart(f"{metric.title.capitalize()} over {swept}.", _words(metric, log), tuple(traces), layout, 380)


def _trade(rows: Sequence[Row], chips: Sequence[str]) -> list[Chart]:
    """Energy over latency of every point."""
    good = [row for row in rows if row["status"] == OK]
    if len(good) < 2:
        return []
    traces: list[Trace] = []
    for index, chip in enumerate(chips):
        ours = [row for row in good if row["chip"] == chip]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": label(chip),
                "x": [row["seconds"] for row in ours],
                "y": [row["energy_joules"] for row in ours],
                "customdata": [
                    f"{label(row['model'])} on {label(_point_name(row, rows))}<br>{show(row['seconds'], 's')},"
                    f" {show(row['energy_joules'], 'J')}"
                    for row in ours
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
                "marker": {**point(index), "size": 11},
            }
        )
    layout = {
        "xaxis": log_axis("latency", [row["seconds"] for row in good], "s"),
        "yaxis": log_axis("energy", [row["energy_joules"] for row in good], "J"),
        "showlegend": True,
        "legend": LEGEND,
    }
    words = "Every point that runs; lower left is better, on logarithmic axes."
    return [Chart("Energy over latency.", words, tuple(traces), layout, 460, wide=True)]


def _table(rows: Sequence[Row]) -> Markup:
    """All keys that any row has, in the order of the first; known ones with their units."""
    units = {metric.key: metric.unit.replace(" USD", "#") for metric in METRICS} | _UNITS
    stacks = [stack[0] for stack in _STACKS]
    keys = [
        key
        for key in dict.fromkeys(key for row in rows for key in row)
        if key not in stacks and any(row.get(key) for row in rows)
    ]
    titles = {metric.key: metric.title for metric in METRICS}
    columns = [
        Column(titles.get(key, key.replace("_", " ")), units.get(key, _unit(key, rows)), long=_long(key, rows))
        for key in keys
    ]
    cells = [[_cell(row.get(key)) for key in keys] for row in rows]
    return table("Every model on every chip", columns, cells)


def _cell(value: Any) -> Value:
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _long(key: str, rows: Sequence[Row]) -> bool:
    return max(len(str(row.get(key) or "")) for row in rows) > LONG


def _unit(key: str, rows: Sequence[Row]) -> str:
    """Of a key that is not known: plain numbers, or text."""
    values = [row[key] for row in rows if row.get(key) is not None]
    return "#" if all(isinstance(value, int | float) for value in values) else ""
