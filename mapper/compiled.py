"""The fast and coarse mappers with compiled code: the same mappings sooner, where many are searched.

Importing numba costs more than a whole estimate, so only searches over many chips ask for this. Systolic arrays behind
a plain memory are compiled; everything else is looked at as always.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from hwsim.dram.bandwidth import STREAM
from hwsim.machine import Machine
from hwsim.nest import Gemm, Nest, gemm_of, span, tile_bytes
from hwsim.operand import OPERANDS
from hwsim.pipeline import TICKS_PER_CYCLE
from hwsim.schedule import Level
from hwsim.units.base import Folds, Searchable
from hwsim.units.systolic_array import SystolicArray
from mapper.base import OBJECTIVES, Found, Goal, Mapper, Objective, Task, get_mapper
from mapper.coarse import coarse_with
from mapper.fast import Candidate, Look, fast_with, looking, stationary_orders

_DATAFLOWS = ("os", "ws", "is")


def compiled_mapper(name: str) -> Mapper:
    """The mapper of a name, compiled if there is a compiled one; raises what ``get_mapper`` raises."""
    return _MAPPERS.get(name) or get_mapper(name)


def _fast(task: Task, machine: Machine, goal: Goal) -> Found:
    gemm = gemm_of(task.nest)
    # Only where a stream may beat the array is the time of the stated model compared with anything.
    compared = bool(gemm.batch) and not gemm.n
    return fast_with(task, machine, goal, compiled_look(task, machine, goal.objective), priced=compared)


def _coarse(task: Task, machine: Machine, goal: Goal) -> Found:
    return coarse_with(task, machine, goal, compiled_look(task, machine, goal.objective))


@dataclass(frozen=True, slots=True)
class _Flat:
    """A nest as arrays, see ``_fast_kernels.best_tiling``; ``widths`` are bits and plain bytes of every operand."""

    extents: Any
    classes: Any
    moves: Any
    axes: Any
    orders: Any
    widths: tuple[tuple[float, float], ...]


@lru_cache(maxsize=256)
def _flat(nest: Nest) -> _Flat | None:
    """The arrays of a nest; None if an operand has an axis of more than two dimensions."""
    numbers = {dim: place for place, dim in enumerate(nest.dims)}
    gemm = gemm_of(nest)
    classes = [next(place for place, dims in enumerate(_classes(gemm)) if dim in dims) for dim in nest.dims]
    axes: list[tuple[int, ...]] = []
    for role, operand in enumerate(nest.operands):
        for axis in operand.axes:
            if len(axis) > 2:
                return None
            (slow, stride), (fast, dilation) = axis if len(axis) == 2 else (*axis, ("", 1))
            common = math.gcd(stride, dilation)
            whole = int(span(axis, nest.full))
            axes.append((role, numbers[slow], numbers.get(fast, -1), dilation // common, stride // common, whole))
    return _Flat(
        np.array(nest.extents, dtype=np.int64),
        np.array(classes, dtype=np.int64),
        np.array([[dim in operand.dims() for dim in nest.dims] for operand in nest.operands]),
        np.array(axes, dtype=np.int64).reshape(-1, 6),
        np.array([[numbers[dim] for dim in order] for order in stationary_orders(nest)], dtype=np.int64),
        tuple((operand.bits, float(tile_bytes(operand, nest.full))) for operand in nest.operands),
    )


def _classes(gemm: Gemm) -> tuple[tuple[str, ...], ...]:
    return gemm.batch, gemm.m, gemm.n, gemm.k


def compiled_look(task: Task, machine: Machine, objective: Objective) -> Look:
    """The compiled way to look at tilings, or the plain one where the compiled does not cover the task."""
    nest, unit = task.nest, task.unit
    pad, place = machine.scratchpad(unit.name), machine.places[unit.name]
    space = unit.search_space(nest) if isinstance(unit, Searchable) and nest.dims else None
    flat = None if pad is None or place.port.dram is not None else _flat(nest)
    if not isinstance(unit, SystolicArray) or flat is None or pad is None:
        return looking(task, machine, objective)
    if not isinstance(space, Folds) or space.bits_per_cycle:
        return looking(task, machine, objective)
    from mapper._fast_kernels import best_tiling

    array, numbers = _array(task, machine, objective, space)
    held = np.array(
        [OPERANDS.index(role) for role in machine.chip.memories[pad].operands if role not in task.resident],
        dtype=np.int64,
    )
    uses = np.array([[role not in task.resident for role in OPERANDS], [role in place.prefetched for role in OPERANDS]])
    splits = np.array(space.splits, dtype=np.int64)
    stored, rate = machine.stored(unit.name, nest), place.port.rate(STREAM)
    pace = 0.0 if rate is None else 1 / (rate * TICKS_PER_CYCLE * machine.chip.clock_hertz)
    operands = np.array([[*row, stored.get(role, 1.0), pace] for role, row in zip(OPERANDS, flat.widths, strict=True)])

    def look(inner: tuple[Level, ...], tile: Any, than: Candidate | None = None) -> tuple[Candidate | None, int]:
        best = np.array((math.inf,) * 4 if than is None else than.key)
        column, order, fitting = best_tiling(
            tile, flat.extents, flat.classes, flat.moves, flat.axes, flat.orders, splits, held, uses, operands, array,
            numbers, best,
        )  # fmt: skip
        count = len(flat.orders) * fitting
        if column < 0:
            return None, count
        sizes = dict(zip(nest.dims, tile[:, column].tolist(), strict=True))
        return Candidate(tuple(best.tolist()), inner, stationary_orders(nest)[order], sizes, count), count

    return look


def _array(task: Task, machine: Machine, objective: Objective, space: Folds) -> tuple[Any, Any]:
    """The whole numbers and the others that describe array, port and goal."""
    unit = task.unit
    place, outer = machine.places[unit.name], machine.outer(unit.name)
    bits = machine.bits[outer]
    array = (
        *space.shape,
        _DATAFLOWS.index(space.dataflow),
        space.hides_fill,
        space.loads_behind,
        place.double_buffered,
        place.port.bytes_per_tick is not None,
        OBJECTIVES.index(objective),
    )
    numbers = (
        space.rate,
        task.nest.density,
        machine.chip.clocks[unit.spec.clock],
        task.capacity_bytes,
        task.nest.partial_bits / task.nest.operand("output").bits,
        machine.chip.memories[outer].latency,
        bits.read + bits.write,
    )
    return np.array(array, dtype=np.int64), np.array(numbers)


_MAPPERS: Mapping[str, Mapper] = {"fast": _fast, "coarse": _coarse}
