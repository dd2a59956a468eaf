"""Mapping a whole graph: a unit for every operator, chunks for composites, residency between operators, a mapping each.

Equal contractions share one search. The mapper of single contractions is a parameter; everything else is common.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from hwsim.chip import Chip
from hwsim.machine import Machine, make_machine
from hwsim.nest import Nest, is_contraction
from hwsim.operand import OPERANDS, Operand
from hwsim.schedule import Mapping as OpMapping
from hwsim.schedule import Placement, Schedule, Step
from hwsim.work import chunk_of, nest_for, operand_tensors
from mapper.base import (
    CannotMapError,
    Found,
    Fusion,
    Goal,
    InfeasibleError,
    Mapper,
    Objective,
    Residency,
    Rule,
    Store,
    Task,
    get_mapper,
)
from mapper.pieces import pieces_of
from mapper.quality import note, state
from mapper.residency import Piece, plan
from mapper.streams import better_stream, stream_mapping
from workloads.errors import UserError
from workloads.graph import Op, OperatorGraph

if TYPE_CHECKING:
    from mapper.placement.costs import Costs

CAPACITY_STEPS = 16
"""Free scratchpad is rounded down to this many steps, so that equal operators with nearly equal room share a search."""
TRIAL_SECONDS = 0.2
"""Longest search for a contraction when only its feasibility is asked for."""


Key: TypeAlias = tuple[Nest, str, float, frozenset[Operand]]
"""A contraction, its unit, free scratchpad and resident operands: what makes two searches the same."""


@dataclass(slots=True)
class Search:
    """A mapper on a machine, with the searches already done; graphs that share it share their mappings.

    Attributes:
        machine: the chip made ready.
        mapper: name of a registered mapper.
        goal: what to minimize, and the effort it may take.
        placement: how operators find their units, where several run them.
        residency: "first-fit", or "optimal" for order, addresses, spills and retrieves from an exact program where that
            moves fewer bytes.
        residency_seconds: how long that program may take.
        fusion: whether fused groups are looked for ("auto": taken where they help the objective).
        store: results of earlier runs; None uses and keeps none.
        say: is told how many contractions of a graph are mapped.
        advise: whether a graph that cannot be mapped is tried on changed chips to say what would help.
        mapper_of: the mapper of a name; another one must find the same (``mapper.compiled``).
        found: results of this run.
        asked: keys of the results that were asked for, in order.
        start: how many of them were asked for before the latest graph.
    """

    machine: Machine
    mapper: str = "fast"
    goal: Goal = field(default_factory=Goal)
    placement: Rule = "peak"
    residency: Residency = "first-fit"
    residency_seconds: float = 10.0
    fusion: Fusion = "off"
    store: Store | None = None
    say: Callable[[str], None] | None = None
    advise: bool = True
    mapper_of: Callable[[str], Mapper] = get_mapper
    found: dict[Key, Found] = field(default_factory=dict)
    asked: list[Key] = field(default_factory=list)
    start: int = 0

    def note(self, start: int | None = None) -> str:
        """What may be said about the mappings asked for from ``start`` on, by default those of the latest graph."""
        keys = dict.fromkeys(self.asked[self.start if start is None else start :])
        said = note([self.found[key] for key in keys])
        return said if self.goal.objective == "latency" else f"for least {self.goal.objective}: {said}"


def map_graph(graph: OperatorGraph, chip: Chip, mapper: str = "fast", objective: Objective = "latency") -> Schedule:
    """A schedule for a bound graph on a chip.

    Args:
        graph: bound operator graph.
        chip: the target.
        mapper: name of a registered mapper.
        objective: what to minimize: latency, energy, edp or traffic.

    Raises:
        NoUnitError: an operator that no unit runs; names the operator, its module path and the units asked.
        InfeasibleError: not even the smallest tile of an operator fits.
    """
    return map_with(Search(make_machine(chip), mapper, Goal(objective)), graph)


def mapped_form(search: Search, graph: OperatorGraph) -> OperatorGraph:
    """The form of a bound graph that is to be mapped and simulated: with a plan of the whole graph nothing repeats."""
    if search.residency == "first-fit" or all(segment.count == 1 for segment in graph.segments):
        return graph
    from workloads.unfold import unfold

    return unfold(graph)


def map_with(search: Search, graph: OperatorGraph) -> Schedule:
    """``map_graph`` with a machine and searches that several graphs share; raises the same."""
    search.start = len(search.asked)
    try:
        return _mapped(search, graph)
    except CannotMapError as error:
        if not search.advise:
            raise
        from mapper.feasibility import advice

        def attempt(chip: Chip, changed: OperatorGraph, only: str) -> UserError | None:
            return _attempt(search, chip, changed, only)

        more = advice(error, search.machine.chip, graph, attempt)
        raise type(error)(f"{error}{more}", error.op, error.memory) from error


def _attempt(search: Search, chip: Chip, graph: OperatorGraph, only: str) -> UserError | None:
    """What goes wrong when a graph is mapped on another chip; with a name, what goes wrong with that operator."""
    budget = min(search.goal.budget_seconds or TRIAL_SECONDS, TRIAL_SECONDS)
    trial = Search(make_machine(chip), search.mapper, replace(search.goal, budget_seconds=budget))
    try:
        _mapped(trial, graph, only)
    except UserError as error:
        another = only and isinstance(error, CannotMapError) and error.op != only
        return None if another else error
    return None


def _mapped(search: Search, graph: OperatorGraph, only: str = "") -> Schedule:
    pieces = pieces_of(graph, search.machine)
    if only:
        return _one_step(search, graph, pieces, only)
    schedule = _kept_on_chip(search, graph, pieces)
    if search.placement == "peak":
        return _fused(search, graph, schedule)
    from mapper.placement.assign import better_placed

    def placed(pieces: Sequence[Piece]) -> Schedule:
        return _kept_on_chip(search, graph, pieces)

    costs, objective = placement_costs(search, graph), search.goal.objective
    return better_placed(graph, pieces, costs, schedule, objective, search.placement, placed, _side_by_side)


def _side_by_side(schedule: Schedule) -> Schedule:
    return replace(schedule, concurrent=True)


def _fused(search: Search, graph: OperatorGraph, schedule: Schedule) -> Schedule:
    """The schedule with fused groups, if they are wanted and help."""
    if search.fusion == "off":
        return schedule
    from mapper.fusion import fuse

    return fuse(search, graph, schedule)


def placement_costs(search: Search, graph: OperatorGraph) -> Costs:
    """What the pieces of a graph cost on every unit that runs them."""
    from mapper.placement.costs import Costs

    def mapping(piece: Piece, alive: Sequence[Placement]) -> OpMapping:
        return map_piece(search, piece, alive, frozenset(p.tensor for p in alive))

    return Costs(search.machine, mapping, graph.by_name)


def _one_step(search: Search, graph: OperatorGraph, pieces: Sequence[Piece], name: str) -> Schedule:
    """A schedule of one operator alone, to see whether it can be mapped."""
    placements = plan(graph, search.machine, pieces)
    steps: list[Step] = []
    for index, piece in enumerate(pieces):
        if piece.op.name == name:
            alive = [p for p in placements if p.first_step <= index <= p.last_step]
            steps.append(map_step(search, piece, alive, frozenset(p.tensor for p in alive)))
    return Schedule(tuple(steps), placements, search.mapper, search.note())


def _kept_on_chip(search: Search, graph: OperatorGraph, pieces: Sequence[Piece]) -> Schedule:
    """The schedule of pieces with what stays on chip decided."""
    placements = plan(graph, search.machine, pieces)
    if search.residency == "optimal":
        from mapper.scratchpad.choose import planned_schedule

        return planned_schedule(search, graph, pieces, placements)
    return first_fit_schedule(search, pieces, placements)


def first_fit_schedule(search: Search, pieces: Sequence[Piece], placements: tuple[Placement, ...]) -> Schedule:
    """The schedule of pieces in their order, with tensors that stay on chip for as long as they live."""
    steps: list[Step] = []
    if search.goal.jobs > 1:
        _solve_side_by_side(search, pieces, placements)
    total = sum(_searched(search.machine, piece) for piece in pieces)
    for index, piece in enumerate(pieces):
        alive = [p for p in placements if p.first_step <= index <= p.last_step]
        steps.append(map_step(search, piece, alive, frozenset(p.tensor for p in alive)))
        if search.say is not None:
            search.say(f"{len(search.asked) - search.start} of {total} contractions mapped")
    return Schedule(tuple(steps), placements, search.mapper, search.note())


def map_step(search: Search, piece: Piece, alive: Sequence[Placement], present: frozenset[str]) -> Step:
    """A piece with its mapping.

    Args:
        search: the mapper.
        piece: what is mapped.
        alive: places that are taken while it runs.
        present: tensors that it finds or leaves on chip.
    """
    return step_of(piece, map_piece(search, piece, alive, present))


def step_of(piece: Piece, mapping: OpMapping) -> Step:
    """The step of a piece under a mapping."""
    return Step(
        piece.op.name,
        piece.segment,
        mapping,
        piece.chunks,
        piece.tile,
        piece.group,
        piece.run,
        piece.rounds,
        piece.sums,
    )


def _searched(machine: Machine, piece: Piece) -> bool:
    return piece.unit in machine.arrays and is_contraction(piece.op)


def map_piece(search: Search, piece: Piece, alive: Sequence[Placement], present: frozenset[str]) -> OpMapping:
    """The mapping of one piece; see ``map_step``, raises what ``map_graph`` raises."""
    machine = search.machine
    op, resident, free = _situation(machine, piece, alive, present)
    if _searched(machine, piece):
        found = _contraction(search, op, _key(machine, piece, op, resident, free))
        mapping = OpMapping(piece.unit, found.levels, resident=resident, proof=state(found))
        if piece.fixed:
            return mapping
        room = 0.0 if math.isinf(free) else free
        return better_stream(machine, search.goal.objective, op, piece, mapping, found.seconds, room) or mapping
    if piece.unit in machine.kernels:
        return OpMapping(piece.unit, resident=resident)
    return stream_mapping(op, piece, resident, free)


def _situation(
    machine: Machine, piece: Piece, alive: Sequence[Placement], present: frozenset[str]
) -> tuple[Op, tuple[str, ...], float]:
    """A chunk of a piece, its tensors that are on chip, and the free bytes of its scratchpad, infinite without one."""
    op = chunk_of(piece.op, step_of(piece, OpMapping(piece.unit)))
    names = {access.tensor for access in (*op.reads, *op.writes)} - set(piece.loads)
    pad = machine.scratchpad(piece.unit)
    if pad is None:
        return op, tuple(sorted(names & present)), math.inf
    taken = sum(p.size_bytes for p in alive if p.memory == pad)
    return op, tuple(sorted(names & present)), machine.chip.memories[pad].size - taken


def _key(machine: Machine, piece: Piece, op: Op, resident: Sequence[str], free: float) -> Key:
    nest = nest_for(machine, piece.unit, op, piece.tensors)
    names = operand_tensors(op)
    roles: frozenset[Operand] = frozenset(role for role in OPERANDS if names[role] in resident)
    pad = machine.scratchpad(piece.unit)
    if pad is None:
        return nest, piece.unit, 0.0, roles
    step = machine.chip.memories[pad].size / CAPACITY_STEPS
    return nest, piece.unit, math.floor(free / step) * step if free >= step else free, roles


def _contraction(search: Search, op: Op, key: Key) -> Found:
    if key not in search.found:
        try:
            search.found[key] = _solve(search, key)
        except InfeasibleError as error:
            text = f"{op.name} ({op.kind}) on {search.machine.chip.name}: {error}"
            raise InfeasibleError(text, op.name, error.memory) from error
    search.asked.append(key)
    return search.found[key]


def _solve_side_by_side(search: Search, pieces: Sequence[Piece], placements: Sequence[Placement]) -> None:
    """Search the mappings of a graph on several cores; what has none is met again, with its name, in the usual order.

    Threads suffice: the compiled search holds no lock of the interpreter.
    """
    keys: dict[Key, None] = {}
    for index, piece in enumerate(pieces):
        if _searched(search.machine, piece):
            alive = [p for p in placements if p.first_step <= index <= p.last_step]
            op, resident, free = _situation(search.machine, piece, alive, frozenset(p.tensor for p in alive))
            keys[_key(search.machine, piece, op, resident, free)] = None
    with ThreadPoolExecutor(search.goal.jobs) as pool:
        running = {key: pool.submit(_solve, search, key) for key in keys if key not in search.found}
        for key, future in running.items():
            if not isinstance(future.exception(), InfeasibleError):
                search.found[key] = future.result()


def _solve(search: Search, key: Key) -> Found:
    """The mapper's result, or that of an earlier run."""
    nest, unit, free, roles = key
    task = Task(nest, search.machine.arrays[unit], free, roles)
    found = search.store.get(task, search.mapper, search.goal) if search.store is not None else None
    if found is None:
        found = search.mapper_of(search.mapper)(task, search.machine, search.goal)
        if search.store is not None:
            search.store.put(task, search.mapper, search.goal, found)
    return found
