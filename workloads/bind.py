"""From a symbolic graph to a bound one: numbers for the symbols, parts for the composite operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from workloads.composites import expand
from workloads.graph import Loop, Op, OperatorGraph, Tensor, check
from workloads.symbols import evaluate


def bind_op(op: Op, values: Mapping[str, int]) -> Op:
    """An operator with every size replaced by its number; composites are not expanded here."""
    return replace(
        op,
        loops=tuple(Loop(loop.name, int(evaluate(loop.extent, values))) for loop in op.loops),
        params=tuple((k, v if isinstance(v, str) else int(evaluate(v, values))) for k, v in op.params),
        active_points=None if op.active_points is None else int(evaluate(op.active_points, values)),
        parts=tuple(bind_op(part, values) for part in op.parts),
        internal=tuple(bind_tensor(tensor, values) for tensor in op.internal),
    )


def bind_tensor(tensor: Tensor, values: Mapping[str, int]) -> Tensor:
    """A tensor with every size replaced by its number."""
    return replace(tensor, shape=tuple(int(evaluate(size, values)) for size in tensor.shape))


def bind(graph: OperatorGraph, **values: int) -> OperatorGraph:
    """A graph with its symbols replaced by numbers and its composite operators expanded into parts.

    Raises:
        SymbolError: a symbol has no value.
        GraphError: the result contradicts itself.
    """
    tensors = tuple(bind_tensor(tensor, values) for tensor in graph.tensors)
    by_name = {tensor.name: tensor for tensor in tensors}
    segments = tuple(
        replace(segment, ops=tuple(expand(bind_op(op, values), by_name) for op in segment.ops))
        for segment in graph.segments
    )
    bound = replace(graph, tensors=tensors, segments=segments)
    check(bound)
    return bound
