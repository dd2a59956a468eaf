"""The four baselines are legal and never better than the optimum."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from mapper.scratchpad.baselines import Replacement, baseline
from mapper.scratchpad.check import check
from mapper.scratchpad.peak import minimum_peak
from mapper.scratchpad.problem import Buffer, Operator, Problem
from mapper.scratchpad.solve import solve
from tests.unit.mapper.scratchpad.graphs import problems

QUICK = settings(deadline=None, max_examples=25, derandomize=True)


@pytest.mark.parametrize("calm", [False, True], ids=["default order", "least peak"])
@pytest.mark.parametrize("replacement", ["belady", "greedy"])
def test_baselines_are_legal_and_never_below_the_bound(replacement: Replacement, calm: bool) -> None:
    @QUICK
    @given(problems(most=9))
    def holds(problem: Problem) -> None:
        order = minimum_peak(problem)[1] if calm else tuple(range(len(problem.operators)))
        plan = check(problem, baseline(problem, order, replacement))
        assert plan.order == order
        assert plan.extra_bytes >= solve(problem).bound

    holds()


def chain(capacity: int) -> Problem:
    """Three results wait for the operators that read them last."""
    buffers = (
        Buffer("x", 1, "input"),
        Buffer("small", 2),
        Buffer("large", 3),
        Buffer("c", 2),
        Buffer("y", 1, "output"),
    )
    operators = (
        Operator("a", (0,), (1,)),
        Operator("b", (0,), (2,)),
        Operator("c", (0,), (3,)),
        Operator("d", (1, 3), ()),
        Operator("e", (2,), (4,)),
    )
    return Problem(buffers, operators, capacity)


def test_belady_evicts_what_is_needed_last_and_greedy_what_is_cheapest() -> None:
    order = (0, 1, 2, 3, 4)
    assert baseline(chain(6), order, "belady").extra_bytes == 2 * 3
    # It sends the small one out first, and for its return the large one after all.
    assert baseline(chain(6), order, "greedy").extra_bytes == 2 * 2 + 2 * 3
    assert baseline(chain(8), order, "belady").extra_bytes == 0
