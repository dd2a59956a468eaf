"""Published, simulated and error: the rows of a paper, and the score of many papers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from search.reproduction.paper import Basis, Chart, Paper, Status

SLACK = 1e-9
"""Added to a tolerance, so that an exact agreement is one."""


@dataclass(frozen=True, slots=True)
class Row:
    """One published value beside the simulated one, both in ``unit``.

    Attributes:
        panel: title of the panel.
        at, series: place on the panel's axis, and which of several there.
        published: None for what the paper does not print; then it is a prediction.
        simulated: None if it could not be computed; ``problem`` says why.
        tolerance: largest absolute error for which the row is reproduced; None if that is not claimed.
    """

    panel: str
    at: str | int | float
    series: str
    unit: str
    published: float | None
    simulated: float | None
    source: str
    status: Status
    basis: Basis
    tolerance: float | None = None
    problem: str = ""

    @property
    def error(self) -> float | None:
        """Relative error as a fraction, positive if simulated too high; None without both values."""
        if self.published is None or self.simulated is None:
            return None
        if self.published == 0:
            return 0.0 if self.simulated == 0 else 1.0
        return self.simulated / self.published - 1

    @property
    def within(self) -> bool | None:
        """Whether the error is within the tolerance; None where none is claimed or nothing is published."""
        if self.tolerance is None or self.published is None:
            return None
        return self.error is not None and abs(self.error) <= self.tolerance + SLACK

    @property
    def scored(self) -> bool:
        """Whether the row counts: it has a published value and is claimed to be this value."""
        return self.published is not None and self.basis != "alternative"


@dataclass(frozen=True, slots=True)
class PanelResult:
    """Rows of one table and chart; the attributes are those of ``search.reproduction.paper.Panel``."""

    title: str
    unit: str
    chart: Chart
    axis: str
    note: str
    rows: tuple[Row, ...]
    measure: str = ""
    band: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A paper with its rows; ``seconds`` of CPU that computing them took, now or when they were kept."""

    paper: Paper
    panels: tuple[PanelResult, ...]
    seconds: float

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of all panels."""
        return tuple(row for panel in self.panels for row in panel.rows)


@dataclass(frozen=True, slots=True)
class Score:
    """How well some papers are reproduced; errors are fractions, None without rows that have one.

    Attributes:
        rows: published values that are scored, those that could not be simulated included.
        failed: scored rows without a simulated value.
        predicted: rows that were not fitted or matched to.
        mean, middle, worst: mean, median and largest of the absolute errors.
        within, claimed: rows within their tolerance, of so many that have one.
    """

    name: str
    papers: int
    rows: int
    failed: int
    predicted: int
    mean: float | None
    middle: float | None
    worst: float | None
    within: int
    claimed: int
    seconds: float


def score(name: str, found: Sequence[Reproduction]) -> Score:
    """The score of some papers together, every row counting the same."""
    rows = [row for one in found for row in one.rows if row.scored]
    errors = [abs(row.error) for row in rows if row.error is not None]
    verdicts = [row.within for row in rows if row.within is not None]
    return Score(
        name,
        papers=len(found),
        rows=len(rows),
        failed=len(rows) - len(errors),
        predicted=sum(row.basis == "predicted" for row in rows),
        mean=fmean(errors) if errors else None,
        middle=median(errors) if errors else None,
        worst=max(errors) if errors else None,
        within=sum(verdicts),
        claimed=len(verdicts),
        seconds=sum(one.seconds for one in found),
    )


def scoreboard(found: Sequence[Reproduction]) -> tuple[Score, ...]:
    """A score per paper, and one named ``all`` of all of them."""
    return (*(score(one.paper.name, [one]) for one in found), score("all", found))


ROW_COLUMNS = (
    "paper", "panel", "at", "series", "unit", "published", "simulated", "error", "tolerance", "within_tolerance",
    "status", "basis", "source", "problem",
)  # fmt: skip
"""Columns of the CSV file."""


def cells(name: str, row: Row) -> tuple[object, ...]:
    """The values of a row of a paper in the order of ``ROW_COLUMNS``."""
    return (
        name, row.panel, row.at, row.series, row.unit, row.published, row.simulated, row.error, row.tolerance,
        row.within, row.status, row.basis, row.source, row.problem,
    )  # fmt: skip


def as_json(found: Iterable[Reproduction]) -> dict[str, Any]:
    """Papers, their rows and the scoreboard as plain data; without times, so that equal results are equal bytes."""
    papers = tuple(found)
    return {
        "papers": [_paper(one) for one in papers],
        "scoreboard": [
            {
                "paper": one.name,
                "rows": one.rows,
                "failed": one.failed,
                "predicted": one.predicted,
                "mean_error": one.mean,
                "median_error": one.middle,
                "worst_error": one.worst,
                "within_tolerance": one.within,
                "with_tolerance": one.claimed,
            }
            for one in scoreboard(papers)
        ],
    }


def _paper(one: Reproduction) -> dict[str, Any]:
    paper = one.paper
    return {
        "paper": paper.name,
        "title": paper.title,
        "citation": paper.citation,
        "models": list(paper.models),
        "chips": list(paper.chips),
        "modelled": paper.modelled,
        "assumed": paper.assumed,
        "not_modelled": paper.not_modelled,
        "panels": [
            {
                "panel": panel.title,
                "unit": panel.unit,
                "chart": panel.chart,
                "axis": panel.axis,
                "note": panel.note,
                "rows": [dict(zip(ROW_COLUMNS[2:], cells(paper.name, row)[2:], strict=True)) for row in panel.rows],
            }
            for panel in one.panels
        ],
    }
