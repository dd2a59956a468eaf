"""What one mixture-of-experts layer consists of: dispatch, grouped matrix products, activation, combination.

How many tokens each expert gets is not in a trace. It is chosen before ``bind``:
    * ``balanced`` (default): tokens * top_k assignments spread evenly over as many experts as possible;
    * ``uniform``: random routing; the expected number of distinct experts, E*(1 - (1 - k/E)^tokens), share them evenly;
    * a histogram: tokens per expert, as many numbers as there are busy experts.

Experts with equally many tokens form one contraction with a loop over them (e), so only busy experts' weights are
read and every multiply-accumulate is counted exactly. Dispatch copies each token once per expert it goes to; combining
multiplies by the routing weight and adds up (MegaBlocks, arXiv:2211.15841, permutation before and after).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from workloads.attention import size_param
from workloads.composites import axes, composite, contraction, nest, with_param
from workloads.errors import UserError, did_you_mean
from workloads.graph import Access, Family, Op, OperatorGraph, Role, Tensor
from workloads.lowering.pointwise import COSTS

POLICIES = ("balanced", "uniform")


class ExpertsError(UserError):
    """A distribution of tokens over experts that cannot be, or an unknown one."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of one mixture-of-experts layer; ``gates`` is 2 when the up projection also yields a gate, else 1."""

    tokens: int
    experts: int
    top_k: int
    hidden: int
    ffn: int
    gates: int


def choose_experts(graph: OperatorGraph, policy: str | tuple[int, ...]) -> OperatorGraph:
    """The graph with the tokens-per-expert histogram of every mixture-of-experts layer chosen; call before ``bind``.

    Args:
        graph: symbolic graph.
        policy: ``balanced``, ``uniform``, or the tokens of each busy expert.

    Raises:
        ExpertsError: another policy, or a count below zero.
    """
    if isinstance(policy, str):
        if policy not in POLICIES:
            hint = did_you_mean(policy, POLICIES)
            raise ExpertsError(f"experts: unknown policy {policy!r}, expected balanced, uniform or a histogram{hint}")
        return with_param(graph, "experts", "policy", policy)
    if not policy or min(policy) < 0:
        raise ExpertsError(f"experts: a histogram needs at least one count and none below zero, got {policy}")
    return with_param(graph, "experts", "policy", ",".join(map(str, policy)))


def expected_busy(experts: int, top_k: int, tokens: int) -> float:
    """Expected number of distinct experts that ``tokens`` tokens use under uniform random routing."""
    return experts * -math.expm1(tokens * math.log1p(-top_k / experts)) if top_k < experts else float(experts)


def histogram(policy: str, tokens: int, experts: int, top_k: int) -> tuple[int, ...]:
    """Tokens of each busy expert, most first; sums to ``tokens * top_k``.

    Raises:
        ExpertsError: an explicit histogram with another sum, too many experts, or an expert with more than all tokens.
    """
    assignments = tokens * top_k
    if policy in POLICIES:
        busy = min(experts, assignments)
        if policy == "uniform":
            busy = min(busy, max(top_k, round(expected_busy(experts, top_k, tokens))))
        share, rest = divmod(assignments, busy)
        return (share + 1,) * rest + (share,) * (busy - rest)
    counts = tuple(sorted((int(count) for count in policy.split(",") if int(count)), reverse=True))
    if sum(counts) != assignments:
        raise ExpertsError(f"experts: histogram adds up to {sum(counts)}, expected {tokens} tokens x top {top_k}")
    if len(counts) > experts or counts[0] > tokens:
        raise ExpertsError(f"experts: histogram needs at most {experts} experts with at most {tokens} tokens each")
    return counts


