"""The flat graph: repeated segments written out, so that every operator that is executed stands there once.

What a repetition reads from outside is shared by all, a weight, state or input of its own, or the activation that the
repetition before hands on (``workloads.fold`` folds nothing else). The first repetition keeps its names; those of the
others end in ``#2``, ``#3``, ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from workloads.fold import external
from workloads.graph import Access, GraphError, Op, OperatorGraph, Role, Segment, Tensor, check, elements

_COMPUTED = (Role.ACTIVATION, Role.OUTPUT)


def unfold(graph: OperatorGraph) -> OperatorGraph:
    """A bound graph as one segment in which nothing repeats; multiply-accumulates and bytes stay the same in total.

    Raises:
        GraphError: a segment whose repetitions do not hang together as ``workloads.fold`` leaves them.
    """
    newest: dict[str, str] = {}
    ops: list[Op] = []
    tensors: dict[str, Tensor] = {}
    for position, segment in enumerate(graph.segments):
        link = handed_on(graph, position)
        body = _names(segment)
        for number in range(1, segment.count + 1):
            names = {**newest, **_own(segment, graph.by_name, number)}
            if link is not None and number > 1:
                names[link[0]] = _numbered(link[1], number - 1)
            for op in segment.ops:
                ops.append(_renamed(op, names, number))
            for name in body:
                tensors.setdefault(names.get(name, name), _copy(graph.by_name[name], names.get(name, name)))
        newest |= {name: _numbered(name, segment.count) for name in _written(segment)}
    flat = replace(graph, tensors=tuple(tensors.values()), segments=(Segment(graph.model, tuple(ops)),))
    check(flat)
    return flat


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}#{number}"


def _copy(tensor: Tensor, name: str) -> Tensor:
    return replace(tensor, name=name, shared=False)


def _names(segment: Segment) -> tuple[str, ...]:
    """Tensors that a segment touches, in order of first appearance."""
    return tuple(dict.fromkeys(a.tensor for op in segment.ops for a in (*op.reads, *op.writes)))


def _written(segment: Segment) -> tuple[str, ...]:
    return tuple(dict.fromkeys(access.tensor for op in segment.ops for access in op.writes))


def _own(segment: Segment, tensors: Mapping[str, Tensor], number: int) -> dict[str, str]:
    """New names of what belongs to one repetition: all it writes, and what it alone reads."""
    written = frozenset(_written(segment))
    return {
        name: _numbered(name, number)
        for name in _names(segment)
        if name in written or (tensors[name].role not in _COMPUTED and not tensors[name].shared)
    }


def handed_on(graph: OperatorGraph, position: int) -> tuple[str, str] | None:
    """What the first repetition of a segment reads where the others read the result of the one before, and that result.

    Raises:
        GraphError: there are several candidates.
    """
    segment = graph.segments[position]
    if segment.count == 1:
        return None
    later = {name for following in graph.segments[position + 1 :] for name in external(following.ops)}
    results = [n for n in _written(segment) if n in later or graph.by_name[n].role is Role.OUTPUT]
    read = [n for n in external(segment.ops) if graph.by_name[n].role in _COMPUTED]
    inputs = [name for name in read if not graph.by_name[name].shared]
    if not inputs and results:
        inputs = [n for n in read if elements(graph.by_name[n]) == elements(graph.by_name[results[0]])]
    if not inputs:
        return None
    if len(inputs) != 1 or len(results) != 1:
        hint = f"reads {', '.join(inputs)}; results {', '.join(results)}"
        raise GraphError(f"segment {segment.name}: what its {segment.count} repetitions hand on is not clear ({hint})")
    return inputs[0], results[0]


def _renamed(op: Op, names: Mapping[str, str], number: int) -> Op:
    """An operator of one repetition, with its parts and the tensors that live between them."""
    inner = {tensor.name: _numbered(tensor.name, number) for tensor in op.internal}
    known = {**names, **inner}
    return replace(
        op,
        name=_numbered(op.name, number),
        reads=_accesses(op.reads, known),
        writes=_accesses(op.writes, known),
        parts=tuple(_renamed(part, known, number) for part in op.parts),
        internal=tuple(replace(tensor, name=inner[tensor.name]) for tensor in op.internal),
    )


def _accesses(accesses: Sequence[Access], names: Mapping[str, str]) -> tuple[Access, ...]:
    return tuple(Access(names.get(access.tensor, access.tensor), access.index) for access in accesses)
