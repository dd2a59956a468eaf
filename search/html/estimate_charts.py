"""Charts of an estimate: time, energy, traffic, the roofline and the timeline."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hwsim import summary
from hwsim.plot import PALETTE, busiest_memory, few, roofline_points
from hwsim.plot_timeline import CutAxis, cut_axis, merged, ticks
from hwsim.quantity import show
from hwsim.report import Report, Span, components, traffic_bytes
from search.html.chart import LEGEND, Chart, Trace, bar_axis, fill, label, log_axis, point, spans_decades

SLOWEST = 15
MOST_SPANS = 2000
"""More are joined where they are close, so that the page stays small and quick."""
FINE = 1 / 2000
"""Part of the timeline below which two spans can't be told apart without zooming."""


def estimate_charts(report: Report, outer: str) -> tuple[Chart, ...]:
    """All charts that the rows of a report allow.

    Args:
        report: one read from a file has neither timeline nor traffic per operator, so no roofline.
        outer: the outermost memory, of the roofline; empty means the one with the most traffic.
    """
    found = [_time_by_kind(report), _energy(report), _slowest(report), _traffic(report)]
    roofline = _roofline(report, outer or busiest_memory(report))
    found += [roofline] if roofline is not None else []
    found += [_timeline(report)] if report.timeline else []
    return tuple(chart for chart in found if chart.traces)


def _time_by_kind(report: Report) -> Chart:
    shares = few(summary.shares(report, lambda row: row.kind))
    names = list(shares)
    bars: Trace = {
        "type": "bar",
        "orientation": "h",
        "x": list(shares.values()),
        "y": [label(name) for name in names],
        "customdata": [show(value, "s") for value in shares.values()],
        "texttemplate": "%{customdata}",
        "textposition": "outside",
        "cliponaxis": False,
        "hovertemplate": "%{y}: %{customdata}<extra></extra>",
        "marker": {"color": PALETTE[0]},
    }
    total = sum(shares.values())
    first = f"{names[0]} takes {shares[names[0]] / total:.0%}." if names and total else ""
    return Chart("Time by kind of operator.", first, (bars,) if names else (), _bars_layout("s", shares.values()))


def _bars_layout(unit: str, values: Iterable[float], log: bool = False, **more: Any) -> dict[str, Any]:
    """Horizontal bars, the first on top."""
    return {"xaxis": bar_axis(unit, values, log), "yaxis": {"autorange": "reversed", "type": "category"}, **more}


def _energy(report: Report) -> Chart:
    totals = few(summary.component_energy(report))
    names = list(totals)
    traces: list[Trace] = []
    every = list(dict.fromkeys(row.action for row in components(report)))
    kept = every if len(every) <= len(PALETTE) else every[: len(PALETTE) - 1]
    for index, action in enumerate([*kept, "other actions"] if len(kept) < len(every) else kept):
        sums = dict.fromkeys(names, 0.0)
        for row in components(report):
            if row.action == action or (action not in every and row.action not in kept):
                sums[row.component if row.component in sums else names[-1]] += row.energy_joules
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": label(action),
                "x": list(sums.values()),
                "y": [label(name) for name in names],
                "customdata": [show(value, "J") for value in sums.values()],
                "hovertemplate": f"%{{y}}, {label(action)}: %{{customdata}}<extra></extra>",
                "marker": fill(index),
            }
        )
    layout = _bars_layout("J", totals.values(), barmode="stack", showlegend=True, legend=LEGEND)
    first = f"{names[0]} takes {totals[names[0]] / report.energy_joules:.0%}." if report.energy_joules else ""
    return Chart("Energy by component and action.", first, tuple(traces), layout)


