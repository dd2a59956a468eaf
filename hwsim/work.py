"""One step of a schedule as work: its tasks, its traffic, its energy and what it could have been bounded by."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from hwsim.access import COMPUTE, Traffic, tile_extents, tile_lengths
from hwsim.dram.bandwidth import STREAM
from hwsim.layout import runs_of
from hwsim.machine import Machine
from hwsim.nest import Nest, nest_of, span, tile_bytes
from hwsim.operand import OPERANDS, Operand
from hwsim.pipeline import Stream, Tiling, contraction, kernel, outer_loops, stream, ticks_of, unit_ticks
from hwsim.program import Node
from hwsim.schedule import Level, Step
from hwsim.units.base import Action, ArrayUnit, KernelUnit, StreamUnit
from workloads.graph import Access, Op, Role, Tensor, elements, number, operations, points


@dataclass(frozen=True, slots=True)
class Work:
    """A step, ready to be placed in a program.

    Attributes:
        nodes: its tasks, without begin and end.
        traffic: (memory, bytes read, bytes written).
        actions: energy of arithmetic and of every memory.
        macs: multiply-accumulates.
        peak: innermost points per second of its unit at full utilization.
        compute_seconds, memory_seconds, overhead_seconds: how long each resource is busy with it.
        first_bytes, held_bytes: scratchpad for its first tiles, and for all its buffers.
        note: the mapping in one line.
        bound_by: what limits it, where its unit says so itself.
    """

    nodes: tuple[Node, ...]
    traffic: tuple[tuple[str, float, float], ...]
    actions: tuple[Action, ...]
    macs: int
    peak: float
    compute_seconds: float
    memory_seconds: float
    overhead_seconds: float = 0.0
    first_bytes: float = 0.0
    held_bytes: float = 0.0
    note: str = ""
    bound_by: str = ""


def chunk_of(op: Op, step: Step) -> Op:
    """The operator that one chunk of a step executes: some loops shortened, masked points shared evenly.

    Where chunks add up, the sums are read and written instead of the result.
    """
    if not step.tile and not step.sums:
        return op
    sizes = dict(step.tile)
    loops = tuple(replace(loop, extent=sizes.get(loop.name, loop.extent)) for loop in op.loops)
    active = op.active_points
    if active is not None:
        shares = [(number(new.extent), number(old.extent)) for new, old in zip(loops, op.loops, strict=True)]
        active = number(active) * math.prod(new for new, _ in shares) // math.prod(old for _, old in shares)
    if not step.sums:
        return replace(op, loops=loops, active_points=active)
    target = replace(op.writes[0], tensor=step.sums)
    return replace(op, loops=loops, active_points=active, reads=(*op.reads, target), writes=(target,))


def make_work(machine: Machine, op: Op, step: Step, tensors: Mapping[str, Tensor], tasks: bool = True) -> Work:
    """The work of one chunk of a step; without ``tasks`` a contraction has no nodes, which closed forms do not need."""
    name = step.mapping.unit
    if step.mapping.levels:
        return _contraction_work(machine, machine.arrays[name], op, step, tensors, tasks)
    if name in machine.kernels:
        return _kernel_work(machine, machine.kernels[name], op, step, tensors)
    return _stream_work(machine, machine.streams[name], op, step, tensors)


def nest_for(machine: Machine, unit: str, op: Op, tensors: Mapping[str, Tensor]) -> Nest:
    """The nest of an operator with the width of partial sums on a unit."""
    used = tuple(tensors[access.tensor] for access in (*op.reads, *op.writes))
    return _nest(op, used, machine.chip.units[unit].accumulator_bits)


@lru_cache(maxsize=1024)
def _nest(op: Op, used: tuple[Tensor, ...], partial_bits: int) -> Nest:
    """Kept, because it is asked for several times, and for every chip of a search."""
    return replace(nest_of(op, {tensor.name: tensor for tensor in used}), partial_bits=partial_bits)


def operand_tensors(op: Op) -> dict[Operand, str]:
    """Tensor names of a contraction's operands."""
    names = (op.reads[0].tensor, op.reads[1].tensor, op.writes[0].tensor)
    return dict(zip(OPERANDS, names, strict=True))


