"""Loop programs give the event engine's times exactly, without visiting every iteration."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.engine import Task, play
from hwsim.program import Copy, Defer, Flush, Mark, Node, Repeat, Run, Size, run, unroll

SIZE = Size(registers=6, resources=3, slots=1, ops=3)
REGISTERS = st.integers(0, SIZE.registers - 1)


def runs() -> st.SearchStrategy[Run]:
    waits = st.lists(REGISTERS, max_size=2).map(tuple)
    return st.builds(Run, st.integers(0, 2), st.integers(0, 9), waits, REGISTERS, st.integers(0, 3))


def nodes() -> st.SearchStrategy[Node]:
    moves = st.lists(st.tuples(REGISTERS, st.lists(REGISTERS, min_size=1, max_size=2).map(tuple)), max_size=2).map(
        tuple
    )
    leaves = st.one_of(
        runs(),
        st.builds(Copy, moves),
        st.builds(Defer, st.just(0), runs(), REGISTERS),
        st.just(Flush(0)),
        st.builds(Mark, st.integers(0, 2)),
    )
    return st.recursive(
        leaves,
        max_leaves=8,
        extend=lambda inner: st.builds(Repeat, st.integers(1, 8), st.lists(inner, min_size=1, max_size=3).map(tuple)),
    )


def tasks(program: tuple[Node, ...]) -> int:
    return sum(node.count * tasks(node.body) if isinstance(node, Repeat) else 1 for node in program)


@settings(max_examples=300, deadline=None)
@given(st.lists(nodes(), min_size=1, max_size=4).map(tuple).filter(lambda program: tasks(program) < 300))
def test_a_loop_program_ends_when_the_event_engine_says(program: tuple[Node, ...]) -> None:
    state = run(program, SIZE)
    _, finish = play(unroll(program, SIZE))
    assert state.horizon == max(finish, default=0)


@settings(max_examples=100, deadline=None)
@given(st.lists(nodes(), min_size=1, max_size=4).map(tuple).filter(lambda program: tasks(program) < 300))
def test_the_times_of_the_operators_add_up_to_the_makespan(program: tuple[Node, ...]) -> None:
    state = run((*program, Mark(2)), SIZE)
    assert sum(state.ops) == state.horizon


def double_buffered(load: int, compute: int, count: int) -> tuple[Node, ...]:
    body = (
        Run(0, load, (1,), 0, name="load"),
        Run(1, compute, (0,), 3, name="compute"),
        Copy(((1, (2,)), (2, (3,)))),
    )
    return (Repeat(count, body), Mark(0))


def test_double_buffering_hides_the_shorter_of_load_and_compute() -> None:
    assert run(double_buffered(10, 7, 1000), SIZE).horizon == 10 * 1000 + 7
    assert run(double_buffered(7, 10, 1000), SIZE).horizon == 7 + 10 * 1000


def test_a_billion_iterations_cost_no_more_than_a_few() -> None:
    state = run(double_buffered(7, 10, 10**9), SIZE, record=100)
    assert state.horizon == 7 + 10 * 10**9
    assert state.steps < 50
    assert sum(one.repeats for one in state.played if one.name == "compute") == 10**9


def test_equal_times_are_served_in_the_order_of_priority_then_insertion() -> None:
    start, _ = play([Task(0, 5), Task(0, 5, priority=-1), Task(0, 5)])
    assert start == [5, 0, 10]
