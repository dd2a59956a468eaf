"""Evaluation: exact sharing of mappings, honest fidelities, and what can't be done as a status."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from search.design import all_values, axes
from search.evaluate import MARGIN, Evaluator, evaluate, make_evaluator
from search.mapping_store import Store
from tests.unit.search.tiny import BASE, SPACE, write_tiny


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory: pytest.TempPathFactory) -> Evaluator:
    return make_evaluator(write_tiny(tmp_path_factory.mktemp("tiny")))


def test_shared_mappings_change_no_result(tmp_path: Path) -> None:
    changed = SPACE.replace("choices: [16 KiB, 64 KiB]", "choices: [64 KiB, 128 KiB]").replace(
        "[4, 8, 16, 32]", "[8, 16]"
    )
    text = changed.replace("workloads:", "  dram: {path: memories.dram.size, choices: [1 GiB, 2 GiB]}\nworkloads:")
    shared = make_evaluator(write_tiny(tmp_path, text))
    for values in all_values(shared.space):
        alone = evaluate(replace(shared, store=Store()), values)
        together = evaluate(shared, values)
        assert replace(together, cpu_seconds=0) == replace(alone, cpu_seconds=0)
    assert shared.store.hits > 10, "designs that differ in their outer memory's size share mappings"


def test_a_closed_form_replaces_the_engine_only_where_the_front_is_far_ahead(evaluator: Evaluator) -> None:
    values = {"rows": 4, "columns": 4, "dataflow": "ws", "sram": "16 KiB"}
    engine = evaluate(evaluator, values)
    seen = (engine.quantities["seconds"], engine.quantities["energy_joules"])
    near = evaluate(evaluator, values, front=[(0.9 * seen[0], 0.9 * seen[1])])
    far = evaluate(evaluator, values, front=[(0.2 * seen[0], 0.2 * seen[1])])
    assert (engine.fidelity, near.fidelity, far.fidelity) == ("engine", "engine", "closed form")
    assert near.quantities == engine.quantities
    assert far.quantities["seconds"] == pytest.approx(engine.quantities["seconds"], rel=0.3)
    assert far.quantities["area_mm2"] == engine.quantities["area_mm2"]


def test_the_engine_is_rarely_better_than_the_closed_form_by_more_than_the_margin() -> None:
    ready = make_evaluator("edge_npu")
    draw = random.Random(5)
    compared = misjudged = 0
    for _ in range(12):
        values = {axis.name: draw.choice(axis.values) for axis in axes(ready.space)}
        quick, slow = evaluate(ready, values, front=[(0.0, 0.0)]), evaluate(ready, values)
        if "seconds" not in quick.quantities:
            continue
        assert quick.fidelity == "closed form"
        compared += 1
        ratios = [slow.quantities[name] / quick.quantities[name] for name in ("seconds", "energy_joules")]
        assert all(0.7 < ratio < 1.5 for ratio in ratios)
        misjudged += max(ratios) < 1 - MARGIN
    assert compared > 5
    assert misjudged == 0


def test_a_design_over_its_area_is_infeasible_by_the_share_it_exceeds(evaluator: Evaluator) -> None:
    outcome = evaluate(evaluator, {"rows": 32, "columns": 32, "dataflow": "ws", "sram": "64 KiB"})
    assert outcome.status == "infeasible"
    assert outcome.violations == {"area_mm2": pytest.approx(outcome.quantities["area_mm2"] / 0.4 - 1)}
    assert outcome.fidelity == "none", "nothing was mapped"


def test_what_does_not_fit_and_what_cannot_be_a_chip_are_infeasible(tmp_path: Path) -> None:
    small = make_evaluator(write_tiny(tmp_path, base=BASE.replace("size: 1 GiB", "size: 4 KiB")))
    values = {"rows": 4, "columns": 4, "dataflow": "ws", "sram": "16 KiB"}
    outcome = evaluate(small, values)
    assert (outcome.status, list(outcome.violations)) == ("infeasible", ["memory"])
    assert outcome.reason.startswith("does not fit: needs")
    assert evaluate(small, {**values, "dataflow": "xs"}).violations == {"chip": 1.0}
