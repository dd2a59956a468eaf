"""The cost that mappers minimize, for any legal mapping: plain and slow, the reference of fast paths (docs/mapping.md).

Latency is a closed form of what the engine plays tile by tile; traffic and energy are exact counts.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.access import access_counts, tile_extents, tile_lengths, trip_count
from hwsim.dram.bandwidth import STREAM
from hwsim.layout import runs_of
from hwsim.machine import Machine
from hwsim.nest import tile_bytes
from hwsim.operand import OPERANDS, Operand
from hwsim.pipeline import TICKS_PER_CYCLE
from hwsim.schedule import Level
from hwsim.technology import static_power_watts
from hwsim.units.base import Action, Searchable
from hwsim.work import memory_traffic, moved_bytes, row_actions, without_resident
from mapper.base import Task


@dataclass(frozen=True, slots=True)
class Cost:
    """What a mapping costs.

    Attributes:
        seconds: from the first load to the last store, alone on the chip.
        energy_joules: of all memories, arithmetic and networks, and static power over ``seconds``.
        outer_bytes: read from and written to the outermost memory.
    """

    seconds: float
    energy_joules: float
    outer_bytes: float


def evaluate(task: Task, machine: Machine, levels: Sequence[Level]) -> Cost:
    """The cost of a mapping."""
    nest, unit = task.nest, task.unit
    outer = machine.outer(unit.name)
    seconds = _seconds(task, machine, levels)
    counted = without_resident(levels, outer, task.resident)
    rows = unit.traffic(nest, counted)
    traffic = memory_traffic(nest, rows, outer, machine.stored(unit.name, nest))
    direct = not _tiled(machine, unit.name, levels)
    tile = nest.full if direct else tile_extents(nest, levels, 1)
    actions: tuple[Action, ...] = (
        *unit.actions(nest, counted),
        *row_actions(machine, outer, nest, moved_bytes(nest, rows, outer), tile),
    )
    joules = sum(action.count * (action.energy_joules or 0.0) for action in actions)
    for memory, (read, write) in traffic.items():
        joules += 8 * (read * machine.bits[memory].read + write * machine.bits[memory].write)
    joules += static_power_watts(machine.chip) * seconds
    return Cost(seconds, joules, sum(traffic.get(outer, (0.0, 0.0))))


def _tiled(machine: Machine, unit: str, levels: Sequence[Level]) -> bool:
    return len(levels) > 1 and levels[0].memory == machine.outer(unit) and machine.scratchpad(unit) is not None


def array_seconds(task: Task, machine: Machine, levels: Sequence[Level]) -> float:
    """Time of the array for all tiles: its own closed form where it has one, else tile by tile."""
    unit, nest = task.unit, task.nest
    hertz = machine.chip.clocks[unit.spec.clock]
    if not _tiled(machine, unit.name, levels):
        return float(unit.tile_cycles(nest, tuple(levels), nest.full)) / hertz
    if isinstance(unit, Searchable) and unit.search_space(nest) is not None:
        return unit.total_cycles(nest, levels) / hertz
    cycles = 0
    lengths = tile_lengths(nest, levels[:1])
    for tile in itertools.product(*(lengths[dim].items() for dim in nest.dims)):
        extents = {dim: length for dim, (length, _) in zip(nest.dims, tile, strict=True)}
        cycles += int(unit.tile_cycles(nest, tuple(levels[1:]), extents)) * math.prod(count for _, count in tile)
    return cycles / hertz


def _seconds(task: Task, machine: Machine, levels: Sequence[Level]) -> float:
    """Array and transfers overlap where there are two buffers; the first tiles, or what is not ahead, come on top."""
    place = machine.places[task.unit.name]
    compute = array_seconds(task, machine, levels)
    if place.port.bytes_per_tick is None or not _tiled(machine, task.unit.name, levels):
        return compute
    busy = transfer_seconds(task, machine, levels)
    moving = sum(busy.values())
    latency = machine.chip.memories[machine.outer(task.unit.name)].latency
    waiting = trip_count(task.nest, levels[:1]) * latency
    if not place.double_buffered:
        hidden = sum(seconds for role, seconds in busy.items() if role in place.prefetched)
        return max(compute, hidden) + (moving - hidden) + waiting
    tile = tile_extents(task.nest, levels, 1)
    first = sum(float(tile_bytes(task.nest.operand(role), tile)) * _pace(task, machine, role, levels) for role in busy)
    return max(compute, moving, (compute + moving + waiting) / 2) + min(first, moving)


def transfer_seconds(task: Task, machine: Machine, levels: Sequence[Level]) -> dict[Operand, float]:
    """How long each operand that is not resident keeps the port of the outer memory busy."""
    nest = task.nest
    stored = machine.stored(task.unit.name, nest)
    program = without_resident((levels[0], Level("tiles")), levels[0].memory, task.resident)
    rows = [row for row in access_counts(nest, program) if row.inner == "tiles"]
    moved: dict[Operand, float] = {role: 0.0 for role in OPERANDS if role not in task.resident}
    for row in rows:
        moved[row.operand] += sum(memory_traffic(nest, (row,), row.outer, stored)[row.outer])
    return {role: size * _pace(task, machine, role, levels) for role, size in moved.items()}


def _pace(task: Task, machine: Machine, role: Operand, levels: Sequence[Level]) -> float:
    """Seconds per byte of an operand's tiles over the port."""
    port, operand = machine.places[task.unit.name].port, task.nest.operand(role)
    tile = tile_extents(task.nest, levels, 1)
    runs = STREAM if port.dram is None else runs_of(operand, tile, task.nest.full, operand.bits)
    return 1 / (float(port.rate(runs)) * TICKS_PER_CYCLE * machine.chip.clock_hertz)
