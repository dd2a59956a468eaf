"""One row of a comparison: a model on a chip under one setting, also where it does not fit or cannot run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from hwsim import summary
from hwsim.chip import Chip
from hwsim.report import Report, traffic_bytes

OK = "ok"
DOES_NOT_FIT = "does not fit"
Parts = tuple[tuple[str, float], ...]
"""Names and amounts that add up to a whole."""


@dataclass(frozen=True, slots=True)
class Row:
    """One model on one chip; the numbers are None where ``status`` is not "ok", or where nobody knows them.

    Attributes:
        batch: independent sequences or images.
        context: tokens, 0 where the model has none.
        prompt, output: tokens read and written, for phase generate only.
        bits, zeros, parallel: as chosen on the command line; None where left to the chip and the model.
        weight_bits, activation_bits, state_bits: per element as estimated, of the largest tensor of the role.
        seconds: latency of the phase.
        tokens_per_second, inferences_per_second: whichever has a meaning for the phase; so for the two per joule.
        energy_delay_joule_seconds: energy times latency of one run of the phase.
        dollars_per_million: tokens or inferences, where the chip has a price.
        utilization: averaged over time, 0..1.
        bound_by: what bounds most of the time.
        traffic_bytes: read and written at the outer memories.
        compute_seconds, memory_seconds, compulsory_bytes: the lower bounds (see ``hwsim.report.Bounds``).
        status: "ok", "does not fit: needs x, has y", or why the chip cannot run the model.
        mapper_note: what may be said about the quality of the mappings.
        warnings: of the report.
        time_by_kind, time_by_bound: seconds by kind of operator, and by what bounds them.
        energy_by_component: joules.
    """

    model: str
    chip: str
    phase: str
    batch: int
    context: int | None = None
    prompt: int | None = None
    output: int | None = None
    bits: str | None = None
    zeros: str | None = None
    parallel: str | None = None
    weight_bits: int | None = None
    activation_bits: int | None = None
    state_bits: int | None = None
    seconds: float | None = None
    tokens_per_second: float | None = None
    inferences_per_second: float | None = None
    energy_joules: float | None = None
    average_power_watts: float | None = None
    energy_delay_joule_seconds: float | None = None
    tokens_per_joule: float | None = None
    inferences_per_joule: float | None = None
    dollars_per_million: float | None = None
    area_mm2: float | None = None
    utilization: float | None = None
    bound_by: str = ""
    macs: int | None = None
    traffic_bytes: float | None = None
    compute_seconds: float | None = None
    memory_seconds: float | None = None
    compulsory_bytes: float | None = None
    status: str = OK
    mapper_note: str = ""
    warnings: tuple[str, ...] = ()
    time_by_kind: Parts = ()
    time_by_bound: Parts = ()
    energy_by_component: Parts = ()


NESTED = ("warnings", "time_by_kind", "time_by_bound", "energy_by_component")
"""Fields that stand in JSON only, because they are not single values."""
COLUMNS = tuple(field.name for field in fields(Row) if field.name not in NESTED)


def row_of(report: Report, chip: Chip) -> Row:
    """The row of a report, without what only the command line knows (``bits`` and the like)."""
    tokens = report.unit_of_work == "tokens"
    per_joule = report.work / report.energy_joules if report.energy_joules else None
    outer = {unit.path[0] for unit in chip.units.values()}
    area = report.area_square_metres
    bits = dict(report.bits)
    return Row(
        report.model,
        report.chip,
        report.phase,
        report.batch,
        report.context,
        weight_bits=bits.get("weight"),
        activation_bits=bits.get("activation"),
        state_bits=bits.get("state"),
        seconds=report.seconds,
        tokens_per_second=report.throughput if tokens else None,
        inferences_per_second=None if tokens else report.throughput,
        energy_joules=report.energy_joules,
        average_power_watts=report.average_power_watts,
        energy_delay_joule_seconds=report.energy_joules * report.seconds,
        tokens_per_joule=per_joule if tokens else None,
        inferences_per_joule=None if tokens else per_joule,
        dollars_per_million=report.price_dollars_per_million,
        area_mm2=None if area is None else round(area * 1e6, 6),
        utilization=summary.utilization(report),
        bound_by=summary.bound_by(report),
        macs=report.macs,
        traffic_bytes=sum(sum(both) for memory, both in traffic_bytes(report).items() if memory in outer),
        compute_seconds=report.bounds.compute_seconds,
        memory_seconds=report.bounds.memory_seconds,
        compulsory_bytes=report.bounds.compulsory_bytes,
        mapper_note=report.mapper_note,
        warnings=report.warnings,
        time_by_kind=tuple(summary.shares(report, lambda row: row.kind).items()),
        time_by_bound=tuple(summary.shares(report, lambda row: row.bound_by).items()),
        energy_by_component=tuple(summary.component_energy(report).items()),
    )


def cells(row: Row) -> tuple[Any, ...]:
    """The values of a row in the order of ``COLUMNS``."""
    return tuple(getattr(row, name) for name in COLUMNS)


def word(row: Row) -> str:
    """In a few words why a row has no result; empty where it has one."""
    if row.status == OK:
        return ""
    return DOES_NOT_FIT if row.status.startswith(DOES_NOT_FIT) else "cannot run"


def precision(row: Row) -> str:
    """Bits of weights and activations in short: ``16``, ``w4 a16``; empty where there is no result."""
    found = [(letter, bits) for letter, bits in (("w", row.weight_bits), ("a", row.activation_bits)) if bits]
    if len({bits for _, bits in found}) == 1:
        return str(found[0][1])
    return " ".join(f"{letter}{bits}" for letter, bits in found)


def precision_note(rows: Iterable[Row]) -> str:
    """Which chips were estimated at a precision that nobody chose, because 16 bits do not compute or fit there."""
    chosen: dict[tuple[str, str], int] = {}
    for row in rows:
        if any(text.startswith("estimated with") for text in row.warnings):
            chosen[row.chip, precision(row)] = chosen.get((row.chip, precision(row)), 0) + 1
    named = [f"{chip} {bits}{'' if count == 1 else f' ({count} rows)'}" for (chip, bits), count in chosen.items()]
    return f"bits per element where 16 do not compute or do not fit: {', '.join(named)}" if named else ""
