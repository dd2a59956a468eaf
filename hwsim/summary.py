"""Single facts drawn from a report's rows; the outputs agree because they all take them from here."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hwsim.report import OpRow, Report, Span


def utilization(report: Report) -> float:
    """Utilization of the units averaged over the total time, 0..1; work without multiply-accumulates counts as 0.

    Where operators overlap it is averaged over the time of all operators.
    """
    used = sum(row.seconds * row.utilization for row in report.ops)
    return used / operator_seconds(report) if report.seconds else 0.0


def operator_seconds(report: Report) -> float:
    """Seconds of all operators together: the total time, more where operators overlap."""
    together = sum(row.seconds for row in report.ops)
    return together if together > report.seconds * (1 + 1e-9) else report.seconds


def shares(report: Report, key: Callable[[OpRow], str]) -> dict[str, float]:
    """Seconds per value of ``key`` over all operators, the largest first."""
    return _ranked((key(row), row.seconds) for row in report.ops)


def bound_by(report: Report) -> str:
    """What bounds most of the time: "compute", "memory:<name>", "overhead" or "dependency"; empty without operators."""
    return next(iter(shares(report, lambda row: row.bound_by)), "")


def component_energy(report: Report) -> dict[str, float]:
    """Joules per component, the largest first."""
    return _ranked((row.component, row.energy_joules) for row in report.energy)


def _ranked(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for name, value in pairs:
        sums[name] = sums.get(name, 0.0) + value
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def statuses(report: Report) -> dict[str, int]:
    """How many entries of the footnotes have each status; an entry is a key path and may cover several numbers."""
    counts: dict[str, int] = {}
    for note in report.footnotes:
        counts[note.status] = counts.get(note.status, 0) + len(note.keys)
    return counts


def assumed_keys(report: Report) -> tuple[str, ...]:
    """Key paths of what nobody published."""
    return tuple(key for note in report.footnotes if note.status == "assumed" for key in note.keys)


def folded(report: Report) -> tuple[tuple[float, float], ...]:
    """What the timeline does not spell out, as (start, finish) in seconds.

    Stretches of at least 1 % of the time without any span that follow a repeated span, or that end the timeline.
    """
    least = 0.01 * report.seconds
    stretches: list[tuple[float, float]] = []
    last: Span | None = None
    for span in sorted(report.timeline, key=lambda span: span.start):
        if last is not None and last.repeats > 1 and span.start - last.finish >= least:
            stretches.append((last.finish, span.start))
        if last is None or span.finish > last.finish:
            last = span
    if last is not None and report.seconds - last.finish >= least:
        stretches.append((last.finish, report.seconds))
    return tuple(stretches)


def number(value: float) -> str:
    """Four significant digits, and all digits before the decimal point."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
