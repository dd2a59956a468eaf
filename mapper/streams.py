"""Operators that run as a stream: how they are cut into pieces, and where a stream beats an array."""

from __future__ import annotations

import math
from dataclasses import replace

from hwsim.machine import Machine
from hwsim.nest import gemm_of
from hwsim.pipeline import ticks_of
from hwsim.schedule import Mapping, Step
from hwsim.technology import static_power_watts
from hwsim.work import make_work, nest_for, stream_bytes
from mapper.base import Objective, rank
from mapper.residency import Piece
from workloads.graph import Op, number, points

PIECES = 8
"""Streamed operators are cut into at least so many pieces when they move much data, to overlap transfer and compute."""


def stream_mapping(op: Op, piece: Piece, resident: tuple[str, ...], free: float) -> Mapping:
    """Pieces of a streamed operator: small enough for two buffers, at least a few, whole rows for reductions."""
    total = max(1, points(op))
    moved = sum(stream_bytes(op, piece.tensors, resident, 1))
    row = number(op.loops[-1].extent) if op.loops else 1
    if not moved or math.isinf(free):
        return Mapping(piece.unit, tile_elements=total, resident=resident)
    per_point = moved / total
    fits = max(1, int(free / 2 / per_point))
    wanted = max(1, min(total, fits, max(-(-total // PIECES), int(65536 / per_point))))
    variant = "passes" if op.passes > 1 and row > fits else ""
    if wanted >= row and total % row == 0:
        wanted -= wanted % row
    return Mapping(piece.unit, tile_elements=wanted, resident=resident, variant=variant)


def better_stream(
    machine: Machine, objective: Objective, op: Op, piece: Piece, array: Mapping, seconds: float, free: float
) -> Mapping | None:
    """A streaming unit on the same scratchpad that beats the array on independent products of one column each.

    That is a depthwise convolution: no input is used for two outputs, so an array has nothing to share.

    Args:
        machine: the chip.
        objective: by which the two are compared.
        op: one chunk of the piece's operator.
        piece: what is mapped.
        array: the array's mapping, which takes ``seconds``.
        seconds: closed-form time of the array.
        free: bytes of scratchpad.
    """
    gemm = gemm_of(nest_for(machine, piece.unit, op, piece.tensors))
    if gemm.n or not gemm.batch:
        return None
    best, best_key = None, _key(machine, objective, op, piece, array, seconds)
    for name, unit in machine.streams.items():
        if machine.scratchpad(name) != machine.scratchpad(piece.unit):
            continue
        if unit.refuses(op, piece.tensors) is not None:
            continue
        port = machine.places[name].port
        moved = port.ticks(sum(stream_bytes(op, piece.tensors, array.resident, 1))) / ticks_of(machine.chip, 1.0)
        needed = max(unit.stream_cycles(op, points(op)) / machine.chip.clocks[unit.spec.clock], moved)
        mapping = stream_mapping(op, replace(piece, unit=name), array.resident, free)
        key = _key(machine, objective, op, piece, mapping, needed)
        if key < best_key:
            best, best_key = mapping, key
    return best


def _key(
    machine: Machine, objective: Objective, op: Op, piece: Piece, mapping: Mapping, seconds: float
) -> tuple[float, ...]:
    """What two mappings of one operator on different units are compared by, energy and traffic as they are reported."""
    if objective == "latency":
        return (seconds,)
    work = make_work(machine, op, Step(op.name, piece.segment, mapping), piece.tensors)
    energy = sum(action.count * (action.energy_joules or 0.0) for action in work.actions)
    energy += seconds * static_power_watts(machine.chip)
    outer = machine.outer(mapping.unit)
    moved = sum(read + write for memory, read, write in work.traffic if memory == outer)
    return rank(objective, seconds, energy, moved)
