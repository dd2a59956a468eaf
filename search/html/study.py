"""The page of a study: its front, how it came about, which parameters matter, and its trials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from search.html.chart import LEGEND, Chart, Trace, fill, label, spans_decades
from search.html.page import Page, Section
from search.html.table import Column, Value, table
from search.html.tags import Markup, tag
from search.pareto import front_rows, knee, minimized
from search.plots import growth, importance, reference_point
from search.space import Space
from search.trials import Row
from workloads.errors import UserError

MOST_TRIALS = 1000
"""Rows of the table of trials; a study may have many more, and the page must stay small."""
GREY, RED = "#8a929b", "#D55E00"


def study_page(space: Space, rows: Sequence[Row], command: str) -> Page:
    """The page of a study.

    Args:
        space: what was searched.
        rows: finished trials by number.
        command: the command line.

    Raises:
        UserError: no trial has finished.
    """
    if not rows:
        raise UserError(f"{space.name}: no trial has finished yet; there is nothing to show")
    best = front_rows(space, rows)
    feasible = [row for row in rows if minimized(space, row) is not None]
    charts = (_front(space, feasible, best), _history(space, rows), *_importance(space, rows)) if feasible else ()
    sections = (
        Section("Summary", (_summary(space, rows, best),)),
        Section("Front", charts=charts, after=(_table("Designs that nothing beats", space, best),) if best else ()),
        Section("Space", after=(_space(space),)),
        Section("Trials", after=(_trials(space, rows),)),
    )
    goals = ", ".join(f"{one.goal} {one.quantity}" for one in space.objectives)
    return Page(space.title, f"{space.name}: {len(rows)} trials, {goals}", sections, command)


def _summary(space: Space, rows: Sequence[Row], best: Sequence[Row]) -> Markup:
    counts = ", ".join(f"{count} {status}" for status, count in sorted(Counter(r.outcome.status for r in rows).items()))
    lines = [tag("p", f"The search began at {space.base} and has tried {len(rows)} designs: {counts}.")]
    points = [point for row in best if (point := minimized(space, row))]
    if not points:
        lines.append(tag("p", "No feasible design was found; loosen the constraints or widen the parameters."))
        return tag("div", *lines, class_="summary")
    chosen = best[knee(points)]
    goals = ", ".join(f"{one.quantity} {chosen.outcome.quantities[one.quantity]:.4g}" for one in space.objectives)
    values = ", ".join(f"{name} {value}" for name, value in chosen.values.items())
    lines.append(
        tag("p", f"{len(best)} designs are on the front: no other is as good in everything and better in one.")
    )
    lines.append(tag("p", f"The knee of the front is trial {chosen.number} with {goals}. Its values: {values}."))
    return tag("div", *lines, class_="summary")


def _front(space: Space, feasible: Sequence[Row], best: Sequence[Row]) -> Chart:
    names = [one.quantity for one in space.objectives][:2]
    if len(names) == 1:
        names.append("area_mm2")
    good = [row for row in feasible if all(name in row.outcome.quantities for name in names)]
    top = sorted(
        (row for row in best if all(name in row.outcome.quantities for name in names)),
        key=lambda row: row.outcome.quantities[names[0]],
    )
    traces = (
        _points(space, "feasible", good, names, {"color": GREY, "size": 6, "opacity": 0.6}),
        {**_points(space, "front", top, names, {"color": RED, "size": 10, "symbol": "diamond"}),
         "mode": "lines+markers" if len(space.objectives) == 2 else "markers", "line": {"color": RED}},
    )  # fmt: skip
    axes = [_axis(name, [row.outcome.quantities[name] for row in good]) for name in names]
    layout = {"xaxis": axes[0], "yaxis": axes[1], "showlegend": True, "legend": LEGEND}
    return Chart("Front.", "Every feasible design, and those that nothing beats.", traces, layout, 460, wide=True)


def _axis(name: str, values: Sequence[float]) -> dict[str, Any]:
    kind = "log" if spans_decades(values, 10) else "linear"
    return {"title": {"text": label(name)}, "type": kind, "exponentformat": "power"}


def _points(space: Space, name: str, rows: Sequence[Row], goals: Sequence[str], marker: dict[str, Any]) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [row.outcome.quantities[goals[0]] for row in rows],
        "y": [row.outcome.quantities[goals[1]] for row in rows],
        "customdata": [_about(row) for row in rows],
        "hovertemplate": "%{customdata}<br>%{xaxis.title.text} %{x:.4g}<br>%{yaxis.title.text} %{y:.4g}<extra></extra>",
        "marker": marker,
    }


def _about(row: Row) -> str:
    values = "<br>".join(label(f"{name} {value}") for name, value in row.values.items())
    return f"trial {row.number}<br>{values}"


def _history(space: Space, rows: Sequence[Row]) -> Chart:
    points = [point for row in rows if (point := minimized(space, row))]
    volumes = growth(space, rows, reference_point(points))
    last = max(volumes[-1], 1e-300)
    trace: Trace = {
        "type": "scatter",
        "mode": "lines",
        "x": [row.number for row in rows],
        "y": [volume / last for volume in volumes],
        "line": {"shape": "hv", "color": RED, "width": 2},
        "hovertemplate": "trial %{x}: %{y:.3f}<extra></extra>",
    }
    layout = {
        "xaxis": {"title": {"text": "trial"}},
        "yaxis": {"title": {"text": "hypervolume / last"}, "rangemode": "tozero"},
    }
    return Chart(
        "History.", "The volume that the designs so far dominate, relative to the last.", (trace,), layout, 340
    )


def _importance(space: Space, rows: Sequence[Row]) -> list[Chart]:
    shares = importance(space, rows)
    names = list(dict.fromkeys(name for column in shares.values() for name in column))
    traces = tuple(
        {
            "type": "bar",
            "orientation": "h",
            "name": label(goal),
            "y": [label(name) for name in names],
            "x": [column.get(name, 0.0) for name in names],
            "hovertemplate": "%{y}: %{x:.1%}<extra>%{fullData.name}</extra>",
            "marker": fill(index),
        }
        for index, (goal, column) in enumerate(shares.items())
    )
    xaxis = {"tickformat": ".0%", "rangemode": "tozero"}
    layout = {
        "xaxis": xaxis,
        "yaxis": {"autorange": "reversed", "type": "category"},
        "showlegend": True,
        "legend": LEGEND,
    }
    words = "Share of the variance of each objective that a parameter explains alone."
    return [Chart("Importance of parameters.", words, traces, layout, max(340, 120 + 30 * len(names)))] if names else []


def _table(caption: str, space: Space, rows: Sequence[Row]) -> Markup:
    goals = [one.quantity for one in space.objectives]
    others = [name for name in dict.fromkeys(k for row in rows for k in row.outcome.quantities) if name not in goals]
    quantities = (*goals, *others)
    columns = (
        Column("trial", "#"), *(Column(name, "#") for name in goals),
        *(Column(name, "#" if _numbers(name, rows) else "") for name in space.parameters),
        *(Column(name, "#") for name in others), Column("status"), Column("fidelity"), Column("reason"),
    )  # fmt: skip
    cells = [_cells(row, quantities[: len(goals)], list(space.parameters), quantities[len(goals) :]) for row in rows]
    return table(caption, columns, cells)


def _cells(row: Row, goals: Sequence[str], parameters: Sequence[str], others: Sequence[str]) -> list[Value]:
    found = row.outcome.quantities
    values: list[Value] = [row.number, *(found.get(name) for name in goals)]
    values += [_plain(row.values.get(name)) for name in parameters]
    values += [found.get(name) for name in others]
    return [*values, row.outcome.status, row.outcome.fidelity, row.outcome.reason]


def _numbers(name: str, rows: Sequence[Row]) -> bool:
    values = [row.values[name] for row in rows if name in row.values]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _plain(value: Any) -> Value:
    return (
        value
        if isinstance(value, int | float) and not isinstance(value, bool)
        else None
        if value is None
        else str(value)
    )


def _space(space: Space) -> Markup:
    goals = [(one.quantity, f"objective: {one.goal}") for one in space.objectives]
    parameters = [
        (name, parameter.model_dump_json(exclude_defaults=True)) for name, parameter in space.parameters.items()
    ]
    return table(
        "Objectives and parameters", (Column("name"), Column("what", long=True)), [*goals, *parameters], filtered=False
    )


def _trials(space: Space, rows: Sequence[Row]) -> Markup:
    if len(rows) <= MOST_TRIALS:
        return _table("All trials", space, rows)
    return _table(
        f"The last {MOST_TRIALS} of {len(rows)} trials; `hwsim pareto --csv` writes all", space, rows[-MOST_TRIALS:]
    )
