"""One stage of a pipeline of devices: a run of consecutive layers, the last one, which has the head as well.

The batch is cut into as many micro-batches as there are stages, so that in a decode every device always has one: the
time of the stage for its micro-batch is then the period of the whole pipeline. A batch that comes alone takes
(micro-batches + stages - 1) such periods; the rest is the bubble (Huang et al., GPipe, arXiv 1811.06965).

Approximation: the caches of a stage's other micro-batches are not counted against its memory.
"""

from __future__ import annotations

from dataclasses import replace

from workloads.graph import OperatorGraph, Role, Segment, Tensor, check, elements
from workloads.shard import ShardError, exchange_op


def last_stage(graph: OperatorGraph, stages: int) -> OperatorGraph:
    """The last of ``stages`` equal stages of a bound graph, which is the longest: its layers, rounded up, and the head.

    What it reads of the stage before becomes an input, and arrives by a ``send`` in front.

    Raises:
        ShardError: fewer repeated blocks than stages.
    """
    if stages == 1:
        return graph
    blocks = sum(segment.count for segment in graph.segments if segment.count > 1)
    if blocks < stages:
        raise ShardError(f"{graph.model} has {blocks} repeated blocks, too few for a pipeline of {stages} stages")
    kept = _from_the_end(graph, -(-blocks // stages))
    used = {a.tensor for segment in kept for op in segment.ops for a in (*op.reads, *op.writes)}
    received = _received(graph, kept)
    tensors = tuple(replace(t, role=Role.INPUT) if t in received else t for t in graph.tensors if t.name in used)
    sends = tuple(exchange_op("send", tensor, f"stage.{tensor.name}", stages, elements(tensor)) for tensor in received)
    facts = tuple(sorted({**dict(graph.facts), "pipeline_parallel": stages}.items()))
    made = replace(graph, tensors=tensors, segments=(Segment("stage", sends), *kept), facts=facts)
    check(made)
    return made


def _from_the_end(graph: OperatorGraph, blocks: int) -> tuple[Segment, ...]:
    """The last so many repeated blocks and everything behind them."""
    kept: list[Segment] = []
    for segment in reversed(graph.segments):
        if segment.count == 1:
            kept.append(segment)
            continue
        taken = min(blocks, segment.count)
        kept.append(replace(segment, count=taken))
        blocks -= taken
        if not blocks:
            break
    return tuple(reversed(kept))


def _received(graph: OperatorGraph, kept: tuple[Segment, ...]) -> tuple[Tensor, ...]:
    """Activations that the segments read before they write them, in order."""
    written: set[str] = set()
    found: dict[str, Tensor] = {}
    for segment in kept:
        for op in segment.ops:
            for access in op.reads:
                tensor = graph.by_name[access.tensor]
                if tensor.role is Role.ACTIVATION and tensor.name not in written:
                    found.setdefault(tensor.name, tensor)
            written.update(access.tensor for access in op.writes)
    return tuple(found.values())
