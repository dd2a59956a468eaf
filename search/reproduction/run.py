"""From the data file of a paper to its rows: estimates, values of its function and of validation groups."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import process_time
from typing import Any, TypeAlias

from hwsim.report import Report
from mapper.choices import MappingChoices
from mapper.estimate import Estimator, estimate_model, estimator_for
from search.reproduction.paper import Panel, Paper, RowSpec, Run
from search.reproduction.quantities import value_of
from search.reproduction.result import PanelResult, Reproduction, Row
from workloads.errors import UserError, did_you_mean
from workloads.model import Choices

Values: TypeAlias = Mapping[str, float]
Simulate: TypeAlias = Callable[[bool], Values]
_MAPPING = ("mapper", "placement", "residency", "fusion")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The simulated value of one row, or why there is none."""

    value: float | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Computed:
    """The outcomes of all rows of a paper in their order, and the seconds of CPU they took."""

    outcomes: tuple[Outcome, ...]
    seconds: float


def panels_of(paper: Paper, full: bool) -> tuple[Panel, ...]:
    """The panels that are computed."""
    return tuple(panel for panel in paper.panels if full or not panel.full)


def compute(paper: Paper, full: bool = False) -> Computed:
    """Simulate every row of a paper.

    Args:
        paper: what to simulate.
        full: also the panels that take long, and the larger variants that functions have.
    """
    started = process_time()
    values, runs = values_of(paper, full), Runs()
    outcomes = tuple(
        _outcome(paper, panel, row, values, runs) for panel in panels_of(paper, full) for row in panel.rows
    )
    return Computed(outcomes, process_time() - started)


def assemble(paper: Paper, computed: Computed, full: bool = False) -> Reproduction:
    """The rows of a paper from their outcomes."""
    outcomes = iter(computed.outcomes)
    panels = tuple(
        PanelResult(
            panel.title,
            panel.unit,
            panel.chart,
            panel.axis,
            " ".join(panel.note.split()),
            tuple(_row(panel, row, next(outcomes)) for row in panel.rows),
        )
        for panel in panels_of(paper, full)
    )
    return Reproduction(paper, panels, computed.seconds)


def _row(panel: Panel, row: RowSpec, outcome: Outcome) -> Row:
    return Row(
        panel.title,
        row.at,
        row.series,
        panel.unit,
        row.published,
        outcome.value,
        row.source or panel.source,
        row.status or panel.status,
        row.basis or panel.basis,
        panel.tolerance if row.tolerance is None else row.tolerance,
        outcome.problem,
    )


def values_of(paper: Paper, full: bool) -> Values:
    """The numbers of a paper's function and validation groups, by key."""
    from search.validation.case import Request
    from search.validation.groups import all_groups
    from search.validation.result import choose

    values: dict[str, float] = {}
    for group in choose(all_groups(), paper.validation) if paper.validation else ():
        found = group.run(Request())
        values |= {} if found is None else {case.quantity: case.simulated for case in found.cases}
    return values if paper.function is None else {**values, **function_of(paper.function)(full)}


def function_of(text: str) -> Simulate:
    """The function that ``module:name`` stands for.

    Raises:
        UserError: it can't be imported.
    """
    module, _, name = text.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"function {text!r} of a paper can't be imported: {error}") from error


def _outcome(paper: Paper, panel: Panel, row: RowSpec, values: Values, runs: Runs) -> Outcome:
    """A value that can't be had becomes the row's problem; the others still count."""
    try:
        return Outcome(_value(paper, panel, row, values, runs))
    except UserError as error:
        return Outcome(None, " ".join(str(error).split()))


def _value(paper: Paper, panel: Panel, row: RowSpec, values: Values, runs: Runs) -> float:
    if row.value is not None:
        if row.value not in values:
            raise UserError(f"{paper.name}: nothing gives {row.value!r}{did_you_mean(row.value, values)}")
        return values[row.value]
    run = merged(panel.estimate, row.estimate)
    divisor = panel.over is not None or row.over is not None
    unit = panel.unit if not divisor else runs.base_unit(run)
    value = value_of(runs.report(run), _quantity(run), unit)
    if not divisor:
        return value
    over = Run(**{**run.given(), **merged(panel.over, row.over).given()})
    return value / value_of(runs.report(over), _quantity(over), runs.base_unit(over))


def _quantity(run: Run) -> str:
    if run.quantity is None:
        raise UserError("an estimate needs a quantity")
    return run.quantity


def merged(common: Run | None, own: Run | None) -> Run:
    """A row's run with what it leaves out taken from the panel; keys of ``set`` are merged, too."""
    first, second = (run.given() if run is not None else {} for run in (common, own))
    both: dict[str, Any] = {**first, **second}
    if "set" in both:
        both["set"] = {**first.get("set", {}), **second.get("set", {})}
    return Run(**both)


@dataclass(slots=True)
class Runs:
    """Estimates made so far; rows that ask different quantities of one share it, and runs on one chip its mappings."""

    estimators: dict[Any, Estimator] = field(default_factory=dict[Any, Estimator])
    reports: dict[str, Report] = field(default_factory=dict[str, Report])

    def base_unit(self, run: Run) -> str:
        """A unit in which the quantity of a run can be given."""
        from search.reproduction.quantities import QUANTITIES

        quantity = QUANTITIES.get(_quantity(run))
        return quantity.base if quantity is not None else ""

    def report(self, run: Run) -> Report:
        """The estimate of a run.

        Raises:
            UserError: no model or chip is named, or whatever ``hwsim estimate`` refuses.
        """
        key = run.model_copy(update={"quantity": None}).model_dump_json()
        if key not in self.reports:
            self.reports[key] = self._estimate(run)
        return self.reports[key]

    def _estimate(self, run: Run) -> Report:
        from workloads.user import open_model

        if run.model is None or run.chip is None:
            raise UserError("an estimate needs a model and a chip")
        estimator = self._estimator(run, run.chip)
        return estimate_model(estimator, open_model(run.model), _choices(run), run.phase, run.prompt, run.output)

    def _estimator(self, run: Run, chip: str) -> Estimator:
        from hwsim.config import load_chip

        changes = tuple(f"{key}={_text(value)}" for key, value in run.set.items())
        mapping = {name: getattr(run, name) for name in _MAPPING if getattr(run, name) is not None}
        key = (chip, changes, tuple(mapping.items()))
        if key not in self.estimators:
            self.estimators[key] = estimator_for(load_chip(chip, changes), MappingChoices(**mapping), advise=False)
        return self.estimators[key]


def _text(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _choices(run: Run) -> Choices:
    from workloads.parallel import parse_parallel
    from workloads.precision import parse_bits
    from workloads.sparsity import parse_zeros

    return Choices(
        run.batch or 1,
        run.context,
        None if run.bits is None else parse_bits(str(run.bits)),
        run.mla or "absorbed",
        zeros=None if run.zeros is None else parse_zeros(run.zeros),
        parallel=parse_parallel(run.parallel),
    )
