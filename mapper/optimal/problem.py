"""A task as the flat arrays that the compiled search works on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim.dram.bandwidth import STREAM, Dram
from hwsim.machine import Machine
from hwsim.nest import Nest, gemm_of, volume
from hwsim.operand import OPERANDS
from hwsim.pipeline import TICKS_PER_CYCLE
from hwsim.schedule import Level
from hwsim.technology import static_power_watts
from hwsim.units.base import Folds, Lanes, Searchable
from mapper.base import Task
from mapper.optimal import _layout as k

SPATIAL, SYSTOLIC = range(2)


@dataclass(frozen=True, slots=True)
class Flat:
    """A task, what its array lets a mapper choose, and both as arrays."""

    task: Task
    machine: Machine
    space: Lanes | Folds
    arrays: Any

    @property
    def outer_only(self) -> Any:
        """The same without the array, at the best rate of the outer memory: for bounds of its traffic."""
        plain = self.arrays.copy()
        plain["kind"] = k.OUTER_AND_AGAIN
        plain["scalars"][[k.CONSTANT, k.LEAKAGE]] = 0.0
        plain["dram"] = 0.0
        return plain


def flat_problem(task: Task, machine: Machine) -> Flat | None:
    """The arrays of a task, or None where the compiled cost does not cover it; docs/mapping.md lists the cases."""
    unit = task.unit
    space = unit.search_space(task.nest) if isinstance(unit, Searchable) else None
    if space is None or (isinstance(space, Folds) and len(space.splits) > k.MOST_SPLITS):
        return None
    if not _covered(task, machine, space):
        return None
    return Flat(task, machine, space, _arrays(task, machine, space))


def _covered(task: Task, machine: Machine, space: Lanes | Folds) -> bool:
    nest, path = task.nest, task.unit.spec.path
    lanes = [room.memory for room in space.rooms] if isinstance(space, Lanes) else []
    moved = [operand.dims() for operand in nest.operands]
    plain = all(sum(dim in dims for dims in moved) >= 2 for dim in nest.dims)
    windows = [axis for operand in nest.operands for axis in operand.axes if len(axis) > 1]
    slides = all(len(axis) == 2 for axis in windows) and len({d for axis in windows for d, _ in axis}) == 2 * len(
        windows
    )
    inputs = all(len(axis) == 1 for operand in nest.operands[1:] for axis in operand.axes)
    bypass = set(OPERANDS) - set(machine.chip.memories[path[-1 - len(lanes)]].operands)
    opened = machine.drams.get(path[0])
    rows = bool(bypass) and opened is not None and bool(opened.activation_joules)
    inside = not bypass & task.resident
    small = (
        len(nest.dims) <= k.MOST_DIMS and len(lanes) <= k.MOST_ROOMS and sum(len(o.axes) for o in nest.operands) <= 24
    )
    return (
        small
        and bool(nest.dims)
        and len(path) == 2 + len(lanes)
        and plain
        and inside
        and slides
        and inputs
        and not rows
    )


def _axes(nest: Nest) -> tuple[Any, Any]:
    axes: list[tuple[int, int, int]] = []
    limits: list[tuple[float, float]] = []
    for number, operand in enumerate(nest.operands):
        for axis in operand.axes:
            places = [nest.dims.index(dim) for dim, _ in axis]
            axes.append((number, places[0], places[1] if len(places) > 1 else -1))
            strides = [stride for _, stride in axis]
            common = math.gcd(*strides)
            limits.append((strides[1] // common, strides[0] // common) if len(axis) > 1 else (0.0, 0.0))
    return np.array(axes, dtype=np.int64).reshape(-1, 3), np.array(limits, dtype=float).reshape(-1, 2)


def _arrays(task: Task, machine: Machine, space: Lanes | Folds) -> Any:
    nest = task.nest
    axes, limits = _axes(nest)
    rooms = space.rooms if isinstance(space, Lanes) else ()
    pad = machine.chip.memories[machine.chip.units[task.unit.name].path[1]]
    holder = {role: room.memory for room in rooms for role in room.operands}
    flags = np.zeros((5, 3), dtype=np.int64)
    energy = np.zeros((2, 3))
    stored = machine.stored(task.unit.name, nest)
    place = machine.places[task.unit.name]
    for number, role in enumerate(OPERANDS):
        flags[k.HELD, number] = role in holder
        flags[k.FED, number] = role in pad.operands
        flags[k.RESIDENT, number] = role in task.resident
        flags[k.EXPOSED, number] = isinstance(space, Lanes) and role in space.exposed
        flags[k.AHEAD, number] = role in place.prefetched
        if role in holder:
            bits = machine.bits[holder[role]]
            energy[:, number] = bits.read, bits.write
    record = np.zeros(1, k.PROBLEM)[0]
    splits = ((1, 1, 1),) if isinstance(space, Lanes) else space.splits
    record["kind"] = SPATIAL if isinstance(space, Lanes) else SYSTOLIC
    record["dims"], record["axis_count"] = len(nest.dims), len(axes)
    record["split_count"], record["room_count"] = len(splits), len(rooms)
    values: dict[str, Any] = {
        "extents": nest.extents,
        "axes": axes,
        "limits": limits,
        "splits": splits,
        "classes": _classes(nest),
        "rooms": [[r.bits, *(role in r.operands for role in OPERANDS)] for r in rooms],
    }
    for name, value in values.items():
        if len(value):
            record[name][: len(value)] = value
    record["moves"][:, : len(nest.dims)] = [[dim in operand.dims() for dim in nest.dims] for operand in nest.operands]
    record["flags"], record["energy"] = flags, energy
    record["element"] = [[o.bits for o in nest.operands], [stored.get(role, 1.0) for role in OPERANDS]]
    record["words"] = space.words if isinstance(space, Lanes) else (0.0, 0.0, 0.0)
    record["places"] = [float(volume(operand, nest.full)) for operand in nest.operands]
    record["scalars"], record["dram"] = _scalars(task, machine, space), _dram(task, machine)
    record["systolic"], record["folds"] = _systolic(space), _folds(space)
    return record


def _classes(nest: Nest) -> Any:
    gemm = gemm_of(nest)
    groups = (gemm.batch, gemm.m, gemm.n, gemm.k)
    return np.array([next(c for c, dims in enumerate(groups) if dim in dims) for dim in nest.dims], dtype=np.int64)


def _folds(space: Lanes | Folds) -> Any:
    rows = np.array([[-1.0, 1.0]] * 3)
    if isinstance(space, Folds):
        for number, role in enumerate(OPERANDS):
            if role in space.folds:
                name, size = space.folds[role]
                rows[number] = {"m": 1, "n": 2, "k": 3}[name], size
    return rows


def _systolic(space: Lanes | Folds) -> Any:
    if isinstance(space, Lanes):
        return np.zeros(6)
    flow = {"os": 0, "ws": 1, "is": 2}[space.dataflow]
    return np.array([*space.shape, space.rate, flow, space.hides_fill, space.loads_behind], dtype=float)


def _scalars(task: Task, machine: Machine, space: Lanes | Folds) -> Any:
    chip, unit = machine.chip, task.unit
    outer, pad = unit.spec.path[:2]
    place = machine.places[unit.name]
    scalars = np.zeros(19)
    hertz = chip.clocks[unit.spec.clock]
    if isinstance(space, Lanes):
        scalars[k.RATE], scalars[k.HALO], scalars[k.NETWORK] = space.rate, space.halo, space.network_joules
        scalars[k.SHARED_RATE], scalars[k.BYPASS_RATE] = space.shared_bits, space.bypass_bits
    else:
        scalars[k.SHARED_RATE] = space.bits_per_cycle.get(pad, math.inf)
        scalars[k.BYPASS_RATE] = space.bits_per_cycle.get(outer, math.inf)
    scalars[[k.DENSITY, k.HERTZ]] = task.nest.density, hertz
    limited = place.port.bytes_per_tick is not None
    scalars[[k.LIMITED, k.DOUBLED]] = limited, place.double_buffered
    scalars[k.LATENCY] = chip.memories[outer].latency
    scalars[[k.OUT_READ, k.OUT_WRITE]] = machine.bits[outer].read, machine.bits[outer].write
    scalars[[k.PAD_READ, k.PAD_WRITE]] = machine.bits[pad].read, machine.bits[pad].write
    scalars[k.CONSTANT] = _constant_joules(task, machine, space)
    scalars[k.LEAKAGE] = static_power_watts(chip)
    scalars[k.CAPACITY], scalars[k.PARTIAL] = task.capacity_bytes, task.nest.partial_bits
    if place.port.bytes_per_tick is not None:
        scalars[k.PACE] = 1 / (place.port.bytes_per_tick * TICKS_PER_CYCLE * chip.clock_hertz)
    return scalars


def _constant_joules(task: Task, machine: Machine, space: Lanes | Folds) -> float:
    """Energy that no choice changes: arithmetic, registers, and what lanes read and write in their memories."""
    nest = task.nest
    memories = machine.chip.memories
    plain = [Level(name, (), memories[name].operands) for name in task.unit.spec.path]
    joules = sum(
        one.count * one.energy_joules
        for one in task.unit.actions(nest, plain)
        if one.energy_joules is not None and one.action != "network bit"
    )
    if isinstance(space, Folds):
        return joules
    points = float(math.prod(nest.extents))
    for room in space.rooms:
        bits = machine.bits[room.memory]
        for role in room.operands:
            operand = nest.operand(role)
            if role == "output":
                results = float(volume(operand, nest.full))
                joules += bits.write * (results * operand.bits + (points - results) * nest.partial_bits)
            else:
                left = round(points * (1 - space.gated)) if role == "weight" else points
                joules += bits.read * left * operand.bits
    return joules


def _dram(task: Task, machine: Machine) -> Any:
    table = np.zeros(19)
    part, port = machine.drams.get(task.unit.spec.path[0]), machine.places[task.unit.name].port
    if part is None or port.dram is None or port.bytes_per_tick is None:
        return table
    model: Dram = part.model
    channel = model.channel
    t, groups, analog = channel.standard.clocks, channel.standard.bank_groups, channel.analog
    long = max(t.ccd_short, t.ccd_long * analog) if groups > 1 else t.ccd_short
    activate = max((t.rrd_short if groups > 1 else t.rrd_long), t.faw / 4) * analog
    second = TICKS_PER_CYCLE * machine.chip.clock_hertz
    table[k.TIMED] = 1.0
    table[[k.ROW, k.CHANNELS, k.INTERLEAVE]] = channel.standard.row, model.channels, model.interleave
    table[[k.BURST, k.BURST_CLOCKS]] = channel.standard.burst, t.burst
    table[k.DATA_CLOCKS] = max(t.burst, t.ccd_short, long / groups)
    table[k.OPEN_CLOCKS] = max(activate, t.row_bus)
    table[k.BANK_LEAST] = t.rc * analog + 0.0
    table[k.BANK_FIRST] = (t.ras + t.rp) * analog
    table[k.BANK_NEXT] = (t.rcd + t.rtp + t.rp) * analog
    table[k.BANK_LAST], table[k.BANKS] = long, channel.standard.banks
    table[k.OVERRIDDEN] = model.overridden or 0.0
    table[k.REFRESH] = channel.refresh_share()
    table[k.STREAM_FRACTION] = float(model.bytes_per_second(STREAM)) / model.peak
    table[k.PORT_RATE], table[k.DRAM_RATE] = port.bytes_per_tick * second, port.dram_bytes_per_tick * second
    table[k.OPEN_ENERGY] = part.activation_joules or 0.0
    return table
