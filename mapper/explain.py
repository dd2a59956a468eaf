"""Why a result is as slow as it is: the time split into causes, busy resources, the worst operators, what would help.

Every number comes from the report, the schedule and the tasks that were played; nothing is estimated a second time. How
the causes are told apart, per operator (all repetitions): the unit's tasks do not overlap and lie in the operator's own
window, so its time is launches + the unit at work + the unit idle. The unit at work is arithmetic at peak rate plus
under-utilization. While it is idle, transfers are to blame as far as they take longer than the unit works (no overlap
could hide more than that); the rest are dependencies: first loads and last stores of an operator, latency, buffers
that are not doubled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from hwsim import summary
from hwsim.bounds import leaves
from hwsim.chip import Chip
from hwsim.report import Bounds, Report
from hwsim.schedule import FusedGroup, Schedule
from hwsim.simulation import Entry, Simulation, entry_traffic, play_schedule
from hwsim.work import chunk_of, touched_bytes
from mapper.whatif import Change, changes, without_limit
from workloads.graph import OperatorGraph, Role, points

WORST = 5
SLICES = 48
LIMIT_FACTOR = 1024
"""How much faster a resource is made to see what bounds the result without it."""

_KEPT = (Role.WEIGHT, Role.STATE, Role.INPUT, Role.OUTPUT)


@dataclass(frozen=True, slots=True)
class Causes:
    """Where time goes, in seconds; the causes add up to the whole.

    Attributes:
        full_compute: the arithmetic at the peak rate of the unit that runs it.
        under_utilization: what the unit needs beyond that: ragged edges, fill and drain, its networks and memories.
        transfers: the unit waits because the outermost memory needs longer than the unit works.
        overhead: launches of kernels.
        dependencies: the unit waits although the transfers would have fitted behind its work.
    """

    full_compute: float = 0.0
    under_utilization: float = 0.0
    transfers: float = 0.0
    overhead: float = 0.0
    dependencies: float = 0.0

    @property
    def seconds(self) -> float:
        """All causes together."""
        return sum(seconds for _, seconds in self.items())

    def items(self) -> Iterator[tuple[str, float]]:
        """Every cause with its seconds, in the order of the fields."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)

    def worst(self) -> str:
        """The largest cause beside arithmetic at full rate."""
        return max((pair for pair in self.items() if pair[0] != "full_compute"), key=lambda pair: pair[1])[0]


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """One operator of the schedule with all its repetitions.

    Attributes:
        seconds: its share of the total.
        roofline_seconds: arithmetic at the unit's peak, or its compulsory bytes at the outer memory's peak bandwidth,
            whichever is longer.
        lost_seconds: how far it is above that; not negative.
        unit_seconds: its unit at work, launches not counted.
        transfer_seconds: the outer memory busy for it.
        traffic_bytes, compulsory_bytes: across the outer memory, and what of weights, state, inputs and outputs must.
    """

    name: str
    kind: str
    unit: str
    outer: str
    count: int
    seconds: float
    roofline_seconds: float
    lost_seconds: float
    unit_seconds: float
    transfer_seconds: float
    traffic_bytes: float
    compulsory_bytes: float
    causes: Causes


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """How busy one resource is.

    Attributes:
        busy_seconds: at work.
        fraction: of the total time, 0..1.
        over_time: the same in equal slices of the time. Operators stand in issue order; all repetitions of a block are
            taken together, so that a block is drawn as one repetition stretched over all of them; operators that
            overlap are drawn one after the other.
    """

    resource: str
    busy_seconds: float
    fraction: float
    over_time: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The same schedule on a changed chip.

    Attributes:
        change: in words.
        settings: what ``--set`` would take to change the chip file so; empty where it can't say it.
        seconds, speedup: the new time, and the old time over it.
        bound_by: what then bounds most of the time.
    """

    change: str
    settings: tuple[str, ...]
    seconds: float
    speedup: float
    bound_by: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a result is as slow as it is.

    Attributes:
        above_bound: the time over its lower bound.
        causes: of the whole, adding up to ``seconds``.
        bound_by: what bounds most of the time, and on which unit.
        traffic_bytes, compulsory_bytes: across the outermost memories.
        resources: the outermost memories, then the units.
        operators: where most time above the roofline is lost, the worst first.
        what_ifs: each resource twice as fast, the most helpful first.
        without_limit: the most helpful of them ``LIMIT_FACTOR`` times as fast, whose ``bound_by`` is the next
            bottleneck; None if none helps.
        fused: groups of operators that run chunk by chunk.
    """

    model: str
    chip: str
    phase: str
    batch: int
    context: int
    clock: str
    clock_hertz: float
    cycles: int
    seconds: float
    bounds: Bounds
    above_bound: float
    causes: Causes
    bound_by: str
    traffic_bytes: float
    compulsory_bytes: float
    resources: tuple[ResourceUse, ...]
    operators: tuple[OperatorTime, ...]
    what_ifs: tuple[WhatIf, ...]
    without_limit: WhatIf | None
    warnings: tuple[str, ...] = ()
    fused: tuple[FusedGroup, ...] = ()


