"""Spiking networks: which tensors are one-bit spikes, and how many of them fire.

A spike is the result of a comparison that is turned into a number. Time steps are inputs that follow one another
through the same weights, so that T of them are a batch of T. How many neurons fire no shape can tell; papers print it,
or the operations that it leaves.
"""

from __future__ import annotations

from dataclasses import replace

from workloads.errors import UserError
from workloads.graph import OperatorGraph, graph_macs, macs

_COMPARISONS = frozenset({"ge", "gt", "le", "lt"})


class SpikingError(UserError):
    """A rate out of range, or a graph without spikes."""


def spikes(graph: OperatorGraph) -> frozenset[str]:
    """Names of the tensors that hold spikes: casts of comparisons, and copies of them."""
    compared, found = set[str](), set[str]()
    for _, op in graph.walk():
        read = {access.tensor for access in op.reads}
        written = [access.tensor for access in op.writes]
        if op.kind in _COMPARISONS:
            compared.update(written)
        elif (op.kind == "cast" and read & compared) or (op.kind == "copy" and read <= found):
            found.update(written)
    return frozenset(found)


def firing(graph: OperatorGraph, rate: float) -> OperatorGraph:
    """The graph with its spikes one bit wide, a fraction ``rate`` of them ones.

    Raises:
        SpikingError: a rate outside 0..1, or no spikes.
    """
    names = spikes(graph)
    if not names:
        raise SpikingError(f"{graph.model} has no spikes: no comparison is turned into a number")
    if not 0 <= rate <= 1:
        raise SpikingError(f"a firing rate must be from 0 to 1, got {rate:g}")
    tensors = (replace(one, bits=1, zeros=1 - rate) if one.name in names else one for one in graph.tensors)
    return replace(graph, tensors=tuple(tensors))


def spike_macs(graph: OperatorGraph) -> tuple[int, int]:
    """Multiply-accumulates of a bound graph whose input is spikes, and those whose other operand alone is."""
    names = spikes(graph)
    first = second = 0
    for segment, op in graph.walk():
        places = [access.tensor in names for access in op.reads[:2]]
        first += segment.count * macs(op) if places[:1] == [True] else 0
        second += segment.count * macs(op) if places == [False, True] else 0
    return first, second


def rate_of(graph: OperatorGraph, operations: float) -> float:
    """The mean firing rate at which so many operations on spikes remain, those of a silent input left out.

    Raises:
        SpikingError: more or fewer operations than any rate leaves.
    """
    first, second = spike_macs(graph)
    rate = (operations - second) / first if first else -1.0
    if not 0 <= rate <= 1:
        most = graph_macs(graph)
        raise SpikingError(f"{graph.model}: no firing rate leaves {operations:g} operations, of at most {most:g}")
    return rate
