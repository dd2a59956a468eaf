"""Experts of a mixture on devices: first balance the load of every layer, then keep tokens on their device between
layers.

Stage one clusters the experts of each layer, equally many to a device, so that the busiest cluster has as few tokens as
possible. Stage two gives the clusters to devices so that the routing between consecutive layers costs little. Both are
integer programs (``experts_program``) for small cases; large ones take balanced lists with exchanges, and linear sum
assignments swept over the layers. A last step exchanges experts between devices of a layer where that lowers the
crossing cost and leaves the busiest device of the layer as it is.

Source of the formulation: MoETuner (arXiv 2502.06643): two stages, minimum of the busiest device, then of the routing
between devices. Its exact constraints are not reproduced here; the exchanges are an addition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from mapper.base import InfeasibleError
from mapper.placement.matching import cheapest_matching

Method: TypeAlias = Literal["heuristic", "ilp", "auto"]
SWEEPS = 8
"""Passes over the layers at most; each stops when nothing improves."""
SMALL_EXPERTS, SMALL_DEVICES, SMALL_LAYERS = 16, 4, 8
"""Up to this size ``auto`` asks the integer programs."""


@dataclass(frozen=True, slots=True)
class Network:
    """Devices and what it costs to send a byte between them.

    Attributes:
        nodes: per device, the number of its node.
        intra, inter: seconds per byte between devices of one node, and of different nodes.
    """

    nodes: tuple[int, ...]
    intra: float
    inter: float

    @property
    def devices(self) -> int:
        """How many there are."""
        return len(self.nodes)

    def costs(self) -> Any:
        """Seconds per byte between all devices, (devices, devices); nothing on the diagonal."""
        nodes = np.array(self.nodes)
        table = np.where(nodes[:, None] == nodes[None, :], self.intra, self.inter)
        np.fill_diagonal(table, 0.0)
        return table


@dataclass(frozen=True, slots=True)
class Trace:
    """How a model routed some tokens.

    Attributes:
        tokens: per layer and expert, how many it got.
        routes: per pair of consecutive layers, from every expert of the one to every expert of the other.
        token_bytes: of a token's activation that moves between devices.
    """

    tokens: tuple[tuple[int, ...], ...]
    routes: tuple[tuple[tuple[int, ...], ...], ...]
    token_bytes: float


@dataclass(frozen=True, slots=True)
class Layout:
    """An answer.

    Attributes:
        devices: per layer and expert, its device.
        busiest: per layer, tokens of the busiest device.
        busiest_bound: per layer, no clustering into equally many experts has fewer.
        crossing_bytes: between devices, all layers.
        crossing_seconds: those bytes at the cost of their links, one after the other.
        clustered_seconds: the same before experts were exchanged.
        clustered_bound: no assignment of those clusters to devices has fewer seconds.
        method: in words.
    """

    devices: tuple[tuple[int, ...], ...]
    busiest: tuple[int, ...]
    busiest_bound: tuple[int, ...]
    crossing_bytes: float
    crossing_seconds: float
    clustered_seconds: float
    clustered_bound: float
    method: str

    @property
    def balance_proven(self) -> bool:
        """Whether no layer's busiest device can have fewer tokens."""
        return self.busiest == self.busiest_bound


def place_experts(
    trace: Trace, network: Network, method: Method = "auto", limit_seconds: float = 20, slack: float = 0.0
) -> Layout:
    """Devices for all experts of all layers.

    Args:
        trace: of the model.
        network: of the devices; their number must divide the number of experts.
        method: ``ilp`` solves both stages by integer programs, ``heuristic`` neither, ``auto`` where they are small.
        limit_seconds: wall time for each integer program; what it has not proven is in the bounds.
        slack: how much busier, relatively, the exchanges may make the busiest device of a layer to save crossing.

    Raises:
        InfeasibleError: the experts of a layer can't be dealt out evenly.
    """
    for layer, tokens in enumerate(trace.tokens):
        if len(tokens) % network.devices:
            raise InfeasibleError(f"layer {layer}: {len(tokens)} experts on {network.devices} devices are not even")
    most = max(len(tokens) for tokens in trace.tokens)
    small = most <= SMALL_EXPERTS and network.devices <= SMALL_DEVICES and len(trace.tokens) <= SMALL_LAYERS
    exact = method == "ilp" or (method == "auto" and small)
    clusters: list[tuple[int, ...]] = []
    bounds: list[int] = []
    for tokens in trace.tokens:
        found, bound = _cluster(tokens, network.devices, exact, limit_seconds)
        clusters.append(found)
        bounds.append(bound)
    placed = assign_clusters(trace, network, clusters)
    clustered_bound = 0.0
    if exact and len(clusters) > 1:
        from mapper.placement.experts_program import assign_program

        placed, clustered_bound = assign_program(trace, network, clusters, placed, limit_seconds)
    before = layout(trace, network, placed, tuple(bounds))
    after = layout(trace, network, exchanged(trace, network, placed, slack), tuple(bounds))
    said = "integer programs" if exact else "balanced lists and linear sum assignments"
    clustered = before.crossing_seconds
    return replace(
        after,
        clustered_seconds=clustered,
        clustered_bound=min(clustered_bound, clustered),
        method=f"{said}, then exchanges of experts",
    )


