"""Simulation: a graph, a schedule and a chip become a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwsim.bounds import BoundError, DoesNotFitError, bounds, check_fits
from hwsim.chip import Chip
from hwsim.cost import dollars_per_million
from hwsim.energy import energy_warnings
from hwsim.machine import Machine, capacity_bytes, make_machine
from hwsim.pipeline import REGISTERS, TICKS_PER_CYCLE, begin, end
from hwsim.program import Mark, Node, Repeat, Size, State, run
from hwsim.report import EnergyRow, OpRow, Report, Span, TrafficRow
from hwsim.schedule import Schedule, Step
from hwsim.technology import static_power_watts
from hwsim.work import Work, chunk_of, make_work
from workloads.graph import Op, OperatorGraph, Role, Tensor, graph_macs, role_bytes

__all__ = ["DoesNotFitError", "simulate"]

TIMELINE_TASKS = 4000


@dataclass(frozen=True, slots=True)
class Entry:
    """A step with its operator, its work and how often a segment repeats it."""

    step: Step
    op: Op
    work: Work
    repeats: int


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
    check_fits(graph, chip)
    machine = machine or make_machine(chip)
    nodes, entries = build_program(graph, schedule, machine)
    size = Size(REGISTERS, len(machine.resources), 1, len(entries))
    state = run(nodes, size, TIMELINE_TASKS)
    report = _report(graph, schedule, machine, entries, state)
    if report.seconds < report.bounds.seconds * (1 - 1e-6):
        raise BoundError(
            f"{graph.model} on {chip.name}: {report.seconds} s is below the bound {report.bounds.seconds} s"
        )
    own, within = (_in_seconds(rows, chip) for rows in (state.busy.own, state.busy.within))
    return Simulation(report, machine, tuple(entries), own, within)


def _in_seconds(rows: Sequence[Sequence[int]], chip: Chip) -> tuple[tuple[float, ...], ...]:
    per_second = chip.clock_hertz * TICKS_PER_CYCLE
    return tuple(tuple(ticks / per_second for ticks in row) for row in rows)


def build_program(graph: OperatorGraph, schedule: Schedule, machine: Machine) -> tuple[tuple[Node, ...], list[Entry]]:
    """The whole schedule as one loop program, with the steps that its marks stand for."""
    entries = _entries(graph, schedule, machine)
    return _program(graph, schedule, machine, entries), entries


def _entries(graph: OperatorGraph, schedule: Schedule, machine: Machine) -> list[Entry]:
    ops: dict[str, tuple[Op, Mapping[str, Tensor]]] = {}
    for _, op in graph.walk():
        tensors = {**graph.by_name, **{t.name: t for t in op.internal}} if op.internal else graph.by_name
        ops[op.name] = (op, tensors)
        ops.update((part.name, (part, tensors)) for part in op.parts)
    ops.update((op.name, (op, graph.by_name)) for op in schedule.added)
    inner = {tensor.name: tensor for op in schedule.added for tensor in op.internal}
    entries: list[Entry] = []
    for step in schedule.steps:
        op, tensors = ops[step.op]
        work = make_work(machine, chunk_of(op, step), step, {**tensors, **inner} if inner else tensors)
        named = replace(op, name=f"{op.name}#{step.run}") if step.run else op
        entries.append(Entry(step, named, work, graph.segments[step.segment].count * step.chunks * step.rounds))
    return entries


def _program(graph: OperatorGraph, schedule: Schedule, machine: Machine, entries: Sequence[Entry]) -> tuple[Node, ...]:
    held = _held_bytes(schedule)
    nodes: list[Node] = []
    for index, segment in enumerate(graph.segments):
        places = [place for place, entry in enumerate(entries) if entry.step.segment == index]
        body: list[Node] = []
        for position, place in enumerate(places):
            before = [place - 1] if place else []
            if position == 0 and segment.count > 1:
                before.append(places[-1])
            ahead = bool(before) and all(_fits_beside(machine, entries, held, other, place) for other in before)
            work = (*begin(ahead), *entries[place].work.nodes, *end())
            body += [*work, Mark(place)]
        nodes += (
            _chunked(body, [entries[place].step for place in places])
            if segment.count == 1
            else [Repeat(segment.count, tuple(_chunked(body, [entries[place].step for place in places])))]
        )
    return tuple(nodes)


def _chunked(body: Sequence[Node], steps: Sequence[Step]) -> list[Node]:
    """Steps of one composite or fused group become a loop over the chunks of each run, and one over its rounds."""
    result: list[Node] = []
    group: list[Node] = []
    runs: list[Node] = []
    rest = list(body)
    for position, step in enumerate(steps):
        mark = next(place for place, node in enumerate(rest) if isinstance(node, Mark))
        group += rest[: mark + 1]
        rest = rest[mark + 1 :]
        following = steps[position + 1] if position + 1 < len(steps) else None
        together = following is not None and following.group == step.group
        if together and following is not None and following.run == step.run:
            continue
        runs += [Repeat(step.chunks, tuple(group))] if step.chunks > 1 else group
        group = []
        if not together:
            result += [Repeat(step.rounds, tuple(runs))] if step.rounds > 1 else runs
            runs = []
    return result


def _held_bytes(schedule: Schedule) -> dict[int, int]:
    """Bytes of placed tensors alive in each step."""
    held: dict[int, int] = {}
    for placement in schedule.placements:
        for step in range(placement.first_step, placement.last_step + 1):
            held[step] = held.get(step, 0) + placement.size_bytes
    return held


def _fits_beside(machine: Machine, entries: Sequence[Entry], held: Mapping[int, int], before: int, after: int) -> bool:
    """Whether the first tiles of one step can be loaded while the step before still holds its buffers."""
    pads = [machine.scratchpad(entries[place].step.mapping.unit) for place in (before, after)]
    if pads[0] is None or pads[1] is None:
        return False
    if pads[0] != pads[1]:
        return True
    placed = max(held.get(before, 0), held.get(after, 0))
    needed = entries[before].work.held_bytes + entries[after].work.first_bytes + placed
    return needed <= machine.chip.memories[pads[0]].size


def _report(
    graph: OperatorGraph, schedule: Schedule, machine: Machine, entries: Sequence[Entry], state: State
) -> Report:
    chip = machine.chip
    per_second = chip.clock_hertz * TICKS_PER_CYCLE
    seconds = state.horizon / per_second
    static = static_power_watts(chip)
    energy: list[EnergyRow] = []
    traffic: list[TrafficRow] = []
    ops: list[OpRow] = []
    for index, entry in enumerate(entries):
        own = _energy_rows(entry, state.ops[index] / per_second, static)
        energy += own
        traffic += [
            TrafficRow(entry.op.name, m, r * entry.repeats, w * entry.repeats) for m, r, w in entry.work.traffic
        ]
        ops.append(_op_row(machine, entry, state.ops[index] / per_second, sum(row.energy_joules for row in own)))
    warnings = list(energy_warnings(chip, [action for entry in entries for action in entry.work.actions]))
    warnings += [f"unknown operator {name} at {path} counted as traffic only ({n}x)" for name, path, n in graph.unknown]
    facts = dict(graph.facts)
    work, noun = _work_done(graph)
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
        timeline=_timeline(machine, entries, state),
        parameters=graph.parameters,
        macs=graph_macs(graph),
        weight_bytes=role_bytes(graph, Role.WEIGHT),
        state_bytes=role_bytes(graph, Role.STATE),
        capacity_bytes=capacity_bytes(chip),
        area_square_metres=machine.area_square_metres,
        price_dollars_per_million=dollars_per_million(chip, seconds, work, joules / seconds) if seconds else None,
        mapper=schedule.mapper,
        mapper_note=schedule.note,
        conventions=conventions(graph),
        warnings=tuple(warnings),
        footnotes=machine.footnotes,
        fused=schedule.fused,
    )


_ALWAYS = (
    "operators run one after the other; the next operator's weights are fetched ahead where they fit",
    "weights start in the outermost memory and are read once per inference or step",
)
_LANGUAGE = {
    "decode": ("context counts the new token: a decode step attends to so many keys",),
    "prefill": (
        "the output head runs on the last token only",
        "causal attention counts and executes only the pairs under its mask",
    ),
}


def conventions(graph: OperatorGraph) -> tuple[str, ...]:
    """How things were counted in a graph's phase, in words."""
    if graph.phase in _LANGUAGE:
        return (*_LANGUAGE[graph.phase], *_ALWAYS)
    kept = any(op.kind == "batchnorm" for _, op in graph.walk())
    folded = () if kept else ("batch norms are folded into the convolutions before them",)
    convolves = any(op.kind.startswith("conv") for _, op in graph.walk())
    return (*folded, *_ALWAYS) if convolves else _ALWAYS


