"""Attention with an online softmax: chunks of queries and keys, so that not even one row of scores need fit on chip.

For every block of queries the keys pass by block by block. Running maximum and sum of each row are corrected with every
block, and so are the sums of values: extra work of the vector unit, counted exactly. Source: Milakov and Gimelshein,
arXiv:1805.02867; Dao et al., FlashAttention, arXiv:2205.14135, algorithm 1. Masked pairs count evenly over the blocks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from hwsim.machine import Machine
from hwsim.schedule import Placement
from mapper.fusion_groups import Group, may_hold, store_of
from mapper.graph import unit_for
from mapper.residency import GROUP_TILE_SHARE, Piece
from workloads.graph import Access, Family, Loop, Op, Role, Tensor, number, size_bytes

QUERY_LOOPS = ("b", "g", "r", "q")
STATISTICS_BITS = 32
"""Width of a running maximum or sum."""
RESCALE = (("mul", 1),)
"""Per element of the sums of values, when a block of keys follows another: times exp(old maximum - new maximum)."""
CORRECT = (("add", 2), ("compare", 1), ("exp", 1), ("mul", 1))
"""Per row: new maximum, difference, its exponential, running sum times that plus the block's."""
NORMALIZE = (("mul", 1),)
"""Per element of the result, at the end: times the reciprocal of the running sum."""
MOST_BLOCKS = 24
"""Sizes tried of each loop."""


def online_groups(machine: Machine, pieces: Sequence[Piece], alive: Sequence[Placement]) -> Iterator[Group]:
    """Candidates for one attention layer: blocks of queries by blocks of keys that fit. None if it is no such layer.

    Args:
        machine: the chip.
        pieces: scores, softmax and values of one composite.
        alive: tensors on chip meanwhile.
    """
    memory = _memory(machine, pieces)
    if memory is None:
        return
    scores, _, values = (piece.op for piece in pieces)
    inside = scores.writes[0].tensor
    room = machine.chip.memories[memory].size * (1 - GROUP_TILE_SHARE)
    room -= sum(place.size_bytes for place in alive if place.memory == memory and place.tensor != inside)
    extents = {loop.name: number(loop.extent) for loop in scores.loops}
    sizes = [_divisors(extents[name]) for name in ("q", "t")]
    for heads in {1, extents["r"]}:
        for queries, keys in itertools.product(*sizes):
            tile = {"b": 1, "g": 1, "r": heads, "q": queries, "t": keys}
            if keys == extents["t"] or not _even(pieces, tile):
                continue
            group = _group(machine, pieces, memory, tile, extents)
            if group.buffer_bytes <= room:
                yield group


def _memory(machine: Machine, pieces: Sequence[Piece]) -> str | None:
    """The scratchpad of an attention layer whose scores it may hold."""
    names = [piece.op.name.rsplit(".", 1)[-1] for piece in pieces]
    pads = {machine.scratchpad(piece.unit) for piece in pieces}
    if names != ["scores", "softmax", "values"] or len(pads) != 1 or len(pieces[0].op.reads) != 2:
        return None
    memory = next(iter(pads))
    if memory is None:
        return None
    kept = (pieces[0].op.writes[0].tensor, pieces[0].op.reads[0].tensor)
    return memory if all(may_hold(machine, memory, piece.op, name) for piece in pieces for name in kept) else None


def _divisors(extent: int) -> tuple[int, ...]:
    found = [size for size in range(1, extent + 1) if extent % size == 0]
    return tuple(found[-MOST_BLOCKS:])


def _even(pieces: Sequence[Piece], tile: Mapping[str, int]) -> bool:
    """Whether the points under a mask divide into equal whole numbers."""
    for piece in pieces:
        op = piece.op
        if op.active_points is not None:
            cut = [(tile.get(loop.name, number(loop.extent)), number(loop.extent)) for loop in op.loops]
            if number(op.active_points) * math.prod(new for new, _ in cut) % math.prod(old for _, old in cut):
                return False
    return True


def _group(
    machine: Machine, pieces: Sequence[Piece], memory: str, tile: Mapping[str, int], extents: Mapping[str, int]
) -> Group:
    rounds = math.prod(extents[name] // tile[name] for name in QUERY_LOOPS)
    blocks = extents["t"] // tile["t"]
    scores, softmax, values = pieces
    name = scores.group
    sums = f"{values.op.writes[0].tensor}.sums"
    bits = machine.chip.units[values.unit].accumulator_bits
    store = store_of(values.op, sums, bits, values.tensors, NORMALIZE)
    rows = Tensor(f"{name}.statistics", tuple(extents[loop] for loop in QUERY_LOOPS) + (2,), Role.ACTIVATION, STATISTICS_BITS)
    correct, rescale = _corrections(values.op, rows, sums)
    inner = (*store.internal, rows)
    tensors = {**values.tensors, **{tensor.name: tensor for tensor in inner}}

    def part(piece: Piece, run: int, chunks: int, **more: tuple[str, ...] | str) -> Piece:
        names = {loop.name for loop in piece.op.loops}
        own = tuple((loop, size) for loop, size in tile.items() if loop in names)
        return replace(piece, tensors=tensors, chunks=chunks, tile=own, run=run, rounds=rounds, **more)

    def added(op: Op, run: int, chunks: int) -> Piece:
        return part(Piece(op, scores.segment, unit_for(op, tensors, machine), tensors, name), run, chunks)

    query = scores.op.reads[0].tensor
    made = (
        part(scores, 0, 1, loads=(query,)),
        part(softmax, 0, 1),
        part(values, 0, 1, sums=sums),
        part(scores, 1, blocks - 1),
        part(softmax, 1, blocks - 1),
        added(correct, 1, blocks - 1),
        added(rescale, 1, blocks - 1),
        part(values, 1, blocks - 1, sums=sums),
        added(store, 2, 1),
    )
    scored = scores.op.writes[0].tensor
    queries = math.prod(tile[loop] for loop in QUERY_LOOPS)
    all_queries = math.prod(extents[loop] for loop in QUERY_LOOPS)
    buffers = (
        (scored, -(-size_bytes(tensors[scored]) * queries * tile["t"] // (all_queries * extents["t"]))),
        *((tensor.name, -(-size_bytes(tensor) * queries // all_queries)) for tensor in inner),
        (query, -(-size_bytes(tensors[query]) * queries // all_queries)),
    )
    along = f"{queries} queries x {tile['t']} keys"
    return Group(
        name,
        tuple(piece.op.name for piece in pieces),
        along,
        rounds * blocks,
        made,
        memory,
        buffers,
        (replace(store, internal=inner), correct, rescale),
        frozenset((scored,)),
    )


def _corrections(values: Op, rows: Tensor, sums: str) -> tuple[Op, Op]:
    """What each further block of keys costs beside scores, softmax and values."""
    loops: dict[str, Loop] = {loop.name: loop for loop in values.loops}
    queries = tuple(loops[name] for name in QUERY_LOOPS)
    row = Access(rows.name, tuple(((name, 1),) for name in QUERY_LOOPS) + ((),))
    target = replace(values.writes[0], tensor=sums)
    base = values.name.rsplit(".", 1)[0]
    correct = Op(f"{base}.correct", "softmax", Family.POINTWISE, queries, (row,), (row,), CORRECT, source=values.source)
    every = (*queries, loops["e"])
    rescale = Op(
        f"{base}.rescale", "softmax", Family.POINTWISE, every, (target, row), (target,), RESCALE, source=values.source
    )
    return correct, rescale
