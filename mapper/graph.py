"""Mapping a whole graph: a unit for every operator, chunks for composites, residency between operators, a mapping each.

Equal contractions share one search. The mapper of single contractions is a parameter; everything else is common.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from hwsim.chip import Chip
from hwsim.machine import Machine, make_machine
from hwsim.nest import Nest, gemm_of, is_contraction
from hwsim.operand import OPERANDS, Operand
from hwsim.pipeline import ticks_of
from hwsim.schedule import Mapping as OpMapping
from hwsim.schedule import Placement, Schedule, Step
from hwsim.units.base import ArrayUnit
from hwsim.work import chunk_of, nest_for, operand_tensors, stream_bytes
from mapper.base import Found, Goal, InfeasibleError, Objective, Task, get_mapper
from mapper.residency import Piece, plan
from workloads.errors import UserError
from workloads.graph import Op, OperatorGraph, Tensor, number, points, size_bytes

CAPACITY_STEPS = 16
"""Free scratchpad is rounded down to this many steps, so that equal operators with nearly equal room share a search."""
PIECES = 8
"""Streamed operators are cut into at least so many pieces when they move much data, to overlap transfer and compute."""


Fusion: TypeAlias = Literal["auto", "off"]


class NoUnitError(UserError):
    """No unit of the chip runs an operator."""


@dataclass(slots=True)
class Search:
    """A mapper on a machine, with the searches already done; graphs that share it share their mappings.

    Attributes:
        machine: the chip made ready.
        mapper: name of a registered mapper.
        goal: what to minimize, and the effort it may take.
        found: results by contraction, unit, free scratchpad and resident operands.
        evaluated: mappings looked at for all of them.
        fusion: whether fused groups are looked for ("auto": taken where they help the objective).
    """

    machine: Machine
    mapper: str = "fast"
    goal: Goal = field(default_factory=Goal)
    found: dict[tuple[Nest, str, float, frozenset[Operand]], Found] = field(default_factory=dict)
    evaluated: int = 0
    fusion: Fusion = "off"


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


def map_with(search: Search, graph: OperatorGraph) -> Schedule:
    """``map_graph`` with a machine and searches that several graphs share; raises the same."""
    pieces = pieces_of(graph, search.machine)
    placements = plan(graph, search.machine, pieces)
    steps: list[Step] = []
    for index, piece in enumerate(pieces):
        alive = [p for p in placements if p.first_step <= index <= p.last_step]
        mapping = map_piece(search, piece, alive)
        steps.append(step_of(piece, mapping))
    note = f"heuristic, {search.evaluated:,} mappings of {len(search.found)} distinct contractions evaluated"
    schedule = Schedule(tuple(steps), placements, search.mapper, note)
    if search.fusion == "off":
        return schedule
    from mapper.fusion import fuse

    return fuse(search, graph, schedule)


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


def pieces_of(graph: OperatorGraph, machine: Machine) -> list[Piece]:
    """The steps of a graph without fusion, before they are mapped."""
    pieces: list[Piece] = []
    for index, segment in enumerate(graph.segments):
        for op in segment.ops:
            tensors = {**graph.by_name, **{t.name: t for t in op.internal}} if op.internal else graph.by_name
            if not op.parts:
                pieces.append(Piece(op, index, unit_for(op, tensors, machine), tensors, op.name))
                continue
            whole = [name for name, unit in machine.kernels.items() if unit.refuses(op, tensors) is None]
            if whole:
                pieces.append(Piece(op, index, whole[0], tensors, op.name))
                continue
            units = [unit_for(part, tensors, machine) for part in op.parts]
            chunks, tile = _chunks(op, units, machine)
            pieces += [
                Piece(part, index, unit, tensors, op.name, chunks, _own(part, tile))
                for part, unit in zip(op.parts, units, strict=True)
            ]
    return pieces


def _own(part: Op, tile: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    names = {loop.name for loop in part.loops}
    return tuple((name, size) for name, size in tile if name in names)


def unit_for(op: Op, tensors: Mapping[str, Tensor], machine: Machine) -> str:
    """The unit that would run an operator fastest at full utilization; arrays before others for contractions.

    Raises:
        NoUnitError: every unit refuses.
    """
    reasons: list[str] = []
    willing: list[tuple[bool, float, str]] = []
    for name, unit in machine.units.items():
        reason = unit.refuses(op, tensors)
        if reason is None:
            array = name in machine.arrays and is_contraction(op)
            willing.append((not array, -unit.peak_operations(op, tensors), name))
        else:
            reasons.append(reason)
    if not willing:
        where = f" at {op.source}" if op.source else ""
        raise NoUnitError(
            f"{machine.chip.name}: no unit runs {op.name} ({op.kind}{where}): {'; '.join(reasons)};"
            " add a unit to the chip file or choose other bits with --bits"
        )
    return min(willing)[2]


def _chunks(op: Op, units: Sequence[str], machine: Machine) -> tuple[int, tuple[tuple[str, int], ...]]:
    """Into how many chunks a composite is cut so that what lives between its parts stays on chip."""
    pads = {machine.scratchpad(unit) for unit in units}
    pad = next(iter(pads))
    if len(pads) != 1 or pad is None or not op.internal:
        return 1, ()
    room = machine.chip.memories[pad].size / 3
    needed = -(-sum(size_bytes(tensor) for tensor in op.internal) // max(1, int(room)))
    chunks, tile = 1, []
    for name, extent in _common_loops(op):
        if needed <= 1:
            break
        divisor = next((d for d in range(2, extent + 1) if extent % d == 0 and d >= needed), extent)
        if any(part.active_points is not None and number(part.active_points) % (chunks * divisor) for part in op.parts):
            continue
        chunks *= divisor
        needed = -(-needed // divisor)
        tile.append((name, extent // divisor))
    return (chunks, tuple(tile)) if needed <= 1 else (1, ())


def _common_loops(op: Op) -> list[tuple[str, int]]:
    """Loops that all parts share and that move all their results, so that chunks along them are independent."""
    common: list[tuple[str, int]] = []
    for loop in op.parts[0].loops:
        extent = number(loop.extent)
        everywhere = all(
            any(other.name == loop.name and number(other.extent) == extent for other in part.loops)
            and all(loop.name in access.loops() for access in part.writes)
            for part in op.parts
        )
        if everywhere and extent > 1:
            common.append((loop.name, extent))
    return common


def map_piece(search: Search, piece: Piece, alive: Sequence[Placement]) -> OpMapping:
    """The mapping of one piece while some placements are alive; raises what ``map_graph`` raises."""
    machine = search.machine
    op = chunk_of(piece.op, step_of(piece, OpMapping(piece.unit)))
    names = {access.tensor for access in (*op.reads, *op.writes)} - set(piece.loads)
    resident = tuple(sorted(p.tensor for p in alive if p.tensor in names))
    pad = machine.scratchpad(piece.unit)
    free = machine.chip.memories[pad].size - sum(p.size_bytes for p in alive if p.memory == pad) if pad else 0.0
    if piece.unit in machine.arrays and is_contraction(op):
        found = _contraction(search, machine.arrays[piece.unit], op, piece.tensors, resident, free)
        other = _faster_stream(search, op, piece, resident, found.seconds)
        if other is not None:
            return _stream(op, replace(piece, unit=other), resident, free)
        return OpMapping(piece.unit, found.levels, resident=resident)
    if piece.unit in machine.kernels:
        return OpMapping(piece.unit, resident=resident)
    return _stream(op, piece, resident, free if pad else math.inf)


def _faster_stream(search: Search, op: Op, piece: Piece, resident: Sequence[str], seconds: float) -> str | None:
    """A streaming unit on the same scratchpad that beats the array on independent products of one column each.

    That is a depthwise convolution: no input is used for two outputs, so an array has nothing to share.
    """
    machine = search.machine
    best: tuple[float, str] | None = None
    gemm = gemm_of(nest_for(machine, piece.unit, op, piece.tensors))
    if gemm.n or not gemm.batch:
        return None
    for name, unit in machine.streams.items():
        if machine.scratchpad(name) != machine.scratchpad(piece.unit):
            continue
        if unit.refuses(op, piece.tensors) is not None:
            continue
        port = machine.places[name].port
        moved = port.ticks(sum(stream_bytes(op, piece.tensors, resident, 1))) / ticks_of(machine.chip, 1.0)
        needed = max(unit.stream_cycles(op, points(op)) / machine.chip.clocks[unit.spec.clock], moved)
        if needed < seconds and (best is None or needed < best[0]):
            best = (needed, name)
    return best[1] if best else None


def _contraction(
    search: Search, unit: ArrayUnit, op: Op, tensors: Mapping[str, Tensor], resident: Sequence[str], free: float
) -> Found:
    machine = search.machine
    nest = nest_for(machine, unit.name, op, tensors)
    names = operand_tensors(op)
    roles: frozenset[Operand] = frozenset(role for role in OPERANDS if names[role] in resident)
    pad = machine.scratchpad(unit.name)
    if pad is not None:
        step = machine.chip.memories[pad].size / CAPACITY_STEPS
        free = math.floor(free / step) * step if free >= step else free
    key = (nest, unit.name, free, roles)
    if key not in search.found:
        try:
            found = get_mapper(search.mapper)(Task(nest, unit, free, roles), machine, search.goal)
        except InfeasibleError as error:
            raise InfeasibleError(f"{op.name} ({op.kind}) on {machine.chip.name}: {error}") from error
        search.found[key] = found
        search.evaluated += found.evaluated
    return search.found[key]


def _stream(op: Op, piece: Piece, resident: tuple[str, ...], free: float) -> OpMapping:
    """Pieces of a streamed operator: small enough for two buffers, at least a few, whole rows for reductions."""
    total = max(1, points(op))
    moved = sum(stream_bytes(op, piece.tensors, resident, 1))
    row = number(op.loops[-1].extent) if op.loops else 1
    if not moved or math.isinf(free):
        return OpMapping(piece.unit, tile_elements=total, resident=resident)
    per_point = moved / total
    fits = max(1, int(free / 2 / per_point))
    wanted = max(1, min(total, fits, max(-(-total // PIECES), int(65536 / per_point))))
    variant = "passes" if op.passes > 1 and row > fits else ""
    if wanted >= row and total % row == 0:
        wanted -= wanted % row
    return OpMapping(piece.unit, tile_elements=wanted, resident=resident, variant=variant)
