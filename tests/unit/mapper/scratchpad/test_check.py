"""The checker finds every kind of broken plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mapper.scratchpad.check import PlanError, check
from mapper.scratchpad.problem import Buffer, Operator, Plan, Problem, Residency

PROBLEM = Problem(
    (Buffer("x", 2, "input"), Buffer("a", 2), Buffer("b", 2), Buffer("y", 1, "output")),
    (Operator("first", (0,), (1,)), Operator("second", (0,), (2,)), Operator("third", (1, 2), (3,))),
    6,
)
A = Residency(1, 0, 0, 2, "computed", stored=True)
B = Residency(2, 1, 2, 2, "computed")
BACK = Residency(1, 2, 2, 0, "retrieved")
Y = Residency(3, 2, 2, 4, "computed", stored=True)
X = Residency(0, 0, 1, 0, "loaded")
PLAN = Plan((0, 1, 2), (X, A, B, BACK, Y), 4, 0, "by hand")


def with_runs(*runs: Residency) -> Plan:
    return replace(PLAN, residencies=runs)


def test_a_legal_plan_passes() -> None:
    assert check(PROBLEM, PLAN) is PLAN


BROKEN = {
    "order": (replace(PLAN, order=(0, 1, 1)), "does not name every operator once"),
    "dependency": (replace(PLAN, order=(0, 2, 1)), "third reads b, not yet computed"),
    "steps": (with_runs(X, A, replace(B, last=3), BACK, Y), "b: steps 1 to 3 of 3"),
    "capacity": (with_runs(X, A, B, BACK, replace(Y, address=6)), "outside the 6 bytes"),
    "negative": (with_runs(X, A, replace(B, address=-1), BACK, Y), "outside the 6 bytes"),
    "overlap": (with_runs(X, A, replace(B, address=1), BACK, Y), "step 1: b at byte 1 overlaps x, which ends at 2"),
    "absent": (with_runs(replace(X, last=0), A, B, BACK, Y), "step 1: second reads x, which is not there"),
    "no room for a result": (with_runs(X, A, B, BACK), "third has no room for y"),
    "never stored": (with_runs(X, replace(A, stored=False), B, BACK, Y), "a at step 2: retrieved, but never stored"),
    "output lost": (with_runs(X, A, B, BACK, replace(Y, stored=False)), "y: an output that is never stored"),
    "computed elsewhere": (with_runs(X, A, replace(B, first=2), BACK, Y), "b at step 2: not computed by the operator"),
    "loaded": (with_runs(X, A, replace(B, starts="loaded"), BACK, Y), "b at step 1: loaded, but it is no input"),
    "first retrieved": (with_runs(replace(X, starts="retrieved"), A, B, BACK, Y), "residency 1 cannot start as"),
    "twice at once": (with_runs(X, replace(A, last=2), B, BACK, Y), "in the scratchpad already"),
    "stored twice": (with_runs(X, A, B, replace(BACK, stored=True), Y), "a: stored 2 times"),
    "input stored": (with_runs(replace(X, stored=True), A, B, BACK, Y), "x: stored 1 times"),
    "too cheap": (replace(PLAN, extra_bytes=2), "cost 4 extra bytes, the plan says 2"),
    "bound": (replace(PLAN, bound=5), "the bound 5 is above the 4"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plan_is_refused(case: str) -> None:
    plan, message = BROKEN[case]
    with pytest.raises(PlanError, match=message):
        check(PROBLEM, plan)
