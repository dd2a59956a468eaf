"""What is done when the cheapest evictions have no addresses: still legal, and optimal where that is claimed."""

from __future__ import annotations

from math import inf

from hypothesis import given, settings

from mapper.scratchpad.check import check
from mapper.scratchpad.instance import instance
from mapper.scratchpad.joint import Placed, fit, fit_all, fit_somehow, orders
from mapper.scratchpad.problem import Problem
from mapper.scratchpad.runs import plan
from tests.unit.mapper.scratchpad.graphs import all_orders, boxes, cost, evictions, fits, packs, problems, slow_optimum

QUICK = settings(deadline=None, max_examples=25, derandomize=True)
PLENTY = 10**9


def legal(problem: Problem, placed: Placed) -> int:
    """Extra bytes, after the check."""
    return check(problem, plan(problem, instance(problem), placed.schedule, placed.addresses, 0)).extra_bytes


@QUICK
@given(problems(most=6))
def test_evictions_of_one_order_are_the_cheapest_that_can_be_placed(problem: Problem) -> None:
    order = tuple(range(len(problem.operators)))
    possible = (
        cost(problem, chosen)
        for chosen in evictions(problem, order)
        if fits(found := boxes(problem, order, chosen), problem.capacity, len(order)) and packs(found, problem.capacity)
    )
    best = next(possible, None)
    fitted = fit(problem, instance(problem), order, PLENTY)
    assert (None if fitted.placed is None else legal(problem, fitted.placed)) == best


@QUICK
@given(problems(most=5))
def test_trying_all_orders_finds_the_optimum_without_help(problem: Problem) -> None:
    graph = instance(problem)
    fitted = fit_all(problem, graph, None, 0, inf)
    best = slow_optimum(problem)
    if best is not None:
        assert fitted.placed is not None
        assert (legal(problem, fitted.placed), fitted.bound * graph.unit) == (best, best)


@QUICK
@given(problems(most=8))
def test_there_is_always_some_plan(problem: Problem) -> None:
    order = tuple(range(len(problem.operators)))
    placed = fit_somehow(problem, instance(problem), order)
    assert legal(problem, placed) >= 0
    assert placed.schedule.order == order


@QUICK
@given(problems(most=6))
def test_orders_are_all_that_respect_the_dependencies(problem: Problem) -> None:
    graph = instance(problem)
    every = set(all_orders(problem))
    found = orders(graph, len(every))
    assert found is not None and len(found) == len(every) and set(found) == every
    assert orders(graph, len(every) - 1) is None
