"""The price of a fused group: its own steps mapped and played by the simulator, as a graph of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwsim.pipeline import REGISTERS, TICKS_PER_CYCLE
from hwsim.program import Size, run
from hwsim.report import Report, traffic_bytes
from hwsim.schedule import Placement, Schedule, Step
from hwsim.simulation import build_program
from hwsim.technology import static_power_watts
from mapper.base import InfeasibleError, Objective
from mapper.fusion_groups import Group
from mapper.graph import Search, map_step
from workloads.graph import OperatorGraph, Segment


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds, joules (static power included) and bytes over the outermost memories; costs add up."""

    seconds: float = 0.0
    joules: float = 0.0
    outer_bytes: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        """Both, one after the other."""
        return Cost(self.seconds + other.seconds, self.joules + other.joules, self.outer_bytes + other.outer_bytes)


def additive(objective: Objective, cost: Cost, whole: Cost) -> tuple[float, float, float]:
    """What is minimized over a sum of costs, ties broken as by ``rank``.

    Energy times delay does not add up; near a whole of (E, T) its change is E T (de / E + dt / T), which does.
    """
    if objective == "edp":
        share = cost.joules / (whole.joules or 1.0) + cost.seconds / (whole.seconds or 1.0)
        return share, cost.seconds, cost.outer_bytes
    if objective == "latency":
        return cost.seconds, cost.joules, cost.outer_bytes
    if objective == "energy":
        return cost.joules, cost.seconds, cost.outer_bytes
    return cost.outer_bytes, cost.seconds, cost.joules


def outer_memories(search: Search) -> frozenset[str]:
    """The outermost memories of all units."""
    return frozenset(spec.path[0] for spec in search.machine.chip.units.values())


def whole_cost(search: Search, report: Report) -> Cost:
    """The cost of a whole report."""
    outer = outer_memories(search)
    moved = sum(sum(both) for memory, both in traffic_bytes(report).items() if memory in outer)
    return Cost(report.seconds, report.energy_joules, moved)


def mapped(search: Search, group: Group, alive: Sequence[Placement]) -> tuple[Step, ...]:
    """The steps of a group beside other tensors on chip.

    Raises:
        InfeasibleError: not even the smallest tile of an operator fits.
    """
    held = (*alive, *_buffers(group))
    return tuple(map_step(search, piece, held, frozenset(p.tensor for p in held)) for piece in group.pieces)


def _buffers(group: Group) -> tuple[Placement, ...]:
    last = len(group.pieces) - 1
    return tuple(Placement(name, group.memory, 0, size, 0, last) for name, size in group.buffers)


def price(search: Search, graph: OperatorGraph, group: Group, alive: Sequence[Placement]) -> Cost | None:
    """What one execution of a group costs beside other tensors on chip; None if it does not fit.

    Args:
        search: mapper and machine.
        graph: that the group's operators belong to.
        group: from ``groups_of``.
        alive: placements of tensors that are on chip meanwhile; those inside the group are not.
    """
    machine = search.machine
    try:
        steps = mapped(search, group, alive)
    except InfeasibleError:
        return None
    last = len(steps) - 1
    places = (*(replace(place, first_step=0, last_step=last) for place in alive), *_buffers(group))
    names = frozenset(group.ops)
    ops = tuple(op for _, op in graph.walk() if op.name in names or any(part.name in names for part in op.parts))
    alone = replace(graph, segments=(Segment(group.name, ops),))
    here = tuple(replace(step, segment=0) for step in steps)
    nodes, entries = build_program(alone, Schedule(here, places, added=group.added), machine)
    size = machine.chip.memories[group.memory].size
    held = sum(place.size_bytes for place in places if place.memory == group.memory)
    if any(held + entry.work.held_bytes > size for entry in entries):
        return None
    state = run(nodes, Size(REGISTERS, len(machine.resources), 1, len(entries)))
    seconds = state.horizon / (machine.chip.clock_hertz * TICKS_PER_CYCLE)
    outer = outer_memories(search)
    joules = seconds * static_power_watts(machine.chip)
    moved = 0.0
    for entry in entries:
        joules += entry.repeats * sum(action.count * (action.energy_joules or 0.0) for action in entry.work.actions)
        moved += entry.repeats * sum(read + write for name, read, write in entry.work.traffic if name in outer)
    return Cost(seconds, joules, moved)
