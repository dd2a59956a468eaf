"""Whole networks scheduled through a scratchpad at the budgets of COSMA, beside its baselines."""

from __future__ import annotations

from collections.abc import Iterator
from time import process_time
from typing import NamedTuple

from mapper.scratchpad.baselines import baseline
from mapper.scratchpad.instance import instance, needs
from mapper.scratchpad.peak import THOROUGH, search_peak, with_capacity
from mapper.scratchpad.problem import Problem
from mapper.scratchpad.solve import solve
from search.reproduction.simulations.cosma_graphs import Network, problem

BASELINES = (
    "default order, Belady",
    "least-peak order, Belady",
    "default order, greedy",
    "least-peak order, greedy",
)
"""Of a row, in this order; all with the linear allocator."""


class Row(NamedTuple):
    """One solved instance; sizes in bytes, beyond the compulsory ones.

    ``grain`` is unfused or fused, ``parameters`` whether they are buffers, ``budget`` M_R, M_H or M_P (their sizes:
    docs/scratchpad.md), ``seconds`` of CPU, ``baselines`` the bytes of ``BASELINES``.
    """

    network: str
    grain: str
    parameters: bool
    budget: str
    operators: int
    capacity: int
    extra: int
    bound: int
    seconds: float
    method: str
    baselines: tuple[int, ...]


def rows(name: str, network: Network, grain: str, parameters: bool, limit: float) -> Iterator[Row]:
    """One graph at the three budgets.

    Args:
        name, grain, parameters: as in ``Row``.
        network: the graph.
        limit: seconds for each instance.
    """
    graph = problem(network, parameters)
    numbers = instance(graph)
    peak = search_peak(numbers, THOROUGH)
    default, calm = tuple(range(len(graph.operators))), peak.order
    least, most = max(needs(numbers)) * numbers.unit, peak.value * numbers.unit
    for budget, capacity in (("M_R", least), ("M_H", (least + most) // 2), ("M_P", most)):
        task = with_capacity(graph, capacity)
        start = process_time()
        plan = solve(task, limit)
        seconds = process_time() - start
        others = _baselines(task, default, calm)
        yield Row(
            name, grain, parameters, budget, len(graph.operators), capacity,
            plan.extra_bytes, plan.bound, seconds, plan.method, others,
        )  # fmt: skip


def _baselines(task: Problem, default: tuple[int, ...], calm: tuple[int, ...]) -> tuple[int, ...]:
    return (
        baseline(task, default, "belady").extra_bytes,
        baseline(task, calm, "belady").extra_bytes,
        baseline(task, default, "greedy").extra_bytes,
        baseline(task, calm, "greedy").extra_bytes,
    )
