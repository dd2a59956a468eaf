"""Instruction streams against the event engine, and where their time is said to go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.engine import play
from hwsim.fpga.instructions import TICKS_PER_SECOND, Instruction, Stream, play_stream, tasks_of


@st.composite
def streams(draw: st.DrawFn) -> list[Instruction]:
    count = draw(st.integers(1, 25))
    return [
        Instruction(
            draw(st.sampled_from(("LD", "MV", "MISC", "ST"))),
            draw(st.integers(0, 9)) * 1e-6,
            tuple(draw(st.lists(st.integers(0, index - 1), max_size=3))) if index else (),
        )
        for index in range(count)
    ]


@settings(deadline=None, max_examples=150)
@given(streams())
def test_one_pass_over_the_queues_ends_when_the_event_engine_does(stream: list[Instruction]) -> None:
    tasks = tasks_of(stream)
    _, finishes = play(tasks)
    played = play_stream(stream)
    assert played.seconds == max(finishes) / TICKS_PER_SECOND
    for name, seconds in played.busy:
        own = sum(one.seconds for one in stream if one.queue == name)
        assert seconds == pytest.approx(own)


@settings(deadline=None, max_examples=150)
@given(streams())
def test_every_moment_is_blamed_on_exactly_one_queue(stream: list[Instruction]) -> None:
    played = play_stream(stream)
    assert sum(seconds for _, seconds in played.critical) == pytest.approx(played.seconds)
    busy = dict(played.busy)
    assert all(-1e-18 <= seconds <= busy[name] + 1e-18 for name, seconds in played.critical)


def test_a_load_that_runs_ahead_is_hidden_and_one_that_waits_is_not() -> None:
    ahead, behind = Stream(), Stream()
    for stream, waits in ((ahead, False), (behind, True)):
        done: int | None = None
        for _ in range(4):
            load = stream.add("LD", 1e-6, done if waits else None)
            done = stream.add("MV", 2e-6, load)
    assert play_stream(ahead.instructions).seconds == pytest.approx(9e-6)
    assert play_stream(behind.instructions).seconds == pytest.approx(12e-6)
    assert dict(play_stream(behind.instructions).critical) == pytest.approx({"LD": 4e-6, "MV": 8e-6})


def test_nothing_takes_no_time() -> None:
    assert play_stream(()).seconds == 0
