"""Generated systems of hardwired chips: size, partition, masks, and the file that estimate runs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from hwsim.config import load_chip
from hwsim.hardwired_file import chip_text
from hwsim.hardwiring import active_weights, grid_of, grid_spec, rules
from hwsim.machine import make_machine
from hwsim.manufacturing import NoPriceError, bill_of
from hwsim.units.hardwired import Hardwired as Unit
from hwsim.units.hardwired import Rule
from mapper.estimate import estimate
from mapper.hardwire import Hardwired, facts, hardwire
from mapper.hardwire_command import hardwire as command
from workloads.graph import OperatorGraph
from workloads.model import Choices, bind_model
from workloads.partition import Cut, cuts
from workloads.user import open_model


@cache
def system(model: str) -> Hardwired:
    return hardwire(open_model(model))


@cache
def graph(model: str) -> OperatorGraph:
    return bind_model(open_model(model), "decode", Choices(1, 2048, {"weight": 4}))


def test_the_system_for_gpt_oss_is_the_published_one() -> None:
    ours, chip = system("gpt-oss-120b"), load_chip("hnlpu")
    found = facts(ours)
    assert (found["chips"], found["grid_rows"], found["grid_columns"], found["in_flight"]) == (16, 4, 4, 216)
    assert found["die_mm2"] == pytest.approx(827.08, rel=1e-3)
    assert found["variant_masks_dollars"] == pytest.approx([18.46e6, 36.92e6], rel=1e-3)
    assert found["build_dollars"] == pytest.approx([59.25e6, 123.3e6], rel=1e-3)
    report = estimate("gpt-oss-120b", chip, phase="decode", batch=216, context=2048, bits={"weight": 4})
    assert found["tokens_per_second"] == pytest.approx(report.throughput, rel=1e-6)
    assert found["power_watts"] == pytest.approx(report.energy_joules / report.seconds, rel=0.01)


def test_its_partition_causes_the_exchanges_of_the_written_one() -> None:
    written, made = (Unit("grid", grid_spec(c), c) for c in (load_chip("hnlpu"), system("gpt-oss-120b").chip))
    for _, op in graph("gpt-oss-120b").walk():
        ours, theirs = (
            tuple(one for _, one in unit.exchanges(op, graph("gpt-oss-120b").by_name)) for unit in (made, written)
        )
        assert ours == theirs, op.name
        assert made.passage(op, graph("gpt-oss-120b").by_name) == written.passage(op, graph("gpt-oss-120b").by_name)


def test_the_written_file_runs_and_repeats_the_figures(tmp_path: Path) -> None:
    file = tmp_path / "llama.yaml"
    file.write_text(chip_text(system("llama-3-8b").data), encoding="utf-8")
    chip = load_chip(file)
    report = estimate("llama-3-8b", chip, phase="decode", batch=192, context=2048, bits={"weight": 4})
    assert report.throughput == pytest.approx(system("llama-3-8b").report.throughput, rel=1e-9)
    assert bill_of(chip, make_machine(chip).area_square_metres) == system("llama-3-8b").bill


@pytest.mark.parametrize("model", ["gpt-oss-120b", "llama-3-8b"])
def test_the_arrays_hold_the_weights_and_hardly_more(model: str) -> None:
    ours = system(model)
    unit = Unit("grid", grid_spec(ours.chip), ours.chip)
    assert ours.plan.weights <= unit.weight_capacity <= 1.000001 * ours.plan.weights


def test_a_token_passes_the_weights_of_its_experts_only() -> None:
    assert active_weights(graph("gpt-oss-120b")) == pytest.approx(5.13e9, rel=0.01)
    dense, embedding = graph("llama-3-8b"), 128256 * 4096
    assert active_weights(dense) == pytest.approx(dense.parameters - embedding, rel=1e-3)


@pytest.mark.parametrize("model", ["deepseek-v3", "gpt2", "llama-3-8b", "mixtral-8x7b"])
def test_every_product_of_a_layer_has_a_place_and_every_rule_is_valid(model: str) -> None:
    found = cuts(graph(model))
    assert {Cut.QUERY, Cut.ATTENTION, Cut.OUTPUT, Cut.HEAD, Cut.EMBEDDING} <= set(found.values())
    assert (Cut.EXPERTS in found.values()) == (Cut.ROUTER in found.values())
    assert Cut.EXPERTS in found.values() or list(found.values()).count(Cut.DOWN) == 1
    assert all(Rule.model_validate(rule) for rule in rules(graph(model), 3, 4))


def test_weights_in_cells_need_far_more_chips_and_a_mask_set_for_each() -> None:
    metal, cell = facts(system("llama-3-8b")), facts(hardwire(open_model("llama-3-8b"), embedding="cell"))
    assert cell["chips"] > 8 * metal["chips"]
    assert cell["array_mm2"] * cell["chips"] == pytest.approx(14.3 / 0.95 * metal["array_mm2"] * metal["chips"])
    assert cell["variant_masks_dollars"] == pytest.approx([15e6 * cell["chips"], 30e6 * cell["chips"]])
    assert cell["tokens_per_joule"] < metal["tokens_per_joule"]


def test_weights_in_sram_need_no_masks_of_their_own_but_a_token_takes_longer() -> None:
    metal, sram = facts(system("llama-3-8b")), facts(hardwire(open_model("llama-3-8b"), embedding="sram"))
    assert sram["variant_masks_dollars"] == [0, 0] and sram["tokens_per_second"] < metal["tokens_per_second"]
    assert sram["array_mm2"] == pytest.approx(metal["array_mm2"] / 0.95)


def test_a_chip_file_changes_with_its_embedding() -> None:
    metal, cell = load_chip("hnlpu"), load_chip("hnlpu", ["units.grid.embedding=cell"])
    areas = [make_machine(chip).area_square_metres or 0 for chip in (metal, cell)]
    assert areas[1] - areas[0] == pytest.approx(16 * 573.16e-6 * (14.3 / 0.95 - 1))
    with pytest.raises(NoPriceError, match="has no good die of 88"):
        bill_of(cell, areas[1])


@given(chips=st.integers(1, 4096))
def test_a_grid_holds_the_chips_and_is_not_a_long_line(chips: int) -> None:
    rows, columns = grid_of(chips)
    assert rows * columns >= chips and rows <= columns <= 3 * rows + 2
    assert rows * columns - chips <= max(2, 0.25 * chips)


def test_a_die_without_room_is_refused_with_the_reason() -> None:
    with pytest.raises(NoPriceError, match="no room for weights beside the 216 mm2"):
        hardwire(open_model("llama-3-8b"), die=200e-6)


def test_the_command_prints_the_same_figures_as_json() -> None:
    result = CliRunner().invoke(command, ["llama-3-8b", "--json", "--die", "827 mm2"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["chips"] == system("llama-3-8b").plan.chips
    assert "chips               2, a grid of 1 x 2" in CliRunner().invoke(command, ["llama-3-8b"]).output
    assert CliRunner().invoke(command, ["llama-3-8b", "--bits", "activation=4"]).exit_code == 2
