"""A report as one picture: energy by component, roofline, time by kind of operator, timeline.

Drawn without pyplot, so nothing global changes. Colours are those of Okabe and Ito (2008), ordered so that neighbours
also differ in grey; every area carries a label or a hatch of its own.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from hwsim import summary
from hwsim.plot_timeline import draw_timeline
from hwsim.quantity import show as quantity
from hwsim.report import OpRow, Report, components
from workloads.picture.files import FORMATS, PlotError, picture_format

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FORMATS", "HATCHES", "MARKERS", "PALETTE", "PlotError", "draw", "picture_format"]

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#F0E442", "#D55E00", "#56B4E9", "#CC79A7", "#999999")
HATCHES = ("", "//", "..", "\\\\", "xx", "--", "++", "oo")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MOST_BARS = 8


Point: TypeAlias = tuple[OpRow, float, float]
"""An operator in the roofline: MACs per byte and MACs per second."""


def draw(report: Report, file_format: str, *, outer_memory: str = "") -> bytes:
    """The picture as the bytes of a file; equal reports give equal bytes.

    Args:
        report: what to draw.
        file_format: one of ``FORMATS``.
        outer_memory: the memory whose traffic counts for the roofline; empty means the one with the most traffic.
    """
    import matplotlib
    from matplotlib.figure import Figure

    style = {"svg.hashsalt": "hwsim", "font.size": 8.5, "axes.titlesize": 10, "axes.spines.top": False,
             "axes.spines.right": False, "hatch.linewidth": 0.6, "axes.titlelocation": "left"}  # fmt: skip
    with matplotlib.rc_context(cast("Any", style)):
        figure = Figure(figsize=(11, 8), dpi=130, layout="constrained")
        figure.suptitle(_title(report), fontsize=11.5, fontweight="bold")
        axes = figure.subplot_mosaic(
            [["energy", "kinds"], ["roofline", "roofline"], ["timeline", "timeline"]], height_ratios=[1.0, 1.25, 0.9]
        )
        _energy_stack(axes["energy"], report)
        _time_by_kind(axes["kinds"], report)
        _roofline(axes["roofline"], report, outer_memory)
        draw_timeline(axes["timeline"], report, PALETTE)
        buffer = io.BytesIO()
        dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(buffer, format=file_format, metadata=dates.get(file_format))
    return buffer.getvalue()


def _title(report: Report) -> str:
    context = f", context {report.context:,}" if report.context else ""
    return (
        f"{report.model} on {report.chip}: {report.phase}, batch {report.batch}{context}\n"
        f"{quantity(report.seconds, 's')}, {summary.number(report.throughput)} {report.unit_of_work}/s, "
        f"{quantity(report.energy_joules, 'J')}, {quantity(report.average_power_watts, 'W')}"
    )


def _energy_stack(axes: Axes, report: Report) -> None:
    totals = few(summary.component_energy(report))
    actions = list(dict.fromkeys(row.action for row in components(report)))
    for index, name in enumerate(totals):
        left = 0.0
        for row in components(report):
            if row.component == name and row.energy_joules:
                hatch = HATCHES[actions.index(row.action) % len(HATCHES)]
                _bar(axes, index, row.energy_joules, left, PALETTE[index], hatch)
                left += row.energy_joules
        _bar(axes, index, totals[name] - left, left, PALETTE[index])
    for index, action in enumerate(actions[: len(HATCHES)]):
        axes.barh(0, 0, color="white", hatch=HATCHES[index], edgecolor="black", linewidth=0.5, label=action)
    if actions:
        axes.legend(loc="lower right", fontsize=7.5, frameon=False)
    _label_bars(axes, totals, "J", "Energy by component and action")


def _time_by_kind(axes: Axes, report: Report) -> None:
    totals = few(summary.shares(report, lambda row: row.kind))
    for index, seconds in enumerate(totals.values()):
        _bar(axes, index, seconds, 0.0, PALETTE[index], HATCHES[index])
    _label_bars(axes, totals, "s", "Time by kind of operator")


def few(values: dict[str, float]) -> dict[str, float]:
    """At most ``MOST_BARS`` values; the smallest are added up."""
    rows = list(values.items())
    if len(rows) <= MOST_BARS:
        return values
    rest = rows[MOST_BARS - 1 :]
    return {**dict(rows[: MOST_BARS - 1]), f"{len(rest)} others": sum(value for _, value in rest)}


def _bar(axes: Axes, index: int, width: float, left: float, color: str, hatch: str = "") -> None:
    axes.barh(index, width, left=left, color=color, hatch=hatch, edgecolor="black", linewidth=0.5)


def _label_bars(axes: Axes, values: dict[str, float], unit: str, title: str) -> None:
    total = sum(values.values())
    for index, value in enumerate(values.values()):
        share = f"{value / total:.1%}" if total else ""
        text = f"{quantity(value, unit)}  {share}"
        axes.annotate(text, (value, index), (4, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(values)), list(values))
    axes.invert_yaxis()
    axes.set_xlim(0, max(values.values(), default=0.0) * 1.3 or 1.0)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.set_title(f"{title} ({quantity(total, unit)})")


def _roofline(axes: Axes, report: Report, outer_memory: str) -> None:
    memory = outer_memory or busiest_memory(report)
    points = list(roofline_points(report, memory))
    axes.set_title(f"Roofline against {memory or 'memory'} (size of a point: share of the time)")
    if not points:
        axes.text(0.5, 0.5, "no operator with multiply-accumulates and traffic", transform=axes.transAxes, ha="center")
        axes.set_axis_off()
        return
    intensities = [intensity for _, intensity, _ in points]
    low, high = min(intensities) / 4, max(intensities) * 4
    low, high = _roof(axes, report, low, high)
    kinds = list(dict.fromkeys(row.kind for row, _, _ in points))
    for row, intensity, rate in points:
        index = kinds.index(row.kind) % len(PALETTE)
        size = 20 + 400 * row.seconds / report.seconds
        color, marker = PALETTE[index], MARKERS[index]
        axes.scatter(intensity, rate, size, color=color, marker=marker, alpha=0.85, edgecolors="black", zorder=3)
    for index, kind in enumerate(kinds[: len(PALETTE)]):
        axes.scatter([], [], 40, color=PALETTE[index], marker=MARKERS[index], edgecolors="black", label=kind)
    for row, intensity, rate in _spread(points):
        axes.annotate(row.name[-32:], (intensity, rate), (10, -12), textcoords="offset points", fontsize=7.5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.margins(y=0.12)
    axes.set_xlabel(f"MACs per byte of {memory}")
    axes.set_ylabel("MACs per second")
    axes.grid(True, which="major", color="0.9")
    axes.legend(loc="lower right", fontsize=7.5, frameon=True)


def busiest_memory(report: Report) -> str:
    """The memory with the most traffic, empty without any."""
    sums: dict[str, float] = {}
    for row in report.traffic:
        sums[row.memory] = sums.get(row.memory, 0.0) + row.read_bytes + row.write_bytes
    return max(sums, key=lambda name: sums[name], default="")


def roofline_points(report: Report, memory: str) -> Iterator[Point]:
    """Operators with multiply-accumulates and traffic of a memory."""
    moved: dict[str, float] = {}
    for row in report.traffic:
        if row.memory == memory:
            moved[row.op] = moved.get(row.op, 0.0) + row.read_bytes + row.write_bytes
    for row in report.ops:
        if row.macs and row.seconds and moved.get(row.name):
            yield row, row.macs / moved[row.name], row.macs / row.seconds


def _spread(points: list[Point]) -> Iterator[Point]:
    """The slowest operators that lie far enough apart for a name beside each."""
    taken: list[Point] = []
    for point in sorted(points, key=lambda point: -point[0].seconds)[:12]:
        near = (abs(math.log10(point[1] / p[1])) < 0.5 and abs(math.log10(point[2] / p[2])) < 0.3 for p in taken)
        if not any(near):
            taken.append(point)
            yield point


def _roof(axes: Axes, report: Report, low: float, high: float) -> tuple[float, float]:
    bounds = report.bounds
    peak = report.macs / bounds.compute_seconds if bounds.compute_seconds else 0.0
    bandwidth = bounds.compulsory_bytes / bounds.memory_seconds if bounds.memory_seconds else 0.0
    if peak and bandwidth:
        high = max(high, 4 * peak / bandwidth)
        low = min(low, peak / bandwidth / 4)
    if bandwidth:
        right = min(high, peak / bandwidth) if peak else high
        axes.plot([low, right], [low * bandwidth, right * bandwidth], "k-", linewidth=1.2)
        middle = (low * right) ** 0.5
        axes.annotate(quantity(bandwidth, "B/s"), (middle, middle * bandwidth), (6, -14), textcoords="offset points")
    if peak:
        left = max(low, peak / bandwidth) if bandwidth else low
        axes.plot([left, high], [peak, peak], "k-", linewidth=1.2)
        label = f"{quantity(peak, 'MAC/s')} (average peak of this model's work)"
        axes.annotate(label, (high, peak), (-4, 4), textcoords="offset points", ha="right")
    return low, high
