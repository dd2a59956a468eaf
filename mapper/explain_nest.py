"""The mapping of a contraction as a readable loop nest: memories, what they hold, loops in time and in space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.access import tile_extents, trip_count
from hwsim.machine import Machine
from hwsim.nest import Nest, tile_bytes
from hwsim.operand import Operand
from hwsim.pipeline import outer_loops
from hwsim.quantity import show
from hwsim.schedule import Level
from hwsim.simulation import Entry
from hwsim.work import operand_tensors


@dataclass(frozen=True, slots=True)
class LoopView:
    """A loop over tiles: ``trips`` steps of ``size`` over ``extent``; ``axis`` names the axis of the array it uses."""

    dim: str
    extent: int
    size: int
    trips: int
    axis: str


@dataclass(frozen=True, slots=True)
class HeldView:
    """What a memory holds of one operand: ``buffers`` tiles of ``tile_bytes`` each."""

    operand: Operand
    tile_bytes: float
    buffers: int
    resident: bool


@dataclass(frozen=True, slots=True)
class LevelView:
    """One memory of the mapping (one instance of it) with what it holds and the loops over the tiles below it."""

    memory: str
    capacity_bytes: float
    instances: int
    holds: tuple[HeldView, ...]
    loops: tuple[LoopView, ...]


def mapping_levels(
    machine: Machine, entry: Entry, nest: Nest
) -> tuple[tuple[LevelView, ...], tuple[tuple[str, int], ...]]:
    """The memories of a mapping with tiles and loops, outermost first; and the extents its unit takes at a time."""
    names = operand_tensors(entry.op)
    enclosing = nest.full
    views: list[LevelView] = []
    for index, level in enumerate(entry.step.mapping.levels):
        holds = tuple(
            _held(machine, entry, nest, index, role, names[role] in entry.step.mapping.resident) for role in level.keeps
        )
        loops: list[LoopView] = []
        for loop in level.loops:
            if loop.size < enclosing[loop.dim]:
                trips = -(-enclosing[loop.dim] // loop.size)
                loops.append(LoopView(loop.dim, enclosing[loop.dim], loop.size, trips, loop.axis))
                enclosing[loop.dim] = loop.size
        memory = machine.chip.memories[level.memory]
        views.append(LevelView(level.memory, memory.size, memory.instances, holds, tuple(loops)))
    return tuple(views), tuple(enclosing.items())


def _held(machine: Machine, entry: Entry, nest: Nest, index: int, role: Operand, resident: bool) -> HeldView:
    """The tile of one operand in one memory: whole tensors outermost, buffers as ``hwsim.work.footprint`` has them."""
    levels, unit = entry.step.mapping.levels, entry.step.mapping.unit
    memory, operand = levels[index].memory, nest.operand(role)
    if memory == machine.outer(unit):
        return HeldView(role, float(tile_bytes(operand, nest.full)), 1, resident)
    size = float(tile_bytes(operand, tile_extents(nest, levels, index)))
    loops = outer_loops(nest, levels[0].loops)
    doubled = machine.chip.memories[memory].double_buffered
    if memory == machine.scratchpad(unit):
        doubled = doubled and any(loop.dim in operand.dims() for loop in loops)
        partial = any(loop.dim not in operand.dims() for loop in loops)
    else:
        partial = True
    if role == "output" and partial and not resident:
        size *= nest.partial_bits / operand.bits
    return HeldView(role, size, 2 if doubled and not resident else 1, resident)


def outer_tiles(machine: Machine, entry: Entry, nest: Nest) -> int:
    """Tiles that the outermost memory delivers for one execution."""
    levels = entry.step.mapping.levels
    if len(levels) == 1 or levels[0].memory != machine.outer(entry.step.mapping.unit):
        return 1
    return trip_count(nest, (Level(levels[0].memory, outer_loops(nest, levels[0].loops)),))


def nest_lines(levels: Sequence[LevelView], innermost: Sequence[tuple[str, int]], unit: str) -> tuple[str, ...]:
    """The mapping as an indented loop nest: memories with what they hold, loops in time (for) and in space (par)."""
    lines: list[str] = []
    depth = 0
    for place, level in enumerate(levels):
        # What is kept on chip never visits the outermost memory.
        holds = [held for held in level.holds if place or not held.resident]
        lines.append("  " * depth + _memory_line(level, holds))
        for loop in level.loops:
            word, where = ("par", f" @{loop.axis}") if loop.axis else ("for", "")
            noun = "lanes" if loop.axis else "tiles"
            depth += 1
            span = f"{word} {loop.dim} in 0:{loop.extent} step {loop.size}{where}"
            lines.append("  " * depth + f"{span}   # {loop.trips:,} {noun}")
        depth += 1
    if levels:
        extents = ", ".join(f"{dim} {size}" for dim, size in innermost) or "one point"
        lines.append("  " * depth + f"{unit} takes {extents}")
    return tuple(lines)


def _memory_line(level: LevelView, holds: Sequence[HeldView]) -> str:
    parts = [_held_text(held, show(held.tile_bytes, "B")) for held in holds]
    each = f" (each of {level.instances})" if level.instances > 1 else ""
    return f"[{level.memory}]{each} {', '.join(parts) or 'nothing'}"


def _held_text(held: HeldView, size: str) -> str:
    if held.resident:
        return f"{held.operand} {size} kept on chip"
    return f"{held.operand} {size}{' x2' if held.buffers == 2 else ''}"
