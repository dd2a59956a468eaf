"""Groups of tasks: the integer program against all plans, the heuristic, styles, FIFOs that never stall."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.fpga.dataflow import DeadlockError, Fifo, Group, play_group
from mapper.fpga.chain import chain_of
from mapper.fpga.command import pipeline
from mapper.fpga.optimal import all_plans, heuristic_plan, optimal_plan
from mapper.fpga.problem import Budget, NoDesignError, Plan, Work, group_cycles, stages_of, task_cycles
from workloads.catalog import load
from workloads.graph import macs


def work(place: int, products: int, tokens: int, size: int) -> Work:
    return Work(f"t{place}", products * tokens, tokens, size)


works = st.builds(
    work, st.integers(0, 10**6), st.integers(1, 200), st.sampled_from((1, 2, 4, 8, 16)), st.integers(1, 4000)
)
chains = st.lists(works, min_size=1, max_size=3, unique_by=lambda one: one.name)
budgets = st.builds(Budget, st.integers(1, 9), st.just(2), st.integers(0, 3000), st.just(4.0), st.integers(0, 50))


@settings(deadline=None, max_examples=25)
@given(chains, budgets)
def test_no_plan_is_better_than_that_of_the_integer_program(tasks: list[Work], budget: Budget) -> None:
    best = min(plan.cycles for plan in all_plans(tasks, budget))
    assert optimal_plan(tasks, budget).cycles == best


@settings(deadline=None, max_examples=60)
@given(chains, budgets)
def test_the_heuristic_is_a_plan_and_at_most_three_times_the_best(tasks: list[Work], budget: Budget) -> None:
    plan = heuristic_plan(tasks, budget)
    assert [one for group in plan.groups for one, _ in group] == tasks
    assert all(sum(lanes for _, lanes in group) <= budget.lanes for group in plan.groups)
    best = min(other.cycles for other in all_plans(tasks, budget))
    assert best <= plan.cycles <= 3 * best


@settings(deadline=None, max_examples=60)
@given(chains)
def test_fifos_are_deep_enough_never_to_stall_the_group(tasks: list[Work]) -> None:
    group = stages_of([(one, 4) for one in tasks])
    free = Group(group.stages, tuple(Fifo(fifo.name) for fifo in group.fifos))
    assert play_group(group).cycles == play_group(free).cycles


@settings(deadline=None, max_examples=30)
@given(chains)
def test_no_fifo_could_be_shallower_without_making_the_group_slower(tasks: list[Work]) -> None:
    group = stages_of([(one, 4) for one in tasks])
    best = play_group(group).cycles
    for place, fifo in enumerate(group.fifos):
        assert fifo.depth is not None
        if fifo.depth > 1:
            less = (*group.fifos[:place], Fifo(fifo.name, fifo.depth - 1), *group.fifos[place + 1 :])
            assert cycles_or_none(Group(group.stages, less)) != best


def cycles_or_none(group: Group) -> int | None:
    try:
        return play_group(group).cycles
    except DeadlockError:
        return None


STYLES = {
    "gpt2-medium --phase prefill --context 64": "sequential",
    "intar-cnn-4l --memory 600KiB": "dataflow",
    "gpt2-medium --phase prefill --context 1024 --memory 2MiB": "reconfigurable",
}


@pytest.mark.parametrize("text", list(STYLES))
def test_the_style_of_a_model_follows_from_the_memory_of_the_board(text: str) -> None:
    words = [*text.split(), "--board", "zcu104", "--dsp", "512", "--macs-per-dsp", "1"]
    found = CliRunner().invoke(pipeline, words, catch_exceptions=False)
    assert f"{STYLES[text]}: " in found.output
    assert "best plan of the integer program" in " ".join(found.output.split())


def test_the_chain_of_a_model_has_all_its_products() -> None:
    graph = load("gpt2-medium", "prefill", context=64)
    tasks = chain_of(graph)
    assert sum(task.products for task in tasks) == sum(macs(op) for _, op in graph.walk())
    assert [task.tokens for task in tasks[:-1]] == [64] * 6


LARGE = Work("expand", 100_000, 100, 10**6)
SMALL = Work("reduce", 100_000, 100, 100)


def planned(memory: int, switch: int = 10) -> Plan:
    return optimal_plan([LARGE, SMALL], Budget(32, 1, memory, 8.0, switch))


def test_a_large_intermediate_is_pipelined_and_a_small_one_is_not() -> None:
    assert planned(memory=30_000).style == "dataflow"
    assert planned(memory=10**6).style == "sequential"


def test_what_cannot_be_pipelined_is_spilled() -> None:
    plan = planned(memory=100)
    assert plan.style == "sequential"
    assert plan.cycles == 2 * task_cycles(SMALL, 32) + 10 + 2 * 10**6 // 8


def test_a_chain_of_both_kinds_is_reconfigured() -> None:
    tasks = [LARGE, SMALL, Work("head", 400_000, 100, 100)]
    plan = optimal_plan(tasks, Budget(32, 1, 30_000, 8.0, 10))
    assert plan.style == "reconfigurable"
    assert [len(group) for group in plan.groups] == [2, 1]


def test_the_model_of_a_group_is_near_what_playing_it_gives() -> None:
    group = [(Work("a", 64_000, 100, 1), 16), (Work("b", 32_000, 100, 1), 8), (Work("c", 16_000, 50, 1), 8)]
    assert group_cycles(group) == pytest.approx(play_group(stages_of(group)).cycles, rel=0.05)


def test_a_device_without_slices_has_no_design() -> None:
    with pytest.raises(NoDesignError, match="no design: 1 tasks, 0 products"):
        optimal_plan([SMALL], Budget(0, 1, 1, 1.0, 0))
