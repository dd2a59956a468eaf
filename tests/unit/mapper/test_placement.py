"""Placement: valid plans, the integer program equal to trying everything, HEFT as published and never better."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapper.base import InfeasibleError
from mapper.placement.bounds import critical_path, load, lower_bound
from mapper.placement.check import problems_of
from mapper.placement.heft import heft, improved, upward_ranks
from mapper.placement.problem import Edge, Job, Objective, Plan, Problem, make_plan
from mapper.placement.solve import solve

OBJECTIVES: tuple[Objective, ...] = ("latency", "energy", "edp")


def constant(delay: float, units: int) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(0.0 if u == v else delay for v in range(units)) for u in range(units))


TOPCUOGLU_SECONDS = (
    (14, 16, 9), (13, 19, 18), (11, 13, 19), (13, 8, 17), (12, 13, 10),
    (13, 16, 9), (7, 15, 11), (5, 11, 14), (18, 12, 20), (21, 7, 16),
)  # fmt: skip
TOPCUOGLU_EDGES = (
    (1, 2, 18), (1, 3, 12), (1, 4, 9), (1, 5, 11), (1, 6, 14), (2, 8, 19), (2, 9, 16), (3, 7, 23), (4, 8, 27),
    (4, 9, 23), (5, 9, 13), (6, 8, 15), (7, 10, 17), (8, 10, 11), (9, 10, 13),
)  # fmt: skip
"""Figure 2 and the table beside it of Topcuoglu et al. 2002."""


def published() -> Problem:
    return Problem(
        ("P1", "P2", "P3"),
        tuple(Job(f"n{index + 1}", tuple(map(float, row))) for index, row in enumerate(TOPCUOGLU_SECONDS)),
        tuple(Edge(one - 1, two - 1, constant(float(delay), 3)) for one, two, delay in TOPCUOGLU_EDGES),
    )


def random_problem(seed: int, jobs: int, units: int, serial: bool = False) -> Problem:
    rng = random.Random(seed)

    def seconds() -> float:
        return float(rng.randint(1, 20))

    def table() -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(0.0 if u == v else float(rng.randint(0, 8)) for v in range(units)) for u in range(units))

    made: list[Job] = []
    for index in range(jobs):
        row = [seconds() if rng.random() > 0.2 else math.inf for _ in range(units)]
        row[rng.randrange(units)] = seconds()
        joules = tuple(seconds() for _ in row)
        moved = tuple(rng.choice((0.0, 1.0, 6.0)) for _ in row)
        made.append(Job(f"job {index}", tuple(row), joules, moved, float(rng.randint(0, 3))))
    edges = [Edge(one, two, table(), table()) for two in range(jobs) for one in range(two) if rng.random() < 0.4]
    ports = rng.choice(((), (0,) * units))
    capacities = rng.choice(((), tuple(float(rng.randint(2, 8)) for _ in range(units))))
    return Problem(
        tuple(f"unit {u}" for u in range(units)),
        tuple(made),
        tuple(edges),
        ports,
        capacities,
        rng.choice((0.0, 0.5)),
        serial,
    )


def append_in_order(problem: Problem, order: tuple[int, ...], units: tuple[int, ...]) -> tuple[float, ...] | None:
    """Start times when every unit runs its jobs in this order; None if a consumer comes before its producer."""
    ends: dict[int, float] = {}
    free = [0.0] * len(problem.units)
    starts = [0.0] * len(order)
    for place in order:
        unit = units[place]
        start = free[unit]
        for edge in problem.edges:
            if edge.consumer == place:
                if edge.producer not in ends:
                    return None
                delay = edge.delay(units[edge.producer], unit)
                start = start + delay if problem.serial else max(start, ends[edge.producer] + delay)
        ends[place] = start + problem.jobs[place].seconds[unit]
        starts[place] = start
        free = [ends[place]] * len(free) if problem.serial else [*free[:unit], ends[place], *free[unit + 1 :]]
    return tuple(starts)


def all_plans(problem: Problem, objective: Objective) -> Iterator[Plan]:
    for units in itertools.product(*(job.units() for job in problem.jobs)):
        held = [
            sum(j.size for j, u in zip(problem.jobs, units, strict=True) if u == v) for v in range(len(problem.units))
        ]
        if any(has > most for has, most in zip(held, problem.capacities or held, strict=True)):
            continue
        for order in itertools.permutations(range(len(units))):
            starts = append_in_order(problem, order, units)
            if starts is not None:
                yield make_plan(problem, objective, units, starts, 0.0, "brute force")


def test_heft_gives_the_published_schedule_of_its_paper() -> None:
    problem = published()
    ranks = (108, 77, 80, 80, 69, 63.333, 42.667, 35.667, 44.333, 14.667)
    assert upward_ranks(problem) == pytest.approx(ranks, abs=1e-3)
    plan = heft(problem)
    assert plan.makespan == 80
    assert problems_of(problem, plan) == []


def test_the_optimum_of_the_published_graph_is_73() -> None:
    """HEFT is 9.6 % above it (80)."""
    plan = solve(published(), "latency", "ilp", limit_seconds=60)
    assert plan.makespan == 73 and plan.proven


@pytest.mark.parametrize("serial", [False, True], ids=["concurrent", "serial"])
@pytest.mark.parametrize("objective", OBJECTIVES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), jobs=st.integers(2, 5), units=st.integers(1, 3))
def test_the_program_equals_trying_everything(
    objective: Objective, serial: bool, seed: int, jobs: int, units: int
) -> None:
    problem = random_problem(seed, jobs, units, serial)
    best = min(all_plans(problem, objective), key=lambda plan: plan.value, default=None)
    if best is None:
        with pytest.raises(InfeasibleError):
            solve(problem, objective, "ilp")
        return
    plan = solve(problem, objective, "ilp")
    assert problems_of(problem, plan) == []
    assert plan.proven
    assert plan.value == pytest.approx(best.value, rel=3e-6)
    assert lower_bound(problem, objective) <= best.value * (1 + 1e-9)


@pytest.mark.parametrize("serial", [False, True], ids=["concurrent", "serial"])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), jobs=st.integers(1, 30), units=st.integers(1, 4))
def test_list_schedules_are_valid_and_moves_never_hurt(serial: bool, seed: int, jobs: int, units: int) -> None:
    problem = random_problem(seed, jobs, units, serial)
    for objective in OBJECTIVES:
        try:
            plain = heft(problem, objective)
            better = solve(problem, objective, "heft")
        except InfeasibleError:
            assert problem.capacities
            continue
        assert problems_of(problem, plain) == [] and problems_of(problem, better) == []
        assert better.bound <= better.value <= plain.value


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_heft_is_never_better_than_the_proven_optimum(seed: int) -> None:
    problem = random_problem(seed, 6, 2)
    try:
        listed = improved(problem, "latency")
    except InfeasibleError:
        return
    plan = solve(problem, "latency", "ilp")
    assert plan.proven
    assert plan.value <= listed.value * (1 + 1e-9)


def test_auto_proves_what_is_small_and_bounds_what_is_large() -> None:
    small = solve(replace(random_problem(3, 6, 2), capacities=()), "latency", "auto")
    large = solve(replace(random_problem(4, 60, 3), capacities=()), "latency", "auto")
    assert small.proven
    assert "HEFT" in large.method and large.bound > 0


def test_a_time_limit_is_never_called_optimal() -> None:
    problem = replace(random_problem(11, 40, 3), capacities=())
    plan = solve(problem, "latency", "ilp", limit_seconds=0.05)
    assert problems_of(problem, plan) == []
    assert plan.proven == (plan.bound >= plan.value * (1 - 1e-6))
    assert plan.proven or "stopped" in plan.method


def test_the_checker_finds_every_kind_of_fault() -> None:
    problem = Problem(
        ("a", "b"),
        (Job("one", (2.0, 3.0), size=4.0), Job("two", (2.0, math.inf), size=4.0)),
        (Edge(0, 1, ((0.0, 1.0), (1.0, 0.0))),),
        capacities=(4.0, 4.0),
    )
    good = make_plan(problem, "latency", (1, 0), (0.0, 4.0), 0.0, "")
    assert problems_of(problem, good) == []
    faults = {
        "arrives": make_plan(problem, "latency", (1, 0), (0.0, 3.5), 0.0, ""),
        "holds 8 of 4": make_plan(problem, "latency", (0, 0), (0.0, 2.0), 0.0, ""),
        "overlap": make_plan(problem, "latency", (0, 0), (0.0, 1.0), 0.0, ""),
        "can't run": Plan((1, 1), (0.0, 4.0), 6.0, 0.0, 6.0, 0.0, ""),
        "makespan": Plan((1, 0), (0.0, 4.0), 5.0, 0.0, 5.0, 0.0, ""),
        "above": Plan((1, 0), (0.0, 4.0), 6.0, 0.0, 6.0, 7.0, ""),
    }
    for text, plan in faults.items():
        assert any(text in line for line in problems_of(problem, plan)), text


def test_jobs_on_a_shared_port_are_never_faster_than_their_transfers() -> None:
    jobs = tuple(Job(f"job {index}", (1.0, 1.0), port_seconds=(0.9, 0.9)) for index in range(4))
    assert solve(Problem(("a", "b"), jobs), "latency", "ilp").makespan == 2
    assert solve(Problem(("a", "b"), jobs, ports=(0, 0)), "latency", "ilp").makespan == pytest.approx(3.6)


def test_bounds_of_a_chain_are_its_length_and_of_equal_jobs_their_share() -> None:
    jobs = tuple(Job(f"job {index}", (2.0, 3.0)) for index in range(4))
    chain = Problem(("a", "b"), jobs, tuple(Edge(index, index + 1) for index in range(3)))
    assert critical_path(chain) == 8 and load(chain) == 4
    assert solve(chain).proven


def test_a_job_that_no_unit_runs_is_named() -> None:
    with pytest.raises(InfeasibleError, match="no unit runs lost"):
        solve(Problem(("a",), (Job("lost", (math.inf,)),)))
