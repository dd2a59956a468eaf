"""From values of the parameters to a design: what changes of the chip, the knobs, the models, and a key of identity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice, pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.yaml_text import KeyPath
from search.expression import ExpressionError, Scalar, compute, shortfall
from search.space import Parameter, Space, Span, span_of, split_quantity
from workloads.errors import UserError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

Values: TypeAlias = Mapping[str, Scalar]
CORNERS = 200
"""Values of parameters that are tried when a space file is read."""


@dataclass(frozen=True)
class Axis:
    """One parameter as a sampler sees it.

    Attributes:
        kind: ordered (a place among choices in rising order), categorical, or range.
    """

    name: str
    parameter: Parameter
    kind: Literal["ordered", "categorical", "range"]

    @cached_property
    def span(self) -> Span:
        """The ends, of a range."""
        return span_of(self.parameter)

    @cached_property
    def values(self) -> tuple[Scalar, ...]:
        """All values, of anything but a continuous range; empty there."""
        if self.kind != "range":
            return self.parameter.choices
        span = self.span
        step = span.step or (1.0 if span.whole else 0.0)
        if not step:
            return ()
        return tuple(
            self.value(span.low + place * step) for place in range(int((span.high - span.low) / step + 1e-9) + 1)
        )

    def value(self, raw: Any) -> Scalar:
        """The parameter's value of what a sampler proposed."""
        if self.kind == "ordered":
            return self.parameter.choices[int(raw)]
        if self.kind == "categorical":
            return raw
        number: int | float = round(raw) if self.span.whole else float(f"{raw:.12g}")
        return f"{number:.12g} {self.span.unit}" if self.span.unit else number

    def raw(self, value: Scalar) -> Any:
        """What a sampler proposes for a value."""
        if self.kind == "ordered":
            return self.parameter.choices.index(value)
        return value if self.kind == "categorical" else split_quantity(value)[0]

    def distribution(self) -> BaseDistribution:
        """Where a sampler draws from."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.kind == "ordered":
            return IntDistribution(0, len(self.parameter.choices) - 1)
        if self.kind == "categorical":
            return CategoricalDistribution(self.parameter.choices)
        span, log = self.span, self.parameter.log
        if span.whole:
            return IntDistribution(int(span.low), int(span.high), log=log, step=1 if log else int(span.step or 1))
        return FloatDistribution(span.low, span.high, log=log, step=span.step)


def axes(space: Space) -> tuple[Axis, ...]:
    """The parameters of a space in their order."""
    return tuple(Axis(name, one, _kind(one)) for name, one in space.parameters.items())


def _kind(parameter: Parameter) -> Literal["ordered", "categorical", "range"]:
    if not parameter.choices:
        return "range"
    try:
        pairs = [split_quantity(choice) for choice in parameter.choices]
    except ValueError:
        return "categorical"
    rising = all(one[0] < two[0] for one, two in pairwise(pairs))
    return "ordered" if rising and len({unit for _, unit in pairs}) == 1 else "categorical"


def exists(parameter: Parameter, values: Values) -> bool:
    """Whether a parameter exists beside the values of those above it."""
    return all(values.get(other) in allowed for other, allowed in parameter.when.items())


def suggest(space: Space, trial: Trial, redraw: Callable[[str, BaseDistribution], object]) -> dict[str, Scalar]:
    """Values of all parameters that exist, as a sampler proposes them.

    Args:
        space: the space.
        trial: a new trial, or one that was given back, perhaps with only some of its values.
        redraw: called for values that a trial has already, so that a sampler's random numbers go on behind them.
    """
    known = set(trial.params)
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    values: dict[str, Scalar] = {}
    for axis in axes(space):
        if not exists(axis.parameter, values):
            continue
        drawn = axis.distribution()
        if axis.name in known and axis.name not in trial.relative_params:
            redraw(axis.name, drawn)
        raw: Any
        if isinstance(drawn, IntDistribution):
            raw = trial.suggest_int(axis.name, drawn.low, drawn.high, step=drawn.step, log=drawn.log)
        elif isinstance(drawn, FloatDistribution):
            raw = trial.suggest_float(axis.name, drawn.low, drawn.high, step=drawn.step, log=drawn.log)
        else:
            assert isinstance(drawn, CategoricalDistribution)
            raw = trial.suggest_categorical(axis.name, drawn.choices)
        values[axis.name] = axis.value(raw)
    return values


def all_values(space: Space) -> Iterator[dict[str, Scalar]]:
    """Every point of a space without continuous ranges, each once; conditions are respected.

    Raises:
        UserError: a range is continuous.
    """
    continuous = [axis.name for axis in axes(space) if not axis.values]
    if continuous:
        raise UserError(f"{space.name}: {', '.join(continuous)} can't be listed; give choices or a step")

    def grow(place: int, values: dict[str, Scalar]) -> Iterator[dict[str, Scalar]]:
        if place == len(order):
            yield values
            return
        axis = order[place]
        choices = axis.values if exists(axis.parameter, values) else (None,)
        for choice in choices:
            yield from grow(place + 1, values if choice is None else {**values, axis.name: choice})

    order = axes(space)
    return grow(0, {})


def count_points(space: Space) -> float:
    """Points of a space if no condition removed any; infinite with a continuous range."""
    total = 1.0
    for axis in axes(space):
        total *= len(axis.values) or float("inf")
    return total


@dataclass(frozen=True, slots=True)
class Design:
    """What is evaluated.

    Attributes:
        changes: (key path of the chip, text of the value), in the order of the space.
        knobs: settings of mapping and workloads.
        models: the models with parameters filled in.
        violations: amount by which each requirement is violated; empty where all hold.
        key: equal for designs that are the same chip with the same settings.
    """

    changes: tuple[tuple[str, str], ...]
    knobs: tuple[tuple[str, Scalar], ...]
    models: tuple[str, ...]
    violations: tuple[tuple[str, float], ...]
    key: str

    @property
    def overrides(self) -> tuple[str, ...]:
        """As for ``hwsim estimate --set``."""
        return tuple(f"{path}={text}" for path, text in self.changes)


def make_design(space: Space, values: Values) -> Design:
    """The design of some values; raises UserError where an expression can't be computed."""
    numbers = _numbers(space, values)
    changes: dict[str, str] = {}
    knobs: dict[str, Scalar] = {}
    for name, value in values.items():
        parameter = space.parameters[name]
        changes.update((path, _text(value)) for path in _paths(parameter.path))
        if parameter.knob is not None:
            knobs[parameter.knob] = value
    try:
        for name, derived in space.derived.items():
            number: Any = compute(derived.value, numbers)
            number = int(number) if derived.whole or (isinstance(number, float) and number.is_integer()) else number
            numbers[name] = number
            text = f"{_text(number)} {derived.unit}".strip()
            changes.update((path, text) for path in _paths(derived.path))
        amounts = {text: shortfall(text, numbers) for text in space.require}
    except ExpressionError as error:
        raise UserError(f"{space.name}: {error}") from error
    models = tuple(_filled(workload.model, numbers) for workload in space.workloads)
    violations = tuple((text, amount) for text, amount in amounts.items() if amount)
    identity = [sorted(changes.items()), sorted(knobs.items()), models]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:20]
    return Design(tuple(changes.items()), tuple(knobs.items()), models, violations, key)


