"""One device's part of a bound graph under tensor or expert parallelism, with the collectives as operators.

Tensor parallelism over n devices (Megatron-LM, arXiv 1909.08053): queries, keys, values and the first product of a
feed-forward network keep 1/n of their columns, the products behind attention and behind the activation 1/n of their
rows, so that each ends in an all-reduce of its result. What lies between shrinks with them: heads, caches, activations.
Experts keep 1/n of their inner width. The table of the embedding and the head are cut along the vocabulary, and end in
an all-reduce and an all-gather. Products of ``Cut.WHOLE``, routers, norms and residuals are done by every device.

Expert parallelism over n devices: each device has 1/n of the batch (the caller binds the graph so) and 1/n of the
experts; an all-to-all before and one after them move each token to its experts and back. With balanced routing a
device handles as many assignments as its own tokens have.

Approximations: fewer key and value heads than devices are copied (a head per device); the cache of latent attention is
copied to all devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from workloads.composites import expand
from workloads.errors import UserError
from workloads.graph import (
    Access,
    Family,
    Loop,
    Op,
    OperatorGraph,
    Role,
    Segment,
    Size,
    Tensor,
    check,
    elements,
    number,
)
from workloads.partition import ATTENTION_KINDS, Cut, cuts

COLUMN = frozenset({Cut.QUERY, Cut.CACHE, Cut.UP})
ROW = frozenset({Cut.OUTPUT, Cut.DOWN})


class ShardError(UserError):
    """A graph that can't be cut over so many devices; names the operator."""