def explain(graph: OperatorGraph, schedule: Schedule, chip: Chip, worst: int = WORST) -> Explanation:
    """Why a schedule takes as long as it does.

    Args:
        graph: bound operator graph.
        schedule: from a mapper, for this graph and chip.
        chip: the target.
        worst: how many operators to name.

    Raises:
        DoesNotFitError: as ``hwsim.simulate`` does.
    """
    return explain_simulation(graph, schedule, play_schedule(graph, schedule, chip), worst)


def explain_simulation(
    graph: OperatorGraph, schedule: Schedule, simulation: Simulation, worst: int = WORST
) -> Explanation:
    """``explain`` of a schedule that has been played; the changed chips are still simulated here."""
    report, chip = simulation.report, simulation.machine.chip
    rows = operator_times(graph, simulation)
    # Where operators overlap, each counts by its part of all their times, so that the causes add up to the whole.
    share = report.seconds / summary.operator_seconds(report) if schedule.concurrent else 1.0
    causes = Causes(
        *(sum(values) * share for values in zip(*([s for _, s in row.causes.items()] for row in rows), strict=True))
    )
    lost = sorted((row for row in rows if row.lost_seconds > 0), key=lambda row: (-row.lost_seconds, row.name))
    used = tuple(dict.fromkeys(row.unit for row in report.ops))
    tried = [(_what_if(graph, schedule, report, change), change.key) for change in changes(chip, used)]
    tried.sort(key=lambda pair: pair[0].seconds)
    beyond = None
    if tried and tried[0][0].speedup > 1 + 1e-9:
        beyond = _what_if(graph, schedule, report, without_limit(chip, used, tried[0][1], LIMIT_FACTOR))
    return Explanation(
        model=report.model,
        chip=report.chip,
        phase=report.phase,
        batch=report.batch,
        context=report.context,
        clock=report.clock_name,
        clock_hertz=report.clock_hertz,
        cycles=report.cycles,
        seconds=report.seconds,
        bounds=report.bounds,
        above_bound=report.seconds / report.bounds.seconds if report.bounds.seconds else 0.0,
        causes=causes,
        bound_by=bottleneck(report),
        traffic_bytes=sum(row.traffic_bytes for row in rows),
        compulsory_bytes=report.bounds.compulsory_bytes,
        resources=_resources(simulation, rows),
        operators=tuple(lost[:worst]),
        what_ifs=tuple(idea for idea, _ in tried),
        without_limit=beyond,
        warnings=report.warnings,
        fused=report.fused,
    )


def bottleneck(report: Report) -> str:
    """What bounds most of the time: "memory:NAME", "overhead", or "compute" or "dependency" with the unit's name."""
    shares = summary.shares(report, lambda row: row.bound_by)
    kind = next(iter(shares), "")
    if kind not in ("compute", "dependency"):
        return kind
    units: dict[str, float] = {}
    for row in report.ops:
        if row.bound_by == kind:
            units[row.unit] = units.get(row.unit, 0.0) + row.seconds
    return f"{kind}:{max(units, key=lambda name: units[name])}"


def operator_times(graph: OperatorGraph, simulation: Simulation) -> tuple[OperatorTime, ...]:
    """Every operator of a played schedule with its time split into causes, in issue order."""
    return tuple(_operator_time(graph, simulation, index) for index in range(len(simulation.entries)))


