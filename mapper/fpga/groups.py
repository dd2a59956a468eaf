"""Groups of operators that an FPGA's engines run side by side: where a graph is cut, by the unit's own prices.

A group becomes one operator of kind ``pipeline`` with the operators as its parts. Cuts minimize the time of a segment
(the reconfigurable style), or the number of groups and then the time (dataflow), by dynamic programming over its
operators; prices are exact, so the cuts are the best for groups of up to ``LONGEST`` operators.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

from hwsim.machine import Machine
from hwsim.units._fpga_pipeline import PIPELINE
from hwsim.units.base import Grouping, KernelUnit
from workloads.graph import Family, Op, OperatorGraph, Role, Segment, Tensor

LONGEST = 10
"""Operators of a group at most."""


def grouped(graph: OperatorGraph, machine: Machine) -> OperatorGraph:
    """The graph with groups in place of operators, where the chip's only unit wants them; else as it is."""
    unit = next(iter(machine.units.values()))
    if len(machine.units) > 1 or not isinstance(unit, Grouping) or unit.groups == "never":
        return graph
    assert isinstance(unit, KernelUnit)
    readers = readers_of(graph)
    segments: list[Segment] = []
    removed: set[str] = set()
    for segment in graph.segments:
        ops = best_cut(segment.ops, graph.by_name, unit, readers, unit.groups == "fewest")
        removed |= {tensor.name for op in ops if op.kind == PIPELINE for tensor in op.internal}
        segments.append(replace(segment, ops=ops))
    tensors = tuple(tensor for tensor in graph.tensors if tensor.name not in removed)
    return replace(graph, segments=tuple(segments), tensors=tensors)


def readers_of(graph: OperatorGraph) -> Mapping[str, int]:
    """How often every tensor is read."""
    counts: dict[str, int] = {}
    for _, op in graph.walk():
        for access in op.reads:
            counts[access.tensor] = counts.get(access.tensor, 0) + 1
    return counts


def seconds_of(op: Op, tensors: Mapping[str, Tensor], unit: KernelUnit) -> float:
    """Seconds of an operator or group, the switch included."""
    kernel = unit.kernel(op, tensors)
    return kernel.seconds + kernel.overhead_seconds


def best_cut(
    ops: Sequence[Op], tensors: Mapping[str, Tensor], unit: KernelUnit, readers: Mapping[str, int], fewest: bool = False
) -> tuple[Op, ...]:
    """The operators of a segment, joined into groups where that takes less time (or makes fewer groups)."""
    best: list[tuple[tuple[float, ...], tuple[Op, ...]]] = [((0, 0.0), ())]
    for end in range(1, len(ops) + 1):
        found: list[tuple[tuple[float, ...], tuple[Op, ...]]] = []
        for first in range(max(0, end - LONGEST), end):
            group = group_of(ops[first:end], tensors, unit, readers)
            if group is not None:
                (count, seconds), before = best[first]
                total = seconds + seconds_of(group, tensors, unit)
                found.append(((count + fewest, total), (*before, group)))
        best.append(min(found, key=lambda one: one[0]))
    return best[-1][1]


def all_cuts(
    ops: Sequence[Op], tensors: Mapping[str, Tensor], unit: KernelUnit, readers: Mapping[str, int]
) -> Iterator[tuple[Op, ...]]:
    """Every way to cut a few operators into groups: the oracle of ``best_cut``."""
    for cuts in product((False, True), repeat=len(ops) - 1):
        ends = [place + 1 for place, cut in enumerate(cuts) if cut] + [len(ops)]
        groups = [
            group_of(ops[first:end], tensors, unit, readers) for first, end in zip([0, *ends], ends, strict=False)
        ]
        if all(group is not None for group in groups):
            yield tuple(group for group in groups if group is not None)


def group_of(
    ops: Sequence[Op], tensors: Mapping[str, Tensor], unit: KernelUnit, readers: Mapping[str, int]
) -> Op | None:
    """Consecutive operators as one; a single one is itself; None where they cannot run side by side."""
    if len(ops) == 1:
        return ops[0]
    if any(op.kind == PIPELINE for op in ops):
        return None
    written = [access for op in ops for access in op.writes]
    names = {access.tensor for access in written}
    uses = [access.tensor for op in ops for access in op.reads]
    inside = {
        name
        for name in names
        if tensors[name].role is Role.ACTIVATION and uses.count(name) == readers.get(name, 0) and name in uses
    }
    group = Op(
        f"{ops[0].name}..{ops[-1].name.rsplit('.', 1)[-1]}",
        PIPELINE,
        Family.CONTRACTION,
        reads=tuple({a.tensor: a for op in ops for a in op.reads if a.tensor not in names}.values()),
        writes=tuple({a.tensor: a for a in written if a.tensor not in inside}.values()),
        source=ops[0].source,
        parts=tuple(part for op in ops for part in op.parts or (op,)),
        internal=(*(tensors[name] for name in tensors if name in inside), *(t for op in ops for t in op.internal)),
    )
    return None if unit.refuses(group, tensors) is not None else group