@composite("experts")
def expand_experts(op: Op, tensors: Mapping[str, Tensor]) -> Op:
    """Parts of one bound mixture-of-experts layer.

    Reads x [tokens, hidden], routing weights [tokens, top_k], up weights [E, gates*ffn, hidden], down weights
    [E, hidden, ffn], and optionally the two biases [E, n]; writes [tokens, hidden].

    Raises:
        ExpertsError: a histogram that does not fit, or an activation without a cost.
    """
    gates = 2 if op.param("gated", "yes") == "yes" else 1
    tokens, experts, top_k = (size_param(op, key) for key in ("tokens", "experts", "top_k"))
    sizes = Sizes(tokens, experts, top_k, size_param(op, "hidden"), size_param(op, "ffn"), gates)
    counts = histogram(str(op.param("policy", "balanced")), sizes.tokens, sizes.experts, sizes.top_k)
    bits = tensors[op.writes[0].tensor].bits
    rows = sizes.tokens * sizes.top_k
    shapes = {"dispatched": sizes.hidden, "up": gates * sizes.ffn, "activated": sizes.ffn, "results": sizes.hidden}
    internal = {k: Tensor(f"{op.name}.{k}", (rows, width), Role.ACTIVATION, bits) for k, width in shapes.items()}
    up_weight, down_weight, *biases = _weights(op, tensors)
    groups = tuple(enumerate(sorted(Counter(counts).items(), reverse=True)))
    projections = [("up", "dispatched", up_weight, biases[:1]), ("down", "activated", down_weight, biases[1:])]
    grouped = {
        name: tuple(
            _grouped(f"{op.name}.{name}.{number}", group, (internal[source], weight, *bias), internal[target])
            for number, group in groups
        )
        for (name, source, weight, bias), target in zip(projections, ("up", "results"), strict=True)
    }
    parts = (
        _dispatch(op, sizes, internal["dispatched"]),
        *grouped["up"],
        _activation(op, sizes, internal["up"], internal["activated"]),
        *grouped["down"],
        _combine(op, sizes, internal["results"]),
    )
    return replace(op, parts=parts, internal=tuple(internal.values()))


def _weights(op: Op, tensors: Mapping[str, Tensor]) -> list[Tensor]:
    """Weights of the operator: the two matrices [E, n, k] in order, then the biases [E, n]."""
    weights = [tensors[access.tensor] for access in op.reads if tensors[access.tensor].role is Role.WEIGHT]
    matrices = [tensor for tensor in weights if len(tensor.shape) == 3]
    if len(matrices) != 2:
        raise ExpertsError(f"operator {op.name}: expected up and down weights [E, n, k], got {len(matrices)}")
    return matrices + [tensor for tensor in weights if len(tensor.shape) == 2]


def _grouped(name: str, group: tuple[int, int], operands: tuple[Tensor, ...], target: Tensor) -> Op:
    """The product of ``experts`` experts that got ``tokens`` tokens each."""
    tokens, experts = group
    source, weight, *bias = operands
    width, depth = target.shape[1], source.shape[1]
    reads = (Access(source.name, axes("e", "m", "k")), Access(weight.name, axes("e", "n", "k")))
    addends = tuple(Access(tensor.name, axes("e", "n")) for tensor in bias)
    loops = nest(e=experts, m=tokens, n=int(str(width)), k=int(str(depth)))
    return contraction(name, loops, (*reads, *addends), Access(target.name, axes("e", "m", "n")))


def _dispatch(op: Op, sizes: Sizes, target: Tensor) -> Op:
    return Op(
        f"{op.name}.dispatch",
        "dispatch",
        Family.GATHER,
        nest(m=sizes.tokens, j=sizes.top_k, k=sizes.hidden),
        (Access(op.reads[0].tensor, axes("m", "k")),),
        (Access(target.name, axes("m", "j", "k")),),
    )


def _activation(op: Op, sizes: Sizes, source: Tensor, target: Tensor) -> Op:
    name = str(op.param("activation", "silu"))
    base = "gelu" if "gelu" in name else name
    if base not in COSTS:
        raise ExpertsError(f"operator {op.name}: no cost for activation {name!r}{did_you_mean(name, COSTS)}")
    costs = Counter(dict(COSTS[base]))
    if sizes.gates == 2:
        costs["mul"] += 1
    halves = tuple(Access(source.name, axes("m", "", "f")) for _ in range(sizes.gates))
    return Op(
        f"{op.name}.activation",
        name,
        Family.POINTWISE,
        nest(m=sizes.tokens * sizes.top_k, f=sizes.ffn),
        halves,
        (Access(target.name, axes("m", "f")),),
        tuple(sorted(costs.items())),
    )


def _combine(op: Op, sizes: Sizes, results: Tensor) -> Op:
    return Op(
        f"{op.name}.combine",
        "combine",
        Family.REDUCTION,
        nest(m=sizes.tokens, n=sizes.hidden, j=sizes.top_k),
        (Access(results.name, axes("m", "j", "n")), Access(op.reads[1].tensor, axes("m", "j"))),
        (Access(op.writes[0].tensor, axes("m", "n")),),
        (("add", 1), ("mul", 1)),
    )
