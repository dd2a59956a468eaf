"""What a search wants to know of a schedule, without its report: the same numbers, by the compiled player."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hwsim.bounds import bounds
from hwsim.machine import Machine
from hwsim.pipeline import TICKS_PER_CYCLE
from hwsim.program_code import times_of
from hwsim.report import component_sums
from hwsim.schedule import Schedule
from hwsim.sequence import make_entries, make_program, program_size
from hwsim.simulation import check_bound, energy_amounts, simulate, work_done
from hwsim.technology import static_power_watts
from workloads.graph import OperatorGraph


@dataclass(frozen=True, slots=True)
class Totals:
    """Time and energy of a schedule, and how many inferences or tokens it makes."""

    seconds: float
    energy_joules: float
    work: int


def totals(graph: OperatorGraph, schedule: Schedule, machine: Machine) -> Totals:
    """The totals of ``hwsim.simulation.simulate``, equal in every bit; the graph must fit the chip.

    Raises:
        BoundError: the result is below its own lower bound (a bug).
    """
    if schedule.concurrent:
        report = simulate(graph, schedule, machine.chip, machine)
        return Totals(report.seconds, report.energy_joules, report.work)
    entries = make_entries(graph, schedule, machine)
    horizon, ops = times_of(make_program(graph, schedule, machine, entries), program_size(schedule, machine))
    per_second = machine.chip.clock_hertz * TICKS_PER_CYCLE
    seconds, static = horizon / per_second, static_power_watts(machine.chip)
    check_bound(graph, machine.chip, seconds, bounds(graph, machine))

    def amounts() -> Iterator[tuple[str, str, float, float]]:
        for entry, ticks in zip(entries, ops, strict=True):
            yield from energy_amounts(machine, entry, ticks / per_second, static)

    joules = sum(row.energy_joules for row in component_sums(amounts()))
    return Totals(seconds, joules, work_done(graph)[0])