def _operator_time(graph: OperatorGraph, simulation: Simulation, index: int) -> OperatorTime:
    entry, machine = simulation.entries[index], simulation.machine
    row, work = simulation.report.ops[index], entry.work
    outer = machine.outer(row.unit)
    own = simulation.own_seconds[index]
    launches = work.overhead_seconds * entry.repeats
    busy = max(0.0, own[machine.resources.index(row.unit)] - launches)
    moving = own[machine.resources.index(outer)]
    if row.unit in machine.kernels:
        busy, moving = min(busy, work.compute_seconds * entry.repeats), work.memory_seconds * entry.repeats
    full = min(busy, _full_seconds(entry))
    idle = max(0.0, row.seconds - launches - busy)
    transfers = min(idle, max(0.0, moving - busy))
    causes = Causes(full, busy - full, transfers, row.seconds - busy - idle, idle - transfers)
    compulsory = _compulsory_bytes(graph, entry)
    rate = peak_bandwidth(machine.chip, outer)
    roof = max(_full_seconds(entry), compulsory / rate if rate else 0.0)
    traffic = sum(read + write for memory, read, write in entry_traffic(machine, entry) if memory == outer)
    return OperatorTime(
        row.name, row.kind, row.unit, outer, row.count, row.seconds, roof, max(0.0, row.seconds - roof),
        busy, moving, traffic, compulsory, causes,
    )  # fmt: skip


def _full_seconds(entry: Entry) -> float:
    """The operator's points at its unit's peak, all repetitions; 0 for pure movement of data."""
    executed = sum(points(leaf) for leaf in leaves(chunk_of(entry.op, entry.step)))
    return entry.repeats * executed / entry.work.peak if entry.work.peak else 0.0


def _compulsory_bytes(graph: OperatorGraph, entry: Entry) -> float:
    """Bytes of weights, state, inputs and outputs that an operator touches, each once per repetition of its segment."""
    segment = graph.segments[entry.step.segment]
    total = 0.0
    for leaf in leaves(entry.op):
        sizes: dict[str, float] = {}
        for access in (*leaf.reads, *leaf.writes):
            tensor = graph.by_name.get(access.tensor)
            if tensor is not None and tensor.role in _KEPT:
                times = 1 if tensor.shared else segment.count
                sizes[tensor.name] = max(sizes.get(tensor.name, 0.0), times * touched_bytes(leaf, access, tensor))
        total += sum(sizes.values())
    return total


def peak_bandwidth(chip: Chip, memory: str) -> float | None:
    """Bytes per second of an outer memory at best, limited by its links; None if nothing limits it."""
    links = [link.bandwidth for link in chip.links.values() if memory in link.between]
    rates = [rate for rate in (chip.memories[memory].bandwidth, sum(links) if links else None) if rate is not None]
    return min(rates) if rates else None


def _resources(simulation: Simulation, rows: Sequence[OperatorTime]) -> tuple[ResourceUse, ...]:
    machine, total = simulation.machine, simulation.report.seconds
    uses: list[ResourceUse] = []
    for number, name in enumerate(machine.resources):
        busy = [_busy_in_window(simulation, row, index, number, name) for index, row in enumerate(rows)]
        fraction = sum(busy) / total if total else 0.0
        slices = _slices([row.seconds for row in rows], busy)
        stretch = summary.operator_seconds(simulation.report) / total if total else 1.0
        uses.append(ResourceUse(name, sum(busy), fraction, tuple(min(1.0, part * stretch) for part in slices)))
    return tuple(uses)


def _busy_in_window(simulation: Simulation, row: OperatorTime, index: int, number: int, name: str) -> float:
    """A kernel is one task of its unit; in it the unit computes and the memory moves as long as each of them needs."""
    busy = simulation.within_seconds[index][number]
    if row.unit not in simulation.machine.kernels:
        return busy
    if name == row.outer:
        return busy + min(row.transfer_seconds, row.seconds - row.causes.overhead)
    return row.unit_seconds if name == row.unit else busy


def _slices(widths: Sequence[float], busy: Sequence[float], count: int = SLICES) -> tuple[float, ...]:
    """Busy fractions in ``count`` equal slices of the time, each window being busy evenly."""
    total = sum(widths)
    sums = [0.0] * count
    begin = 0.0
    for width, ticks in zip(widths, busy, strict=True):
        end = begin + width
        first, last = (min(count - 1, int(time / total * count)) for time in (begin, end))
        for place in range(first, last + 1):
            low, high = max(begin, total * place / count), min(end, total * (place + 1) / count)
            sums[place] += max(0.0, high - low) * ticks / width if width else 0.0
        begin = end
    return tuple(min(1.0, value * count / total) for value in sums) if total else ()


def _what_if(graph: OperatorGraph, schedule: Schedule, report: Report, change: Change) -> WhatIf:
    changed = play_schedule(graph, schedule, change.chip).report
    speedup = report.seconds / changed.seconds if changed.seconds else 1.0
    return WhatIf(change.text, change.settings, changed.seconds, speedup, bottleneck(changed))
