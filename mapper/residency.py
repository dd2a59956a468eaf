"""Which tensors stay on chip between operators, and at which address.

Tensors that live shortest come first; each is kept if, at every step of its life, the kept tensors leave the share of
the scratchpad that tiles need. Addresses are first fit in the same order. A tensor that crosses the end of a repeated
segment is held during the whole segment, because the next repetition reads it from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hwsim.machine import Machine
from hwsim.schedule import Placement
from workloads.graph import Op, OperatorGraph, Role, Tensor, size_bytes

TILE_SHARE = 0.4
"""Share of a scratchpad that residency leaves to tiles."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One step before it is mapped: an operator or part, where it runs, and how it is cut into chunks.

    ``fixed``: its unit was placed, so that mapping it may not choose another.
    """

    op: Op
    segment: int
    unit: str
    tensors: Mapping[str, Tensor]
    group: str
    chunks: int = 1
    tile: tuple[tuple[str, int], ...] = ()
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class _Life:
    tensor: Tensor
    memory: str
    size: int
    first: int
    last: int


def planned_bytes(machine: Machine, memory: str) -> int:
    """Bytes of a scratchpad that tensors may be placed in."""
    return int(machine.chip.memories[memory].size * (1 - TILE_SHARE))


def plan(graph: OperatorGraph, machine: Machine, pieces: Sequence[Piece]) -> tuple[Placement, ...]:
    """Placements of the tensors that stay on chip; steps are positions in ``pieces``."""
    lives = sorted(
        _lives(graph, machine, pieces), key=lambda life: (life.last - life.first, life.size, life.tensor.name)
    )
    placed: list[Placement] = []
    for life in lives:
        limit = planned_bytes(machine, life.memory)
        beside = [
            p for p in placed if p.memory == life.memory and p.first_step <= life.last and life.first <= p.last_step
        ]
        address = _first_gap(beside, life.size, limit)
        if address is not None:
            placed.append(Placement(life.tensor.name, life.memory, address, life.size, life.first, life.last))
    return tuple(sorted(placed, key=lambda p: (p.first_step, p.address)))


def _first_gap(beside: Iterable[Placement], size: int, limit: int) -> int | None:
    address = 0
    for other in sorted(beside, key=lambda placement: placement.address):
        if address + size <= other.address:
            break
        address = max(address, other.address + other.size_bytes)
    return address if address + size <= limit else None


def _lives(graph: OperatorGraph, machine: Machine, pieces: Sequence[Piece]) -> list[_Life]:
    written: dict[str, int] = {}
    used: dict[str, int] = {}
    pads: dict[str, set[str | None]] = {}
    for index, piece in enumerate(pieces):
        names = [access.tensor for access in (*piece.op.reads, *piece.op.writes)]
        pad = machine.scratchpad(piece.unit)
        for position, name in enumerate(names):
            allowed = pad is not None and may_hold(machine, pad, position, len(piece.op.reads))
            pads.setdefault(name, set()).add(pad if allowed else None)
            used[name] = index
        for access in piece.op.writes:
            written.setdefault(access.tensor, index)
    lives: list[_Life] = []
    for name, first in written.items():
        tensor = pieces[first].tensors[name]
        memories = pads[name]
        memory = next(iter(memories))
        if tensor.role is not Role.ACTIVATION or len(memories) != 1 or memory is None:
            continue
        size = -(-size_bytes(tensor) // pieces[first].chunks) if name not in graph.by_name else size_bytes(tensor)
        lives.append(_Life(tensor, memory, size, *_span(graph, pieces, first, used[name])))
    return lives


def may_hold(machine: Machine, pad: str, position: int, reads: int) -> bool:
    """Whether a scratchpad may hold an operand: by its place among the reads (input, weight, ...) or the writes."""
    roles = machine.chip.memories[pad].operands
    role = "output" if position >= reads else "weight" if position == 1 else "input"
    return role in roles


def _span(graph: OperatorGraph, pieces: Sequence[Piece], first: int, last: int) -> tuple[int, int]:
    """A life extended to whole segments where it crosses the border of a repeated one."""
    if pieces[first].segment == pieces[last].segment:
        return first, last
    for index, piece in enumerate(pieces):
        inside = pieces[first].segment <= piece.segment <= pieces[last].segment
        if inside and graph.segments[piece.segment].count > 1:
            first, last = min(first, index), max(last, index)
    return first, last
