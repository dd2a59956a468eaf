"""What every operator of a language model is to a partition over devices, read off the graph and not off its names.

    query, cache    products whose results go to attention: the queries, and what is appended to the cache
    attention       the attention itself
    output          the product behind attention
    up, down        products of a feed-forward network: before and behind its activation
    router          scores that choose experts
    experts         a mixture of experts
    embedding, head rows of a table; the product whose result leaves the network
    whole           any other product with weights: every device needs its whole result

A graph's matrices are walked along their tensors: forwards through everything but products, attention and experts; and
backwards through element-wise work only, because a norm needs all of a vector.

Source: the split is that of Megatron-LM (Shoeybi et al., arXiv 1909.08053, section 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from workloads.graph import Family, Op, OperatorGraph, Role

ATTENTION_KINDS = frozenset({"attention", "mla_attention"})
_STOPS = ATTENTION_KINDS | {"experts", "kv_append"}


class Cut(StrEnum):
    """The place of an operator in a partition; see the module."""

    QUERY = "query"
    CACHE = "cache"
    ATTENTION = "attention"
    OUTPUT = "output"
    UP = "up"
    DOWN = "down"
    ROUTER = "router"
    EXPERTS = "experts"
    EMBEDDING = "embedding"
    HEAD = "head"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class _Links:
    """Who writes and who reads each tensor."""

    writers: Mapping[str, Op]
    readers: Mapping[str, tuple[Op, ...]]
    products: frozenset[str]


def is_product(op: Op, graph: OperatorGraph) -> bool:
    """Whether an operator, not a composite, multiplies by a matrix of weights."""
    if op.parts or op.kind in _STOPS or op.family is not Family.CONTRACTION:
        return False
    weights = (graph.by_name[access.tensor] for access in op.reads)
    return any(tensor.role is Role.WEIGHT and len(tensor.shape) > 1 for tensor in weights)


def cuts(graph: OperatorGraph) -> dict[str, Cut]:
    """The place of every operator that has one, by operator name; element-wise work has none."""
    links = _links(graph)
    found: dict[str, Cut] = {}
    for _, op in graph.walk():
        if op.kind in ATTENTION_KINDS:
            found[op.name] = Cut.ATTENTION
        elif op.kind in ("experts", "embedding"):
            found[op.name] = Cut(op.kind)
        elif op.name in links.products:
            found[op.name] = _of_product(op, graph, links)
    return found


def same_input(graph: OperatorGraph, names: Iterable[str]) -> dict[str, str]:
    """Of the operators named, those that read the same first operand as an earlier one, with that one's name."""
    wanted = frozenset(names)
    first: dict[str, str] = {}
    beside: dict[str, str] = {}
    for _, op in graph.walk():
        if op.name in wanted:
            earlier = first.setdefault(op.reads[0].tensor, op.name)
            if earlier != op.name:
                beside[op.name] = earlier
    return beside


def _links(graph: OperatorGraph) -> _Links:
    writers: dict[str, Op] = {}
    readers: dict[str, tuple[Op, ...]] = {}
    for _, op in graph.walk():
        for access in op.reads:
            readers[access.tensor] = (*readers.get(access.tensor, ()), op)
        for access in op.writes:
            writers[access.tensor] = op
    products = frozenset(op.name for _, op in graph.walk() if is_product(op, graph))
    return _Links(writers, readers, products)


def _of_product(op: Op, graph: OperatorGraph, links: _Links) -> Cut:
    if graph.by_name[op.writes[0].tensor].role is Role.OUTPUT:
        return Cut.HEAD
    behind = _sources(op, links)
    if any(source.kind in ATTENTION_KINDS for source in behind):
        return Cut.OUTPUT
    if behind:
        return Cut.DOWN
    return _before(_targets(op, links), op, links)


def _before(targets: tuple[tuple[Op, str, bool], ...], op: Op, links: _Links) -> Cut:
    """The place of a product by what its results reach."""
    attended = [
        name for target, name, _ in targets if target.kind in ATTENTION_KINDS and target.reads[0].tensor == name
    ]
    if attended:
        return Cut.QUERY
    if any(target.kind in ATTENTION_KINDS or target.kind == "kv_append" for target, _, _ in targets):
        return Cut.CACHE
    if any(target.kind == "experts" for target, _, _ in targets):
        return Cut.ROUTER
    plain = [target for target, _, normed in targets if not normed]
    if plain and len(plain) == len(targets) and all(op in _sources(target, links) for target in plain):
        return Cut.UP
    return Cut.WHOLE


def _targets(op: Op, links: _Links) -> tuple[tuple[Op, str, bool], ...]:
    """Products, attention and experts that the results of an operator reach, by which tensor, and whether a reduction
    (a norm) lies between.
    """
    found: dict[tuple[str, str], tuple[Op, str, bool]] = {}
    seen: set[tuple[str, bool]] = set()
    queue = [(access.tensor, False) for access in op.writes]
    while queue:
        name, normed = queue.pop()
        if (name, normed) in seen:
            continue
        seen.add((name, normed))
        for reader in links.readers.get(name, ()):
            if reader.name in links.products or reader.kind in _STOPS:
                found.setdefault((reader.name, name), (reader, name, normed))
            else:
                passed = normed or reader.family is Family.REDUCTION
                queue += [(access.tensor, passed) for access in reader.writes]
    return tuple(found.values())


def _sources(op: Op, links: _Links) -> tuple[Op, ...]:
    """Products and attention from which the first operand comes through element-wise work alone.

    None if another operand of that work is the residual stream: then it is no inside of a network of two products.
    """
    found: dict[str, Op] = {}
    queue, seen = [op.reads[0].tensor], set[str]()
    while queue:
        name = queue.pop()
        writer = links.writers.get(name)
        if name in seen or writer is None:
            continue
        seen.add(name)
        if writer.name in links.products or writer.kind in ATTENTION_KINDS:
            found[writer.name] = writer
        elif writer.family in (Family.REDUCTION, Family.GATHER) or writer.kind in _STOPS:
            return ()
        else:
            queue += [access.tensor for access in writer.reads]
    return tuple(found.values())
