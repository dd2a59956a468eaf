"""The exact method, the integer program of the paper, and trying everything agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from mapper.scratchpad.gaps import covering, evict, relaxation
from mapper.scratchpad.instance import instance
from mapper.scratchpad.peak import budgets, minimum_peak, search_peak, with_capacity
from mapper.scratchpad.problem import Buffer, Operator, Problem
from mapper.scratchpad.program import solve_program
from mapper.scratchpad.solve import CapacityError, solve
from tests.unit.mapper.scratchpad.graphs import (
    moves_inside,
    problems,
    slow_gaps,
    slow_optimum,
    slow_peak,
)

QUICK = settings(deadline=None, max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(problems(most=6))
def test_solve_is_the_best_of_all_orders_evictions_and_addresses(problem: Problem) -> None:
    plan = solve(problem)
    best = slow_optimum(problem)
    if best is not None:
        assert (plan.extra_bytes, plan.proven) == (best, True)
    else:
        assert moves_inside(plan)


@settings(QUICK, max_examples=10)
@given(problems(most=4))
def test_solve_equals_the_integer_program_of_the_paper(problem: Problem) -> None:
    assert solve(problem).extra_bytes == solve_program(problem).extra_bytes


@QUICK
@given(problems(most=7))
def test_gap_program_is_the_best_of_all_evictions_of_an_order(problem: Problem) -> None:
    graph = instance(problem)
    order = search_peak(graph).order
    assert evict(graph, covering(graph, order)).cost * graph.unit == slow_gaps(problem, order)


@QUICK
@given(problems(most=7))
def test_relaxation_is_never_above_any_order(problem: Problem) -> None:
    graph = instance(problem)
    bound = evict(graph, relaxation(graph)).bound
    for order in (tuple(range(len(problem.operators))), search_peak(graph).order):
        assert bound <= evict(graph, covering(graph, order)).cost


@QUICK
@given(problems(most=7))
def test_minimum_peak_is_the_least_of_all_orders(problem: Problem) -> None:
    assert minimum_peak(problem)[0] == slow_peak(problem)


@QUICK
@given(problems(most=9))
def test_nothing_extra_at_the_minimum_peak_without_holes(problem: Problem) -> None:
    _, peak, _ = budgets(problem)
    plan = solve(with_capacity(problem, peak))
    assert plan.bound == 0


@QUICK
@given(problems(most=7))
def test_a_larger_scratchpad_never_costs_more(problem: Problem) -> None:
    small = solve(problem)
    large = solve(replace(problem, capacity=problem.capacity + 2))
    assert large.extra_bytes <= small.extra_bytes


@QUICK
@given(problems(most=8))
def test_equal_problems_have_equal_plans(problem: Problem) -> None:
    assert solve(problem) == solve(replace(problem))


@QUICK
@given(problems(most=6))
def test_scaling_all_sizes_scales_the_plan(problem: Problem) -> None:
    buffers = tuple(replace(buffer, size=buffer.size * 96) for buffer in problem.buffers)
    scaled = solve(replace(problem, buffers=buffers, capacity=problem.capacity * 96))
    assert scaled.extra_bytes == 96 * solve(problem).extra_bytes


def test_an_operator_that_does_not_fit_is_named() -> None:
    problem = Problem((Buffer("a", 6, "input"), Buffer("b", 7)), (Operator("wide", (0,), (1,)),), 12)
    with pytest.raises(CapacityError, match="wide: needs 13 bytes, more than the 12"):
        solve(problem)


def test_reading_before_writing_is_refused() -> None:
    problem = Problem((Buffer("a", 6), Buffer("b", 7)), (Operator("early", (0,), (1,)), Operator("late", (), (0,))), 99)
    with pytest.raises(ValueError, match="early reads a before it is written"):
        solve(problem)
