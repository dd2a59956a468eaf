"""What a validation table is made of: cases, groups of them, and the errors of a group."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Literal, TypeAlias

from hwsim.chip import Part

Status: TypeAlias = Literal["measured", "published", "secondary", "derived", "simulator", "closed form"]
"""What the expected value is: measured on silicon, printed (first or second hand), computed from printed numbers,
the output of another simulator, or a formula that holds exactly."""

LARGE = 1000
"""Cases from which on a group may be thinned, for a quick look."""


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison.

    Attributes:
        source: where the value comes from.
        quantity: what is compared.
        unit: of both values.
        expected: the published or measured value.
        simulated: ours.
        part: cases of a group that belong together, for example one layer kind; may be empty.
    """

    source: str
    quantity: str
    unit: str
    expected: float
    simulated: float
    status: Status
    part: str = ""

    @property
    def error(self) -> float:
        """Relative error as a fraction; positive means simulated too high. Anything instead of zero is 100 % off."""
        if self.expected:
            return self.simulated / self.expected - 1
        return math.copysign(1.0, self.simulated) if self.simulated else 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """What the user has: a folder of measurements or None; ``every`` thins groups of more than ``LARGE`` cases."""

    data: Path | None = None
    every: int = 1


@dataclass(frozen=True, slots=True)
class Found:
    """The cases of a group and a remark on how they were computed."""

    cases: tuple[Case, ...]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Cases with a common bound.

    Attributes:
        name: ``source`` or ``source/set``.
        title: one line.
        run: the cases, or None where they need measurements that are not there.
        note: what a reader must know: what was chosen while looking at these values, what they do not show.
    """

    name: str
    title: str
    run: Callable[[Request], Found | None]
    note: str = ""


class Errors(Part):
    """Errors of some cases as fractions: mean and worst absolute error, and the mean with its sign."""

    rows: int
    mean: float
    worst: float
    bias: float


def errors_of(cases: Iterable[Case]) -> Errors:
    """Errors of at least one case."""
    found = [case.error for case in cases]
    sizes = [abs(error) for error in found]
    return Errors(rows=len(found), mean=fmean(sizes), worst=max(sizes), bias=fmean(found))


def errors_by_part(cases: Sequence[Case]) -> dict[str, Errors]:
    """Errors of each part of a group, sorted by name; empty if there is only one."""
    parts = sorted({case.part for case in cases})
    return {part: errors_of(c for c in cases if c.part == part) for part in parts} if len(parts) > 1 else {}