def _contraction_work(
    machine: Machine, unit: ArrayUnit, op: Op, step: Step, tensors: Mapping[str, Tensor], tasks: bool
) -> Work:
    nest = nest_for(machine, unit.name, op, tensors)
    levels = step.mapping.levels
    names = operand_tensors(op)
    outer = machine.outer(unit.name)
    resident: frozenset[Operand] = frozenset(role for role in OPERANDS if names[role] in step.mapping.resident)
    counted = without_resident(levels, outer, resident)
    rows = unit.traffic(nest, counted)
    direct = levels[0].memory != outer or len(levels) == 1
    inner = levels if direct else levels[1:]
    loops = () if direct else outer_loops(nest, levels[0].loops)

    known: dict[tuple[int, ...], int] = {}

    def tile_ticks(tile: Mapping[str, int]) -> int:
        key = tuple(tile.values())
        if key not in known:
            known[key] = unit_ticks(machine.chip, unit.name, float(unit.tile_cycles(nest, inner, tile)))
        return known[key]

    kept = (Role.WEIGHT, Role.STATE)
    ahead: frozenset[Operand] = frozenset(role for role in OPERANDS if tensors[names[role]].role in kept)
    # An operand that never visits the scratchpad of a unit without one is read straight from the outer memory.
    silent: frozenset[Operand] = frozenset(OPERANDS) if direct else resident
    stored = machine.stored(unit.name, nest)
    tiling = Tiling(nest, loops, silent, ahead, tile_ticks, stored)
    place = replace(machine.places[unit.name], label=op.name)
    traffic = memory_traffic(nest, rows, outer, stored)
    extra = _extra_reads(op, tensors, step.mapping.resident)
    traffic[outer] = _plus(traffic.get(outer, (0.0, 0.0)), (extra, 0.0))
    pad = machine.scratchpad(unit.name)
    if step.sums and pad is not None:
        again = touched_bytes(op, op.writes[0], tensors[step.sums])
        traffic[pad] = _plus(traffic.get(pad, (0.0, 0.0)), (again, 0.0))
    moved = moved_bytes(nest, rows, outer)
    first, held = footprint(machine, unit.name, nest, levels, tiling)
    return Work(
        nodes=contraction(tiling, place) if tasks else (),
        traffic=tuple((memory, read, write) for memory, (read, write) in sorted(traffic.items())),
        actions=(
            *unit.actions(nest, counted),
            *_memory_actions(machine, traffic),
            *row_actions(machine, outer, nest, moved, tile_extents(nest, (Level(outer, loops),), 1)),
        ),
        macs=nest.active_points,
        peak=unit.peak_operations(op, tensors),
        compute_seconds=_busy_ticks(tiling) / ticks_of(machine.chip, 1.0),
        memory_seconds=_port_seconds(machine, unit.name, sum(traffic.get(outer, (0.0, 0.0)))),
        first_bytes=first,
        held_bytes=held,
        note=describe(levels),
    )


def _busy_ticks(tiling: Tiling) -> int:
    """Time of all tiles together, ragged ones as they come."""
    lengths = tile_lengths(tiling.nest, (Level("", tiling.loops),))
    total = 0
    for tile in itertools.product(*(lengths[dim].items() for dim in tiling.nest.dims)):
        extents = {dim: length for dim, (length, _) in zip(tiling.nest.dims, tile, strict=True)}
        total += tiling.tile_ticks(extents) * math.prod(count for _, count in tile)
    return total


def moved_bytes(nest: Nest, rows: Sequence[Traffic], outer: str) -> dict[Operand, float]:
    """Bytes of every operand that cross the outer memory, in both directions together."""
    moved: dict[Operand, float] = {}
    for row in rows:
        if row.outer == outer:
            read, write = memory_traffic(nest, (row,))[outer]
            moved[row.operand] = moved.get(row.operand, 0.0) + read + write
    return moved


def row_actions(
    machine: Machine, outer: str, nest: Nest, moved: Mapping[Operand, float], tile: Mapping[str, int]
) -> tuple[Action, ...]:
    """Rows of a DRAM that are opened beyond one per row of bytes, which is in the energy of the bits already."""
    dram = machine.drams.get(outer)
    if dram is None:
        return ()
    extra = 0.0
    for role, size in moved.items():
        operand = nest.operand(role)
        runs = runs_of(operand, tile, nest.full, operand.bits)
        extra += float(dram.model.activations(size, runs) - dram.model.activations(size, STREAM))
    return (Action(outer, "extra activation", extra, dram.activation_joules),) if extra else ()


