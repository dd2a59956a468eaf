"""Simulation: a graph, a schedule and a chip become a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hwsim.bounds import BoundError, DoesNotFitError, bounds, check_fits
from hwsim.channels import Channel, channels_of, lane, port_rows
from hwsim.chip import Chip
from hwsim.concurrent import make_concurrent_program
from hwsim.cost import dollars_per_million
from hwsim.energy import energy_warnings
from hwsim.machine import Machine, capacity_bytes, make_machine
from hwsim.pipeline import TICKS_PER_CYCLE
from hwsim.program import Node, State, run
from hwsim.report import Bounds, EnergyRow, OpRow, Report, Span, TrafficRow
from hwsim.schedule import Schedule
from hwsim.sequence import Entry, make_entries, make_program, program_size
from hwsim.technology import static_power_watts
from hwsim.transfers import transfer_actions, transfer_seconds, transfer_traffic
from hwsim.units.base import Cautious
from workloads.graph import OperatorGraph, Role, graph_macs, role_bytes
from workloads.offload import HELD

__all__ = ["DoesNotFitError", "Entry", "simulate"]

TIMELINE_TASKS = 4000


@dataclass(frozen=True, slots=True)
class Simulation:
    """A report with what it was made from.

    Attributes:
        machine: the chip made ready.
        entries: the steps of the schedule, in the order of the report's operators.
        own_seconds: per step and resource of the machine, how long the step's own tasks occupy it, all repetitions.
        within_seconds: the same for whatever occupies it between the end of the step before and the end of this one.
    """

    report: Report
    machine: Machine
    entries: tuple[Entry, ...]
    own_seconds: tuple[tuple[float, ...], ...]
    within_seconds: tuple[tuple[float, ...], ...]


def simulate(graph: OperatorGraph, schedule: Schedule, chip: Chip, machine: Machine | None = None) -> Report:
    """Play a schedule; see ``play_schedule`` for the arguments and what is raised."""
    return play_schedule(graph, schedule, chip, machine).report


def play_schedule(graph: OperatorGraph, schedule: Schedule, chip: Chip, machine: Machine | None = None) -> Simulation:
    """Play a schedule and keep what explains the report.

    Args:
        graph: bound operator graph.
        schedule: from a mapper, for this graph and chip.
        chip: the target.
        machine: the same chip already made ready, to save building it again.

    Raises:
        DoesNotFitError: the model needs more memory than the chip has.
        BoundError: the result is below its own lower bound (a bug).
    """
    machine = machine or make_machine(chip)
    check_fits(graph, machine)
    entries = make_entries(graph, schedule, machine)
    state, channels = _fastest(graph, schedule, machine, entries)
    report = _report(graph, schedule, machine, entries, state, channels)
    check_bound(graph, chip, report.seconds, report.bounds)
    own, within = (
        _in_seconds(port_rows(rows, channels, machine), chip) for rows in (state.busy.own, state.busy.within)
    )
    return Simulation(report, machine, tuple(entries), own, within)


def _in_seconds(rows: Sequence[Sequence[int]], chip: Chip) -> tuple[tuple[float, ...], ...]:
    per_second = chip.clock_hertz * TICKS_PER_CYCLE
    return tuple(tuple(ticks / per_second for ticks in row) for row in rows)


def _fastest(
    graph: OperatorGraph, schedule: Schedule, machine: Machine, entries: Sequence[Entry]
) -> tuple[State, Mapping[str, Channel]]:
    """A schedule played; a concurrent one with its outer memory in program order, or divided where that is faster."""
    in_order = run(_program(graph, schedule, machine, entries, {}), program_size(schedule, machine), TIMELINE_TASKS)
    channels = channels_of(schedule, machine) if schedule.concurrent else {}
    if not channels:
        return in_order, channels
    size = program_size(schedule, machine, len(channels))
    divided = run(_program(graph, schedule, machine, entries, channels), size, TIMELINE_TASKS)
    return (divided, channels) if divided.horizon < in_order.horizon else (in_order, {})


def _program(
    graph: OperatorGraph,
    schedule: Schedule,
    machine: Machine,
    entries: Sequence[Entry],
    channels: Mapping[str, Channel],
) -> tuple[Node, ...]:
    if schedule.concurrent:
        return make_concurrent_program(graph, schedule, machine, entries, channels)
    return make_program(graph, schedule, machine, entries)


def build_program(
    graph: OperatorGraph, schedule: Schedule, machine: Machine, channels: Mapping[str, Channel] | None = None
) -> tuple[tuple[Node, ...], list[Entry]]:
    """The whole schedule as one loop program, with the steps that its marks stand for.

    Args:
        graph: bound operator graph.
        schedule: for it.
        machine: the chip.
        channels: of a concurrent schedule, see ``hwsim.channels``; its size has to count them.
    """
    entries = make_entries(graph, schedule, machine)
    return _program(graph, schedule, machine, entries, channels or {}), entries


def _report(
    graph: OperatorGraph,
    schedule: Schedule,
    machine: Machine,
    entries: Sequence[Entry],
    state: State,
    channels: Mapping[str, Channel],
) -> Report:
    chip = machine.chip
    per_second = chip.clock_hertz * TICKS_PER_CYCLE
    seconds = state.horizon / per_second
    # Static energy is spent once, however many operators run at a time: they share it by their times.
    share = state.horizon / (sum(state.ops) or 1) if schedule.concurrent else 1.0
    static = static_power_watts(chip)
    energy: list[EnergyRow] = []
    traffic: list[TrafficRow] = []
    ops: list[OpRow] = []
    for index, entry in enumerate(entries):
        amounts = energy_amounts(machine, entry, state.ops[index] / per_second * share, static)
        own = [EnergyRow(entry.op.name, *amount) for amount in amounts]
        energy += own
        traffic += [TrafficRow(entry.op.name, *row) for row in entry_traffic(machine, entry)]
        ops.append(_op_row(machine, entry, state.ops[index] / per_second, sum(row.energy_joules for row in own)))
    warnings = list(energy_warnings(chip, [action for entry in entries for action in entry.work.actions]))
    warnings += [f"unknown operator {name} at {path} counted as traffic only ({n}x)" for name, path, n in graph.unknown]
    warnings += _cautions(graph, machine, entries, seconds)
    facts = dict(graph.facts)
    work, noun = work_done(graph)
    joules = sum(row.energy_joules for row in energy)
    return Report(
        model=graph.model,
        chip=chip.name,
        phase=graph.phase,
        batch=int(facts.get("batch", 1)),
        context=int(facts.get("context", 0)),
        clock_name=chip.clock,
        clock_hertz=chip.clock_hertz,
        cycles=-(-state.horizon // TICKS_PER_CYCLE),
        seconds=seconds,
        unit_of_work=noun,
        work=work,
        energy=tuple(energy),
        traffic=tuple(traffic),
        ops=tuple(ops),
        bounds=bounds(graph, machine),
        timeline=_timeline(machine, state, channels),
        parameters=graph.parameters,
        macs=graph_macs(graph),
        weight_bytes=role_bytes(graph, Role.WEIGHT),
        state_bytes=role_bytes(graph, Role.STATE),
        capacity_bytes=capacity_bytes(chip),
        area_square_metres=machine.area_square_metres,
        price_dollars_per_million=dollars_per_million(chip, seconds, work, joules / seconds) if seconds else None,
        mapper=schedule.mapper,
        mapper_note=schedule.note,
        conventions=conventions(graph, _issue(schedule, channels)),
        warnings=tuple(warnings),
        footnotes=machine.footnotes,
        fused=schedule.fused,
    )


def _cautions(graph: OperatorGraph, machine: Machine, entries: Sequence[Entry], seconds: float) -> list[str]:
    """What units want to have said about the work they did."""
    found: list[str] = []
    for name, unit in machine.units.items():
        if isinstance(unit, Cautious):
            done = [(entry.op, graph.by_name, entry.repeats) for entry in entries if entry.step.mapping.unit == name]
            found += unit.cautions(done, seconds)
    return found


_SERIAL = "operators run one after the other; the next operator's weights are fetched ahead where they fit"
_SIDE_BY_SIDE = "units run side by side, each its operators in issue order; the times of operators overlap"
_ALWAYS = ("weights start in the outermost memory and are read once per inference or step",)
_LANGUAGE = {
    "decode": ("context counts the new token: a decode step attends to so many keys",),
    "prefill": (
        "the output head runs on the last token only",
        "causal attention counts and executes only the pairs under its mask",
    ),
    "train": (
        "one training step: forward, backward, update of all weights (stochastic gradient descent)",
        "activations are kept in memory for the backward pass; what lives inside a composite is computed again",
        "batch norms are kept",
    ),
}


def _issue(schedule: Schedule, channels: Mapping[str, Channel]) -> tuple[str, ...]:
    """How the steps of a schedule follow one another, in words."""
    if not schedule.concurrent:
        return (_SERIAL,)
    divided = "each unit has an equal part of the outermost memory's bandwidth, which is faster than program order"
    return (
        (_SIDE_BY_SIDE, divided) if channels else (_SIDE_BY_SIDE, "the outermost memory serves units in program order")
    )


def conventions(graph: OperatorGraph, issue: tuple[str, ...] = (_SERIAL,)) -> tuple[str, ...]:
    """How things were counted in a graph's phase, in words; ``issue`` says how operators follow one another."""
    held = dict(graph.facts).get(HELD)
    stored = () if held is None else (f"fetched weights lie in a storage; memory holds {float(held):.0%} of them",)
    always = (*issue, *_ALWAYS, *stored)
    if graph.phase in _LANGUAGE:
        return (*_LANGUAGE[graph.phase], *always)
    kept = any(op.kind == "batchnorm" for _, op in graph.walk())
    folded = () if kept else ("batch norms are folded into the convolutions before them",)
    convolves = any(op.kind.startswith("conv") for _, op in graph.walk())
    return (*folded, *always) if convolves else always


