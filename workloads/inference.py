"""What a deployment does to a trained network first: batch norms folded into the products before them."""

from __future__ import annotations

from dataclasses import replace

from workloads.graph import Access, Family, Op, OperatorGraph, Segment


def fold_batchnorms(graph: OperatorGraph) -> OperatorGraph:
    """The graph without the batch norms that follow a convolution or linear layer and are its only reader.

    In inference such a norm is one scale and one shift per channel: the scale moves into the weights, the shift becomes
    the bias (Jacob et al., CVPR 2018, section 3.2). Other batch norms stay. Multiply-accumulates do not change.
    """
    readers: dict[str, int] = {}
    for _, op in graph.walk():
        for access in op.reads:
            readers[access.tensor] = readers.get(access.tensor, 0) + 1
    segments = tuple(replace(segment, ops=_folded(segment, readers)) for segment in graph.segments)
    used = {access.tensor for segment in segments for op in segment.ops for access in (*op.reads, *op.writes)}
    return replace(graph, segments=segments, tensors=tuple(t for t in graph.tensors if t.name in used))


def _folded(segment: Segment, readers: dict[str, int]) -> tuple[Op, ...]:
    ops: list[Op] = []
    places: dict[str, int] = {}
    for op in segment.ops:
        source = op.reads[0].tensor if op.kind == "batchnorm" and op.reads else ""
        if source in places and readers[source] == 1 and len(op.writes) == 1:
            place = places.pop(source)
            ops[place] = _merged(ops[place], op)
            places[op.writes[0].tensor] = place
            continue
        if op.family is Family.CONTRACTION and not op.parts and len(op.writes) == 1 and len(op.reads) >= 2:
            places[op.writes[0].tensor] = len(ops)
        ops.append(op)
    return tuple(ops)


def _merged(product: Op, norm: Op) -> Op:
    """The product that also does the norm: it writes the norm's result, and reads the shift unless it has a bias."""
    reads = product.reads
    if len(reads) == 2 and len(norm.reads) > 2:
        channels = product.reads[1].loops()
        moved = tuple(axis for axis in product.writes[0].index if any(name in channels for name, _ in axis))
        reads = (*reads, Access(norm.reads[2].tensor, moved[:1]))
    return replace(product, reads=reads, writes=(replace(product.writes[0], tensor=norm.writes[0].tensor),))
