"""A graph's operators on the units of a chip: one placement problem per segment, solved and compared in simulation.

Segments are solved in order; what a segment reads from an earlier one comes from the unit that was chosen there. The
repetitions of a segment share one answer, so that repeated blocks stay repeated blocks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hwsim.machine import Machine
from hwsim.schedule import Schedule
from hwsim.simulation import simulate
from hwsim.technology import static_power_watts
from mapper.base import Objective, rank
from mapper.placement.costs import Cost, Costs
from mapper.placement.problem import Edge, Job, Plan, Problem
from mapper.placement.problem import Objective as PlanObjective
from mapper.placement.solve import Method, solve
from mapper.residency import Piece
from workloads.graph import OperatorGraph

_FIRST: Method = "heft"
"""Tried beside every other method: costs of single operators are a model, the simulation of the whole decides."""
LIMIT_SECONDS = 10.0
"""Wall time of the integer program per segment."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Pieces on their units.

    Attributes:
        pieces: in issue order.
        plans: one per segment, with the segment's repetitions.
        seconds: predicted, all repetitions.
        bound: predicted seconds that no assignment can beat; 0 where another objective was minimized.
    """

    pieces: tuple[Piece, ...]
    plans: tuple[tuple[int, Plan], ...]
    seconds: float
    bound: float

    @property
    def method(self) -> str:
        """How the segments were solved, in words."""
        proven = sum(plan.proven for _, plan in self.plans)
        if proven == len(self.plans):
            return "optimal for its cost model"
        gap = max(plan.gap for _, plan in self.plans)
        return f"{proven} of {len(self.plans)} segments optimal for their cost model, gap {gap:.1%} at most"


def choices(graph_pieces: Sequence[Piece], costs: Costs) -> int:
    """Pieces that more than one unit runs."""
    return sum(len(costs.candidates(piece)) > 1 for piece in graph_pieces)


def assign(
    graph: OperatorGraph,
    pieces: Sequence[Piece],
    costs: Costs,
    objective: Objective,
    method: Method,
    serial: bool = True,
) -> Assignment:
    """Units for all pieces.

    Args:
        graph: bound graph.
        pieces: its operators and parts, in issue order, on any unit that runs them.
        costs: of the pieces on the machine.
        objective: what is minimized.
        method: how each segment is solved.
        serial: whether steps run one after the other even on different units.
    """
    chosen: dict[str, Piece] = {}
    issued: list[Piece] = []
    plans: list[tuple[int, Plan]] = []
    for index, segment in enumerate(graph.segments):
        mine = [piece for piece in pieces if piece.segment == index]
        if not mine:
            continue
        problem = segment_problem(mine, chosen, costs, objective, serial)
        plan = solve(problem, plan_objective(objective), method, LIMIT_SECONDS)
        placed = [
            replace(piece, unit=problem.units[unit], fixed=True) for piece, unit in zip(mine, plan.units, strict=True)
        ]
        issued += placed if serial else issue_order(placed, problem, plan)
        for piece in placed:
            chosen.update((access.tensor, piece) for access in piece.op.writes)
        plans.append((segment.count, plan))
    seconds = sum(count * plan.makespan for count, plan in plans)
    bound = sum(count * plan.bound for count, plan in plans) if objective == "latency" else 0.0
    return Assignment(tuple(issued), tuple(plans), seconds, bound)


def plan_objective(objective: Objective) -> PlanObjective:
    """What the placement minimizes; for traffic, "energy" with bytes in the place of joules."""
    return "energy" if objective == "traffic" else objective


def segment_problem(
    pieces: Sequence[Piece], earlier: dict[str, Piece], costs: Costs, objective: Objective, serial: bool
) -> Problem:
    """The placement problem of one segment.

    Args:
        pieces: of the segment, in issue order.
        earlier: by tensor, the piece of an earlier segment that wrote it, on its unit.
        costs: of the pieces.
        objective: what is minimized; for traffic, joules are bytes over the outer memory.
        serial: see ``Problem``.
    """
    machine = costs.machine
    names = tuple(machine.units)
    ports = {name: number for number, name in enumerate(sorted({machine.outer(unit) for unit in names}))}
    traffic = objective == "traffic"
    writers = {access.tensor: place for place, piece in enumerate(pieces) for access in piece.op.writes}
    jobs = tuple(_job(piece, earlier, costs, names, traffic) for piece in pieces)
    edges = tuple(_edges(pieces, writers, costs, names, jobs, traffic))
    watts = 0.0 if traffic else static_power_watts(machine.chip)
    return Problem(
        names, jobs, edges, tuple(ports[machine.outer(unit)] for unit in names), static_watts=watts, serial=serial
    )


def _job(piece: Piece, earlier: dict[str, Piece], costs: Costs, names: Sequence[str], traffic: bool) -> Job:
    machine = costs.machine
    seconds = [math.inf] * len(names)
    joules = [0.0] * len(names)
    port = [0.0] * len(names)
    for unit in costs.candidates(piece):
        resident = set(costs.residents(piece, unit))
        for access in piece.op.reads:
            writer = earlier.get(access.tensor)
            if writer is not None and machine.scratchpad(writer.unit) != machine.scratchpad(unit):
                resident.discard(access.tensor)
        cost = costs.cost(piece, unit, frozenset(resident))
        if cost is not None:
            place = names.index(unit)
            seconds[place], port[place] = cost.seconds, cost.port_seconds
            joules[place] = cost.outer_bytes if traffic else cost.joules
    return Job(piece.op.name, tuple(seconds), tuple(joules), tuple(port))


def _edges(
    pieces: Sequence[Piece],
    writers: dict[str, int],
    costs: Costs,
    names: Sequence[str],
    jobs: Sequence[Job],
    traffic: bool,
) -> list[Edge]:
    readers: dict[str, int] = {}
    between: dict[tuple[int, int], list[str]] = {}
    for place, piece in enumerate(pieces):
        for name in sorted({access.tensor for access in piece.op.reads}):
            readers[name] = readers.get(name, 0) + 1
            if name in writers and writers[name] < place:
                between.setdefault((writers[name], place), []).append(name)
    edges: list[Edge] = []
    for (one, two), tensors in sorted(between.items()):
        seconds = [[0.0] * len(names) for _ in names]
        joules = [[0.0] * len(names) for _ in names]
        for u in jobs[one].units():
            for v in jobs[two].units():
                for tensor in tensors:
                    ends = (pieces[one], names[u]), (pieces[two], names[v])
                    for added, share in _parted(costs, *ends, tensor, readers[tensor]):
                        seconds[u][v] += added.seconds * share
                        joules[u][v] += (added.outer_bytes if traffic else added.joules) * share
        edges.append(Edge(one, two, tuple(map(tuple, seconds)), tuple(map(tuple, joules))))
    return edges


def _parted(
    costs: Costs, writer: tuple[Piece, str], reader: tuple[Piece, str], tensor: str, readers: int
) -> tuple[tuple[Cost, float], ...]:
    """What a tensor adds that passes the outer memory, and at which share: its store is shared by its readers."""
    machine = costs.machine
    together = machine.scratchpad(writer[1]) == machine.scratchpad(reader[1])
    if together and all(tensor in costs.residents(*end) for end in (writer, reader)):
        return ()
    return (costs.extra(*writer, tensor), 1 / readers), (costs.extra(*reader, tensor), 1.0)


def issue_order(pieces: Sequence[Piece], problem: Problem, plan: Plan) -> list[Piece]:
    """Pieces by their start, producers first, the parts of one composite together."""
    groups: dict[str, list[int]] = {}
    for place, piece in enumerate(pieces):
        groups.setdefault(piece.group, []).append(place)
    waits: dict[str, set[str]] = {name: set() for name in groups}
    for edge in problem.edges:
        one, two = pieces[edge.producer].group, pieces[edge.consumer].group
        if one != two:
            waits[two].add(one)
    order: list[Piece] = []
    done: set[str] = set()
    while len(done) < len(groups):
        ready = [name for name in groups if name not in done and waits[name] <= done]
        first = min(ready, key=lambda name: (plan.starts[groups[name][0]], groups[name][0]))
        done.add(first)
        order += [pieces[place] for place in groups[first]]
    return order


def _measured(graph: OperatorGraph, schedule: Schedule, machine: Machine, objective: Objective) -> tuple[float, ...]:
    """What is compared: the objective of a schedule as simulated, then the others."""
    report = simulate(graph, schedule, machine.chip, machine)
    outers = {machine.outer(unit) for unit in machine.units}
    moved = sum(row.read_bytes + row.write_bytes for row in report.traffic if row.memory in outers)
    return rank(objective, report.seconds, report.energy_joules, moved)


def better_placed(
    graph: OperatorGraph,
    pieces: Sequence[Piece],
    costs: Costs,
    by_peak: Schedule,
    objective: Objective,
    method: Method,
    build: Callable[[Sequence[Piece]], Schedule],
    side_by_side: Callable[[Schedule], Schedule] | None = None,
) -> Schedule:
    """The best of a schedule by the peak rule and those with units assigned, as simulated; its note says which.

    Args:
        graph: bound graph.
        pieces: operators and parts with the units of the peak rule.
        costs: of the pieces on the machine.
        by_peak: their schedule.
        objective: what is minimized and compared.
        method: how each segment is solved.
        build: the schedule of pieces in issue order, each kept on its unit.
        side_by_side: the same schedule with steps on different units overlapping; None where that is not to be tried.
    """
    machine = costs.machine
    if not choices(pieces, costs):
        return by_peak
    best, best_value = by_peak, _measured(graph, by_peak, machine, objective)
    peak_value = best_value[0]
    said = ""
    for way, serial in itertools.product(dict.fromkeys((_FIRST, method)), (True, False)):
        if side_by_side is None and not serial:
            continue
        assigned = assign(graph, pieces, costs, objective, way, serial)
        schedule = build(assigned.pieces)
        if side_by_side is not None and not serial:
            schedule = side_by_side(schedule)
        value = _measured(graph, schedule, machine, objective)
        if value < best_value:
            best, best_value = schedule, value
            said = f"placement by {way}{'' if serial else ' side by side'}, {assigned.method}"
            said += f", predicted {assigned.seconds:.4g} s"
    if best is by_peak:
        return replace(by_peak, note=f"{by_peak.note}; units by peak rate: no placement by {method} was better")
    return replace(best, note=f"{best.note}; {said}; {_versus(objective, best_value[0], peak_value)}")


def _versus(objective: Objective, value: float, before: float) -> str:
    return f"{objective} {1 - value / before:.1%} below that of units by peak rate" if before else objective