def without_resident(levels: Sequence[Level], outer: str, resident: frozenset[Operand]) -> tuple[Level, ...]:
    """The levels with the outer memory no longer keeping what is resident, so that it causes no traffic there."""
    return tuple(
        replace(level, keeps=tuple(role for role in level.keeps if role not in resident))
        if level.memory == outer
        else level
        for level in levels
    )


def memory_traffic(
    nest: Nest, rows: Sequence[Traffic], outer: str = "", stored: Mapping[Operand, float] | None = None
) -> dict[str, tuple[float, float]]:
    """Bytes read from and written to every memory by the counted elements.

    Partial sums move at their own width, complete results at the operand's; ``stored`` is the relative size of operands
    that lie coded in the memory ``outer``.
    """
    coded = stored or {}
    result: dict[str, tuple[float, float]] = {}
    for row in rows:
        bits = nest.operand(row.operand).bits
        size = coded.get(row.operand, 1.0) if row.outer == outer else 1.0
        if row.operand == "output":
            partial = nest.partial_bits
            written = (row.final_writes * bits * size + (row.outer_writes - row.final_writes) * partial) / 8
            result[row.outer] = _plus(result.get(row.outer, (0.0, 0.0)), (row.outer_reads * partial / 8, written))
            if row.inner != COMPUTE:
                drained = row.inner_drains * partial / 8
                result[row.inner] = _plus(result.get(row.inner, (0.0, 0.0)), (drained, row.inner_fills * partial / 8))
            continue
        result[row.outer] = _plus(result.get(row.outer, (0.0, 0.0)), (row.outer_reads * bits * size / 8, 0.0))
        if row.inner != COMPUTE:
            result[row.inner] = _plus(result.get(row.inner, (0.0, 0.0)), (0.0, row.inner_fills * bits / 8))
    return result


def _plus(left: tuple[float, float], right: tuple[float, float]) -> tuple[float, float]:
    return left[0] + right[0], left[1] + right[1]


def footprint(machine: Machine, unit: str, nest: Nest, levels: Sequence[Level], tiling: Tiling) -> tuple[float, float]:
    """Bytes of scratchpad for one tile of every operand, and for all buffers (two of what is fetched repeatedly)."""
    pad = machine.scratchpad(unit)
    if pad is None or len(levels) < 2:
        return 0.0, 0.0
    tile = tile_extents(nest, levels, 1)
    single = held = 0.0
    for role in machine.chip.memories[pad].operands:
        if role not in tiling.resident:
            operand = nest.operand(role)
            size = float(tile_bytes(operand, tile))
            if role == "output" and any(loop.dim not in operand.dims() for loop in tiling.loops):
                size *= nest.partial_bits / operand.bits
            single += size
            held += size * (2 if tiling.depth(role) and machine.places[unit].double_buffered else 1)
    return single, held


def _memory_actions(machine: Machine, traffic: Mapping[str, tuple[float, float]]) -> list[Action]:
    rows: list[Action] = []
    for memory, (read, write) in sorted(traffic.items()):
        energy = machine.bits[memory]
        rows.append(Action(memory, "read bit", read * 8, energy.read))
        rows.append(Action(memory, "write bit", write * 8, energy.write))
    return rows


def _port_seconds(machine: Machine, unit: str, size_bytes: float) -> float:
    ticks = machine.places[unit].port.ticks(size_bytes)
    return ticks / ticks_of(machine.chip, 1.0)


def touched_bytes(op: Op, access: Access, tensor: Tensor) -> float:
    """Bytes of a tensor that an access touches at least once."""
    extents: dict[str, Any] = {loop.name: number(loop.extent) for loop in op.loops}
    touched = math.prod(int(span(axis, extents)) for axis in access.index if axis)
    return min(touched, elements(tensor)) * tensor.bits / 8


def _extra_reads(op: Op, tensors: Mapping[str, Tensor], resident: Sequence[str]) -> float:
    """Bytes of operands beside the two of the contraction, such as a bias."""
    return sum(touched_bytes(op, a, tensors[a.tensor]) for a in op.reads[2:] if a.tensor not in resident)


