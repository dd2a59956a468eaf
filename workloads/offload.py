"""Weights that lie in a storage behind the memory (flash, DDR, a host), and what a pass fetches of them.

A fetch is an operator of its own, in front of the one that needs the weights; units of kind ``storage`` run it. What
lies in the storage only needs no room in the memory; the graph's fact ``offload_held`` says which fraction does.

Sparse feed-forward networks (an activation like ReLU leaves most of the inner width zero) fetch and compute only the
neurons that are predicted to be active; a window of the last tokens' neurons that stay in memory makes most fetches
unnecessary (Alizadeh et al., LLM in a flash, arXiv 2312.11514, section 3).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from workloads.errors import UserError, did_you_mean
from workloads.graph import (
    Access,
    Family,
    Loop,
    Op,
    OperatorGraph,
    Role,
    Segment,
    Tensor,
    elements,
    number,
    size_bytes,
    tensor_repeats,
)
from workloads.partition import Cut, cuts

FETCH = "fetch"
"""Kind of the operator that brings weights from a storage into the memory."""
HELD = "offload_held"
"""Fact of a graph: fraction of the weights that are fetched which memory holds all the time."""
FEED_FORWARD = (Cut.UP, Cut.DOWN)


_PLACES: Mapping[str, tuple[Cut, ...] | None] = {"all": None, "feed-forward": FEED_FORWARD}
_KEYS = ("held", "fetched", "active", "piece")


class OffloadError(UserError):
    """A text or fractions that cannot be read, or a graph that is not bound or has no such weights."""


@dataclass(frozen=True, slots=True)
class Offload:
    """Which weights lie in the storage, and what becomes of them in one pass.

    Attributes:
        places: of the products whose weights they are; None means every weight.
        held: fraction of them that lies in memory all the time.
        fetched: fraction of them that one pass fetches, above 0.
        active: fraction of the inner width of feed-forward networks that is computed, above 0.
        piece_bytes: contiguous bytes of a read; None means whole tensors.
    """

    places: tuple[Cut, ...] | None = None
    held: float = 0.0
    fetched: float = 1.0
    active: float = 1.0
    piece_bytes: int | None = None


def parse_offload(text: str) -> Offload:
    """A plan from text such as ``all``, or ``feed-forward,held=0.24,fetched=0.024,active=0.1,piece=16384`` (bytes).

    Raises:
        OffloadError: another place first, an unknown or repeated key, or what is no number.
    """
    place, *pairs = (part.strip() for part in text.split(","))
    if place not in _PLACES:
        raise OffloadError(f"offload: {place!r} is not one of {', '.join(_PLACES)}{did_you_mean(place, _PLACES)}")
    found: dict[str, float] = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        if key not in _KEYS or key in found or not value.replace(".", "", 1).isdecimal() or not value.isascii():
            known = ", ".join(f"{one}=NUMBER" for one in _KEYS)
            raise OffloadError(f"offload: cannot read {pair!r}, expected {known}, each once{did_you_mean(key, _KEYS)}")
        found[key] = float(value)
    piece = found.pop("piece", None)
    return Offload(_PLACES[place], piece_bytes=None if piece is None else int(piece), **found)


def offload(graph: OperatorGraph, plan: Offload) -> OperatorGraph:
    """The bound graph with its fetches in front of the operators that need them.

    Raises:
        OffloadError: a fraction outside 0..1, a piece below one byte, no weights to offload, or already offloaded.
    """
    _check(graph, plan)
    wanted = _weights(graph, plan.places)
    if not wanted:
        raise OffloadError(f"{graph.model} has no weights of {', '.join(plan.places or ())}")
    sparse = active_only(graph, plan.active)
    fetched = set[str]()
    segments = tuple(
        replace(segment, ops=tuple(_with_fetches(sparse, segment, wanted, plan, fetched)))
        for segment in sparse.segments
    )
    facts = dict(graph.facts) | {HELD: str(plan.held)}
    return replace(sparse, segments=segments, facts=tuple(sorted(facts.items())))


def stored_bytes(graph: OperatorGraph) -> int:
    """Bytes of weights that lie in the storage only."""
    held = dict(graph.facts).get(HELD)
    if held is None:
        return 0
    names = {access.tensor for _, op in graph.walk() if op.kind == FETCH for access in op.reads}
    repeats = tensor_repeats(graph)
    whole = sum(size_bytes(graph.by_name[name]) * repeats[name] for name in names)
    return round(whole * (1 - float(held)))


def fetch_op(tensor: Tensor, size: int, piece_bytes: int, name: str = "") -> Op:
    """The fetch of ``size`` elements of a tensor, in reads of ``piece_bytes`` contiguous bytes."""
    access = Access(tensor.name, ((("i", 1),),))
    params = (("piece_bytes", piece_bytes), ("size", size))
    return Op(
        name or f"{tensor.name}.fetch", FETCH, Family.MOVE, (Loop("i", size),), (access,), (access,), params=params
    )


def only_fetches(graph: OperatorGraph) -> OperatorGraph:
    """The graph that brings all weights of a bound graph from a storage, and computes nothing."""
    stored = offload(graph, Offload())
    segments = tuple(
        replace(segment, ops=tuple(op for op in segment.ops if op.kind == FETCH)) for segment in stored.segments
    )
    kept = tuple(segment for segment in segments if segment.ops)
    names = {access.tensor for segment in kept for op in segment.ops for access in op.reads}
    return replace(stored, segments=kept, tensors=tuple(tensor for tensor in graph.tensors if tensor.name in names))


def active_only(graph: OperatorGraph, fraction: float) -> OperatorGraph:
    """The graph whose feed-forward networks compute a fraction of their inner width; its weights stay whole."""
    if fraction == 1:
        return graph
    place = cuts(graph)
    inner = {number(loop.extent) for _, op in graph.walk() if place.get(op.name) is Cut.UP for loop in op.loops[1:2]}
    narrowed = set[str]()
    segments: list[Segment] = []
    for segment in graph.segments:
        ops: list[Op] = []
        for op in segment.ops:
            cut = place.get(op.name)
            if cut is Cut.UP or cut is Cut.DOWN:
                ops.append(_narrow(op, "n" if cut is Cut.UP else "k", fraction))
            elif cut is None and any(access.tensor in narrowed for access in op.reads):
                ops.append(_narrow(op, next((one.name for one in op.loops if one.extent in inner), ""), fraction))
            else:
                ops.append(op)
                continue
            narrowed.update(access.tensor for access in op.writes if cut is not Cut.DOWN)
        segments.append(replace(segment, ops=tuple(ops)))
    return replace(graph, segments=tuple(segments))


def _narrow(op: Op, loop: str, fraction: float) -> Op:
    loops = tuple(
        replace(one, extent=max(1, round(number(one.extent) * fraction))) if one.name == loop else one
        for one in op.loops
    )
    return replace(op, loops=loops)


def _check(graph: OperatorGraph, plan: Offload) -> None:
    for name, value in (("held", plan.held), ("fetched", plan.fetched), ("active", plan.active)):
        if not 0 <= value <= 1 or (name != "held" and not value):
            raise OffloadError(f"offload: {name} must be a fraction from 0 to 1, got {value:g}")
    if plan.piece_bytes is not None and plan.piece_bytes < 1:
        raise OffloadError(f"offload: a piece must be at least one byte, got {plan.piece_bytes}")
    if graph.symbols():
        raise OffloadError(f"{graph.model}: bind the graph before its weights are offloaded")
    if HELD in dict(graph.facts):
        raise OffloadError(f"{graph.model}: its weights are in a storage already")


def _weights(graph: OperatorGraph, places: Collection[Cut] | None) -> frozenset[str]:
    """Names of the weights of products at some places, or of all weights."""
    if places is None:
        return frozenset(tensor.name for tensor in graph.tensors if tensor.role is Role.WEIGHT)
    chosen = {name for name, cut in cuts(graph).items() if cut in places}
    return frozenset(
        access.tensor
        for _, op in graph.walk()
        if op.name in chosen
        for access in op.reads
        if graph.by_name[access.tensor].role is Role.WEIGHT and len(graph.by_name[access.tensor].shape) > 1
    )


def _with_fetches(
    graph: OperatorGraph, segment: Segment, wanted: Collection[str], plan: Offload, fetched: set[str]
) -> Iterator[Op]:
    for op in segment.ops:
        for access in op.reads:
            name = access.tensor
            if name in wanted and name not in fetched:
                fetched.add(name)
                tensor = graph.by_name[name]
                size = max(1, round(elements(tensor) * plan.fetched))
                yield fetch_op(tensor, size, plan.piece_bytes or max(1, size * tensor.bits // 8))
        yield op
