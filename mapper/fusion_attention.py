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
from hwsim.schedule import Mapping as OpMapping
from hwsim.schedule import Placement
from hwsim.work import chunk_of
from mapper.fusion_groups import Group, chunk_sizes, may_hold, store_of
from mapper.graph import step_of
from mapper.pieces import unit_for
from mapper.residency import GROUP_TILE_SHARE, Piece
from workloads.graph import Access, Family, Loop, Op, Role, Tensor, number, points, size_bytes

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
    """Candidates for one attention layer: blocks of queries by blocks of keys that fit; nothing if it is no such layer.

    Args:
        machine: the chip.
        pieces: scores, softmax and values of one composite.
        alive: tensors on chip meanwhile.
    """
    memory = _memory(machine, pieces)
    if memory is None:
        return
    scores = pieces[0].op
    inside = scores.writes[0].tensor
    room = machine.chip.memories[memory].size * (1 - GROUP_TILE_SHARE)
    room -= sum(place.size_bytes for place in alive if place.memory == memory and place.tensor != inside)
    extents = {loop.name: number(loop.extent) for loop in scores.loops}
    for heads in sorted({1, extents["r"]}):
        for queries, keys in itertools.product(_divisors(extents["q"]), chunk_sizes(extents["t"])):
            tile = {"b": 1, "g": 1, "r": heads, "q": queries, "t": keys}
            blocks = _blocks(extents["t"], keys)
            if keys == extents["t"] or not _exact(pieces, tile, extents, blocks):
                continue
            group = _group(machine, pieces, memory, tile, extents)
            if group.buffer_bytes <= room:
                yield group


def _blocks(extent: int, size: int) -> tuple[tuple[int, int], ...]:
    """Blocks of keys as runs of equal ones, (how many, keys of each): the first, the others, and a ragged last one."""
    full, ragged = divmod(extent, size)
    runs = ((1, size), (full - 1, size), (1, ragged))
    return tuple((count, keys) for count, keys in runs if count and keys)


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


def _exact(
    pieces: Sequence[Piece], tile: Mapping[str, int], extents: Mapping[str, int], blocks: Sequence[tuple[int, int]]
) -> bool:
    """Whether the points under a mask divide into whole numbers, so that all chunks together have all of them."""
    rounds = _rounds(tile, extents)
    for piece in pieces:
        if piece.op.active_points is None:
            continue
        done = 0
        for count, keys in blocks:
            one = replace(piece, tile=_own(piece.op, {**tile, "t": keys}))
            done += count * rounds * points(chunk_of(one.op, step_of(one, OpMapping(piece.unit))))
        if done != piece.op.active_points:
            return False
    return True


def _rounds(tile: Mapping[str, int], extents: Mapping[str, int]) -> int:
    return math.prod(extents[name] // tile[name] for name in QUERY_LOOPS)


def _own(op: Op, tile: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    names = {loop.name for loop in op.loops}
    return tuple((loop, size) for loop, size in tile.items() if loop in names)


def _group(
    machine: Machine, pieces: Sequence[Piece], memory: str, tile: Mapping[str, int], extents: Mapping[str, int]
) -> Group:
    rounds = _rounds(tile, extents)
    blocks = _blocks(extents["t"], tile["t"])
    scores, softmax, values = pieces
    name = scores.group
    sums = f"{values.op.writes[0].tensor}.sums"
    bits = machine.chip.units[values.unit].accumulator_bits
    store = store_of(values.op, sums, bits, values.tensors, NORMALIZE)
    rows = Tensor(f"{name}.statistics", (*(extents[loop] for loop in QUERY_LOOPS), 2), Role.ACTIVATION, STATISTICS_BITS)
    correct, rescale = _corrections(values.op, rows, sums)
    inner = (*store.internal, rows)
    tensors = {**values.tensors, **{tensor.name: tensor for tensor in inner}}

    def part(op: Op, like: Piece, run: int, block: tuple[int, int]) -> Piece:
        own = _own(op, {**tile, "t": block[1]})
        unit = like.unit if op is like.op else unit_for(op, tensors, machine)
        return Piece(op, like.segment, unit, tensors, name, block[0], own, run, rounds)

    query = scores.op.reads[0].tensor
    made: list[Piece] = []
    for run, block in enumerate(blocks):
        made.append(replace(part(scores.op, scores, run, block), loads=() if run else (query,)))
        made.append(part(softmax.op, softmax, run, block))
        if run:
            made += [part(op, softmax, run, block) for op in (correct, rescale)]
        made.append(replace(part(values.op, values, run, block), sums=sums))
    made.append(part(store, values, len(blocks), (1, tile["t"])))
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
        rounds * sum(count for count, _ in blocks),
        tuple(made),
        memory,
        buffers,
        (replace(store, internal=inner), correct, rescale),
        frozenset((scored,)),
    )


def _corrections(values: Op, rows: Tensor, sums: str) -> tuple[Op, Op]:
    """What each further block of keys costs beside scores, softmax and values."""
    loops: dict[str, Loop] = {loop.name: loop for loop in values.loops}
    queries = tuple(loops[name] for name in QUERY_LOOPS)
    row = Access(rows.name, (*(((name, 1),) for name in QUERY_LOOPS), ()))
    target = replace(values.writes[0], tensor=sums)
    base = values.name.rsplit(".", 1)[0]
    correct = Op(f"{base}.correct", "softmax", Family.POINTWISE, queries, (row,), (row,), CORRECT, source=values.source)
    every = (*queries, loops["e"])
    rescale = Op(
        f"{base}.rescale", "softmax", Family.POINTWISE, every, (target, row), (target,), RESCALE, source=values.source
    )
    return correct, rescale