def _slowest(report: Report) -> Chart:
    rows = sorted(report.ops, key=lambda row: (-row.seconds, row.name))[:SLOWEST]
    names = {row.name: label(name) for row, name in zip(rows, short_names([row.name for row in rows]), strict=True)}
    causes = list(dict.fromkeys(row.bound_by for row in rows))
    traces = tuple(
        {
            "type": "bar",
            "orientation": "h",
            "name": label(cause),
            "x": [row.seconds for row in rows if row.bound_by == cause],
            "y": [names[row.name] for row in rows if row.bound_by == cause],
            "customdata": [
                f"{label(row.name)}<br>{show(row.seconds, 's')}, {row.count:,} times, utilization {row.utilization:.1%}"
                for row in rows
                if row.bound_by == cause
            ],
            "hovertemplate": "%{customdata}<extra>%{fullData.name}</extra>",
            "marker": fill(index),
        }
        for index, cause in enumerate(causes)
    )
    words = f"{len(rows)} of {len(report.ops)}, with all repetitions; fills tell what bounds them."
    layout = _bars_layout("s", [row.seconds for row in rows], barmode="stack", showlegend=True, legend=LEGEND)
    layout["yaxis"]["categoryorder"] = "array"
    layout["yaxis"]["categoryarray"] = list(names.values())
    return Chart("The slowest operators.", words, traces, layout, height=max(220, 90 + 22 * len(rows)))


def short_names(names: Sequence[str], room: int = 34) -> list[str]:
    """The ends of dotted names in about ``room`` characters, whole names where two ends would be equal."""
    ends: list[str] = []
    for name in names:
        parts = name.split(".")
        end = parts[-1]
        for part in reversed(parts[:-1]):
            if len(part) + 1 + len(end) > room:
                break
            end = f"{part}.{end}"
        ends.append(end)
    return [end if ends.count(end) == 1 else name for end, name in zip(ends, names, strict=True)]


def _traffic(report: Report) -> Chart:
    sums = {name: both for name, both in traffic_bytes(report).items() if sum(both)}
    values = [value for both in sums.values() for value in both if value]
    traces = tuple(
        {
            "type": "bar",
            "orientation": "h",
            "name": word,
            "x": [both[place] or None for both in sums.values()],
            "y": [label(name) for name in sums],
            "customdata": [show(both[place], "B") for both in sums.values()],
            "texttemplate": "%{customdata}",
            "textposition": "auto",
            "hovertemplate": f"%{{y}}, {word}: %{{customdata}}<extra></extra>",
            "marker": fill(place),
        }
        for place, word in enumerate(("read", "written"))
    )
    log = spans_decades(values)
    words = "Bytes read from and written to each memory" + (", on a logarithmic axis." if log else ".")
    layout = _bars_layout("B", values, log, barmode="group", showlegend=True, legend=LEGEND)
    return Chart("Traffic.", words, traces if sums else (), layout, height=max(240, 110 + 44 * len(sums)))


def _roofline(report: Report, memory: str) -> Chart | None:
    """Operators below the roof that the bounds of the report make."""
    points = list(roofline_points(report, memory))
    if not points:
        return None
    kinds = list(dict.fromkeys(row.kind for row, _, _ in points))
    traces: list[Trace] = []
    for index, kind in enumerate(kinds):
        ours = [item for item in points if item[0].kind == kind]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": label(kind),
                "x": [x for _, x, _ in ours],
                "y": [y for _, _, y in ours],
                "marker": {**point(index), "size": [7 + 30 * math.sqrt(r.seconds / report.seconds) for r, _, _ in ours],
                           "opacity": 0.85},
                "customdata": [
                    f"{label(row.name)}<br>{show(row.seconds, 's')}, {row.count:,} times,"
                    f" bound by {label(row.bound_by)}"
                    f"<br>{show(y, 'MAC/s')} at {x:.3g} MAC/B"
                    for row, x, y in ours
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
            }
        )  # fmt: skip
    roof, words = _roof(report, [x for _, x, _ in points])
    axes = {
        "xaxis": log_axis(f"MACs per byte of {memory}", [x for _, x, _ in points]),
        "yaxis": log_axis("MACs per second", [y for _, _, y in points]),
    }
    words = f"{words} Larger points take more of the time."
    layout = {**axes, "showlegend": True, "legend": LEGEND}
    return Chart(f"Roofline against {memory}.", words, (*roof, *traces), layout, height=460, wide=True)