def _work_done(graph: OperatorGraph) -> tuple[int, str]:
    facts = dict(graph.facts)
    batch = int(facts.get("batch", 1))
    if graph.phase == "decode":
        return batch, "tokens"
    if graph.phase == "prefill":
        return batch * int(facts.get("context", 1)), "tokens"
    return batch, "inferences"


def _energy_rows(entry: Entry, seconds: float, static_watts: float) -> list[EnergyRow]:
    rows: list[EnergyRow] = []
    for action in entry.work.actions:
        count = action.count * entry.repeats
        if count:
            joules = count * (action.energy_joules or 0.0)
            rows.append(EnergyRow(entry.op.name, action.component, action.action, count, joules))
    if static_watts:
        rows.append(EnergyRow(entry.op.name, "static", "second", seconds, seconds * static_watts))
    return rows


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
    )


def _bound_by(machine: Machine, entry: Entry, seconds: float) -> str:
    work = entry.work
    terms = {
        "compute": work.compute_seconds,
        f"memory:{machine.outer(entry.step.mapping.unit)}": work.memory_seconds,
        "overhead": work.overhead_seconds,
    }
    name, largest = max(terms.items(), key=lambda item: item[1])
    return name if largest * entry.repeats >= 0.5 * seconds else "dependency"


def _timeline(machine: Machine, entries: Sequence[Entry], state: State) -> tuple[Span, ...]:
    per_second = machine.chip.clock_hertz * TICKS_PER_CYCLE
    names = machine.resources
    return tuple(
        Span(names[one.resource], one.name, one.start / per_second, one.finish / per_second, one.repeats)
        for one in state.played
    )