def stream_bytes(op: Op, tensors: Mapping[str, Tensor], resident: Sequence[str], passes: int) -> tuple[float, float]:
    """Bytes that an element-wise operator reads from and writes to the outer memory."""
    reads = {a.tensor: touched_bytes(op, a, tensors[a.tensor]) for a in op.reads if a.tensor not in resident}
    writes = {a.tensor: touched_bytes(op, a, tensors[a.tensor]) for a in op.writes if a.tensor not in resident}
    return sum(reads.values()) * passes, sum(writes.values())


def _stream_work(machine: Machine, unit: StreamUnit, op: Op, step: Step, tensors: Mapping[str, Tensor]) -> Work:
    chip = machine.chip
    total = max(1, points(op))
    piece = min(total, step.mapping.tile_elements or total)
    pieces = -(-total // piece)
    passes = op.passes if step.mapping.variant == "passes" else 1
    read, write = stream_bytes(op, tensors, step.mapping.resident, passes)
    last = total - piece * (pieces - 1)
    waits = any(tensors[a.tensor].role not in (Role.WEIGHT, Role.STATE) for a in op.reads)
    ticks = unit_ticks(chip, unit.name, unit.stream_cycles(op, piece))
    last_ticks = unit_ticks(chip, unit.name, unit.stream_cycles(op, last))
    work = Stream(pieces, ticks, last_ticks, read, write, last / piece, waits)
    # A second pass reads a piece again, into the same buffers.
    held = sum(stream_bytes(op, tensors, step.mapping.resident, 1)) / pieces
    outer, pad = machine.outer(unit.name), machine.scratchpad(unit.name)
    traffic = {outer: (read, write)}
    if pad is not None:
        # Everything passes the scratchpad: loaded tiles are written there, all operands are read, results written.
        operands, results = stream_bytes(op, tensors, (), passes)
        traffic[pad] = (operands + write, results + read)
    return Work(
        nodes=stream(work, replace(machine.places[unit.name], label=op.name)),
        traffic=tuple((memory, r, w) for memory, (r, w) in sorted(traffic.items())),
        actions=(*unit.stream_actions(op), *_memory_actions(machine, traffic)),
        macs=operations(op).get("mac", 0),
        peak=unit.peak_operations(op, tensors),
        compute_seconds=(ticks * (pieces - 1) + last_ticks) / ticks_of(chip, 1.0),
        memory_seconds=_port_seconds(machine, unit.name, read + write),
        first_bytes=held,
        held_bytes=2 * held,
        note=f"{pieces} pieces of {piece:,} points" if pieces > 1 else "one piece",
    )


def _kernel_work(machine: Machine, unit: KernelUnit, op: Op, step: Step, tensors: Mapping[str, Tensor]) -> Work:
    chip = machine.chip
    one = unit.kernel(op, tensors)
    reads, writes = dict(one.reads_bytes), dict(one.writes_bytes)
    traffic = {name: (reads.get(name, 0.0), writes.get(name, 0.0)) for name in sorted({*reads, *writes})}
    return Work(
        nodes=kernel(
            replace(machine.places[unit.name], label=op.name),
            ticks_of(chip, one.seconds),
            ticks_of(chip, one.overhead_seconds),
            [(name, ticks_of(chip, seconds)) for name, seconds in one.engines if seconds],
        ),
        traffic=tuple((memory, r, w) for memory, (r, w) in traffic.items()),
        actions=(*one.actions, *_memory_actions(machine, traffic)),
        macs=operations(op).get("mac", 0),
        peak=unit.peak_operations(op, tensors),
        compute_seconds=one.compute_seconds,
        memory_seconds=one.memory_seconds,
        overhead_seconds=one.overhead_seconds,
        note=one.note,
        bound_by=max(one.engines, key=lambda engine: engine[1])[0] if one.engines else "",
    )


def describe(levels: Sequence[Level]) -> str:
    """A mapping in one readable line: loops of every memory, outermost first; loops in space carry their axis."""
    parts: list[str] = []
    for level in levels:
        loops = " ".join(f"{loop.dim}:{loop.size}{'@' + loop.axis if loop.axis else ''}" for loop in level.loops)
        parts.append(f"{level.memory}[{loops}]" if loops else level.memory)
    return " > ".join(parts)