def _roof(report: Report, intensities: list[float]) -> tuple[tuple[Trace, ...], str]:
    bounds = report.bounds
    peak = report.macs / bounds.compute_seconds if bounds.compute_seconds else 0.0
    bandwidth = bounds.compulsory_bytes / bounds.memory_seconds if bounds.memory_seconds else 0.0
    if not (peak and bandwidth):
        return (), "No roof: the bounds of this estimate lack a peak or a bandwidth."
    ridge = peak / bandwidth
    low, high = min(*intensities, ridge) / 4, max(*intensities, ridge) * 4
    line: Trace = {
        "type": "scatter",
        "mode": "lines",
        "name": "roof",
        "x": [low, ridge, high],
        "y": [low * bandwidth, peak, peak],
        "line": {"color": "#808890", "width": 2},
        "hovertemplate": f"{show(bandwidth, 'B/s')} and {show(peak, 'MAC/s')}<extra>roof</extra>",
    }
    words = f"The roof is {show(bandwidth, 'B/s')} and {show(peak, 'MAC/s')}, the average peak of this model's work."
    return (line,), words


def _timeline(report: Report) -> Chart:
    axis = cut_axis(report)
    end = axis.place(report.seconds) or 1.0
    resources = list(dict.fromkeys(span.resource for span in report.timeline))
    many = len(report.timeline) > MOST_SPANS
    traces = tuple(
        _track(axis, resource, index, [s for s in report.timeline if s.resource == resource], end * FINE * many)
        for index, resource in enumerate(resources)
    )
    layout: dict[str, Any] = {
        "barmode": "overlay",
        "bargap": 0.3,
        "xaxis": {"range": [0, end], **_time_axis(report, axis)},
        "yaxis": {"autorange": "reversed", "type": "category", "fixedrange": True},
        "shapes": list(_cut_shapes(axis)),
        "annotations": list(_cut_notes(axis)),
    }
    words = "When each resource is busy; drag to zoom."
    if axis.cuts:
        words += " Grey stretches are left out: equal repetitions, or all after the part that is recorded."
    if many:
        words += " Spans that are too close to be told apart are joined."
    return Chart("Timeline.", words, traces, layout, height=130 + 44 * len(resources), wide=True)


def _track(axis: CutAxis, resource: str, index: int, spans: list[Span], tolerance: float) -> Trace:
    """The bars of one resource; with a tolerance, spans with shorter pauses are one bar."""
    if tolerance:
        pieces = merged([(axis.place(s.start), axis.place(s.finish)) for s in spans], tolerance)
        bars = [(start, finish - start, label(resource)) for start, finish in pieces]
    else:
        bars = [(axis.place(s.start), axis.place(s.finish) - axis.place(s.start), _span_text(s)) for s in spans]
    return {
        "type": "bar",
        "orientation": "h",
        "showlegend": False,
        "name": label(resource),
        "base": [bar[0] for bar in bars],
        "x": [bar[1] for bar in bars],
        "y": [label(resource)] * len(bars),
        "customdata": [bar[2] for bar in bars],
        "hovertemplate": "%{customdata}<extra>%{fullData.name}</extra>",
        "marker": {"color": PALETTE[index % len(PALETTE)], "line": {"width": 0}},
    }


def _span_text(span: Span) -> str:
    times = f"from {show(span.start, 's')} for {show(span.finish - span.start, 's')}"
    return f"{label(span.name)}<br>{times}{f', {span.repeats:,} times' if span.repeats > 1 else ''}"


def _time_axis(report: Report, axis: CutAxis) -> dict[str, Any]:
    """Ticks in seconds; with cuts, where time goes on behind each."""
    if not axis.cuts:
        return {"ticksuffix": "s", "exponentformat": "SI", "minexponent": 1}
    times = ticks(report, axis, axis.place(report.seconds))
    return {
        "tickangle": 0,
        "tickvals": [axis.place(time) for time in times],
        "ticktext": [show(time, "s") if time else "0" for time in times],
    }


def _cut_shapes(axis: CutAxis) -> Iterator[dict[str, Any]]:
    for start, _ in axis.cuts:
        left = axis.place(start)
        place = {"xref": "x", "yref": "paper", "x0": left, "x1": left + axis.gap, "y0": 0, "y1": 1, "layer": "below"}
        yield {"type": "rect", **place, "fillcolor": "rgba(128,136,144,0.3)", "line": {"width": 0}}


def _cut_notes(axis: CutAxis) -> Iterator[dict[str, Any]]:
    for start, finish in axis.cuts:
        place = {"x": axis.place(start) + axis.gap / 2, "y": 0.5, "xref": "x", "yref": "paper"}
        yield {**place, "text": f"+{show(finish - start, 's')}", "textangle": -90, "showarrow": False}
