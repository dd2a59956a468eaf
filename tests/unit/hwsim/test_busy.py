"""Busy time of resources is exact, also across periods that were never played."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workloads
from hwsim.config import load_chip
from hwsim.engine import play
from hwsim.machine import make_machine
from hwsim.pipeline import REGISTERS
from hwsim.program import Mark, Node, Repeat, Size, State, run, unroll
from hwsim.simulation import build_program
from mapper.graph import map_graph
from tests.unit.hwsim.test_program import SIZE, double_buffered, nodes, tasks
from tests.unit.hwsim.test_simulation import OPERATORS, chip
from workloads.inline import parse_inline


def spelled_out(program: tuple[Node, ...]) -> list[Node]:
    flat: list[Node] = []
    for node in program:
        flat += spelled_out(node.body) * node.count if isinstance(node, Repeat) else [node]
    return flat


def played_one_by_one(program: tuple[Node, ...], size: Size) -> State:
    return run(tuple(spelled_out(program)), size)


@settings(max_examples=60, deadline=None)
@given(st.lists(nodes(), min_size=1, max_size=6).map(tuple).filter(lambda program: tasks(program) < 1500))
def test_skipped_periods_are_counted_as_if_they_had_been_played(program: tuple[Node, ...]) -> None:
    quick, slow = run(program, SIZE), played_one_by_one(program, SIZE)
    assert quick.ops == slow.ops
    assert quick.busy == slow.busy


@settings(max_examples=100, deadline=None)
@given(st.lists(nodes(), min_size=1, max_size=6).map(tuple).filter(lambda program: tasks(program) < 1500))
def test_operators_that_overlap_are_timed_and_counted_as_if_every_iteration_had_been_played(
    program: tuple[Node, ...],
) -> None:
    size = replace(SIZE, overlapping=True)
    quick, slow = run(program, size), played_one_by_one(program, size)
    _, finish = play(unroll(program, size))
    assert quick.horizon == slow.horizon == max(finish, default=0)
    assert quick.ops == slow.ops
    assert quick.busy == slow.busy


@settings(max_examples=40, deadline=None)
@given(st.lists(nodes(), min_size=1, max_size=4).map(tuple).filter(lambda program: tasks(program) < 1500))
def test_busy_time_is_the_sum_of_the_tasks_and_never_more_than_the_makespan(program: tuple[Node, ...]) -> None:
    state = run(program, SIZE)
    durations = [0] * SIZE.resources
    for task in unroll(program, SIZE):
        durations[task.resource] += task.duration
    assert state.busy.total() == durations
    assert all(ticks <= state.horizon for ticks in durations)


@settings(max_examples=25, deadline=None)
@given(text=OPERATORS, sram=st.sampled_from(["2 KiB", "16 KiB"]))
def test_windows_hold_what_the_event_engine_plays_in_them(
    tmp_path_factory: pytest.TempPathFactory, text: str, sram: str
) -> None:
    target = chip(tmp_path_factory.mktemp("busy"), sram=sram)
    machine = make_machine(target)
    graph = parse_inline(text)
    program, _ = build_program(graph, map_graph(graph, target), machine)
    compare_windows(spelled_out(program), len(machine.resources))


def test_tasks_fetched_ahead_belong_to_one_operator_and_run_in_the_window_of_another() -> None:
    target = load_chip("tpu_v4i")
    machine = make_machine(target)
    graph = workloads.load("gpt2", phase="decode", batch=1, context=64)
    program, entries = build_program(graph, map_graph(graph, target), machine)
    state = run(program, Size(REGISTERS, len(machine.resources), 1, len(entries)))
    hbm = machine.resources.index("hbm")
    pairs = list(zip(state.busy.within, state.busy.own, strict=True))
    assert any(within[hbm] > own[hbm] for within, own in pairs)
    assert any(within[hbm] < own[hbm] for within, own in pairs)
    assert sum(within[hbm] for within, _ in pairs) == sum(own[hbm] for _, own in pairs)
    assert all(ticks <= window for (within, _), window in zip(pairs, state.ops, strict=True) for ticks in within)
    compare_windows(spelled_out(program), len(machine.resources))


def compare_windows(flat: list[Node], resources: int) -> None:
    """Every mark gets a window of its own; what runs in it is read off the plain engine's start and finish times."""
    numbered: list[Node] = []
    marks = 0
    for node in flat:
        numbered.append(replace(node, index=marks) if isinstance(node, Mark) else node)
        marks += isinstance(node, Mark)
    size = Size(REGISTERS, resources, 1, marks)
    state = run(tuple(numbered), size)
    played = unroll(tuple(numbered), size)
    start, finish = play(played)
    begin = 0
    for index in range(marks):
        end = begin + state.ops[index]
        expected = [0] * resources
        for task, first, last in zip(played, start, finish, strict=True):
            expected[task.resource] += max(0, min(last, end) - max(first, begin))
        assert state.busy.within[index] == expected
        begin = end


def test_a_billion_iterations_are_counted_exactly() -> None:
    state = run(double_buffered(7, 10, 10**9), SIZE)
    assert state.busy.total()[:2] == [7 * 10**9, 10 * 10**9]
    assert state.busy.within[0][:2] == [7 * 10**9, 10 * 10**9]
    assert state.steps < 50
