"""A generated system of hardwired chips with what it does: throughput, power, area, masks and money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.hardwired_file import chip_data, chip_of
from hwsim.hardwiring import Plan, plan
from hwsim.machine import make_machine
from hwsim.manufacturing import Bill, bill_of
from hwsim.report import Report
from hwsim.units._embedding import Embedding
from mapper.estimate import make_estimator
from workloads.graph import OperatorGraph
from workloads.model import Choices, Model, bind_model

TEMPLATE = "hnlpu"
CONTEXT = 2048


@dataclass(frozen=True, slots=True)
class Hardwired:
    """A system for a model.

    Attributes:
        plan: chips and areas.
        data: contents of its chip file.
        chip: the same, validated.
        report: decode with the pipeline full, at a context of ``CONTEXT`` tokens.
        bill: what it costs to make.
    """

    plan: Plan
    data: dict[str, Any]
    chip: Chip
    report: Report
    bill: Bill


def hardwire(model: Model, bits: int = 4, die: float | None = None, embedding: Embedding = "metal") -> Hardwired:
    """The smallest system of hardwired chips for a language model.

    Args:
        model: a model with a phase decode.
        bits: of a weight.
        die: square metres of a die; None is the template's.
        embedding: how weights are held.

    Raises:
        PhaseError: the model has no phase decode.
        NoPriceError: the die has no room beside the other blocks, or no good die comes from a wafer.
    """
    template = load_chip(TEMPLATE)
    graph = _graph(model, 1, bits)
    room = die if die is not None else _die_of(template)
    one = plan(graph, template, room, embedding, bits)
    batch = _graph(model, one.in_flight, bits)
    first = _report(chip_of(chip_data(one, graph, template, 1.0), model.name), batch)
    data = chip_data(one, graph, template, first.throughput)
    chip = chip_of(data, f"{model.name}_hardwired")
    return Hardwired(one, data, chip, _report(chip, batch), bill_of(chip, make_machine(chip).area_square_metres))


def _graph(model: Model, batch: int, bits: int) -> OperatorGraph:
    return bind_model(model, "decode", Choices(batch, CONTEXT, {"weight": bits}))


def _report(chip: Chip, graph: OperatorGraph) -> Report:
    return make_estimator(chip).report(graph)


def _die_of(chip: Chip) -> float:
    making, area = chip.cost.making, make_machine(chip).area_square_metres
    assert making is not None and area is not None, "the template says how its dies are made"
    return area / making.dies * (1 + 1e-9)


def facts(system: Hardwired) -> dict[str, Any]:
    """All figures under their names and units."""
    one, bill, report = system.plan, system.bill, system.report
    area = make_machine(system.chip).area_square_metres or 0.0
    watts = report.energy_joules / report.seconds
    return {
        "model": one.model,
        "embedding": one.embedding,
        "weight_bits": one.weight_bits,
        "weights": one.weights,
        "active_weights": one.active_weights,
        "chips": one.chips,
        "grid_rows": one.rows,
        "grid_columns": one.columns,
        "in_flight": one.in_flight,
        "die_mm2": area / one.chips * 1e6,
        "array_mm2": one.array * 1e6,
        "system_mm2": area * 1e6,
        "tokens_per_second": report.throughput,
        "power_watts": watts,
        "tokens_per_joule": report.throughput / watts,
        "yield": bill.yield_fraction,
        "common_masks_dollars": list(bill.common_masks),
        "variant_masks_dollars": list(bill.variant_masks),
        "design_dollars": list(bill.design),
        "chip_dollars": list(bill.chip),
        "build_dollars": list(bill.build(one.chips)),
        "respin_dollars": list(bill.respin(one.chips)),
    }
