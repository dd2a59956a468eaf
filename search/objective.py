"""What is wanted of a design: quantities of its reports, summed over workloads, their limits, and by how much it
misses.

A quantity is registered by a function from the totals of a design; a plug-in may add one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from search.space import Constraint, Objective, Space

Status: TypeAlias = Literal["ok", "infeasible", "failed", "timeout"]
Fidelity: TypeAlias = Literal["engine", "closed form", "none"]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the workloads of a space, each times its weight.

    Attributes:
        work: inferences or tokens.
        area_square_metres: of the chip; None if unknown.
        dollars_per_million: price of a million units of work; None without a price.
        accuracy: of the model, by a proxy; None without one.
    """

    seconds: float
    energy_joules: float
    work: float
    macs: float
    parameters: float
    clock_hertz: float
    area_square_metres: float | None = None
    dollars_per_million: float | None = None
    accuracy: float | None = None


Extract: TypeAlias = Callable[[Totals], float | None]
QUANTITIES: dict[str, Extract] = {}
"""Quantities by name; filled by ``quantity``."""


def quantity(name: str) -> Callable[[Extract], Extract]:
    """Register a quantity; None means unknown, which makes a design infeasible where the quantity is asked for."""

    def add(extract: Extract) -> Extract:
        QUANTITIES[name] = extract
        return extract

    return add


def quantity_names() -> tuple[str, ...]:
    """All quantities."""
    return tuple(QUANTITIES)


quantity("seconds")(lambda totals: totals.seconds)
quantity("energy_joules")(lambda totals: totals.energy_joules)
quantity("edp")(lambda totals: totals.energy_joules * totals.seconds)
quantity("average_power_watts")(lambda totals: totals.energy_joules / totals.seconds if totals.seconds else None)
quantity("cycles")(lambda totals: totals.seconds * totals.clock_hertz)
quantity("work_per_second")(lambda totals: totals.work / totals.seconds if totals.seconds else None)
quantity("work_per_joule")(lambda totals: totals.work / totals.energy_joules if totals.energy_joules else None)
quantity("macs")(lambda totals: totals.macs)
quantity("parameters")(lambda totals: totals.parameters)
quantity("accuracy")(lambda totals: totals.accuracy)
quantity("price_dollars_per_million")(lambda totals: totals.dollars_per_million)


@quantity("area_mm2")
def _area(totals: Totals) -> float | None:
    return None if totals.area_square_metres is None else totals.area_square_metres * 1e6


@quantity("work_per_second_per_mm2")
def _density(totals: Totals) -> float | None:
    area = _area(totals)
    return totals.work / totals.seconds / area if area and totals.seconds else None


EARLY = frozenset({"area_mm2", "accuracy"})
"""Quantities known before anything is mapped: a design that misses a limit of theirs is not mapped."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a design.

    Attributes:
        status: ok; infeasible (a limit or a memory is exceeded); failed (a crash); timeout.
        quantities: by name, also of infeasible designs as far as known.
        violations: by constraint or cause, how much is exceeded relative to the limit.
        reason: one line, for everything but ok.
        fidelity: engine, closed form (not promising enough for the engine) or none.
        cpu_seconds: of the evaluation.
    """

    status: Status
    quantities: Mapping[str, float] = field(default_factory=dict[str, float])
    violations: Mapping[str, float] = field(default_factory=dict[str, float])
    reason: str = ""
    fidelity: Fidelity = "none"
    cpu_seconds: float = 0.0

    @property
    def violation(self) -> float:
        """Sum of all violations."""
        return sum(self.violations.values())


def measure(totals: Totals, names: Sequence[str] = ()) -> dict[str, float]:
    """All known quantities of some totals, or those named."""
    found = {name: QUANTITIES[name](totals) for name in names or QUANTITIES}
    return {name: float(value) for name, value in found.items() if value is not None}


def violations(
    constraints: Sequence[Constraint], quantities: Mapping[str, float], unknown: float = 1.0
) -> dict[str, float]:
    """By how much limits are missed, relative to the limit; an unknown quantity misses by ``unknown`` if above zero."""
    missed: dict[str, float] = {}
    for one in constraints:
        value = quantities.get(one.quantity)
        if value is None:
            if unknown:
                missed[one.quantity] = unknown
            continue
        for limit, sign in ((one.at_most, 1), (one.at_least, -1)):
            if limit is not None and sign * (value - limit) > 0:
                missed[one.quantity] = abs(value - limit) / max(abs(limit), 1e-30)
    return missed


def objective_values(objectives: Sequence[Objective], quantities: Mapping[str, float]) -> tuple[float, ...] | None:
    """The objectives in their order; None if one is unknown."""
    values = [quantities.get(one.quantity) for one in objectives]
    known = [value for value in values if value is not None]
    return tuple(known) if len(known) == len(values) else None


def signs(space: Space) -> tuple[int, ...]:
    """1 for objectives to be made small, -1 for those to be made large."""
    return tuple(1 if one.goal == "min" else -1 for one in space.objectives)
