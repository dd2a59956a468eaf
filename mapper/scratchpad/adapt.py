"""Between graphs and plans: a bound graph as a scratchpad problem, and a plan as what the simulator plays.

How the scratchpad is divided: a plan gets the share that first-fit residency has, so that tiles (of weights, and of
what is streamed) always find the rest, and at every step also whatever the plan leaves free.

What becomes a buffer: activations, inputs and results of the graph, weights on demand. State, and what the scratchpad
of a unit may not hold, is streamed by every operator. An operator that needs more than the capacity streams its largest
operands: what it reads so must have been written out, what it writes so is an input for its readers. Operators that
exchange data outside the scratchpad keep their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwsim.machine import Machine
from hwsim.quantity import show
from mapper.residency import Piece, may_hold, planned_bytes
from mapper.scratchpad.adapt_groups import Group, groups_of
from mapper.scratchpad.problem import Buffer, Kind, Operator, Problem
from workloads.graph import OperatorGraph, Role, Tensor, size_bytes

_KINDS: Mapping[Role, Kind] = {
    Role.ACTIVATION: "intermediate",
    Role.INPUT: "input",
    Role.OUTPUT: "output",
    Role.WEIGHT: "parameter",
}


@dataclass(frozen=True, slots=True)
class Adapted:
    """A graph as a problem.

    Attributes:
        memory: the scratchpad.
        problem: for a solver; its operators are ``groups``, in the same order.
        groups: what the operators stand for.
        tensors: by position of the buffer, a tensor of the graph; the other buffers are working areas.
        areas: by operator, the position of the buffer that is its working area.
        notes: what is streamed because it does not fit, in words.
    """

    memory: str
    problem: Problem
    groups: tuple[Group, ...]
    tensors: Mapping[int, str]
    areas: Mapping[int, int]
    notes: tuple[str, ...] = ()


def problem_of(
    graph: OperatorGraph, machine: Machine, pieces: Sequence[Piece], memory: str, parameters: bool = False
) -> Adapted:
    """The problem of scheduling a graph through a scratchpad.

    Args:
        graph: bound, without repeated segments.
        machine: the chip.
        pieces: the steps of the graph before they are mapped, in the default order.
        memory: the scratchpad.
        parameters: whether weights are buffers too; otherwise every operator streams its own.

    Raises:
        ValueError: a segment is repeated.
    """
    if any(segment.count > 1 for segment in graph.segments):
        raise ValueError("a graph with repeated segments has to be unfolded first")
    roles = {*_KINDS} - (set() if parameters else {Role.WEIGHT})
    capacity = planned_bytes(machine, memory)
    notes: list[str] = []
    groups: list[Group] = []
    for group in groups_of(pieces, graph.by_name):
        barred = {name for name in (*group.reads, *group.writes) if graph.by_name[name].role not in roles}
        barred |= _not_held(machine, pieces, memory, group)
        groups.append(_fitted(replace(group, streamed=frozenset(barred)), graph.by_name, capacity, notes))
    written: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        for name in group.writes:
            written.setdefault(name, []).append(index)
    # A tensor that several operators write, one after the other, is nobody's buffer.
    shared = frozenset(name for name, writers in written.items() if len(writers) > 1)
    groups = [replace(group, streamed=group.streamed | (shared & {*group.reads, *group.writes})) for group in groups]
    return _assemble(graph, memory, groups, capacity, tuple(notes))


def _not_held(machine: Machine, pieces: Sequence[Piece], memory: str, group: Group) -> set[str]:
    """Tensors that some piece of a group can't find in the scratchpad."""
    names: set[str] = set()
    for place in group.pieces:
        op = pieces[place].op
        away = machine.scratchpad(pieces[place].unit) != memory
        for position, access in enumerate((*op.reads, *op.writes)):
            if away or not may_hold(machine, memory, position, len(op.reads)):
                names.add(access.tensor)
    return names


def _fitted(group: Group, tensors: Mapping[str, Tensor], capacity: int, notes: list[str]) -> Group:
    """A group that fits: its largest tensors are streamed until it does."""
    barred = group.streamed
    group = replace(group, inner=tuple(one for one in group.inner if one.tensor not in barred))
    touched = {name for name in (*group.reads, *group.writes) if name not in barred}
    sizes = {name: size_bytes(tensors[name]) for name in sorted(touched)}
    dropped: set[str] = set()
    while sum(sizes.values()) + group.area > capacity:
        largest = max(sizes, key=lambda name: (sizes[name], name), default="")
        if not sizes or group.area > sizes[largest]:
            notes.append(f"{group.name} streams {show(group.area, 'B')} of its internal tensors")
            group = replace(group, inner=())
            continue
        dropped.add(largest)
        notes.append(f"{group.name} streams {largest} ({show(sizes.pop(largest), 'B')})")
    return replace(group, streamed=group.streamed | dropped)


def _assemble(
    graph: OperatorGraph, memory: str, groups: Sequence[Group], capacity: int, notes: tuple[str, ...]
) -> Adapted:
    outside = {name for group in groups for name in group.writes if name in group.streamed}
    fetched = {name for group in groups for name in group.reads if name in group.streamed} - outside
    buffers: list[Buffer] = []
    positions: dict[str, int] = {}
    for group in groups:
        for name in (*group.reads, *group.writes):
            if name not in group.streamed and name not in positions:
                positions[name] = len(buffers)
                buffers.append(_buffer(graph.by_name[name], name in outside, name in fetched))
    tensors = {place: name for name, place in positions.items()}
    reads = [[positions[name] for name in group.reads if name not in group.streamed] for group in groups]
    writes = [[positions[name] for name in group.writes if name not in group.streamed] for group in groups]
    areas: dict[int, int] = {}
    for index, group in enumerate(groups):
        if group.area:
            areas[index] = len(buffers)
            writes[index].append(len(buffers))
            buffers.append(Buffer(f"{group.name}: internal", group.area))
    after = _kept_orders(groups)
    operators = tuple(
        Operator(group.name, tuple(reads[index]), tuple(writes[index]), after[index])
        for index, group in enumerate(groups)
    )
    return Adapted(memory, Problem(tuple(buffers), operators, capacity), tuple(groups), tensors, areas, notes)


def _buffer(tensor: Tensor, outside: bool, fetched: bool) -> Buffer:
    """A buffer of a tensor that is written ``outside`` the scratchpad, or ``fetched`` there by some operator."""
    kind = _KINDS[tensor.role]
    if outside:
        kind = "input"
    elif fetched and kind == "intermediate":
        kind = "output"
    return Buffer(tensor.name, size_bytes(tensor), kind)


def _kept_orders(groups: Sequence[Group]) -> list[tuple[int, ...]]:
    """For every operator, those before it that it exchanges data with outside the scratchpad."""
    orders: list[tuple[int, ...]] = []
    wrote: dict[str, list[int]] = {}
    read: dict[str, list[int]] = {}
    streamed = {name for group in groups for name in group.streamed}
    for index, group in enumerate(groups):
        before: set[int] = set()
        for name in (name for name in group.reads if name in streamed):
            before.update(wrote.get(name, []))
            read.setdefault(name, []).append(index)
        for name in (name for name in group.writes if name in streamed):
            before.update(wrote.get(name, []), read.get(name, []))
            wrote.setdefault(name, []).append(index)
        orders.append(tuple(sorted(before - {index})))
    return orders


def compulsory_bytes(problem: Problem) -> int:
    """Bytes that every plan moves: inputs and parameters read once, outputs written once."""
    return sum(buffer.size for buffer in problem.buffers if buffer.kind != "intermediate")
