"""Networks of the COSMA comparison: budgets and optima found before by other means."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import NamedTuple

import pytest

from mapper.scratchpad.baselines import baseline
from mapper.scratchpad.instance import instance, needs
from mapper.scratchpad.peak import budgets, search_peak, with_capacity
from mapper.scratchpad.problem import Problem
from mapper.scratchpad.solve import candidates, solve
from mapper.scratchpad.windows import improve, improve_all
from search.reproduction.simulations.cosma_graphs import fused, listed, problem


class Case(NamedTuple):
    """Budgets in KiB without parameters, and optima at M_R without and with parameters, in bytes."""

    operators: int
    least: float
    peak: float
    extra: int
    extra_with_parameters: int


CASES = {
    "resnet50": Case(174, 2352, 2352, 0, 602_112),
    "densenet121": Case(430, 1568, 2058, 1_204_224, 1_204_224),
    "resnext50": Case(174, 2352, 2352, 0, 4_816_896),
    "vit_b_16": Case(149, 1182, 1500.5859375, 18_155_520, 3_631_104),
}


def network(reference: Path, name: str, parameters: bool = False) -> Problem:
    return problem(listed(reference / "graphs" / f"{name}.json"), parameters)


@pytest.mark.parametrize("name", CASES)
def test_optima_are_proven_and_equal_those_found_before(name: str, reference: Path) -> None:
    case, graph = CASES[name], network(reference, name)
    assert len(graph.operators) == case.operators
    least, peak, half = budgets(graph)
    assert (least / 1024, peak / 1024) == (case.least, case.peak)
    plan = solve(with_capacity(graph, least))
    assert (plan.extra_bytes, plan.proven) == (case.extra, True)
    between, roomy = solve(with_capacity(graph, half)), solve(with_capacity(graph, peak))
    assert between.proven and between.extra_bytes <= plan.extra_bytes
    assert roomy.extra_bytes == 0


@pytest.mark.parametrize("name", CASES)
def test_optima_with_parameters_equal_those_found_before(name: str, reference: Path) -> None:
    graph = network(reference, name, parameters=True)
    plan = solve(with_capacity(graph, budgets(graph)[0]))
    assert (plan.extra_bytes, plan.proven) == (CASES[name].extra_with_parameters, True)


def test_the_transformer_needs_the_search_over_orders(reference: Path) -> None:
    graph = network(reference, "transformer")
    plan = solve(with_capacity(graph, budgets(graph)[0]))
    assert (plan.extra_bytes, plan.proven) == (2_031_616, True)
    assert plan.method.startswith("order search")


def test_fusion_keeps_what_other_operators_read(reference: Path) -> None:
    whole = listed(reference / "graphs" / "densenet121.json")
    part = fused(whole)
    written = {name for node in part.nodes for name in node.writes}
    assert len(part.nodes) == 188
    assert all(name in written or whole.tensors[name][1] == "input" for node in part.nodes for name in node.reads)
    assert sum(node.parameters for node in part.nodes) == sum(node.parameters for node in whole.nodes)


def test_a_searched_network_beats_its_baseline_by_half_and_windows_never_lose(reference: Path) -> None:
    small = problem(fused(listed(reference / "graphs" / "amoebanet_d.json")), parameters=False)
    least = max(needs(instance(small))) * instance(small).unit
    assert least == 1568 * 1024
    task = with_capacity(small, least)
    numbers = instance(task)
    start = candidates(numbers, 0.0).schedules[0]
    better = improve(numbers, start, inf, most=1000)
    assert better.cost <= start.cost
    other = baseline(task, tuple(range(len(task.operators))), "belady")
    assert better.cost * numbers.unit <= 0.6 * other.extra_bytes
    assert search_peak(numbers).value * numbers.unit == 1960 * 1024


def test_windows_give_equal_schedules_in_one_process_and_in_two(reference: Path) -> None:
    graph = network(reference, "transformer")
    numbers = instance(with_capacity(graph, budgets(graph)[0]))
    start = list(candidates(numbers, 0.0).schedules)
    assert improve_all(numbers, start, inf, jobs=2) == improve_all(numbers, start, inf, jobs=1)
