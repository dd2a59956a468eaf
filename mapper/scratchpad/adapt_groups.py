"""The operators of a scratchpad problem: pieces of a graph that run together, and what lives only within them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mapper.residency import Piece
from workloads.graph import Op, Role, Tensor, size_bytes


@dataclass(frozen=True, slots=True)
class Inner:
    """A tensor that lives only within a group: its offset in the group's working area, and its first and last piece."""

    tensor: str
    offset: int
    size: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Group:
    """One operator of the problem.

    Attributes:
        name: of the graph's operator, the last of several writers of one tensor.
        pieces: positions of its pieces, in order.
        reads, writes: tensors of the graph, each once, in order.
        inner: what lives only within it.
        streamed: tensors that it moves by itself, tile by tile.
    """

    name: str
    pieces: tuple[int, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    inner: tuple[Inner, ...] = ()
    streamed: frozenset[str] = frozenset()

    @property
    def area(self) -> int:
        """Bytes of the working area."""
        return max((one.offset + one.size for one in self.inner), default=0)


def groups_of(pieces: Sequence[Piece], known: Mapping[str, Tensor]) -> list[Group]:
    """Pieces of one composite together, and writers of one tensor together where the last of them stands.

    Args:
        pieces: the steps of a graph without repeated segments, in the default order.
        known: the tensors of the graph by name.
    """
    members: dict[str, list[int]] = {}
    for place, piece in enumerate(pieces):
        members.setdefault(piece.group, []).append(place)
    joined: dict[str, list[int]] = {}
    for name, target in _targets(pieces, members, known).items():
        joined.setdefault(target, []).extend(members[name])
    found = [_group(name, sorted(places), pieces, known) for name, places in joined.items()]
    return sorted(found, key=lambda group: group.pieces[-1])


def _targets(
    pieces: Sequence[Piece], members: Mapping[str, Sequence[int]], known: Mapping[str, Tensor]
) -> dict[str, str]:
    """For every operator, the one that it runs with: the last writer of the same tensor, where it may wait for that."""
    last: dict[str, str] = {}
    for name, places in members.items():
        last.update((tensor, name) for place in places for tensor in _written(pieces[place].op, known))
    targets: dict[str, str] = {}
    for name, places in members.items():
        written = {tensor for place in places for tensor in _written(pieces[place].op, known)}
        targets[name] = name
        if len(written) == 1 and known[next(iter(written))].role is not Role.STATE:
            tensor = next(iter(written))
            between = pieces[places[0] : members[last[tensor]][-1] + 1]
            if not any(access.tensor == tensor for piece in between for access in piece.op.reads):
                targets[name] = last[tensor]
    return targets


def _written(op: Op, known: Mapping[str, Tensor]) -> list[str]:
    return [access.tensor for access in op.writes if access.tensor in known]


def _group(name: str, places: Sequence[int], pieces: Sequence[Piece], known: Mapping[str, Tensor]) -> Group:
    reads: dict[str, None] = {}
    writes: dict[str, None] = {}
    for place in places:
        op = pieces[place].op
        reads.update((a.tensor, None) for a in op.reads if a.tensor in known and a.tensor not in writes)
        writes.update((tensor, None) for tensor in _written(op, known))
    return Group(name, tuple(places), tuple(reads), tuple(writes), _inner(places, pieces, known))


def _inner(places: Sequence[int], pieces: Sequence[Piece], known: Mapping[str, Tensor]) -> tuple[Inner, ...]:
    """Internal tensors, first fit by their lives within the group; of those of chunks, one chunk."""
    lives: dict[str, tuple[int, int, int]] = {}
    for place in places:
        piece = pieces[place]
        for access in (*piece.op.writes, *piece.op.reads):
            if access.tensor not in known:
                size = -(-size_bytes(piece.tensors[access.tensor]) // piece.chunks)
                lives[access.tensor] = (size, lives.get(access.tensor, (0, place, 0))[1], place)
    placed: list[Inner] = []
    for name, (size, first, last) in sorted(lives.items(), key=lambda item: (-item[1][0], item[0])):
        offset = 0
        for other in sorted(placed, key=lambda one: one.offset):
            if other.first <= last and first <= other.last:
                if offset + size <= other.offset:
                    break
                offset = max(offset, other.offset + other.size)
        placed.append(Inner(name, offset, size, first, last))
    return tuple(placed)
