"""Closed-form cost of many outer tilings at once: the same quantities that the simulator counts, on numpy arrays.

Latency is the larger of compute and transfer plus the first load and the last store. The event engine, which plays the
tiles one by one, may be slower where transfers come in bursts; tests/unit/mapper bounds the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
class Tilings:
    """Outer tilings of one nest, with what no chip has a say in.

    Attributes:
        tile: extent of the scratchpad tile, a row per dimension of the nest and a column per candidate.
        trips: outer trips of every dimension, in the same shape.
        sizes: bytes of the tile of every operand.
    """

    nest: Nest
    tile: Any
    trips: Any
    sizes: Mapping[Operand, Any]

    @property
    def extents(self) -> dict[str, Any]:
        """Extent of the tile by dimension."""
        return dict(zip(self.nest.dims, self.tile, strict=True))

    def __len__(self) -> int:
        return self.tile.shape[1]

    def take(self, places: Any) -> Tilings:
        """Some of the candidates."""
        return Tilings(self.nest, self.tile[:, places], self.trips[:, places], _some(self.sizes, places))

    def any_tiled(self, operand: NestOperand, moved: bool) -> Any:
        """Whether any of the dimensions that move an operand (or do not move it) is cut."""
        dims = operand.dims()
        rows = [self.trips[place] > 1 for place, dim in enumerate(self.nest.dims) if (dim in dims) == moved]
        return np.logical_or.reduce(rows) if rows else False


def _some(columns: Mapping[Operand, Any], places: Any) -> dict[Operand, Any]:
    return {role: column[places] if np.ndim(column) else column for role, column in columns.items()}


def tilings_of(nest: Nest, tile: Mapping[str, Any]) -> Tilings:
    """Tilings made ready; ``tile`` has the extents of all dimensions, numbers or arrays of one length."""
    if nest.dims:
        rows = np.stack(np.broadcast_arrays(*(tile[dim] for dim in nest.dims)))
    else:
        rows = np.zeros((0,), dtype=np.int64)
    full = np.array(nest.extents, dtype=np.int64).reshape(-1, *[1] * (rows.ndim - 1))
    extents = dict(zip(nest.dims, rows, strict=True))
    return Tilings(nest, rows, -(-full // rows), {one.role: tile_bytes(one, extents) for one in nest.operands})


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
        order: dimensions of the outer loops, outermost first; all of the nest.
        tile: extent of the scratchpad tile of every dimension, arrays of one length.
    """
    return costs_in_order(transfers_of(task, machine, tilings_of(task.nest, tile)), compute, order)


@dataclass(frozen=True, slots=True)
class Transfers:
    """What moves between outer memory and scratchpad, as far as the order of the outer loops does not matter.

    Attributes:
        roles: operands that are not resident.
        swept: bytes of one sweep over all tiles of each, plain.
        stored: size of complete data in the outer memory relative to plain.
        pace: seconds per byte of each; empty for an unlimited port.
        first: seconds of the first tile of each together.
        tiles: how many tiles there are.
    """

    task: Task
    machine: Machine
    tilings: Tilings
    roles: tuple[Operand, ...]
    swept: Mapping[Operand, Any]
    stored: Mapping[Operand, float]
    pace: Mapping[Operand, Any]
    first: Any
    tiles: Any

    def take(self, places: Any) -> Transfers:
        """Those of some of the tilings."""
        return replace(
            self,
            tilings=self.tilings.take(places),
            swept=_some(self.swept, places),
            pace=_some(self.pace, places),
            first=self.first[places] if np.ndim(self.first) else self.first,
            tiles=self.tiles[places],
        )


def transfers_of(task: Task, machine: Machine, tilings: Tilings) -> Transfers:
    """The transfers of some tilings."""
    nest, unit = task.nest, task.unit.name
    tile, trips = tilings.extents, dict(zip(nest.dims, tilings.trips, strict=True))
    roles: tuple[Operand, ...] = tuple(role for role in OPERANDS if role not in task.resident)
    swept: dict[Operand, Any] = {role: _swept_bytes(nest.operand(role), nest, tile, trips) for role in roles}
    pace: dict[Operand, Any] = {}
    first: Any = 0.0
    if machine.places[unit].port.bytes_per_tick is not None:
        pace = {role: _seconds_per_byte(machine, task, role, tile) for role in roles}
        first = sum(tilings.sizes[role] * pace[role] for role in roles)
    tiles: Any = 1
    for row in tilings.trips:
        tiles = tiles * row
    return Transfers(task, machine, tilings, roles, swept, machine.stored(unit, nest), pace, first, tiles)


