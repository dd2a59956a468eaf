"""The pieces of a graph before they are mapped: a unit for every operator by the peak rule, chunks for composites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwsim.machine import Machine
from hwsim.nest import is_contraction
from mapper.base import CannotMapError
from mapper.compete import fastest, whole_unit
from mapper.residency import Piece
from workloads.graph import Op, OperatorGraph, Tensor, number, size_bytes


class NoUnitError(CannotMapError):
    """No unit of the chip runs an operator."""


def pieces_of(graph: OperatorGraph, machine: Machine) -> list[Piece]:
    """The steps of a graph before they are mapped, each on the unit of the peak rule; raises ``NoUnitError``."""
    pieces: list[Piece] = []
    for index, segment in enumerate(graph.segments):
        for op in segment.ops:
            tensors = {**graph.by_name, **{t.name: t for t in op.internal}} if op.internal else graph.by_name
            if not op.parts:
                pieces.append(Piece(op, index, unit_for(op, tensors, machine), tensors, op.name))
                continue
            whole = whole_unit(op, tensors, machine)
            if whole is not None:
                pieces.append(Piece(op, index, whole, tensors, op.name))
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
            " add a unit to the chip file or choose other bits with --bits",
            op.name,
        )
    return fastest(op, tensors, machine, [name for _, _, name in willing]) or min(willing)[2]


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
