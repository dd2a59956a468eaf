"""Sweeps: one row per model and chip, also where the model does not fit or the chip cannot run it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields, replace

from hwsim import summary
from hwsim.bounds import DoesNotFitError
from hwsim.report import Report
from mapper.estimate import Estimator, estimate_model
from workloads.errors import UserError
from workloads.model import Choices, Model
from workloads.phases import default_phase

OK = "ok"


@dataclass(frozen=True, slots=True)
class Row:
    """One model on one chip; the numbers are None where ``status`` is not "ok".

    Attributes:
        context: tokens, 0 where the model has none.
        seconds: latency of the phase.
        tokens_per_second, inferences_per_second: whichever has a meaning for the phase.
        utilization: averaged over time, 0..1.
        bound_by: what bounds most of the time.
        status: "ok", "does not fit: needs x, has y", or why the chip cannot run the model.
        mapper_note: what may be said about the quality of the mappings.
    """

    model: str
    chip: str
    phase: str
    batch: int
    context: int | None = None
    seconds: float | None = None
    tokens_per_second: float | None = None
    inferences_per_second: float | None = None
    energy_joules: float | None = None
    average_power_watts: float | None = None
    utilization: float | None = None
    bound_by: str = ""
    status: str = OK
    mapper_note: str = ""


COLUMNS = tuple(field.name for field in fields(Row))


def compare(
    models: Sequence[Model], estimators: Sequence[Estimator], choices: Choices, phase: str | None = None
) -> Iterator[Row]:
    """Estimate every model on every chip; what goes wrong becomes the row's ``status``.

    Args:
        models: what to run; they vary slowest, each is read once.
        estimators: chips made ready.
        choices: sizes and precision, the same for all.
        phase: None means each model's default.
    """
    for model in models:
        kept = replace(model, symbolic=functools.cache(model.symbolic))
        for estimator in estimators:
            try:
                yield row_of(estimate_model(estimator, kept, choices, phase))
            except UserError as error:
                chosen = phase or default_phase(model.phases)
                yield Row(model.name, estimator.chip.name, chosen, choices.batch, status=_status(error))


def _status(error: UserError) -> str:
    return error.short if isinstance(error, DoesNotFitError) else " ".join(str(error).split())


def row_of(report: Report) -> Row:
    """The row of a report."""
    tokens = report.unit_of_work == "tokens"
    return Row(
        report.model,
        report.chip,
        report.phase,
        report.batch,
        report.context,
        report.seconds,
        report.throughput if tokens else None,
        None if tokens else report.throughput,
        report.energy_joules,
        report.average_power_watts,
        summary.utilization(report),
        summary.bound_by(report),
        mapper_note=report.mapper_note,
    )


def cells(row: Row) -> tuple[object, ...]:
    """The values of a row in the order of ``COLUMNS``."""
    return astuple(row)