def costs_in_order(transfers: Transfers, compute: Any, order: Sequence[str]) -> Costs:
    """Cost of tilings whose outer loops run in one order, outermost first."""
    nest = transfers.task.nest
    trips = dict(zip(nest.dims, transfers.tilings.trips, strict=True))
    visits: dict[Operand, Any] = {role: _visits(nest.operand(role), order, trips) for role in transfers.roles}
    return _costs(transfers, compute, visits)


def least_costs(transfers: Transfers, compute: Any) -> Costs:
    """What no order of the outer loops goes below: every operand is moved once.

    Every term grows with the visits, also when rounded, but for the difference of two sums where only some operands are
    fetched ahead: there rounding may exceed the cost by some units of the last place.
    """
    return _costs(transfers, compute, dict.fromkeys(transfers.roles, 1))


def _costs(transfers: Transfers, compute: Any, visits: Mapping[Operand, Any]) -> Costs:
    task, machine, roles, pace = transfers.task, transfers.machine, transfers.roles, transfers.pace
    unit = task.unit.name
    moved = {role: _moved_bytes(transfers, role, visits[role]) for role in roles}
    outer_bytes: Any = sum(moved.values()) if moved else np.zeros(transfers.tilings.tile.shape[1:])
    tiles, place = transfers.tiles, machine.places[unit]
    if place.port.bytes_per_tick is not None:
        transfer: Any = sum(moved[role] * pace[role] for role in roles) if roles else outer_bytes
        # With two buffers a load can be asked for one tile ahead: latency shows when a tile is shorter than that.
        waiting = tiles * machine.chip.memories[machine.outer(unit)].latency
        if place.double_buffered:
            overlapped = np.maximum(np.maximum(compute, transfer), (compute + transfer + waiting) / 2)
            seconds = overlapped + np.minimum(transfers.first, transfer)
        else:
            hidden: Any = sum(moved[role] * pace[role] for role in roles if role in place.prefetched)
            seconds = np.maximum(compute, hidden) + (transfer - hidden) + waiting
    else:
        seconds = np.asarray(compute, dtype=float)
    bits = machine.bits[machine.outer(unit)]
    energy = outer_bytes * 8 * (bits.read + bits.write) / 2
    return Costs(seconds, outer_bytes, energy, tiles)


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
        elif inside is not False:
            times = times * np.where(inside, trips[dim], 1)
    return times


def _moved_bytes(transfers: Transfers, role: Operand, times: Any) -> Any:
    """Bytes over the outer memory, where complete data may be coded."""
    operand, stored = transfers.task.nest.operand(role), transfers.stored.get(role, 1.0)
    if role != "output":
        return transfers.swept[role] * times * stored
    partial = transfers.task.nest.partial_bits / operand.bits
    return transfers.swept[role] * (stored + (times - 1) * 2 * partial)


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


def held_bytes(task: Task, machine: Machine, tile: Mapping[str, Any] | Tilings) -> Any:
    """Scratchpad that a tiling occupies: two buffers of every operand that is fetched more than once."""
    pad = machine.scratchpad(task.unit.name)
    if pad is None:
        return 0.0
    nest = task.nest
    tilings = tile if isinstance(tile, Tilings) else tilings_of(nest, tile)
    held: Any = 0.0
    for role in machine.chip.memories[pad].operands:
        if role in task.resident:
            continue
        operand = nest.operand(role)
        size = tilings.sizes[role]
        if role == "output":
            size = size * np.where(tilings.any_tiled(operand, False), nest.partial_bits / operand.bits, 1.0)
        if machine.places[task.unit.name].double_buffered:
            size = size * np.where(tilings.any_tiled(operand, True), 2, 1)
        held = held + size
    return held
