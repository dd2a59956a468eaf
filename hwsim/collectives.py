"""Collective operations between the chips of a group: bytes on the busiest link, steps, and time.

A group has ``members`` chips. ``bytes`` is the size of the vector: what every member holds before an all-reduce or a
reduce, what every member holds after an all-gather, what one member sends in all in an all-to-all.

Bytes over one link in one direction, and steps that wait for each other (n members, b bytes):

    algorithm        all-reduce            reduce            all-gather        reduce-scatter    all-to-all
    direct exchange  b, 1                  b, 1              b/n, 1            b/n, 1            b/n, 1
    ring             2b(n-1)/n, 2(n-1)     b(n-1)/n, n-1     b(n-1)/n, n-1     b(n-1)/n, n-1     b(n-1)/2, n-1
    tree             2b, 2 log2 n          b, log2 n         b, log2 n         b, log2 n         -
    switch           2b(n-1)/n, 2          b, 1              b(n-1)/n, 1       b(n-1)/n, 1       b(n-1)/n, 1

A send from one device to its neighbour is b, 1 everywhere. Direct exchange needs a link between every two members
(fully connected); its all-reduce sends the whole vector to every other member at once. A switch has one link per
member, and its all-reduce is a reduce-scatter and an all-gather.

Source: Thakur, Rabenseifner and Gropp, Optimization of Collective Communication Operations in MPICH, 2005 (ring, tree,
pairwise exchange); direct exchange and switch by counting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Collective: TypeAlias = Literal["all_reduce", "reduce", "all_gather", "reduce_scatter", "all_to_all", "send"]
COLLECTIVES: tuple[Collective, ...] = ("all_reduce", "reduce", "all_gather", "reduce_scatter", "all_to_all", "send")
"""Also kinds of operators, in the graph of one of several devices."""
Topology: TypeAlias = Literal["fully_connected", "ring", "tree", "switch"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a collective puts on the busiest link.

    Attributes:
        link_bytes: over one link, in one direction.
        steps: transfers that wait for each other.
    """

    link_bytes: float
    steps: int


class UnsupportedError(ValueError):
    """A collective that a topology's algorithm does not do."""


_Rule: TypeAlias = Callable[[float, int], tuple[float, int]]


def _levels(members: int) -> int:
    return math.ceil(math.log2(members))


_DIRECT: Mapping[Collective, _Rule] = {
    "all_reduce": lambda b, n: (b, 1),
    "reduce": lambda b, n: (b, 1),
    "all_gather": lambda b, n: (b / n, 1),
    "reduce_scatter": lambda b, n: (b / n, 1),
    "all_to_all": lambda b, n: (b / n, 1),
}
_RING: Mapping[Collective, _Rule] = {
    "all_reduce": lambda b, n: (2 * b * (n - 1) / n, 2 * (n - 1)),
    "reduce": lambda b, n: (b * (n - 1) / n, n - 1),
    "all_gather": lambda b, n: (b * (n - 1) / n, n - 1),
    "reduce_scatter": lambda b, n: (b * (n - 1) / n, n - 1),
    "all_to_all": lambda b, n: (b * (n - 1) / 2, n - 1),
}
_TREE: Mapping[Collective, _Rule] = {
    "all_reduce": lambda b, n: (2 * b, 2 * _levels(n)),
    "reduce": lambda b, n: (b, _levels(n)),
    "all_gather": lambda b, n: (b, _levels(n)),
    "reduce_scatter": lambda b, n: (b, _levels(n)),
}
_SWITCH: Mapping[Collective, _Rule] = {
    "all_reduce": lambda b, n: (2 * b * (n - 1) / n, 2),
    "reduce": lambda b, n: (b, 1),
    "all_gather": lambda b, n: (b * (n - 1) / n, 1),
    "reduce_scatter": lambda b, n: (b * (n - 1) / n, 1),
    "all_to_all": lambda b, n: (b * (n - 1) / n, 1),
}
_RULES: Mapping[Topology, Mapping[Collective, _Rule]] = {
    "fully_connected": _DIRECT,
    "ring": _RING,
    "tree": _TREE,
    "switch": _SWITCH,
}


def exchange(collective: Collective, topology: Topology, members: int, size_bytes: float) -> Exchange:
    """Bytes on the busiest link and steps of one collective; nothing for a group of one.

    Raises:
        UnsupportedError: the topology's algorithm does not do it.
    """
    if members <= 1:
        return Exchange(0.0, 0)
    if collective == "send":
        return Exchange(size_bytes, 1)
    rule = _RULES[topology].get(collective)
    if rule is None:
        raise UnsupportedError(f"no {collective} on a {topology}; there are {', '.join(_RULES[topology])}")
    link_bytes, steps = rule(size_bytes, members)
    return Exchange(link_bytes, steps)


def seconds(one: Exchange, bandwidth: float, latency: float, repeats: float = 1.0) -> float:
    """Time of ``repeats`` equal collectives that follow each other closely on links of so many bytes per second.

    The bytes of all of them share the link; the latency of the steps is paid once, because they are pipelined.
    """
    return repeats * one.link_bytes / bandwidth + one.steps * latency
