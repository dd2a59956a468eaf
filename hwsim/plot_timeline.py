"""The timeline of a picture: when each resource is busy, with long runs of repetitions cut out of the axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwsim import summary
from hwsim.quantity import show as quantity
from hwsim.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BREAK = 0.025
"""Width of a cut, as a part of the axis."""
HAIR = 1 / 2000
"""Part of the axis that is narrower than a line of the picture."""
TICK_DISTANCE = 0.08


@dataclass(frozen=True, slots=True)
class CutAxis:
    """An axis of time from which stretches are cut out.

    Attributes:
        cuts: (start, finish) in seconds of what is cut out.
        gap: what is left of a cut, in seconds.
    """

    cuts: tuple[tuple[float, float], ...]
    gap: float

    def place(self, time: float) -> float:
        """Where a time is drawn; within a cut, at its beginning."""
        removed = 0.0
        for start, finish in self.cuts:
            if start < time:
                removed += min(time, finish) - start - (self.gap if time >= finish else 0.0)
        return time - removed


def cut_axis(report: Report) -> CutAxis:
    """The axis for a report: what its timeline does not spell out is cut."""
    cuts = summary.folded(report)
    shown = report.seconds - sum(finish - start for start, finish in cuts)
    return CutAxis(cuts, shown * BREAK)


def draw_timeline(axes: Axes, report: Report, colors: Sequence[str]) -> None:
    """Draw a row per resource; hatched breaks tell how much time of equal repetitions they stand for."""
    axis = cut_axis(report)
    end = axis.place(report.seconds) or 1.0
    resources = list(dict.fromkeys(span.resource for span in report.timeline))
    for index, resource in enumerate(resources):
        spans = [(axis.place(s.start), axis.place(s.finish)) for s in report.timeline if s.resource == resource]
        bars = [(start, finish - start) for start, finish in merged(spans, end * HAIR)]
        axes.broken_barh(bars, (index - 0.35, 0.7), facecolors=colors[index % len(colors)], linewidth=0)
    for start, finish in axis.cuts:
        left = axis.place(start)
        axes.axvspan(left, left + axis.gap, facecolor="0.93", edgecolor="0.7", hatch="///", linewidth=0)
        text = f"+{quantity(finish - start, 's')}"
        middle = (len(resources) - 1) / 2
        axes.text(left + axis.gap / 2, middle, text, rotation=90, ha="center", va="center", fontsize=7)
    axes.set_title(f"Timeline{' (hatched breaks: equal repetitions left out)' if axis.cuts else ''}")
    axes.set_yticks(range(len(resources)), resources)
    axes.invert_yaxis()
    axes.set_xlim(0, end)
    times = ticks(report, axis, end)
    axes.set_xticks([axis.place(time) for time in times], [quantity(time, "s") if time else "0" for time in times])


def ticks(report: Report, axis: CutAxis, end: float) -> list[float]:
    """Times to be labelled: evenly spread, or where the axis goes on after a cut; never too close together."""
    wanted = [finish for _, finish in axis.cuts] if axis.cuts else [report.seconds * part / 5 for part in range(1, 6)]
    times = [0.0]
    for time in (*wanted, report.seconds):
        if axis.place(time) - axis.place(times[-1]) >= TICK_DISTANCE * end:
            times.append(time)
    return times


def merged(spans: Sequence[tuple[float, float]], tolerance: float) -> list[tuple[float, float]]:
    """Spans in order, joined where the pause between two is at most ``tolerance``."""
    joined: list[tuple[float, float]] = []
    for start, finish in sorted(spans):
        if joined and start - joined[-1][1] <= tolerance:
            joined[-1] = (joined[-1][0], max(joined[-1][1], finish))
        else:
            joined.append((start, finish))
    return joined
