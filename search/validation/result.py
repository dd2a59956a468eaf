"""From groups to results: run what can be run, show the recorded errors of the rest, compare with the bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from hwsim.chip import Part
from hwsim.yaml_text import read_yaml
from search.validation.case import Case, Errors, Group, Request, errors_by_part, errors_of
from workloads.errors import UserError, did_you_mean

BOUNDS, RECORDED = (Path(__file__).parent / name for name in ("bounds.yaml", "recorded.yaml"))
ROUNDING = 5e-5
"""Recorded errors have four decimals."""


class Bound(Part):
    """The largest mean and worst absolute error a group may have (fractions), and when that was decided."""

    mean: float
    worst: float
    measured: str


class Recorded(Errors):
    """Errors found on measurements that do not come with the program, and the day on which they were found."""

    measured: str
    remark: str = ""
    parts: Mapping[str, Errors] = {}


@dataclass(frozen=True, slots=True)
class Result:
    """A group with its errors.

    Attributes:
        cases: empty where the errors are recorded ones.
        recorded: the day of recording, None if computed now.
    """

    group: Group
    bound: Bound
    errors: Errors
    parts: Mapping[str, Errors]
    remark: str
    cases: tuple[Case, ...] = ()
    recorded: str | None = None

    @property
    def within(self) -> bool:
        """Whether both errors are within their bounds."""
        tolerance = ROUNDING if self.recorded else 1e-9
        return self.errors.mean <= self.bound.mean + tolerance and self.errors.worst <= self.bound.worst + tolerance


@cache
def bounds() -> Mapping[str, Bound]:
    """The bound of every group."""
    return TypeAdapter(dict[str, Bound]).validate_python(_read(BOUNDS))


@cache
def recorded() -> Mapping[str, Recorded]:
    """Recorded errors of the groups that need measurements."""
    return TypeAdapter(dict[str, Recorded]).validate_python(_read(RECORDED))


def _read(path: Path) -> Any:
    return read_yaml(path.read_text(encoding="utf-8"), path.name).data


def choose(groups: Sequence[Group], names: Iterable[str]) -> tuple[Group, ...]:
    """The groups with a name, or with a name before the slash; all without names.

    Raises:
        UserError: nothing has such a name.
    """
    wanted = tuple(names)
    known = dict.fromkeys((*(g.name.partition("/")[0] for g in groups), *(g.name for g in groups)))
    for name in wanted:
        if name not in known:
            raise UserError(f"no group is named {name!r}{did_you_mean(name, known)}; groups: {', '.join(known)}")
    if not wanted:
        return tuple(groups)
    return tuple(group for group in groups if {group.name, group.name.partition("/")[0]} & set(wanted))


def results(groups: Iterable[Group], request: Request) -> Iterator[Result]:
    """The result of every group, in order."""
    for group in groups:
        bound, found = bounds()[group.name], group.run(request)
        if found is not None:
            parts = errors_by_part(found.cases)
            yield Result(group, bound, errors_of(found.cases), parts, found.remark, found.cases)
        else:
            kept = recorded()[group.name]
            yield Result(group, bound, kept, kept.parts, kept.remark, recorded=kept.measured)


def as_json(result: Result) -> dict[str, Any]:
    """A result as plain data; errors are fractions."""
    parts = {name: errors.model_dump() for name, errors in result.parts.items()}
    return {
        "group": result.group.name,
        "title": result.group.title,
        "note": result.group.note,
        "remark": result.remark,
        "recorded": result.recorded,
        "within_bound": result.within,
        "bound": result.bound.model_dump(),
        **{key: getattr(result.errors, key) for key in Errors.model_fields},
        "parts": parts,
        "cases": [
            {
                "source": case.source,
                "quantity": case.quantity,
                "unit": case.unit,
                "expected": case.expected,
                "simulated": case.simulated,
                "error": case.error,
                "status": case.status,
                "part": case.part,
            }
            for case in result.cases
        ],
    }
