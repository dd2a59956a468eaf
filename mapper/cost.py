"""Closed-form cost of many outer tilings at once: the same quantities that the simulator counts, on numpy arrays.

Latency is the larger of compute and transfer plus the first load and the last store. The event engine, which plays the
tiles one by one, may be slower where transfers come in bursts; tests/unit/mapper bounds the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim.dram.bandwidth import STREAM
from hwsim.layout import runs_of
from hwsim.machine import Machine
from hwsim.nest import Nest, NestOperand, span, tile_bytes
from hwsim.operand import OPERANDS, Operand
from hwsim.pipeline import TICKS_PER_CYCLE
from hwsim.schedule import Level
from mapper.base import Task


@dataclass(frozen=True, slots=True)
class Costs:
    """Arrays over candidates: seconds, bytes over the outer memory, joules of moving them, number of tiles."""

    seconds: Any
    outer_bytes: Any
    energy_joules: Any
    tiles: Any


def compute_seconds(task: Task, machine: Machine, inner: tuple[Level, ...], tile: Mapping[str, Any]) -> Any:
    """Time of the array for all tiles of every candidate; a ragged tile counts by its share of a whole one."""
    share: Any = 1.0
    for dim, extent in task.nest.full.items():
        share = share * (extent / tile[dim])
    cycles = np.asarray(task.unit.tile_cycles(task.nest, inner, tile), dtype=float)
    return cycles * share / machine.chip.clocks[task.unit.spec.clock]


def tiling_costs(task: Task, machine: Machine, compute: Any, order: Sequence[str], tile: Mapping[str, Any]) -> Costs:
    """Cost of candidates that share an order of the outer loops.

    Args:
        task: what is mapped.
        machine: the chip.
        compute: seconds of the array, from ``compute_seconds``.
        order: dimensions of the outer loops, outermost first; the others are not tiled.
        tile: extent of the scratchpad tile of every dimension, arrays of one length.
    """
    nest = task.nest
    trips = trip_counts(nest, tile)
    roles: list[Operand] = [role for role in OPERANDS if role not in task.resident]
    stored = machine.stored(task.unit.name, nest)
    moved = {role: _moved_bytes(nest, role, order, tile, trips, stored.get(role, 1.0)) for role in roles}
    outer_bytes: Any = sum(moved.values()) if moved else np.zeros_like(next(iter(tile.values())), dtype=float)
    unit = task.unit
    limited = machine.places[unit.name].port.bytes_per_tick is not None
    tiles: Any = 1
    for dim in order:
        tiles = tiles * trips[dim]
    first: Any = 0.0
    if limited:
        pace = {role: _seconds_per_byte(machine, task, role, tile) for role in roles}
        first = sum(tile_bytes(nest.operand(role), tile) * pace[role] for role in roles)
        transfer: Any = sum(moved[role] * pace[role] for role in roles) if roles else outer_bytes
        # With two buffers a load can be asked for one tile ahead: latency shows when a tile is shorter than that.
        waiting = tiles * machine.chip.memories[machine.outer(unit.name)].latency
        if machine.places[unit.name].double_buffered:
            overlapped = np.maximum(np.maximum(compute, transfer), (compute + transfer + waiting) / 2)
            seconds = overlapped + np.minimum(first, transfer)
        else:
            ahead = machine.places[unit.name].prefetched
            hidden: Any = sum(moved[role] * pace[role] for role in roles if role in ahead)
            seconds = np.maximum(compute, hidden) + (transfer - hidden) + waiting
    else:
        seconds = np.asarray(compute, dtype=float)
    bits = machine.bits[machine.outer(unit.name)]
    energy = outer_bytes * 8 * (bits.read + bits.write) / 2
    return Costs(seconds, outer_bytes, energy, tiles)


def trip_counts(nest: Nest, tile: Mapping[str, Any]) -> dict[str, Any]:
    """Outer trips of every dimension."""
    return {dim: -(-extent // tile[dim]) for dim, extent in nest.full.items()}


def _seconds_per_byte(machine: Machine, task: Task, role: Operand, tile: Mapping[str, Any]) -> Any:
    """Time of a byte of an operand's tiles over the unit's port, which must be limited."""
    port = machine.places[task.unit.name].port
    operand = task.nest.operand(role)
    runs = STREAM if port.dram is None else runs_of(operand, tile, task.nest.full, operand.bits)
    return 1 / (port.rate(runs) * TICKS_PER_CYCLE * machine.chip.clock_hertz)


def _visits(operand: NestOperand, order: Sequence[str], trips: Mapping[str, Any]) -> Any:
    """How often the whole operand is moved: trips of irrelevant loops outside the innermost one that moves it."""
    dims = operand.dims()
    inside: Any = False
    times: Any = 1
    for dim in reversed(order):
        if dim in dims:
            inside = inside | (trips[dim] > 1)
        else:
            times = times * np.where(inside, trips[dim], 1)
    return times


def _moved_bytes(
    nest: Nest, role: Operand, order: Sequence[str], tile: Mapping[str, Any], trips: Mapping[str, Any], stored: float
) -> Any:
    """Bytes over the outer memory; ``stored`` is the size of complete data there relative to plain."""
    operand = nest.operand(role)
    whole = _swept_bytes(operand, nest, tile, trips)
    times = _visits(operand, order, trips)
    if role != "output":
        return whole * times * stored
    partial = nest.partial_bits / operand.bits
    return whole * (stored + (times - 1) * 2 * partial)


def _swept_bytes(operand: NestOperand, nest: Nest, tile: Mapping[str, Any], trips: Mapping[str, Any]) -> Any:
    """Bytes of one sweep over all tiles; windows that overlap between tiles are fetched again."""
    plain = nest.full
    size: Any = tile_bytes(operand, plain)
    for axis in operand.axes:
        if len(axis) > 1:
            count: Any = 1
            for dim, _ in axis:
                count = count * trips[dim]
            size = size / span(axis, plain) * np.maximum(span(axis, tile) * count, span(axis, plain))
    return size


def held_bytes(task: Task, machine: Machine, tile: Mapping[str, Any]) -> Any:
    """Scratchpad that a tiling occupies: two buffers of every operand that is fetched more than once."""
    trips = trip_counts(task.nest, tile)
    pad = machine.scratchpad(task.unit.name)
    if pad is None:
        return 0.0
    nest = task.nest
    held: Any = 0.0
    for role in machine.chip.memories[pad].operands:
        if role in task.resident:
            continue
        operand = nest.operand(role)
        dims = operand.dims()
        fetched: Any = False
        reduced: Any = False
        for dim in nest.dims:
            fetched = fetched | ((trips[dim] > 1) if dim in dims else False)
            reduced = reduced | ((trips[dim] > 1) if dim not in dims else False)
        size = tile_bytes(operand, tile)
        if role == "output":
            size = size * np.where(reduced, nest.partial_bits / operand.bits, 1.0)
        held = held + size * np.where(fetched & machine.places[task.unit.name].double_buffered, 2, 1)
    return held