def _numbers(space: Space, values: Values) -> dict[str, Scalar]:
    """Values as expressions see them: quantities by the number before their unit."""
    numbers: dict[str, Scalar] = {}
    for name, parameter in space.parameters.items():
        value = values.get(name, parameter.otherwise)
        if value is None:
            continue
        try:
            number = split_quantity(value)[0]
            numbers[name] = int(number) if number.is_integer() else number
        except ValueError:
            numbers[name] = value
    return numbers


def _paths(path: str | tuple[str, ...]) -> tuple[str, ...]:
    return (path,) if isinstance(path, str) else path


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _filled(model: str, numbers: Mapping[str, Scalar]) -> str:
    for name, value in numbers.items():
        model = model.replace("{" + name + "}", _text(value))
    return model


@lru_cache(maxsize=256)
def build_chip(base: Path, overrides: tuple[str, ...]) -> Chip:
    """The chip of a design; raises ChipFileError where the values make no chip."""
    return load_chip(base, overrides)


def corner_problems(space: Space, base: Path) -> Iterator[tuple[KeyPath, str]]:
    """Parameters with a value that the chip refuses both alone and beside the first values of all others."""
    try:
        load_chip(base)
    except UserError as error:
        yield ("base",), str(error).replace("\n", "; ")
        return
    first: dict[str, Scalar] = {}
    for axis in axes(space):
        if exists(axis.parameter, first):
            first[axis.name] = axis.values[0] if axis.values else axis.value(axis.span.low)
    for axis, value in islice(_ends(space), CORNERS):
        alone = [f"{path}={_text(value)}" for path in _paths(axis.parameter.path)]
        problem = _refusal(base, alone)
        if problem and _refusal(base, make_design(space, {**first, axis.name: value}).overrides):
            yield ("parameters", axis.name), f"{value}: {problem}"


def _ends(space: Space) -> Iterator[tuple[Axis, Scalar]]:
    for axis in axes(space):
        ends = axis.parameter.choices or (axis.value(axis.span.low), axis.value(axis.span.high))
        if axis.parameter.path:
            yield from product([axis], ends)


def _refusal(base: Path, overrides: list[str] | tuple[str, ...]) -> str:
    try:
        load_chip(base, overrides)
    except UserError as error:
        return str(error).splitlines()[0]
    return ""
