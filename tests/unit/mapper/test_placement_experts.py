"""Experts on devices: programs equal to trying everything, heuristics valid, both better than dealing out."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapper.base import InfeasibleError
from mapper.placement.experts import (
    Layout,
    Network,
    Trace,
    assign_clusters,
    balanced_clusters,
    exchanged,
    in_blocks,
    layout,
    load_bound,
    place_experts,
    round_robin,
)
from mapper.placement.experts_program import assign_program, cluster_program
from mapper.placement.matching import cheapest_matching
from mapper.placement.traces import skewed_trace

ONE_NODE = Network((0, 0, 0), 1e-11, 1e-10)
TWO_NODES = Network((0, 0, 1, 1), 1e-11, 1e-10)


def random_trace(seed: int, layers: int, experts: int) -> Trace:
    rng = random.Random(seed)
    routes = tuple(
        tuple(tuple(rng.choice((0, 1, 2, 9)) for _ in range(experts)) for _ in range(experts))
        for _ in range(layers - 1)
    )
    tokens = tuple(tuple(rng.randint(0, 30) for _ in range(experts)) for _ in range(layers))
    return Trace(tokens, routes, 100.0)


def cluster_flows(trace: Trace, clusters: list[tuple[int, ...]], layer: int, count: int) -> dict[tuple[int, int], int]:
    flow = dict.fromkeys(itertools.product(range(count), range(count)), 0)
    for one, row in enumerate(trace.routes[layer]):
        for two, tokens in enumerate(row):
            flow[clusters[layer][one], clusters[layer + 1][two]] += tokens
    return flow


def is_even(found: Layout, count: int) -> bool:
    return all(row.count(device) == len(row) // count for row in found.devices for device in range(count))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.randoms(use_true_random=False))
def test_matching_is_the_cheapest_of_all_permutations(size: int, rng: random.Random) -> None:
    cost = [[float(rng.randint(-9, 9)) for _ in range(size)] for _ in range(size)]
    found = cheapest_matching(cost)
    assert sorted(found) == list(range(size))
    best = min(sum(cost[row][column] for row, column in enumerate(p)) for p in itertools.permutations(range(size)))
    assert sum(cost[row][column] for row, column in enumerate(found)) == best


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=6, max_size=6), st.sampled_from([2, 3]))
def test_the_program_of_clusters_equals_trying_everything(tokens: list[int], count: int) -> None:
    each = len(tokens) // count
    best = min(
        max(sum(t for t, c in zip(tokens, clusters, strict=True) if c == k) for k in range(count))
        for clusters in itertools.product(range(count), repeat=len(tokens))
        if all(clusters.count(k) == each for k in range(count))
    )
    start = balanced_clusters(tokens, count)
    bound = load_bound(tokens, count)
    known = max(sum(t for t, c in zip(tokens, start, strict=True) if c == k) for k in range(count))
    assert bound <= best <= known
    if known == 0:
        return
    found, proven = cluster_program(tokens, count, start, bound, 10)
    assert proven == best == max(sum(t for t, c in zip(tokens, found, strict=True) if c == k) for k in range(count))


@pytest.mark.parametrize("network", [ONE_NODE, TWO_NODES], ids=["one node", "two nodes"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_program_of_devices_equals_trying_everything(network: Network, seed: int) -> None:
    count = network.devices
    trace = random_trace(seed, 2 if count == 4 else 3, count * 2)
    clusters = [balanced_clusters(row, count) for row in trace.tokens]
    table = network.costs().tolist()
    flows = [cluster_flows(trace, clusters, layer, count) for layer in range(len(trace.routes))]
    best = min(
        sum(
            tokens * table[before[c]][after[d]]
            for flow, (before, after) in zip(flows, itertools.pairwise(ways), strict=True)
            for (c, d), tokens in flow.items()
        )
        for ways in itertools.product(itertools.permutations(range(count)), repeat=len(clusters))
    )
    best *= trace.token_bytes
    start = assign_clusters(trace, network, clusters)
    found, bound = assign_program(trace, network, clusters, start, 20)
    assert layout(trace, network, found).crossing_seconds == pytest.approx(best, rel=1e-6)
    assert bound == pytest.approx(best, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_exchanges_keep_the_balance_and_never_cost_more(seed: int) -> None:
    trace = random_trace(seed, 3, 8)
    clusters = [balanced_clusters(row, 4) for row in trace.tokens]
    before = layout(trace, TWO_NODES, assign_clusters(trace, TWO_NODES, clusters))
    after = layout(trace, TWO_NODES, exchanged(trace, TWO_NODES, before.devices))
    assert is_even(after, 4)
    assert max(after.busiest) <= max(before.busiest)
    assert all(new <= old for new, old in zip(after.busiest, before.busiest, strict=True))
    assert after.crossing_seconds <= before.crossing_seconds * (1 + 1e-9)


def test_a_placement_beats_round_robin_and_blocks_on_a_skewed_trace() -> None:
    trace = skewed_trace(4, 16, 4000, seed=1)
    found = place_experts(trace, TWO_NODES)
    assert is_even(found, 4) and found.balance_proven
    assert found.clustered_bound <= found.clustered_seconds
    for other in (round_robin(trace, TWO_NODES), in_blocks(trace, TWO_NODES)):
        assert sum(found.busiest) < sum(other.busiest)
        assert found.crossing_seconds < other.crossing_seconds


def test_slack_in_the_balance_buys_less_crossing() -> None:
    trace = skewed_trace(4, 32, 4000, seed=3)
    strict, loose = (place_experts(trace, TWO_NODES, "heuristic", slack=slack) for slack in (0.0, 0.05))
    assert loose.crossing_seconds < strict.crossing_seconds
    assert all(new <= 1.05 * old for new, old in zip(loose.busiest, strict.busiest, strict=True))


def test_the_heuristic_is_near_the_program_on_a_small_trace() -> None:
    trace = skewed_trace(4, 8, 2000, seed=2)
    exact, quick = (place_experts(trace, TWO_NODES, method) for method in ("ilp", "heuristic"))
    assert exact.balance_proven
    assert all(one >= two for one, two in zip(quick.busiest, exact.busiest, strict=True))
    assert sum(quick.busiest) <= 1.05 * sum(exact.busiest)
    assert quick.crossing_seconds <= 1.3 * exact.crossing_seconds


def test_routes_of_a_synthetic_trace_add_up_to_its_tokens() -> None:
    trace = skewed_trace(3, 8, 500, seed=7)
    assert [sum(row) for row in trace.tokens] == [500] * 3
    for layer, routes in enumerate(trace.routes):
        assert tuple(sum(row) for row in routes) == trace.tokens[layer]
        assert tuple(sum(column) for column in zip(*routes, strict=True)) == trace.tokens[layer + 1]
    assert trace == skewed_trace(3, 8, 500, seed=7)


def test_experts_that_can_not_be_dealt_out_evenly_are_refused() -> None:
    with pytest.raises(InfeasibleError, match="7 experts on 4 devices"):
        place_experts(random_trace(1, 2, 7), TWO_NODES)


def test_the_example_of_the_documentation_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[3] / "docs" / "placement.md").read_text(encoding="utf-8")
    exec(compile(text.split("```python\n")[1].split("```")[0], "docs/placement.md", "exec"), {})
    assert " True " in capsys.readouterr().out
