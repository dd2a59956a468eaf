"""The two integer programs of experts on devices: balanced clusters, and clusters on devices.

The second maximizes what stays: for consecutive layers, the tokens of a pair of clusters on one device save the whole
cost of a link between nodes, those of a pair on one node the difference to a link within it. A cluster has one partner
per device, which makes the relaxation that of assignments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pulp

from mapper.placement.experts import Network, Trace

TOLERANCE = 1e-9


def _solve(lp: Any, limit_seconds: float, gap: float) -> bool:
    """Whether a solution was found."""
    lp.solve(
        pulp.HiGHS(
            msg=False,
            timeLimit=max(0.05, limit_seconds),
            threads=1,
            gapRel=0.0,
            gapAbs=gap,
            mip_feasibility_tolerance=TOLERANCE,
            primal_feasibility_tolerance=TOLERANCE,
        )
    )
    return lp.sol_status in (pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible)


def cluster_program(
    tokens: Sequence[int], count: int, start: Sequence[int], bound: int, limit_seconds: float
) -> tuple[tuple[int, ...], int]:
    """Clusters of equally many experts with the least busiest load, and the best bound on it.

    Args:
        tokens: per expert.
        count: clusters.
        start: a valid clustering.
        bound: tokens that no clustering can beat.
        limit_seconds: wall time.
    """
    experts, each = len(tokens), len(tokens) // count
    known = max(sum(t for t, c in zip(tokens, start, strict=True) if c == k) for k in range(count))
    lp: Any = pulp.LpProblem("clusters", pulp.LpMinimize)
    # In shares of the known load: HiGHS works with absolute tolerances.
    top = lp.add_variable("busiest", bound / known, 1)
    order = sorted(range(experts), key=lambda e: (-tokens[e], e))
    x = {
        (e, c): lp.add_variable(f"x_{e}_{c}", cat=pulp.LpBinary)
        for place, e in enumerate(order)
        for c in range(min(place + 1, count))  # clusters are numbered by their largest expert: no symmetric copies
    }
    lp.setObjective(top)
    for e in range(experts):
        lp += pulp.lpSum(x[e, c] for c in range(count) if (e, c) in x) == 1
    for c in range(count):
        mine = [e for e in range(experts) if (e, c) in x]
        lp += pulp.lpSum(x[e, c] for e in mine) == each
        lp += pulp.lpSum(tokens[e] / known * x[e, c] for e in mine) <= top
    found = _solve(lp, limit_seconds, 0.5 / known)
    reached = float(lp.solverModel.getInfo().mip_dual_bound) * known
    # Loads are whole numbers: the bound may be rounded up.
    better = max(bound, int(np.ceil(reached - 1e-4))) if np.isfinite(reached) else bound
    if not found:
        return tuple(start), min(better, known)
    chosen = [max((x[e, c].varValue or 0.0, -c) for c in range(count) if (e, c) in x)[1] for e in range(experts)]
    clusters = tuple(-c for c in chosen)
    load = max(sum(t for t, c in zip(tokens, clusters, strict=True) if c == k) for k in range(count))
    return (clusters, min(better, load)) if load <= known else (tuple(start), min(better, known))


def assign_program(
    trace: Trace,
    network: Network,
    clusters: Sequence[Sequence[int]],
    start: Sequence[Sequence[int]],
    limit_seconds: float,
) -> tuple[tuple[tuple[int, ...], ...], float]:
    """Devices of experts with the least crossing seconds for given clusters, and a bound on them.

    Args:
        trace: of the model.
        network: of the devices.
        clusters: per layer and expert, its cluster.
        start: a valid placement of them.
        limit_seconds: wall time.
    """
    from mapper.placement.experts import layout

    known = layout(trace, network, start).crossing_seconds
    if not known:
        return tuple(tuple(row) for row in start), 0.0
    program = _Assign(network, [_flows(trace, network.devices, clusters, layer) for layer in range(len(trace.routes))])
    unit = known / trace.token_bytes
    found = _solve(program.write(unit), limit_seconds, 1e-9)
    bound = (program.most + float(program.lp.solverModel.getInfo().mip_dual_bound)) * known
    bound = max(0.0, bound) if np.isfinite(bound) else 0.0
    if not found:
        return tuple(tuple(row) for row in start), bound
    devices = program.devices()
    placed = tuple(tuple(on[cluster] for cluster in row) for row, on in zip(clusters, devices, strict=True))
    better = layout(trace, network, placed).crossing_seconds < known
    return (placed if better else tuple(tuple(row) for row in start)), bound


def _flows(trace: Trace, count: int, clusters: Sequence[Sequence[int]], layer: int) -> Any:
    one = np.eye(count)[list(clusters[layer])]
    two = np.eye(count)[list(clusters[layer + 1])]
    return one.T @ np.asarray(trace.routes[layer], dtype=float) @ two


class _Assign:
    """Binary x[layer][cluster, device]; stays on a device or on a node as continuous variables."""

    def __init__(self, network: Network, flows: Sequence[Any]) -> None:
        self.network = network
        self.flows = flows
        self.most = 0.0
        self.lp: Any = pulp.LpProblem("devices", pulp.LpMinimize)
        places = range(network.devices)
        self.x: list[dict[tuple[int, int], Any]] = [
            {(c, d): self.lp.add_variable(f"x_{layer}_{c}_{d}", cat=pulp.LpBinary) for c in places for d in places}
            for layer in range(len(flows) + 1)
        ]

    def write(self, unit: float) -> Any:
        """The whole program: minus what stays, in units of so many token seconds per byte.

        PuLP keeps a constant of the objective from the solver, whose bound would lack it: ``most`` is what stays out.
        """
        network, places = self.network, range(self.network.devices)
        for row in self.x:
            for one in places:
                self.lp += pulp.lpSum(row[one, d] for d in places) == 1
                self.lp += pulp.lpSum(row[c, one] for c in places) == 1
        if len(set(network.nodes)) == 1:
            for c in places:
                self.lp += self.x[0][c, c] == 1
        groups = {node: [d for d in places if network.nodes[d] == node] for node in sorted(set(network.nodes))}
        # On one device a token saves a link; within a node it saves the difference between the links.
        single = {f"d{d}": [d] for d in places}
        shared = {f"n{node}": members for node, members in groups.items()}
        shared_gain = network.inter - network.intra if len(groups) > 1 else 0.0
        total = sum(float(flow.sum()) for flow in self.flows) * (network.inter if len(groups) > 1 else network.intra)
        saved = [self._stays(layer, single, network.intra / unit) for layer in range(len(self.flows))]
        if shared_gain:
            saved += [self._stays(layer, shared, shared_gain / unit) for layer in range(len(self.flows))]
        self.most = total / unit
        self.lp.setObjective(-pulp.lpSum(saved))
        return self.lp

    def _stays(self, layer: int, groups: dict[str, list[int]], gain: float) -> Any:
        """What pairs of clusters in one group of devices save."""
        places = range(self.network.devices)
        before, after, flow = self.x[layer], self.x[layer + 1], self.flows[layer]
        terms: list[Any] = []
        for name, members in groups.items():
            stay = {
                (c, e): self.lp.add_variable(f"s_{layer}_{name}_{c}_{e}", 0, 1)
                for c in places
                for e in places
                if flow[c, e]
            }
            terms += [float(flow[c, e]) * gain * var for (c, e), var in stay.items()]
            for c in places:
                for table, mine in (
                    (before, [var for (one, _), var in stay.items() if one == c]),
                    (after, [var for (_, two), var in stay.items() if two == c]),
                ):
                    here = pulp.lpSum(table[c, d] for d in members)
                    self.lp += pulp.lpSum(mine) <= len(members) * here
                    if len(members) > 1:
                        for var in mine:
                            self.lp += var <= here
        return pulp.lpSum(terms)

    def devices(self) -> list[tuple[int, ...]]:
        """Per layer, the device of every cluster."""
        places = range(self.network.devices)
        return [tuple(max(places, key=lambda d: row[c, d].varValue or 0.0) for c in places) for row in self.x]
