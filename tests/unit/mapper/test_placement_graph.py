"""Operators of whole networks on a chip of two unlike arrays: never worse than the peak rule, and as predicted."""

from __future__ import annotations

from functools import cache

import pytest

from hwsim.config import load_chip
from hwsim.machine import make_machine
from hwsim.report import Report
from hwsim.schedule import Schedule
from hwsim.simulation import simulate
from mapper.base import Goal, Objective, Rule
from mapper.graph import Search, map_with, placement_costs
from mapper.pieces import pieces_of
from mapper.placement.assign import assign, better_placed, issue_order, segment_problem
from mapper.placement.check import problems_of
from mapper.placement.heft import heft
from workloads.graph import OperatorGraph
from workloads.model import Choices, bind_model
from workloads.user import open_model

CHIP = "nasaic_dla_shi"


@cache
def graph_of(model: str) -> OperatorGraph:
    bits = dict.fromkeys(("weight", "activation", "input", "output", "state"), 8)
    return bind_model(open_model(model), None, Choices(1, None, bits))


@cache
def search_for(objective: Objective) -> Search:
    """Shared by all tests, so that contractions are mapped once."""
    return Search(make_machine(load_chip(CHIP)), "fast", Goal(objective))


@cache
def placed(model: str, rule: Rule, objective: Objective = "latency") -> tuple[Schedule, Report]:
    shared = search_for(objective)
    search = Search(shared.machine, "fast", shared.goal, placement=rule, found=shared.found)
    schedule = map_with(search, graph_of(model))
    return schedule, simulate(graph_of(model), schedule, shared.machine.chip, shared.machine)


@pytest.mark.parametrize("rule", ["heft", "ilp"])
def test_a_placement_beats_units_by_peak_rate_on_unlike_arrays(rule: Rule) -> None:
    _, peak = placed("mobilenet-v2", "peak")
    schedule, report = placed("mobilenet-v2", rule)
    assert report.seconds < 0.9 * peak.seconds
    assert "placement by" in schedule.note and "below that of units by peak rate" in schedule.note


def test_depthwise_convolutions_of_large_images_go_to_the_output_stationary_array() -> None:
    schedule, report = placed("mobilenet-v2", "auto")
    units = {row.name: row.unit for row in report.ops}
    stem = [unit for name, unit in units.items() if name.endswith("conv_stem.conv_3x3.convolution")]
    assert stem == ["shi"]
    assert {"dla", "shi"} <= set(units.values())
    assert schedule == placed("mobilenet-v2", "auto")[0]


@pytest.mark.parametrize("model, objective", [("bert-base", "latency"), ("bert-base", "energy")])
def test_no_placement_is_worse_than_units_by_peak_rate(model: str, objective: Objective) -> None:
    _, peak = placed(model, "peak", objective)
    schedule, report = placed(model, "auto", objective)
    if objective == "latency":
        assert report.seconds <= peak.seconds
    else:
        assert report.energy_joules <= peak.energy_joules
    assert "units by peak rate" in schedule.note


def test_parts_that_run_chunk_by_chunk_stay_on_one_scratchpad() -> None:
    machine = search_for("latency").machine
    schedule, _ = placed("bert-base", "auto")
    pads: dict[str, set[str | None]] = {}
    for step in schedule.steps:
        if step.chunks > 1:
            pads.setdefault(step.group, set()).add(machine.scratchpad(step.mapping.unit))
    assert pads and all(len(names) == 1 for names in pads.values())


def test_predicted_seconds_are_near_those_of_the_simulator() -> None:
    search, graph = search_for("latency"), graph_of("mobilenet-v2")
    pieces, costs = pieces_of(graph, search.machine), placement_costs(search, graph)
    assigned = assign(graph, pieces, costs, "latency", "heft")
    _, report = placed("mobilenet-v2", "heft")
    assert assigned.seconds == pytest.approx(report.seconds, rel=0.05)
    assert assigned.bound <= assigned.seconds


def test_a_segment_is_a_valid_problem_and_its_issue_order_keeps_producers_first() -> None:
    search, graph = search_for("latency"), graph_of("mobilenet-v2")
    pieces, costs = pieces_of(graph, search.machine), placement_costs(search, graph)
    mine = [piece for piece in pieces if piece.segment == 1]
    problem = segment_problem(mine, {}, costs, "latency", serial=False)
    plan = heft(problem)
    assert problems_of(problem, plan) == []
    order = issue_order(mine, problem, plan)
    place = {piece.op.name: index for index, piece in enumerate(order)}
    assert len(order) == len(mine) == len(place)
    for edge in problem.edges:
        assert place[mine[edge.producer].op.name] < place[mine[edge.consumer].op.name]


def test_a_chip_without_a_choice_is_left_as_it_is() -> None:
    machine = make_machine(load_chip("t4"))
    graph = graph_of("bert-base")
    assert map_with(Search(machine, placement="auto"), graph) == map_with(Search(machine), graph)


def test_schedules_side_by_side_are_tried_where_the_caller_can_make_them() -> None:
    search, graph = search_for("latency"), graph_of("mobilenet-v2")
    pieces, costs = pieces_of(graph, search.machine), placement_costs(search, graph)
    peak, _ = placed("mobilenet-v2", "peak")
    good, _ = placed("mobilenet-v2", "heft")
    marked: list[Schedule] = []

    def mark(schedule: Schedule) -> Schedule:
        marked.append(schedule)
        return good

    found = better_placed(graph, pieces, costs, peak, "latency", "heft", lambda _: peak, mark)
    assert marked == [peak]
    assert found.steps == good.steps and "side by side" in found.note
