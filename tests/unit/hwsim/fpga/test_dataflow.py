"""Task groups: against the event engine, deadlock with the FIFO to enlarge, depths that never stall, the styles."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.engine import play
from hwsim.fpga.dataflow import (
    DeadlockError,
    Fifo,
    Group,
    Phase,
    Stage,
    depths_without_stalls,
    play_group,
    play_plan,
    tasks_of,
)


def chain(cycles: list[int], tokens: int, depth: int | None) -> Group:
    """Stages in a row that hand on one token per firing."""
    last = len(cycles) - 1
    stages = tuple(
        Stage(
            f"s{place}",
            (
                Phase(
                    tokens,
                    one,
                    ((f"f{place - 1}", 1),) if place else (),
                    ((f"f{place}", 1),) if place < last else (),
                ),
            ),
        )
        for place, one in enumerate(cycles)
    )
    return Group(stages, tuple(Fifo(f"f{place}", depth) for place in range(last)))


chains = st.builds(
    chain,
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.integers(1, 12),
    st.one_of(st.none(), st.integers(1, 4)),
)


@settings(deadline=None)
@given(chains)
def test_a_group_ends_when_the_event_engine_ends_it(group: Group) -> None:
    assert play_group(group).cycles == max(play(tasks_of(group))[1])


@settings(deadline=None)
@given(chains)
def test_work_and_waiting_add_up_and_deeper_fifos_are_never_slower(group: Group) -> None:
    flow = play_group(group)
    deeper = Group(group.stages, tuple(Fifo(f.name, None if f.depth is None else f.depth + 1) for f in group.fifos))
    assert play_group(deeper).cycles <= flow.cycles
    assert flow.cycles >= max(stage.work for stage in group.stages)
    assert all(waits >= 0 for _, waits in flow.waiting)
    limits = {fifo.name: fifo.depth for fifo in group.fifos}
    assert all(limits[name] is None or most <= (limits[name] or 0) for name, most in flow.fullest)


@settings(deadline=None)
@given(chains)
def test_the_proposed_depths_are_as_good_as_unlimited_ones(group: Group) -> None:
    depths = depths_without_stalls(group)
    sized = Group(group.stages, tuple(Fifo(fifo.name, depths[fifo.name]) for fifo in group.fifos))
    free = Group(group.stages, tuple(Fifo(fifo.name) for fifo in group.fifos))
    assert play_group(sized).cycles == play_group(free).cycles


def test_a_pipeline_runs_at_the_rate_of_its_slowest_stage() -> None:
    flow = play_group(chain([2, 5, 3], 100, 2))
    assert flow.cycles == 2 + 100 * 5 + 3
    assert dict(flow.waiting) == {"s0": 2 + 98 * 5 + 2 - 100 * 2, "s1": 0, "s2": 99 * 2}


FORK = (
    Stage("split", (Phase(8, 1, (), (("long", 1), ("short", 1))),)),
    Stage("gather", (Phase(1, 4, (("long", 8),), (("sum", 1),)),)),
    Stage("join", (Phase(1, 1, (("sum", 1),)), Phase(8, 1, (("short", 1),)))),
)


def forked(short: int) -> Group:
    return Group(FORK, (Fifo("long", 8), Fifo("short", short), Fifo("sum", 1)))


def test_a_deadlock_names_the_fifo_and_the_depth_that_is_enough() -> None:
    with pytest.raises(
        DeadlockError, match=r"split waits for room in short; .*enlarge FIFO short from 4 to 8"
    ) as found:
        play_group(forked(4))
    assert (found.value.fifo, found.value.depth) == ("short", 8)
    assert play_group(forked(found.value.depth)).cycles > 0
    with pytest.raises(DeadlockError):
        play_group(forked(found.value.depth - 1))


def test_stages_that_wait_for_each_others_first_token_are_told_that_no_fifo_helps() -> None:
    stages = (
        Stage("a", (Phase(1, 1, (("back", 1),), (("forth", 1),)),)),
        Stage("b", (Phase(1, 1, (("forth", 1),), (("back", 1),)),)),
    )
    with pytest.raises(DeadlockError, match="no depth of a FIFO helps"):
        play_group(Group(stages, (Fifo("forth", 1), Fifo("back", 1))))


def test_tokens_that_nobody_takes_are_refused() -> None:
    stages = (Stage("a", (Phase(3, 1, (), (("f", 1),)),)), Stage("b", (Phase(2, 1, (("f", 1),)),)))
    with pytest.raises(ValueError, match="FIFO f: 3 tokens are given, 2 are taken"):
        play_group(Group(stages, (Fifo("f", 4),)))


def test_a_plan_pays_a_switch_between_groups_only() -> None:
    groups = [Group((Stage("a", (Phase(10, 3),)),)), Group((Stage("b", (Phase(1, 7),)),))]
    assert play_plan(groups[:1], 5) == 30
    assert play_plan(groups, 5) == 30 + 5 + 7