def _cluster(tokens: Sequence[int], count: int, exact: bool, limit_seconds: float) -> tuple[tuple[int, ...], int]:
    found = balanced_clusters(tokens, count)
    bound = load_bound(tokens, count)
    if exact and max(_loads(tokens, found, count)) > bound:
        from mapper.placement.experts_program import cluster_program

        return cluster_program(tokens, count, found, bound, limit_seconds)
    return found, bound


def layout(
    trace: Trace, network: Network, devices: Sequence[Sequence[int]], bounds: tuple[int, ...] | None = None
) -> Layout:
    """What a placement costs."""
    table = network.costs()
    count = network.devices
    busiest = tuple(max(_loads(row, on, count)) for row, on in zip(trace.tokens, devices, strict=True))
    moved = seconds = 0.0
    for layer, routes in enumerate(trace.routes):
        between = _between(routes, devices[layer], devices[layer + 1], count)
        moved += trace.token_bytes * float(between.sum() - np.trace(between))
        seconds += trace.token_bytes * float((between * table).sum())
    bounds = bounds or tuple(load_bound(row, count) for row in trace.tokens)
    chosen = tuple(tuple(row) for row in devices)
    return Layout(chosen, busiest, bounds, moved, seconds, seconds, 0.0, "given")


def round_robin(trace: Trace, network: Network) -> Layout:
    """Expert e on device e modulo the number of devices, in every layer."""
    return layout(trace, network, [[e % network.devices for e in range(len(row))] for row in trace.tokens])