def work_done(graph: OperatorGraph) -> tuple[int, str]:
    """How many units of work a run of a graph does, and what they are called."""
    facts = dict(graph.facts)
    batch = int(facts.get("batch", 1))
    if graph.phase == "decode":
        return batch, "tokens"
    if graph.phase == "prefill":
        return batch * int(facts.get("context", 1)), "tokens"
    return batch, "inferences"


def entry_traffic(machine: Machine, entry: Entry) -> list[tuple[str, float, float]]:
    """(memory, bytes read, bytes written) of a step with all its repetitions and transfers, by memory."""
    sums = {memory: (read * entry.repeats, write * entry.repeats) for memory, read, write in entry.work.traffic}
    for transfer in entry.moved:
        for memory, read, write in transfer_traffic(machine, transfer):
            before = sums.get(memory, (0.0, 0.0))
            sums[memory] = (before[0] + read * entry.rounds, before[1] + write * entry.rounds)
    return [(memory, read, write) for memory, (read, write) in sums.items()]


def energy_amounts(
    machine: Machine, entry: Entry, seconds: float, static_watts: float
) -> Iterator[tuple[str, str, float, float]]:
    """(component, action, count, joules) of a step with all its repetitions and transfers, which takes ``seconds``."""
    actions = [(action, entry.repeats) for action in entry.work.actions]
    actions += [(action, entry.rounds) for one in entry.moved for action in transfer_actions(machine, one)]
    for action, times in actions:
        count = action.count * times
        if count:
            yield action.component, action.action, count, count * (action.energy_joules or 0.0)
    if static_watts:
        yield "static", "second", seconds, seconds * static_watts


