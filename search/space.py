"""The space file: a base chip, what may change of it, what runs on it, and what is wanted of it.

YAML as for chips (see hw_configs/spaces/): unknown and duplicate keys are errors, and every problem has file, line and
column. `search.design` turns values of the parameters into a chip; `search.objective` judges its reports.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from hwsim.part import Part
from search.expression import ExpressionError, Scalar, read_expression
from workloads.errors import did_you_mean

Number: TypeAlias = int | float
Goal: TypeAlias = Literal["min", "max"]
_QUANTITY = re.compile(r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(\S*)\s*")
KNOBS = ("mapper", "goal", "batch", "context", "bits", "bits.weight", "bits.activation", "bits.input", "bits.output",
         "bits.state")  # fmt: skip


class Parameter(Part):
    """Something that may change.

    Attributes:
        path: key of the chip file it sets, or several that it sets alike; none where only others use its value.
        knob: instead of a path: mapper, goal, batch, context or bits.ROLE of all workloads.
        choices: the values it may have; numbers (with or without unit) in rising order count as ordered.
        low, high: instead of choices, ends of a range, as numbers or as quantities with the same unit.
        log: whether a range is sampled by its logarithm.
        step: distance between the values of a range; whole numbers have 1.
        when: values of other parameters under which it exists; otherwise the base chip's value stays, or ``otherwise``.
        otherwise: its value in expressions where it does not exist.
        group: agent that owns it in the multi-agent view; by default the first two parts of the path.
    """

    path: str | tuple[str, ...] = ()
    knob: str | None = None
    choices: tuple[Scalar, ...] = ()
    low: Number | str | None = None
    high: Number | str | None = None
    log: bool = False
    step: Number | str | None = None
    when: dict[str, tuple[Scalar, ...]] = Field(default_factory=dict)
    otherwise: Scalar | None = None
    group: str = ""

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Parameter:
        if bool(self.choices) == (self.low is not None or self.high is not None):
            raise ValueError("needs either choices or both low and high")
        if len(set(map(str, self.choices))) != len(self.choices):
            raise ValueError("choices: the same value stands twice")
        if self.choices and (self.log or self.step is not None):
            raise ValueError("log and step belong to a range of low and high, not to choices")
        if not self.choices:
            span_of(self)
        if self.path and self.knob:
            raise ValueError("has a path and a knob, needs at most one of them")
        if self.knob is not None and self.knob not in KNOBS:
            raise ValueError(f"knob: no knob is named {self.knob!r}{did_you_mean(self.knob, KNOBS)}; knobs: {KNOBS}")
        return self


class Derived(Part):
    """A value computed from parameters.

    Attributes:
        path: key of the chip file it sets, or several; none where only others use its value.
        value: expression over parameters and derived values above it.
        unit: appended to the value ("KiB"); whole numbers are written as such.
        whole: whether the value is rounded down to a whole number.
    """

    path: str | tuple[str, ...] = ()
    value: str
    unit: str = ""
    whole: bool = False


class Workload(Part):
    """What runs on every chip.

    Attributes:
        model: as for ``hwsim estimate``, or a family of models (``family:key={parameter},...``, see search.families);
            parameters in braces are filled in.
        phase, batch, context, bits: as for ``hwsim estimate``.
        weight: share in sums over workloads.
    """

    model: str
    phase: str | None = None
    batch: Annotated[int, Field(ge=1, le=10**6)] = 1
    context: Annotated[int, Field(ge=1, le=10**8)] | None = None
    bits: dict[str, Annotated[int, Field(ge=1, le=64)]] = Field(default_factory=dict)
    weight: Annotated[float, Field(gt=0)] = 1.0


class Objective(Part):
    """A quantity (see search.objective) to be made small or large."""

    quantity: str
    goal: Goal = "min"


class Constraint(Part):
    """Limits of a quantity, as numbers in its unit."""

    quantity: str
    at_most: Number | None = None
    at_least: Number | None = None

    @model_validator(mode="after")
    def _has_a_limit(self) -> Constraint:
        if self.at_most is None and self.at_least is None:
            raise ValueError("needs at_most or at_least")
        return self


class Space(Part):
    """A whole space.

    Attributes:
        name: the file's name without suffix.
        base: a shipped chip's name, or a file beside the space.
        parameters, derived: what changes, in this order.
        require: expressions over parameters that must hold; a design that violates one is not evaluated.
        workloads, objectives, constraints: what is judged.
        mapper, goal: how mappings are found; a parameter may override them.
        plugins: Python modules imported first; they register families, quantities or samplers of their own.
        accuracy: name of the accuracy proxy, where a quantity is ``accuracy``.
    """

    name: str = ""
    title: str
    description: str = ""
    base: str
    parameters: Annotated[dict[str, Parameter], Field(min_length=1)]
    derived: dict[str, Derived] = Field(default_factory=dict)
    require: tuple[str, ...] = ()
    workloads: Annotated[tuple[Workload, ...], Field(min_length=1)]
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)]
    constraints: tuple[Constraint, ...] = ()
    mapper: str = "fast"
    goal: Literal["latency", "energy", "edp", "traffic"] = "latency"
    plugins: tuple[str, ...] = ()
    accuracy: str = ""

    @model_validator(mode="after")
    def _names_exist(self) -> Space:
        problems = [*_when_problems(self), *_expression_problems(self)]
        if problems:
            raise ValueError("\n".join(problems))
        return self


def _when_problems(space: Space) -> list[str]:
    problems: list[str] = []
    above: dict[str, Parameter] = {}
    for name, parameter in space.parameters.items():
        if not name.isidentifier():
            problems.append(
                f"parameters.{name}: must be a name of letters, digits and _, so that expressions can use it"
            )
        for other, allowed in parameter.when.items():
            where = f"parameters.{name}.when.{other}"
            if other not in above:
                problems.append(f"{where}: no parameter above is named {other!r}{did_you_mean(other, above)}")
            elif above[other].choices and not set(allowed) <= set(above[other].choices):
                problems.append(f"{where}: {other} has the choices {list(above[other].choices)}")
        above[name] = parameter
    return problems


def _expression_problems(space: Space) -> list[str]:
    problems: list[str] = []
    known = set(space.parameters)

    def check(where: str, text: str) -> None:
        try:
            names = read_expression(text).names
        except ExpressionError as error:
            problems.append(f"{where}: {error}")
            return
        problems.extend(
            f"{where}: no parameter is named {name!r}{did_you_mean(name, known)}" for name in names if name not in known
        )

    for name, derived in space.derived.items():
        check(f"derived.{name}.value", derived.value)
        known.add(name)
    for place, text in enumerate(space.require):
        check(f"require.{place}", text)
    for place, workload in enumerate(space.workloads):
        for name in re.findall(r"\{(.*?)\}", workload.model):
            if name not in known:
                problems.append(f"workloads.{place}.model: no parameter is named {name!r}{did_you_mean(name, known)}")
    return problems


def split_quantity(value: Scalar) -> tuple[float, str]:
    """A number and its unit ("" without): ``"64 KiB" -> (64.0, "KiB")``.

    Raises:
        ValueError: not a number.
    """
    match = _QUANTITY.fullmatch(str(value))
    if match is None or isinstance(value, bool):
        raise ValueError(f"expected a number or a quantity such as '64 KiB', got {value!r}")
    return float(match[1]), match[2]


class Span(Part):
    """A range in one unit; ``whole`` if its values are whole numbers."""

    low: float
    high: float
    step: float | None
    unit: str
    whole: bool


def span_of(parameter: Parameter) -> Span:
    """The range of a parameter without choices.

    Raises:
        ValueError: an end is missing, the units differ, or the ends or the step make no sense.
    """
    if parameter.low is None or parameter.high is None:
        raise ValueError("needs both low and high")
    (low, unit), (high, other) = split_quantity(parameter.low), split_quantity(parameter.high)
    step, third = (None, unit) if parameter.step is None else split_quantity(parameter.step)
    if not unit == other == third:
        raise ValueError(f"low, high and step must have the same unit, got {unit!r}, {other!r} and {third!r}")
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"low must be less than high, got {parameter.low} and {parameter.high}")
    if step is not None and not 0 < step <= high - low:
        raise ValueError(f"step must be more than zero and fit between low and high, got {parameter.step}")
    if parameter.log and (low <= 0 or step is not None):
        raise ValueError("log needs a low above zero and no step")
    whole = all(isinstance(end, int) for end in (parameter.low, parameter.high, parameter.step or 1))
    return Span(low=low, high=high, step=step, unit=unit, whole=whole)
