"""What a mapper is, and the registry of mappers.

A mapper finds a mapping for one contraction on one array. Everything around it (choice of unit, streamed operators,
residency of tensors between operators, chunks of composites) is common to all mappers and lives in ``mapper.graph``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args

from workloads.errors import UserError, did_you_mean

if TYPE_CHECKING:
    # For annotations only: the options of the commands are built from this module, which must cost nothing.
    from hwsim.machine import Machine
    from hwsim.nest import Nest
    from hwsim.operand import Operand
    from hwsim.schedule import Level
    from hwsim.units.base import ArrayUnit

Objective: TypeAlias = Literal["latency", "energy", "edp", "traffic"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
Residency: TypeAlias = Literal["first-fit", "optimal"]
RESIDENCIES: tuple[Residency, ...] = get_args(Residency)
Fusion: TypeAlias = Literal["off", "auto"]
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)
Rule: TypeAlias = Literal["peak", "heft", "ilp", "auto"]
"""How operators find their units: by peak rate, or placed by one of the methods of ``mapper.placement``."""
RULES: tuple[Rule, ...] = get_args(Rule)


class CannotMapError(UserError):
    """An operator cannot run on a chip.

    Attributes:
        op: the operator, where it is known.
        memory: that is too small for it, if it is that.
    """

    def __init__(self, message: str, op: str = "", memory: str = "") -> None:
        super().__init__(message)
        self.op = op
        self.memory = memory


class InfeasibleError(CannotMapError):
    """No mapping exists; the message names the constraint, and that of a whole graph the smallest change that helps."""


@dataclass(frozen=True, slots=True)
class Task:
    """One contraction to be mapped.

    Attributes:
        nest: the contraction.
        unit: the array.
        capacity_bytes: free bytes of the array's scratchpad.
        resident: operands that are in the scratchpad already, or stay there.
    """

    nest: Nest
    unit: ArrayUnit
    capacity_bytes: float
    resident: frozenset[Operand]


@dataclass(frozen=True, slots=True)
class Goal:
    """What a mapper is asked for.

    Attributes:
        objective: what is minimized first; the others break ties.
        budget_seconds: wall time per contraction after which an anytime search stops; None is until done.
        jobs: contractions of a graph that are searched at a time, in threads.
    """

    objective: Objective = "latency"
    budget_seconds: float | None = None
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class Proof:
    """What a mapper knows about the best possible.

    Attributes:
        space: mappings of the search space, without any pruning.
        bound: no mapping of the space has a smaller value of the objective.
        gap: (value found - bound) / value found; 0 where the mapping is proven optimal.
    """

    space: float
    bound: float
    gap: float


@dataclass(frozen=True, slots=True)
class Found:
    """A mapping with its closed-form cost, how many mappings were looked at, and what is proven about it.

    The energy is that of the outer memory alone where a mapper minimized latency, else of all memories.
    """

    levels: tuple[Level, ...]
    seconds: float
    outer_bytes: float
    energy_joules: float
    evaluated: int
    proof: Proof | None = None


class Mapper(Protocol):
    """Finds a legal mapping."""

    def __call__(self, task: Task, machine: Machine, goal: Goal) -> Found:
        """The best mapping that this mapper can find.

        Raises:
            InfeasibleError: no mapping is legal.
        """
        ...


class Store(Protocol):
    """Results of earlier runs; ``mapper.cache`` is one."""

    def get(self, task: Task, mapper: str, goal: Goal) -> Found | None:
        """The result kept for a task, if there is one."""
        ...

    def put(self, task: Task, mapper: str, goal: Goal, found: Found) -> None:
        """Keep a result."""
        ...


_MAPPERS: dict[str, Mapper] = {}
_MODULES = {
    "fast": "mapper.fast",
    "coarse": "mapper.coarse",
    "exhaustive": "mapper.exhaustive",
    "optimal": "mapper.optimal",
}


def mapper_names() -> tuple[str, ...]:
    """Names of all mappers."""
    return tuple(_MODULES)


def register(name: str) -> Callable[[Mapper], Mapper]:
    """Register a mapper under a name."""

    def add(mapper: Mapper) -> Mapper:
        _MAPPERS[name] = mapper
        return mapper

    return add


def get_mapper(name: str) -> Mapper:
    """The mapper of a name.

    Raises:
        UserError: there is none.
    """
    if name not in _MODULES:
        raise UserError(f"no mapper is named {name!r}{did_you_mean(name, _MODULES)}; mappers: {', '.join(_MODULES)}")
    if name not in _MAPPERS:
        importlib.import_module(_MODULES[name])
    return _MAPPERS[name]


def rank(objective: Objective, seconds: float, energy: float, outer_bytes: float) -> tuple[float, ...]:
    """What is minimized: the objective, then the others as tie breakers."""
    orders: dict[Objective, tuple[float, ...]] = {
        "latency": (seconds, energy, outer_bytes),
        "energy": (energy, seconds, outer_bytes),
        "edp": (energy * seconds, seconds, outer_bytes),
        "traffic": (outer_bytes, seconds, energy),
    }
    return orders[objective]