def check_bound(graph: OperatorGraph, chip: Chip, seconds: float, least: Bounds) -> None:
    """Raise ``BoundError`` if a run took less than its lower bound."""
    if seconds < least.seconds * (1 - 1e-6):
        raise BoundError(f"{graph.model} on {chip.name}: {seconds} s is below the bound {least.seconds} s")


def _op_row(machine: Machine, entry: Entry, seconds: float, joules: float) -> OpRow:
    work, op = entry.work, entry.op
    done = work.macs * entry.repeats
    utilization = done / (seconds * work.peak) if seconds and work.peak and done else 0.0
    return OpRow(
        name=op.name,
        kind=op.kind,
        source=op.source,
        unit=entry.step.mapping.unit,
        count=entry.repeats,
        seconds=seconds,
        energy_joules=joules,
        macs=done,
        utilization=min(1.0, utilization),
        bound_by=_bound_by(machine, entry, seconds),
        mapping=work.note,
        busy_seconds=(work.compute_seconds + work.overhead_seconds) * entry.repeats,
        proof=entry.step.mapping.proof,
    )


def _bound_by(machine: Machine, entry: Entry, seconds: float) -> str:
    work = entry.work
    if work.bound_by:
        return work.bound_by
    moving = entry.rounds * sum(transfer_seconds(machine, transfer) for transfer in entry.moved)
    terms = {
        "compute": work.compute_seconds * entry.repeats,
        f"memory:{machine.outer(entry.step.mapping.unit)}": work.memory_seconds * entry.repeats + moving,
        "overhead": work.overhead_seconds * entry.repeats,
    }
    name, largest = max(terms.items(), key=lambda item: item[1])
    return name if largest >= 0.5 * seconds else "dependency"


def _timeline(machine: Machine, state: State, channels: Mapping[str, Channel]) -> tuple[Span, ...]:
    per_second = machine.chip.clock_hertz * TICKS_PER_CYCLE
    return tuple(
        Span(lane(one, channels, machine), one.name, one.start / per_second, one.finish / per_second, one.repeats)
        for one in state.played
    )