def in_blocks(trace: Trace, network: Network) -> Layout:
    """Consecutive experts on one device, in every layer: the usual default of expert parallelism."""
    count = network.devices
    return layout(trace, network, [[e * count // len(row) for e in range(len(row))] for row in trace.tokens])


def load_bound(tokens: Sequence[int], count: int) -> int:
    """No device can have fewer tokens than the mean, or than the largest expert with the smallest others."""
    each = len(tokens) // count
    ordered = sorted(tokens)
    return max(-(-sum(tokens) // count), ordered[-1] + sum(ordered[: each - 1]))


def balanced_clusters(tokens: Sequence[int], count: int) -> tuple[int, ...]:
    """Clusters of equally many experts: longest first into the least loaded, then exchanges with the busiest."""
    each = len(tokens) // count
    loads, sizes = [0] * count, [0] * count
    cluster = [0] * len(tokens)
    for expert in sorted(range(len(tokens)), key=lambda expert: (-tokens[expert], expert)):
        chosen = min((loads[c], c) for c in range(count) if sizes[c] < each)[1]
        cluster[expert] = chosen
        loads[chosen] += tokens[expert]
        sizes[chosen] += 1
    while (swap := _relief(tokens, cluster, loads)) is not None:
        one, two = swap
        more = tokens[two] - tokens[one]
        loads[cluster[one]] += more
        loads[cluster[two]] -= more
        cluster[one], cluster[two] = cluster[two], cluster[one]
    return tuple(cluster)


def _relief(tokens: Sequence[int], cluster: Sequence[int], loads: Sequence[int]) -> tuple[int, int] | None:
    """The exchange of an expert of the busiest cluster that leaves the lower of two peaks; None if none does."""
    top = max(range(len(loads)), key=lambda c: loads[c])
    best: tuple[int, int, int] | None = None
    for one in (e for e, c in enumerate(cluster) if c == top):
        for two, other in enumerate(cluster):
            less = tokens[one] - tokens[two]
            if other == top or less <= 0:
                continue
            peak = max(loads[top] - less, loads[other] + less)
            if peak < loads[top] and (best is None or peak < best[0]):
                best = (peak, one, two)
    return None if best is None else best[1:]


def _loads(tokens: Sequence[int], on: Sequence[int], count: int) -> list[int]:
    loads = [0] * count
    for size, device in zip(tokens, on, strict=True):
        loads[device] += size
    return loads


def _between(routes: Sequence[Sequence[int]], before: Sequence[int], after: Sequence[int], count: int) -> Any:
    """Tokens between groups of experts, (count, count), exact."""
    table = np.asarray(routes, dtype=np.int64)
    return np.eye(count, dtype=np.int64)[list(before)].T @ table @ np.eye(count, dtype=np.int64)[list(after)]


def assign_clusters(trace: Trace, network: Network, clusters: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """Devices of experts when clusters are given to devices layer by layer, then again with both neighbours known."""
    count, table = network.devices, network.costs()
    flows = [_between(routes, clusters[layer], clusters[layer + 1], count) for layer, routes in enumerate(trace.routes)]
    chosen = [tuple(range(count))] * len(clusters)
    for sweep in range(SWEEPS):
        changed = False
        for layer in range(len(clusters)):
            cost = np.zeros((count, count))
            if layer:
                cost += flows[layer - 1].T @ table[list(chosen[layer - 1])]
            if sweep and layer + 1 < len(clusters):
                cost += flows[layer] @ table[list(chosen[layer + 1])]
            matched = cheapest_matching(cost.tolist())
            before = sum(cost[cluster, device] for cluster, device in enumerate(chosen[layer]))
            after = sum(cost[cluster, device] for cluster, device in enumerate(matched))
            if not sweep or after < before * (1 - 1e-12):
                changed = changed or matched != chosen[layer]
                chosen[layer] = matched
        if sweep and not changed:
            break
    return tuple(tuple(devices[cluster] for cluster in row) for row, devices in zip(clusters, chosen, strict=True))


def exchanged(
    trace: Trace, network: Network, devices: Sequence[Sequence[int]], slack: float = 0.0
) -> tuple[tuple[int, ...], ...]:
    """Experts of a layer exchanged between devices as long as that lowers the crossing cost.

    No layer's busiest device gets more than ``1 + slack`` times what the busiest has now.
    """
    table = network.costs()
    routes = [np.asarray(route, dtype=float) for route in trace.routes]
    placed = [list(row) for row in devices]
    most = [
        (1 + slack) * max(_loads(tokens, on, network.devices)) for tokens, on in zip(trace.tokens, placed, strict=True)
    ]
    for _ in range(SWEEPS):
        changed = False
        for layer, tokens in enumerate(trace.tokens):
            cost = np.zeros((len(tokens), network.devices))
            if layer:
                cost += routes[layer - 1].T @ table[placed[layer - 1]]
            if layer + 1 < len(placed):
                cost += routes[layer] @ table[placed[layer + 1]]
            changed = _exchange_layer(np.asarray(tokens), placed[layer], cost, most[layer]) or changed
        if not changed:
            break
    return tuple(tuple(row) for row in placed)


def _exchange_layer(tokens: Any, on: list[int], cost: Any, most: float) -> bool:
    """Take exchanges, best first, until none helps; ``cost`` is that of an expert on a device, its neighbours fixed.

    Within a layer nothing is routed, so exchanges of different devices do not influence each other: one evaluation of
    all pairs serves for as many as have no device in common.
    """
    changed = False
    for _ in range(len(on)):
        where = np.array(on)
        loads = np.bincount(where, weights=tokens, minlength=cost.shape[1])
        there = cost[:, where]
        own = np.diagonal(there)
        gain = np.triu(there + there.T - own[:, None] - own[None, :], 1)
        moved = tokens[None, :] - tokens[:, None]
        allowed = (loads[where][:, None] + moved <= most) & (loads[where][None, :] - moved <= most)
        gain = np.where(allowed, gain, 0.0).ravel()
        helpful = np.flatnonzero(gain < -1e-9 * max(1e-300, float(own.sum())))
        if not len(helpful):
            break
        touched: set[int] = set()
        for pair in helpful[np.argsort(gain[helpful], kind="stable")].tolist():
            one, two = divmod(pair, len(on))
            if on[one] not in touched and on[two] not in touched:
                touched |= {on[one], on[two]}
                on[one], on[two] = on[two], on[one]
            if len(touched) >= cost.shape[1] - 1:
                break
        changed = True
    return changed
