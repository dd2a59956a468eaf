"""Which tensors stay on chip between operators, and at which address.

Tensors that live shortest come first; each is kept if, at every step of its life, the kept tensors leave the share of
the scratchpad that tiles need. Addresses are first fit in the same order. A tensor that crosses the end of a repeated
segment is held during the whole segment, because the next repetition reads it from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hwsim.machine import Machine
from hwsim.schedule import Placement
from workloads.graph import Op, OperatorGraph, Role, Tensor, size_bytes

TILE_SHARE = 0.4
"""Share of a scratchpad that residency leaves to tiles."""
GROUP_TILE_SHARE = 0.2
"""The same where a fused group runs: its tiles are parts of chunks, which are small themselves."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One step before it is mapped: an operator or part, where it runs, and how it is cut into chunks.

    The fields from ``chunks`` to ``sums`` are those of ``hwsim.schedule.Step``; ``loads`` are tensors that have a place
    on chip for the whole group and are brought there by this step. ``fixed``: its unit was placed, so that mapping it
    may not choose another.
    """

    op: Op
    segment: int
    unit: str
    tensors: Mapping[str, Tensor]
    group: str
    chunks: int = 1
    tile: tuple[tuple[str, int], ...] = ()
    run: int = 0
    rounds: int = 1
    sums: str = ""
    loads: tuple[str, ...] = ()
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Reserved:
    """Buffers (tensor, bytes) of a fused group that runs in the steps first..last, both included."""

    memory: str
    first: int
    last: int
    buffers: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class _Life:
    tensor: Tensor
    memory: str
    size: int
    first: int
    last: int


def planned_bytes(machine: Machine, memory: str, share: float = TILE_SHARE) -> int:
    """Bytes of a scratchpad that tensors may be placed in, if tiles are left a share of it."""
    return int(machine.chip.memories[memory].size * (1 - share))


def plan(
    graph: OperatorGraph, machine: Machine, pieces: Sequence[Piece], groups: Sequence[Reserved] = ()
) -> tuple[Placement, ...]:
    """Placements of the tensors that stay on chip; steps are positions in ``pieces``.

    Buffers of fused groups come first. What lives during a part of a group is held during all of it, because every
    chunk needs it again.
    """
    placed = [place for group in groups for place in _reserve(machine, group)]
    taken = {place.tensor for place in placed}
    found = [_through_groups(life, groups) for life in _lives(graph, machine, pieces) if life.tensor.name not in taken]
    for life in sorted(found, key=lambda life: (life.last - life.first, life.size, life.tensor.name)):
        beside_group = any(life.first <= group.last and group.first <= life.last for group in groups)
        share = GROUP_TILE_SHARE if beside_group else TILE_SHARE
        limit = planned_bytes(machine, life.memory, share)
        beside = [
            p for p in placed if p.memory == life.memory and p.first_step <= life.last and life.first <= p.last_step
        ]
        address = _first_gap(beside, life.size, limit)
        if address is not None:
            placed.append(Placement(life.tensor.name, life.memory, address, life.size, life.first, life.last))
    return tuple(sorted(placed, key=lambda p: (p.first_step, p.address)))


def _reserve(machine: Machine, group: Reserved) -> list[Placement]:
    """The buffers of a group from the top downwards, away from what lives longer, as far as they fit."""
    places: list[Placement] = []
    address = int(machine.chip.memories[group.memory].size * (1 - GROUP_TILE_SHARE))
    for name, size in group.buffers:
        if size <= address:
            address -= size
            places.append(Placement(name, group.memory, address, size, group.first, group.last))
    return places


def _through_groups(life: _Life, groups: Sequence[Reserved]) -> _Life:
    first, last = life.first, life.last
    for group in groups:
        if life.first <= group.last and group.first <= life.last:
            first, last = min(first, group.first), max(last, group.last)
    return replace(life, first=first, last=last)


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
