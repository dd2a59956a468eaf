"""The checker passes what mappers make and finds every way in which a schedule can contradict itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

import workloads
from hwsim.config import load_chip
from hwsim.machine import Machine, make_machine
from hwsim.schedule import Placement, Schedule, Step, Transfer
from hwsim.schedule_check import ScheduleError, check_schedule
from mapper.graph import Search, map_with
from workloads.graph import OperatorGraph
from workloads.inline import parse_inline


@pytest.fixture(scope="module", params=["eyeriss", "simba_like", "tpu_v4i"])
def search(request: pytest.FixtureRequest) -> Search:
    return Search(make_machine(load_chip(str(request.param))))


@pytest.mark.parametrize(
    "model", ["gcn-cora", "gpt2", "llama-3.1-405b", "lstm-kws", "mixtral-8x7b", "resnet-18", "t5-base"]
)
def test_what_the_fast_mapper_makes_passes(search: Search, model: str) -> None:
    graph = workloads.load(model)
    check_schedule(graph, map_with(search, graph), search.machine)


@pytest.fixture(scope="module")
def example() -> tuple[OperatorGraph, Schedule, Machine]:
    machine = make_machine(load_chip("tpu_v4i"))
    graph = workloads.load("resnet-18")
    return graph, map_with(Search(machine), graph), machine


def changed(schedule: Schedule, index: int, **changes: int) -> Schedule:
    placements = list(schedule.placements)
    placements[index] = replace(placements[index], **changes)  # type: ignore[arg-type]
    return replace(schedule, placements=tuple(placements))


BROKEN: dict[str, tuple[str, Callable[[Schedule], Schedule]]] = {
    "an operator is left out": ("no step runs", lambda s: replace(s, steps=s.steps[:-1])),
    "an operator runs twice": ("runs twice", lambda s: replace(s, steps=(s.steps[0], *s.steps))),
    "a place is too small": ("too few", lambda s: changed(s, 0, size_bytes=1)),
    "a place lies outside": ("outside the memory", lambda s: changed(s, 0, address=10**12)),
    "a place is given up too early": (
        "has no place in|which is not in",
        lambda s: replace(s, placements=tuple(replace(p, last_step=p.first_step) for p in s.placements)),
    ),
    "two places overlap": (
        "overlaps",
        lambda s: replace(s, placements=tuple(replace(p, address=0) for p in s.placements)),
    ),
    "a tensor is read before it is computed": (
        "which is not in",
        lambda s: replace(s, placements=(), steps=_streaming(s)[::-1]),
    ),
    "a tensor is read from where it never was written": (
        "which is not in",
        lambda s: replace(
            s, steps=(*s.steps[:2], replace(s.steps[2], mapping=replace(s.steps[2].mapping, resident=())), *s.steps[3:])
        ),
    ),
    "a transfer has no place": (
        "has no place",
        lambda s: replace(s, transfers=(Transfer("linear", "store", s.placements[0].memory, 8, 3, 3),)),
    ),
    "a tensor is retrieved that was never written out": (
        "not written out",
        lambda s: replace(s, transfers=(_retrieve(s.placements[0]),)),
    ),
    "the tiles find no room": (
        "exceed",
        lambda s: replace(s, placements=(*s.placements, _filler(s))),
    ),
}


def _streaming(schedule: Schedule) -> tuple[Step, ...]:
    return tuple(replace(step, mapping=replace(step.mapping, resident=())) for step in schedule.steps)


def _retrieve(placement: Placement) -> Transfer:
    step = placement.first_step
    return Transfer(placement.tensor, "retrieve", placement.memory, placement.size_bytes, step, step)


def _filler(schedule: Schedule) -> Placement:
    """Everything that the last step leaves free."""
    last = len(schedule.steps) - 1
    top = max(p.address + p.size_bytes for p in schedule.placements if p.last_step == last)
    return Placement("input.pixel_values", schedule.placements[0].memory, top, 128 * 2**20 - top, last, last)


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_contradiction_is_found(name: str, example: tuple[OperatorGraph, Schedule, Machine]) -> None:
    graph, schedule, machine = example
    message, change = BROKEN[name]
    with pytest.raises(ScheduleError, match=message):
        check_schedule(graph, change(schedule), machine)


def test_a_result_that_stays_on_chip_is_a_loss() -> None:
    machine = make_machine(load_chip("tpu_v4i"))
    graph = parse_inline("matmul:m=64,n=64,k=64")
    schedule = map_with(Search(machine), graph)
    result = graph.segments[0].ops[0].writes[0].tensor
    pad = machine.scratchpad(schedule.steps[0].mapping.unit)
    assert pad is not None
    step = replace(schedule.steps[0], mapping=replace(schedule.steps[0].mapping, resident=(result,)))
    kept = replace(schedule, steps=(step,), placements=(Placement(result, pad, 0, 64 * 64 * 2, 0, 0),))
    with pytest.raises(ScheduleError, match="never written out"):
        check_schedule(graph, kept, machine)
    stored = replace(kept, transfers=(Transfer(result, "store", pad, 64 * 64 * 2, 0, 0),))
    check_schedule(graph, stored, machine)
