"""What a row may ask of an estimate: quantities by name, in the unit that the panel states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hwsim.quantity import parse
from hwsim.report import Report, traffic_bytes
from workloads.errors import UserError, did_you_mean


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of a report; ``base`` is its unit if a panel may give it a prefix (ms, mJ, GB), else empty."""

    base: str
    of: Callable[[Report], float]


def _area(report: Report) -> float:
    return report.area_square_metres or 0.0


def _traffic(report: Report) -> float:
    return sum(read + written for read, written in traffic_bytes(report).values())


QUANTITIES: Mapping[str, Quantity] = {
    "seconds": Quantity("s", lambda report: report.seconds),
    "busy_seconds": Quantity("s", lambda report: sum(op.busy_seconds for op in report.ops)),
    "seconds_per_work": Quantity("s", lambda report: report.seconds / report.work),
    "roofline_seconds": Quantity("s", lambda report: report.bounds.seconds),
    "cycles": Quantity("", lambda report: float(report.cycles)),
    "work_per_second": Quantity("", lambda report: report.throughput),
    "energy_joules": Quantity("J", lambda report: report.energy_joules),
    "joules_per_work": Quantity("J", lambda report: report.energy_joules / report.work),
    "work_per_joule": Quantity("", lambda report: report.work / report.energy_joules),
    "average_power_watts": Quantity("W", lambda report: report.average_power_watts),
    "area": Quantity("m2", _area),
    "macs": Quantity("", lambda report: float(report.macs)),
    "parameters": Quantity("", lambda report: float(report.parameters)),
    "weight_bytes": Quantity("B", lambda report: float(report.weight_bytes)),
    "state_bytes": Quantity("B", lambda report: float(report.state_bytes)),
    "compulsory_bytes": Quantity("B", lambda report: report.bounds.compulsory_bytes),
    "traffic_bytes": Quantity("B", _traffic),
}
"""Name -> quantity; work is tokens or inferences."""


def value_of(report: Report, name: str, unit: str) -> float:
    """A quantity of a report in a unit.

    Args:
        report: the estimate.
        name: a key of ``QUANTITIES``.
        unit: of the result; a quantity without a base unit takes any.

    Raises:
        UserError: no such quantity, or another kind of unit.
    """
    if name not in QUANTITIES:
        raise UserError(
            f"no quantity is named {name!r}{did_you_mean(name, QUANTITIES)}; there are: {', '.join(QUANTITIES)}"
        )
    quantity = QUANTITIES[name]
    if not quantity.base:
        return quantity.of(report)
    try:
        scale = parse(f"1 {unit}", quantity.base)
    except ValueError as error:
        raise UserError(f"{name} cannot be given in {unit!r}: {error}") from error
    return quantity.of(report) / scale
