"""One operator of a played schedule in full: its loops, its mapping as a loop nest, traffic, tiles, utilization."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hwsim.access import Traffic
from hwsim.bounds import leaves
from hwsim.machine import Machine
from hwsim.nest import Nest, volume
from hwsim.operand import OPERANDS, Operand
from hwsim.schedule import Schedule
from hwsim.simulation import Entry, Simulation
from hwsim.units.base import Accountable, Factor
from hwsim.work import chunk_of, memory_traffic, nest_for, operand_tensors, touched_bytes, without_resident
from mapper.explain import OperatorTime, operator_times
from mapper.explain_nest import LevelView, mapping_levels, outer_tiles
from workloads.errors import UserError, did_you_mean
from workloads.graph import Access, Op, OperatorGraph, Tensor, number, points, size_bytes

MOST_LISTED = 12


class OperatorNameError(UserError):
    """No operator, or more than one, has the name asked for."""


@dataclass(frozen=True, slots=True)
class TensorView:
    """A tensor that the operator touches; ``role`` is the operand of a contraction, else read, written or both."""

    role: str
    tensor: str
    shape: tuple[int, ...]
    bits: int
    size_bytes: int
    resident: bool


@dataclass(frozen=True, slots=True)
class TrafficView:
    """What crosses from ``memory`` to ``to`` for one operand or tensor, in one execution.

    Attributes:
        read_bytes, write_bytes: at ``memory``.
        times: how often each element crosses.
        points_per_element: innermost points computed per element that crosses: the reuse below this boundary.
    """

    operand: str
    memory: str
    to: str
    read_bytes: float
    write_bytes: float
    times: float
    points_per_element: float


@dataclass(frozen=True, slots=True)
class OperatorDetail:
    """One operator.

    Attributes:
        time: with all repetitions; everything else is one execution (of one chunk, where a composite is cut).
        loops: name and extent, outermost first.
        points: innermost points executed.
        levels: the mapping; empty for units that take a whole operator.
        innermost: extents that the unit works on at a time.
        tiles: tiles (or pieces) of the outermost memory.
        tile_compute_seconds, tile_transfer_seconds: of one tile, averaged over ragged ones.
        footprint_bytes: buffers of this operator in the scratchpad; ``placed_bytes``: tensors kept there beside them.
        capacity_bytes: of the scratchpad, None without one.
        utilization: arithmetic at peak rate over the time; the product of ``factors``.
        note: the mapping in one line.
        proof: what is proven of it: "optimal", "within 3.2 % of optimal", "heuristic"; empty where none was searched.
    """

    time: OperatorTime
    source: str
    loops: tuple[tuple[str, int], ...]
    points: int
    tensors: tuple[TensorView, ...]
    levels: tuple[LevelView, ...]
    innermost: tuple[tuple[str, int], ...]
    traffic: tuple[TrafficView, ...]
    tiles: int
    tile_compute_seconds: float
    tile_transfer_seconds: float
    footprint_bytes: float
    placed_bytes: int
    capacity_bytes: float | None
    utilization: float
    factors: tuple[Factor, ...]
    note: str
    proof: str = ""


def find_operator(simulation: Simulation, name: str) -> int:
    """The place of an operator in the schedule by its name, by its last parts, or by any text that no other contains.

    Raises:
        OperatorNameError: no such operator, or several; the message lists those that contain the text.
    """
    names = [row.name for row in simulation.report.ops]
    if name in names:
        return names.index(name)
    found = [known for known in names if known.endswith(f".{name}")]
    found = found if len(found) == 1 else [known for known in names if name in known]
    if len(found) == 1:
        return names.index(found[0])
    if found:
        more = f", and {len(found) - MOST_LISTED} more" if len(found) > MOST_LISTED else ""
        raise OperatorNameError(f"{len(found)} operators contain {name!r}: {', '.join(found[:MOST_LISTED])}{more}")
    words = dict.fromkeys((*names, *(word for known in names for word in known.split("."))))
    some = ", ".join(names[:3])
    raise OperatorNameError(
        f"no operator is named {name!r}{did_you_mean(name, words)}; there are {len(names)}, such as {some}"
    )


def explain_operator(graph: OperatorGraph, schedule: Schedule, simulation: Simulation, index: int) -> OperatorDetail:
    """Everything about one operator of a played schedule.

    Args:
        graph, schedule: what was played.
        simulation: from ``hwsim.simulation.play_schedule``.
        index: place of the operator in the schedule, see ``find_operator``.
    """
    entry, machine = simulation.entries[index], simulation.machine
    op, time = chunk_of(entry.op, entry.step), operator_times(graph, simulation)[index]
    tensors = _tensors(graph, schedule, entry)
    array = machine.arrays.get(time.unit) if entry.step.mapping.levels else None
    levels, innermost, tiles = (), (), _pieces(entry, op)
    if array is not None:
        nest = nest_for(machine, time.unit, op, tensors)
        levels, innermost = mapping_levels(machine, entry, nest)
        tiles = outer_tiles(machine, entry, nest)
        traffic = _array_traffic(machine, entry, nest, tensors, op)
    else:
        traffic = _other_traffic(machine, entry, op, tensors)
    pad = machine.scratchpad(time.unit)
    placed = [p for p in schedule.placements if p.first_step <= index <= p.last_step and p.memory == pad]
    runs = entry.repeats * tiles
    return OperatorDetail(
        time=time,
        source=entry.op.source,
        loops=tuple((loop.name, number(loop.extent)) for loop in op.loops),
        points=sum(points(leaf) for leaf in leaves(op)),
        tensors=_tensor_views(entry, op, tensors),
        levels=levels,
        innermost=innermost,
        traffic=(*traffic, *_moved_whole(machine, entry, op, tensors)),
        tiles=tiles,
        tile_compute_seconds=time.unit_seconds / runs,
        tile_transfer_seconds=time.transfer_seconds / runs,
        footprint_bytes=entry.work.held_bytes,
        placed_bytes=sum(p.size_bytes for p in placed),
        capacity_bytes=machine.chip.memories[pad].size if pad is not None else None,
        utilization=time.causes.full_compute / time.seconds if time.seconds else 0.0,
        factors=_factors(machine, entry, time, op, tensors),
        note=entry.work.note,
        proof=entry.step.mapping.proof,
    )


def _tensors(graph: OperatorGraph, schedule: Schedule, entry: Entry) -> dict[str, Tensor]:
    """All tensors that the operator may name, those inside its composite included."""
    found = dict(graph.by_name)
    for _, op in graph.walk():
        if op.name in (entry.op.name, entry.step.group):
            found |= {tensor.name: tensor for tensor in op.internal}
    return found | {tensor.name: tensor for op in schedule.added for tensor in op.internal}


def _tensor_views(entry: Entry, op: Op, tensors: Mapping[str, Tensor]) -> tuple[TensorView, ...]:
    roles: dict[str, str] = {}
    for leaf in leaves(op):
        for access in leaf.reads:
            roles.setdefault(access.tensor, "read")
        for access in leaf.writes:
            roles[access.tensor] = "both" if access.tensor in roles else "written"
    if entry.step.mapping.levels:
        roles |= {tensor: role for role, tensor in operand_tensors(op).items()}
    views: list[TensorView] = []
    for name, role in roles.items():
        tensor = tensors[name]
        shape = tuple(number(size) for size in tensor.shape)
        resident = name in entry.step.mapping.resident
        views.append(TensorView(role, name, shape, tensor.bits, size_bytes(tensor), resident))
    return tuple(views)


def _pieces(entry: Entry, op: Op) -> int:
    return max(1, -(-points(op) // entry.step.mapping.tile_elements)) if entry.step.mapping.tile_elements else 1


def _array_traffic(
    machine: Machine, entry: Entry, nest: Nest, tensors: Mapping[str, Tensor], op: Op
) -> tuple[TrafficView, ...]:
    unit, mapping = machine.arrays[entry.step.mapping.unit], entry.step.mapping
    names, outer = operand_tensors(op), machine.outer(unit.name)
    kept: frozenset[Operand] = frozenset(role for role in OPERANDS if names[role] in mapping.resident)
    rows = [_crossing(nest, row) for row in unit.traffic(nest, without_resident(mapping.levels, outer, kept))]
    for access in op.reads[2:]:
        if access.tensor not in mapping.resident:
            size = touched_bytes(op, access, tensors[access.tensor])
            reuse = _points_per_element(op, size, tensors[access.tensor])
            rows.append(TrafficView(access.tensor, outer, unit.name, size, 0.0, 1.0, reuse))
    return tuple(rows)


def _moved_whole(machine: Machine, entry: Entry, op: Op, tensors: Mapping[str, Tensor]) -> Iterator[TrafficView]:
    """Whole tensors brought in for an operator, or written out behind it; a chunk has its part of them."""
    for transfer in entry.moved:
        size = transfer.size_bytes * entry.rounds / entry.repeats
        reuse = _points_per_element(op, size, tensors[transfer.tensor])
        outer = machine.outer(entry.step.mapping.unit)
        read, write = (size, 0.0) if transfer.inward else (0.0, size)
        name = f"{transfer.kind} {transfer.tensor}"
        yield TrafficView(name, outer, transfer.memory, read, write, 1.0, reuse)


def _points_per_element(op: Op, moved_bytes: float, tensor: Tensor) -> float:
    return points(op) * tensor.bits / 8 / moved_bytes if moved_bytes else 0.0


def _crossing(nest: Nest, row: Traffic) -> TrafficView:
    read, write = memory_traffic(nest, (row,)).get(row.outer, (0.0, 0.0))
    moved = row.outer_writes if row.operand == "output" else row.outer_reads
    distinct = int(volume(nest.operand(row.operand), nest.full))
    per_element = nest.active_points / moved if moved else 0.0
    return TrafficView(row.operand, row.outer, row.inner, read, write, moved / distinct, per_element)


def _other_traffic(machine: Machine, entry: Entry, op: Op, tensors: Mapping[str, Tensor]) -> tuple[TrafficView, ...]:
    """Of a streamed operator per tensor; a kernel only knows its totals."""
    unit = entry.step.mapping.unit
    if unit in machine.kernels:
        return tuple(TrafficView("all", memory, unit, r, w, 0.0, 0.0) for memory, r, w in entry.work.traffic)
    outer, passes = machine.outer(unit), op.passes if entry.step.mapping.variant == "passes" else 1
    rows: list[TrafficView] = []
    for accesses, reading in ((op.reads, True), (op.writes, False)):
        times = passes if reading else 1
        for name, size in _touched(accesses, op, tensors, entry.step.mapping.resident).items():
            reuse = _points_per_element(op, size * times, tensors[name])
            read, write = (size * times, 0.0) if reading else (0.0, size)
            rows.append(TrafficView(name, outer, unit, read, write, float(times), reuse))
    return tuple(rows)


def _touched(
    accesses: Sequence[Access], op: Op, tensors: Mapping[str, Tensor], resident: Sequence[str]
) -> dict[str, float]:
    """Bytes touched of every tensor that is not kept on chip."""
    return {a.tensor: touched_bytes(op, a, tensors[a.tensor]) for a in accesses if a.tensor not in resident}


def _factors(
    machine: Machine, entry: Entry, time: OperatorTime, op: Op, tensors: Mapping[str, Tensor]
) -> tuple[Factor, ...]:
    """Factors of the utilization; their product is the whole."""
    if not time.causes.full_compute or not time.seconds:
        return ()
    waiting = Factor("unit at work, not waiting", time.unit_seconds / time.seconds)
    unit = machine.units[time.unit]
    levels = entry.step.mapping.levels
    if not levels or not isinstance(unit, Accountable):
        name = "rate of the kernel over the peak" if time.unit in machine.kernels else "lanes in use, rounds"
        return (Factor(name, time.causes.full_compute / time.unit_seconds), waiting)
    nest = nest_for(machine, time.unit, op, tensors)
    inner = levels if len(levels) == 1 or levels[0].memory != machine.outer(time.unit) else levels[1:]
    own = unit.factors(nest, tuple(inner))
    whole = math.prod(factor.value for factor in own)
    cut = Factor("cutting into tiles", time.causes.full_compute / time.unit_seconds / whole)
    return (*own, cut, waiting)
