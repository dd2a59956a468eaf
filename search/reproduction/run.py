"""From the data file of a paper to its rows: estimates, values of its function and of validation groups."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import process_time
from typing import Any, TypeAlias, TypeVar

from hwsim.report import Report
from mapper.choices import MappingChoices
from mapper.estimate import Estimator, estimate_model, estimator_for
from search.reproduction.paper import Panel, Paper, RowSpec, Run
from search.reproduction.quantities import value_of
from search.reproduction.result import PanelResult, Reproduction, Row
from search.validation.case import Case, Request
from workloads.errors import UserError, did_you_mean
from workloads.model import Choices

T = TypeVar("T")
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
    numbers, runs = Numbers(paper, full), Runs()
    outcomes = tuple(_outcome(panel, row, numbers, runs) for panel in panels_of(paper, full) for row in panel.rows)
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
            panel.measure,
            panel.band,
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


def _outcome(panel: Panel, row: RowSpec, numbers: Numbers, runs: Runs) -> Outcome:
    """A value that can't be had becomes the row's problem; the others still count."""
    try:
        return Outcome(_value(panel, row, numbers, runs))
    except UserError as error:
        return Outcome(None, " ".join(str(error).split()))


def _value(panel: Panel, row: RowSpec, numbers: Numbers, runs: Runs) -> float:
    if row.value is not None:
        return numbers.of(row.value) if panel.group is None else numbers.of_group(panel.group, row.value, row.published)
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
class Numbers:
    """Numbers by key that are no single estimate: of the paper's function and of validation groups, each run once."""

    paper: Paper
    full: bool
    own: Values | None = None
    groups: dict[str, Mapping[str, Case]] = field(default_factory=dict[str, Mapping[str, Case]])

    def of(self, key: str) -> float:
        """A number of the paper's function; raises UserError if it gives no such number."""
        if self.own is None:
            function = self.paper.function
            self.own = {} if function is None else function_of(function)(self.full)
        return _get(self.own, key, f"the function of {self.paper.name}")

    def of_group(self, name: str, key: str, published: float | None) -> float:
        """A simulated value of a validation group.

        Raises:
            UserError: no such group or quantity, or the group compares with another published value.
        """
        if name not in self.groups:
            self.groups[name] = _cases(name)
        case = _get(self.groups[name], key, f"validation group {name}")
        if published is not None and published != case.expected:
            raise UserError(f"{key}: published is {published:g} here, {case.expected:g} in validation group {name}")
        return case.simulated


def _get(known: Mapping[str, T], key: str, giver: str) -> T:
    if key not in known:
        raise UserError(f"{giver} does not give {key!r}{did_you_mean(key, known)}")
    return known[key]


def _cases(name: str) -> Mapping[str, Case]:
    from search.validation.groups import all_groups
    from search.validation.result import choose

    found = [group.run(Request()) for group in choose(all_groups(), [name])]
    return {case.quantity: case for one in found if one is not None for case in one.cases}


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