@dataclass(slots=True)
class _Sharding:
    """The state of cutting one graph over ``devices``.

    Attributes:
        heads: extents that stand for heads, preferred where a tensor has several axes that could be cut.
        split: tensors that a device holds a part of.
        tensors: the tensors as they will be.
    """

    devices: int
    heads: frozenset[int]
    cut: Mapping[str, Cut]
    tensors: dict[str, Tensor]
    split: set[str] = field(default_factory=set[str])

    def take(self, name: str, axis: int) -> None:
        """A device keeps its part of a tensor along an axis."""
        tensor = self.tensors[name]
        shape = list(tensor.shape)
        shape[axis] = -(-number(shape[axis]) // self.devices)
        self.tensors[name] = replace(tensor, shape=tuple(shape))

    def take_part(self, name: str) -> None:
        """A device keeps its heads of a tensor, or its part of the last axis that can be cut evenly."""
        if name in self.split:
            return
        self.split.add(name)
        shape = [number(size) for size in self.tensors[name].shape]
        places = [place for place, size in enumerate(shape) if place and size % self.devices == 0]
        heads = [place for place, size in enumerate(shape) if place and size in self.heads]
        if heads or places:
            self.take(name, heads[0] if heads else places[-1])


def shard_tensor(graph: OperatorGraph, devices: int) -> OperatorGraph:
    """The graph of one of ``devices`` under tensor parallelism.

    Raises:
        ShardError: heads, columns or rows that do not divide.
    """
    if devices == 1:
        return graph
    facts = dict(graph.facts)
    heads = frozenset(int(facts[key]) for key in ("heads", "kv_heads") if key in facts)
    state = _Sharding(devices, heads, cuts(graph), dict(graph.by_name))
    segments = tuple(
        replace(segment, ops=tuple(one for op in segment.ops for one in _shard_op(op, graph, state)))
        for segment in graph.segments
    )
    facts |= {"tensor_parallel": devices}
    return _finished(graph, segments, state.tensors, facts)


def _finished(
    graph: OperatorGraph, segments: tuple[Segment, ...], tensors: Mapping[str, Tensor], facts: Mapping[str, int | str]
) -> OperatorGraph:
    """The changed graph, its composites expanded anew, checked."""
    expanded = tuple(
        replace(segment, ops=tuple(expand(replace(op, parts=(), internal=()), tensors) for op in segment.ops))
        for segment in segments
    )
    made = replace(
        graph,
        segments=expanded,
        tensors=tuple(tensors[t.name] for t in graph.tensors),
        facts=tuple(sorted(facts.items())),
    )
    check(made)
    return made


def _shard_op(op: Op, graph: OperatorGraph, state: _Sharding) -> tuple[Op, ...]:
    cut = state.cut.get(op.name)
    latent = any(other.kind == "mla_attention" for _, other in graph.walk())
    if cut in COLUMN and not (cut is Cut.CACHE and latent):
        return (_product(op, "n", state),)
    if cut in ROW:
        return _product(op, "k", state), collective("all_reduce", op.writes[0].tensor, op, state)
    if cut is Cut.HEAD:
        return _product(op, "n", state), collective("all_gather", op.writes[0].tensor, op, state)
    if cut is Cut.EMBEDDING:
        table = next(a.tensor for a in op.reads if graph.by_name[a.tensor].role is Role.WEIGHT)
        state.take(table, 0)
        return op, collective("all_reduce", op.writes[0].tensor, op, state)
    if cut is Cut.EXPERTS:
        return _narrow_experts(op, state), collective("all_reduce", op.writes[0].tensor, op, state)
    if cut in (Cut.ROUTER, Cut.WHOLE):
        return (op,)
    if op.kind in ATTENTION_KINDS:
        return (_attention(op, state),)
    return (_between(op, state),)


def _product(op: Op, loop: str, state: _Sharding) -> Op:
    """A product with 1/devices of its columns (n) or rows (k); its weights, bias and, for n, its result shrink."""
    extents = {one.name: number(one.extent) for one in op.loops}
    if extents.get(loop, 1) % state.devices:
        what = "columns" if loop == "n" else "rows"
        raise ShardError(f"{op.name}: {extents[loop]} {what} do not divide by {state.devices} devices")
    whole = extents[loop]
    for access in op.reads:
        tensor = state.tensors[access.tensor]
        axes = [place for place, size in enumerate(tensor.shape) if number(size) == whole]
        if tensor.role is Role.WEIGHT and axes and (len(tensor.shape) > 1 or loop == "n"):
            state.take(access.tensor, _axis(access, loop, axes))
    if loop == "n":
        result = op.writes[0].tensor
        state.take(result, len(state.tensors[result].shape) - 1)
        state.split.add(result)
    return replace(op, loops=_divided(op.loops, loop, state.devices))


def _axis(access: Access, loop: str, candidates: list[int]) -> int:
    """The axis of a weight that a loop moves."""
    moved = [place for place in candidates if place < len(access.index) and loop in dict(access.index[place])]
    return moved[0] if moved else candidates[0]


def _divided(loops: tuple[Loop, ...], name: str, devices: int) -> tuple[Loop, ...]:
    return tuple(replace(one, extent=-(-number(one.extent) // devices)) if one.name == name else one for one in loops)


def _attention(op: Op, state: _Sharding) -> Op:
    """An attention over a device's heads; the caches of ``kv_append`` have shrunk before."""
    params: dict[str, Size | str] = dict(op.params)
    heads = number(_number(params["heads"]))
    if heads % state.devices:
        raise ShardError(f"{op.name}: {heads} heads do not divide by {state.devices} devices")
    params["heads"] = heads // state.devices
    if "kv_heads" in params:
        params["kv_heads"] = max(1, number(_number(params["kv_heads"])) // state.devices)
    for access in op.reads:
        tensor = state.tensors[access.tensor]
        if tensor.role is Role.WEIGHT and number(tensor.shape[0]) % state.devices == 0:
            state.take(access.tensor, 0)
        elif op.kind == "attention" and tensor.role is not Role.WEIGHT:
            state.take_part(access.tensor)
    state.take_part(op.writes[0].tensor)
    return replace(op, params=tuple(sorted(params.items())))


def _number(value: Size | str) -> Size:
    assert not isinstance(value, str), "sizes of a bound composite are numbers"
    return value


def _narrow_experts(op: Op, state: _Sharding) -> Op:
    """Experts with 1/devices of their inner width."""
    params: dict[str, Size | str] = dict(op.params)
    inner = number(_number(params["ffn"]))
    if inner % state.devices:
        raise ShardError(f"{op.name}: an inner width of {inner} does not divide by {state.devices} devices")
    params["ffn"] = inner // state.devices
    gates = 2 if params.get("gated", "yes") == "yes" else 1
    for access, width in zip(_expert_weights(op, state.tensors), (gates * inner, inner), strict=False):
        shape = [number(size) for size in state.tensors[access].shape]
        state.take(access, _inner_axis(shape, width))
    return replace(op, params=tuple(sorted(params.items())))


def _expert_weights(op: Op, tensors: Mapping[str, Tensor]) -> list[str]:
    """The matrices of all experts, up and then down."""
    weights = [access.tensor for access in op.reads if tensors[access.tensor].role is Role.WEIGHT]
    return [name for name in weights if len(tensors[name].shape) == 3]


def _inner_axis(shape: list[int], width: int) -> int:
    """The axis of an expert's matrix that has the inner width; where both have it, either will do."""
    places = [place for place, size in enumerate(shape) if place and size == width]
    return places[0] if places else len(shape) - 1


def _between(op: Op, state: _Sharding) -> Op:
    """Element-wise work on results of which a device has a part: its loop over heads or columns shrinks."""
    if op.kind == "kv_append":
        parted = op.reads[0].tensor in state.split
    else:
        parted = any(access.tensor in state.split for access in op.reads)
    if not parted:
        return op
    for access in op.writes:
        state.take_part(access.tensor)
    extents = {loop.name: number(loop.extent) for loop in op.loops}
    even = [name for name, extent in extents.items() if extent % state.devices == 0]
    heads = [name for name in even if extents[name] in state.heads]
    chosen = heads[0] if heads else even[-1] if even else None
    if chosen is None:
        return op
    active = None if op.active_points is None else number(op.active_points) // state.devices
    return replace(op, loops=_divided(op.loops, chosen, state.devices), active_points=active)


def collective(kind: str, tensor: str, op: Op, state: _Sharding) -> Op:
    """An operator that joins the parts of a tensor; ``size`` is its elements after an all-gather, before the others."""
    whole = state.tensors[tensor]
    if kind == "all_gather":
        whole = replace(whole, shape=(*whole.shape[:-1], number(whole.shape[-1]) * state.devices))
        state.tensors[tensor] = whole
        state.split.discard(tensor)
    return exchange_op(kind, whole, op.name, state.devices, elements(whole))


def exchange_op(kind: str, tensor: Tensor, name: str, devices: int, size: int) -> Op:
    """A collective over ``size`` elements of a tensor, in place."""
    access = Access(tensor.name, ((("i", 1),),))
    params = (("devices", devices), ("size", size))
    loops = (Loop("i", size),)
    return Op(f"{name}.{kind}", kind, Family.MOVE, loops, (access,), (access,), params=params)


def shard_experts(graph: OperatorGraph, devices: int) -> OperatorGraph:
    """The graph of one of ``devices`` under expert parallelism; bind it to one device's part of the batch.

    Raises:
        ShardError: experts that do not divide, or a graph without any.
    """
    if devices == 1:
        return graph
    if not any(op.kind == "experts" for _, op in graph.walk()):
        raise ShardError(f"{graph.model} has no experts to spread over {devices} devices")
    tensors = dict(graph.by_name)
    segments = tuple(
        replace(segment, ops=tuple(one for op in segment.ops for one in _fewer_experts(op, devices, tensors)))
        for segment in graph.segments
    )
    return _finished(graph, segments, tensors, dict(graph.facts) | {"expert_parallel": devices})


def _fewer_experts(op: Op, devices: int, tensors: dict[str, Tensor]) -> tuple[Op, ...]:
    """Experts of one device between two all-to-alls; each assignment counts as a token with one expert."""
    if op.kind != "experts":
        return (op,)
    params: dict[str, Size | str] = dict(op.params)
    experts, tokens, top_k, hidden = (
        number(_number(params[key])) for key in ("experts", "tokens", "top_k", "hidden")
    )  # fmt: skip
    if experts % devices:
        raise ShardError(f"{op.name}: {experts} experts do not divide by {devices} devices")
    for access in op.reads:
        tensor = tensors[access.tensor]
        if tensor.role is Role.WEIGHT and number(tensor.shape[0]) == experts:
            tensors[access.tensor] = replace(tensor, shape=(experts // devices, *tensor.shape[1:]))
    params |= {"experts": experts // devices, "tokens": tokens * top_k, "top_k": 1}
    size = tokens * top_k * hidden
    source, target = (tensors[access.tensor] for access in (op.reads[0], op.writes[0]))
    return (
        exchange_op("all_to_all", source, f"{op.name}.dispatch", devices, size),
        replace(op, params=tuple(sorted(params.items()))),
        exchange_op("all_to_all", target, f"{op.name}.combine", devices, size),
    )
