"""Trials as rows: what a study holds, read back from its storage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from search.expression import Scalar
from search.objective import Outcome

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

RESULT = "hwsim:result"


@dataclass(frozen=True, slots=True)
class Row:
    """One finished trial.

    Attributes:
        number: of the trial; rows of a study have each number once.
        values: of the parameters that exist in it.
        key: of the design; equal keys are equal designs.
        same_as: number of the trial with the same design that was evaluated; -1 if this one was.
        outcome: what became of it.
        started, seconds: time of day (seconds since 1970) when it was proposed, and wall time until it was told.
    """

    number: int
    values: Mapping[str, Scalar]
    key: str
    same_as: int
    outcome: Outcome
    started: float = 0.0
    seconds: float = 0.0


def result_text(values: Mapping[str, Scalar], key: str, same_as: int, outcome: Outcome) -> str:
    """What is stored with a trial."""
    return json.dumps({"values": dict(values), "key": key, "same_as": same_as, "outcome": asdict(outcome)})


def row_of(trial: FrozenTrial) -> Row | None:
    """The row of a trial; None where it has not finished or is none of ours."""
    text = trial.user_attrs.get(RESULT)
    if text is None or not trial.state.is_finished():
        return None
    data: dict[str, Any] = json.loads(text)
    started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    ended = trial.datetime_complete.timestamp() if trial.datetime_complete else started
    return Row(
        trial.number,
        data["values"],
        data["key"],
        data["same_as"],
        Outcome(**data["outcome"]),
        started,
        ended - started,
    )


def rows_of(study: optuna.Study) -> list[Row]:
    """All finished trials in the order of their numbers."""
    found = (row_of(trial) for trial in study.get_trials(deepcopy=False))
    return [row for row in found if row is not None]


def table(
    rows: Sequence[Row], parameters: Sequence[str], quantities: Sequence[str]
) -> tuple[list[str], list[list[Any]]]:
    """Header and lines of the results as a table; what a trial does not have is None."""
    header = ["trial", "status", "fidelity", "same_as", "violation", "reason", *parameters, *quantities, "cpu_seconds"]
    lines = [
        [
            row.number,
            row.outcome.status,
            row.outcome.fidelity,
            None if row.same_as < 0 else row.same_as,
            row.outcome.violation,
            row.outcome.reason,
            *(row.values.get(name) for name in parameters),
            *(row.outcome.quantities.get(name) for name in quantities),
            row.outcome.cpu_seconds,
        ]
        for row in rows
    ]
    return header, lines
