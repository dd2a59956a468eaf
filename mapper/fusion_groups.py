"""Candidates for fused groups: which consecutive operators, along which axis, in how many chunks, what stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hwsim.machine import Machine
from hwsim.nest import is_contraction
from hwsim.schedule import Mapping as OpMapping
from hwsim.schedule import Placement
from hwsim.work import chunk_of, touched_bytes
from mapper.fusion_rows import Axis, Cut, Halo, axes_of, cut, internal_tensors
from mapper.graph import step_of
from mapper.pieces import unit_for
from mapper.residency import GROUP_TILE_SHARE, Piece
from workloads.graph import Family, Op, Role, Tensor, elements, size_bytes

LONGEST = 12
"""Operators in a group at most."""
FITTING = 3
"""Numbers of chunks tried of those that fit, the fewest first: more chunks read weights and borders more often. Beyond
them only those with room for everything that can stay."""
MOST_TRIED = 64
"""Chunks at most for that."""
PARTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048)
"""Numbers of chunks tried along an axis, beside one row each."""


@dataclass(frozen=True, slots=True)
class Group:
    """A candidate.

    Attributes:
        name: of the group, for steps and reports.
        ops: names of its operators in the graph, in order.
        along: what its chunks are parts of.
        chunks: how many.
        pieces: its steps before they are mapped.
        memory: the scratchpad that holds its buffers.
        buffers: (tensor, bytes) that it holds while it runs: results of a chunk, sums, and what is loaded once.
        added: operators that the graph does not have.
        inside: tensors of the graph that never leave the chip.
    """

    name: str
    ops: tuple[str, ...]
    along: str
    chunks: int
    pieces: tuple[Piece, ...]
    memory: str
    buffers: tuple[tuple[str, int], ...]
    added: tuple[Op, ...] = ()
    inside: frozenset[str] = frozenset()

    @property
    def buffer_bytes(self) -> int:
        """Of all buffers together."""
        return sum(size for _, size in self.buffers)


def groups_of(
    machine: Machine, pieces: Sequence[Piece], used_outside: frozenset[str], alive: Sequence[Placement], halo: Halo
) -> Iterator[Group]:
    """All candidates for consecutive pieces as one group: every axis, number of chunks, and with or without weights
    that stay. Those whose buffers do not fit are left out, and there are none where everything between the operators is
    on chip as it is.

    Args:
        machine: the chip.
        pieces: unfused, of one segment.
        used_outside: tensors that operators outside the group read.
        alive: other tensors on chip meanwhile.
        halo: whether rows that two chunks need are kept or computed again.
    """
    memory = _common_memory(machine, pieces)
    ops = [piece.op for piece in pieces]
    inside = internal_tensors(ops, used_outside)
    if memory is None or inside is None or not _holdable(machine, memory, pieces, inside):
        return
    if inside <= {place.tensor for place in alive}:
        return
    others = tuple(place for place in alive if place.tensor not in inside)
    room = machine.chip.memories[memory].size * (1 - GROUP_TILE_SHARE)
    room -= sum(place.size_bytes for place in others if place.memory == memory)
    for axis in axes_of(ops, pieces[0].tensors, inside):
        for fitting, plain in enumerate(_fitting(machine, pieces, memory, inside, axis, room, halo), 1):
            wanted = _keepable(machine, memory, plain, others)
            kept = _that_fit(wanted, room - plain.buffer_bytes)
            complete = len(kept) == len(wanted)
            if fitting <= FITTING:
                yield plain
            if kept and (complete or fitting <= FITTING):
                yield _keeping(plain, kept)
            hopeless = sum(held for _, held in wanted) > room or plain.chunks > MOST_TRIED
            if fitting >= FITTING and (complete or hopeless):
                break


def _fitting(
    machine: Machine,
    pieces: Sequence[Piece],
    memory: str,
    inside: frozenset[str],
    axis: Axis,
    room: float,
    halo: Halo,
) -> Iterator[Group]:
    """Groups along an axis whose buffers fit into ``room``, the fewest chunks first, without anything loaded once."""
    ops, tensors = [piece.op for piece in pieces], pieces[0].tensors
    if cut(ops, tensors, inside, axis, axis.extent, halo) is None:
        return
    whole = sum(size_bytes(tensors[name]) for name in inside)
    for size in chunk_sizes(axis.extent):
        if whole > room * -(-axis.extent // size):
            continue
        found = cut(ops, tensors, inside, axis, size, halo)
        if found is not None:
            group = _make(machine, pieces, memory, inside, axis, found)
            if group.buffer_bytes <= room:
                yield group


def chunk_sizes(extent: int) -> tuple[int, ...]:
    """Rows per chunk that are tried, largest first."""
    sizes = {-(-extent // parts) for parts in PARTS if parts <= extent} | {1}
    return tuple(sorted(sizes, reverse=True))


def least_bytes(machine: Machine, group: Group, alive: Sequence[Placement]) -> float:
    """Bytes that must cross the outer memory: what each chunk touches of tensors that are not on chip."""
    held = {place.tensor for place in alive} | {name for name, _ in group.buffers} | group.inside
    total = 0.0
    for piece in group.pieces:
        op = chunk_of(piece.op, step_of(piece, OpMapping(piece.unit)))
        known = held - set(piece.loads)
        moved = {a.tensor: touched_bytes(op, a, piece.tensors[a.tensor]) for a in op.reads if a.tensor not in known}
        made = {a.tensor: touched_bytes(op, a, piece.tensors[a.tensor]) for a in op.writes if a.tensor not in known}
        total += (sum(moved.values()) + sum(made.values())) * piece.chunks * piece.rounds
    return total


def _common_memory(machine: Machine, pieces: Sequence[Piece]) -> str | None:
    """The scratchpad shared by all pieces; None without one, or if a piece is a whole kernel or part of a composite."""
    pads = {machine.scratchpad(piece.unit) for piece in pieces}
    plain = all(piece.unit not in machine.kernels and piece.group == piece.op.name for piece in pieces)
    fusible = all(piece.op.family not in (Family.GATHER, Family.SCAN) for piece in pieces)
    return next(iter(pads)) if len(pads) == 1 and plain and fusible else None


def may_hold(machine: Machine, memory: str, op: Op, tensor: str) -> bool:
    """Whether a scratchpad may hold a tensor for an operator; only the second operand of a product is a weight."""
    roles = machine.chip.memories[memory].operands
    for position, access in enumerate(op.reads):
        weight = position == 1 and is_contraction(op)
        if access.tensor == tensor and ("weight" if weight else "input") not in roles:
            return False
    return "output" in roles or all(access.tensor != tensor for access in op.writes)


def _holdable(machine: Machine, memory: str, pieces: Sequence[Piece], names: frozenset[str]) -> bool:
    tensors = pieces[0].tensors
    activations = all(tensors[name].role is Role.ACTIVATION for name in names)
    return activations and all(may_hold(machine, memory, piece.op, name) for piece in pieces for name in names)


def _make(
    machine: Machine, pieces: Sequence[Piece], memory: str, inside: frozenset[str], axis: Axis, found: Cut
) -> Group:
    """A group that keeps only what lives inside it."""
    ops = [piece.op for piece in pieces]
    name = f"{ops[0].name} .. {ops[-1].name}"
    sums = f"{ops[-1].writes[0].tensor}.sums" if axis.sums else ""
    tensors: Mapping[str, Tensor] = pieces[0].tensors
    added: tuple[Op, ...] = ()
    if axis.sums:
        added = (store_of(ops[-1], sums, machine.chip.units[pieces[-1].unit].accumulator_bits, tensors),)
        tensors = {**tensors, **{tensor.name: tensor for tensor in added[0].internal}}
    made = [
        replace(
            piece,
            group=name,
            tensors=tensors,
            chunks=count,
            tile=tile,
            run=run,
            sums=sums if piece is pieces[-1] else "",
        )
        for run, (count, tiles) in enumerate(found.runs)
        for piece, tile in zip(pieces, tiles, strict=True)
        if tile is not None
    ]
    buffers = found.buffers
    for op in added:
        unit = unit_for(op, tensors, machine)
        made.append(Piece(op, pieces[0].segment, unit, tensors, name, run=len(found.runs)))
        buffers = (*buffers, *((tensor.name, size_bytes(tensor)) for tensor in op.internal))
    along = axis.loop if not axis.loop.isdigit() else "rows"
    names = tuple(op.name for op in ops)
    return Group(name, names, along, found.chunks, tuple(made), memory, buffers, added, inside)


def store_of(
    op: Op, sums: str, bits: int, tensors: Mapping[str, Tensor], arithmetic: tuple[tuple[str, int], ...] = ()
) -> Op:
    """The operator that turns complete sums into the result of a product, after its last chunk."""
    write = op.writes[0]
    moving = write.loops()
    loops = tuple(loop for loop in op.loops if loop.name in moving)
    shape = tuple(loop.extent for loop in loops)
    inner = Tensor(sums, shape, Role.ACTIVATION, bits)
    if elements(inner) != elements(tensors[write.tensor]):
        inner = replace(inner, shape=tensors[write.tensor].shape)
    return Op(
        f"{op.name}.store",
        "store",
        Family.MOVE,
        loops,
        (replace(write, tensor=sums),),
        (write,),
        arithmetic,
        source=op.source,
        internal=(inner,),
    )


def _keepable(machine: Machine, memory: str, group: Group, alive: Sequence[Placement]) -> tuple[tuple[str, int], ...]:
    """Tensors from outside that every chunk reads whole, the smallest first."""
    held = {place.tensor for place in alive} | {name for name, _ in group.buffers}
    whole: dict[str, int] = {}
    refused: set[str] = set()
    for piece in group.pieces:
        cut_loops = {name for name, _ in piece.tile}
        for access in piece.op.reads:
            name = access.tensor
            if name in held or piece.op in group.added:
                continue
            if access.loops() & cut_loops or not may_hold(machine, memory, piece.op, name):
                refused.add(name)
            whole[name] = size_bytes(piece.tensors[name])
    kept = [(name, size) for name, size in whole.items() if name not in refused]
    return tuple(sorted(kept, key=lambda item: (item[1], item[0])))


def _that_fit(tensors: Sequence[tuple[str, int]], room: float) -> tuple[tuple[str, int], ...]:
    """As many as there is room for."""
    kept: list[tuple[str, int]] = []
    for name, size in tensors:
        if size <= room:
            kept.append((name, size))
            room -= size
    return tuple(kept)


def _keeping(group: Group, kept: tuple[tuple[str, int], ...]) -> Group:
    """The same group with tensors that its first chunk loads and that then stay."""
    first = [piece for piece in group.pieces if piece.run == 0]
    names = {name for name, _ in kept}
    opening: list[Piece] = []
    for piece in first:
        loads = tuple(sorted({access.tensor for access in piece.op.reads} & names))
        names -= set(loads)
        opening.append(replace(piece, chunks=1, loads=loads))
    if first[0].chunks == 1:
        rest = [piece for piece in group.pieces if piece.run]
    else:
        again = [replace(piece, chunks=piece.chunks - 1, run=1) for piece in first]
        rest = [*again, *(replace(piece, run=piece.run + 1) for piece in group.pieces if piece.run)]
    return replace(group, pieces=(*opening, *rest), buffers=(*group.buffers, *kept))
