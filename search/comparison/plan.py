"""What a comparison computes: every model on every chip under every setting, as data that can go to another process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwsim.bounds import DoesNotFitError
from hwsim.chip import Chip
from mapper.choices import MappingChoices
from mapper.estimate import Estimator, estimate_model, estimator_for
from search.comparison.sweeps import Setting
from search.sweep import Row, row_of
from workloads.errors import UserError
from workloads.graph import OperatorGraph
from workloads.model import Model
from workloads.phases import default_phase

_TRACED = {"generate": ("prefill", "decode"), "train": ("forward",)}


@dataclass(frozen=True, slots=True)
class Graphs:
    """The symbolic graphs of a model, read once; a phase that could not be read says why when it is asked for."""

    graphs: tuple[tuple[str, OperatorGraph], ...]
    problems: tuple[tuple[str, str], ...] = ()

    def __call__(self, phase: str) -> OperatorGraph:
        """The graph of a phase.

        Raises:
            UserError: what went wrong when it was read.
        """
        for name, problem in self.problems:
            if name == phase:
                raise UserError(problem)
        return dict(self.graphs)[phase]


@dataclass(frozen=True, slots=True)
class Point:
    """Places of a model, a chip and a setting in their plan."""

    model: int
    chip: int
    setting: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A comparison to be made.

    Attributes:
        models: with ``Graphs``.
        phase: None means each model's default.
        mapping: how mappings are found, the same for all.
    """

    models: tuple[Model, ...]
    chips: tuple[Chip, ...]
    settings: tuple[Setting, ...]
    phase: str | None
    mapping: MappingChoices


def make_plan(
    models: Sequence[Model],
    chips: Sequence[Chip],
    settings: Sequence[Setting],
    phase: str | None,
    mapping: MappingChoices,
) -> Plan:
    """A plan; the graphs that it needs are read (or traced) here."""
    return Plan(tuple(_read(model, phase) for model in models), tuple(chips), tuple(settings), phase, mapping)


def _read(model: Model, phase: str | None) -> Model:
    chosen = phase or default_phase(model.phases)
    graphs: list[tuple[str, OperatorGraph]] = []
    problems: list[tuple[str, str]] = []
    for name in _TRACED.get(chosen, (chosen,)):
        if name in model.phases:
            try:
                graphs.append((name, model.symbolic(name)))
            except UserError as error:
                problems.append((name, str(error)))
    return replace(model, symbolic=Graphs(tuple(graphs), tuple(problems)))


def points(plan: Plan) -> tuple[Point, ...]:
    """All points: models vary slowest, then chips, then settings."""
    return tuple(
        Point(model, chip, setting)
        for model in range(len(plan.models))
        for chip in range(len(plan.chips))
        for setting in range(len(plan.settings))
    )


class Runner:
    """Estimates points of a plan; a chip is made ready once, and its mappings are shared between points."""

    __slots__ = ("_estimators", "_plan")

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._estimators: dict[int, Estimator] = {}

    def __call__(self, point: Point) -> Row:
        """The row of a point; what the user could mend becomes its ``status``."""
        plan = self._plan
        model, chip, setting = plan.models[point.model], plan.chips[point.chip], plan.settings[point.setting]
        try:
            if point.chip not in self._estimators:
                self._estimators[point.chip] = estimator_for(chip, plan.mapping, advise=False)
            estimator = self._estimators[point.chip]
            report = estimate_model(estimator, model, setting.choices, plan.phase, setting.prompt, setting.output)
            row = row_of(report, chip)
        except UserError as error:
            phase = plan.phase or default_phase(model.phases)
            row = Row(model.name, chip.name, phase, setting.choices.batch, setting.choices.context, status=_why(error))
        return replace(
            row, prompt=setting.prompt, output=setting.output, bits=setting.bits, zeros=setting.zeros,
            parallel=setting.parallel,
        )  # fmt: skip


def _why(error: UserError) -> str:
    return error.short if isinstance(error, DoesNotFitError) else " ".join(str(error).split())
