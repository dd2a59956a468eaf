"""Energy per token of one chip with four kinds of arithmetic: products, L-Mul, shift-and-add, ternary sums.

Savings that papers state are those of the arithmetic; here they stand beside what the rest of the chip spends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwsim.config import load_chip
from hwsim.report import Report
from hwsim.technology import vector_operation_energy
from mapper.estimate import make_estimator
from workloads.model import Choices, bind_model
from workloads.user import open_model

MODEL, CHIP = "llama-2-7b", "shiftaddllm_array"
CONTEXT = 1024
INTEGER_ADD = {16: 0.05e-12, 32: 0.1e-12}
"""Joules of an integer addition by width at 45 nm: Horowitz, ISSCC 2014 (recalled)."""
PHASES = ("decode", "prefill")
PARTS: tuple[str, ...] = ("arithmetic", "registers", "network", "buffer", "DRAM")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of arithmetic: bits of a weight, and what it changes on the chip."""

    weight_bits: int
    overrides: Sequence[str] = ()


KINDS: Mapping[str, Kind] = {
    "product": Kind(16),
    "L-Mul": Kind(16, ("units.array.mac_energy=0.45 pJ/op",)),
    "shift-add": Kind(3),
    "ternary": Kind(2),
}
"""L-Mul: an integer addition of 16 bits and a floating-point one, 0.05 + 0.4 pJ; the others are in the chip file."""
WIDE: Mapping[str, Kind] = {
    "product": Kind(16, ("units.array.mac_energy=4.6 pJ/op",)),
    "L-Mul": Kind(16, ("units.array.mac_energy=1.0 pJ/op",)),
}
"""In 32 bits: 3.7 + 0.9 pJ, and 0.1 + 0.9 pJ."""


def simulate(_: bool) -> Mapping[str, float]:
    """Millijoules per token, ``PART KIND PHASE`` and ``total KIND PHASE``, and savings in percent.

    Savings: ``saving WHAT KIND PHASE`` against products, where WHAT is arithmetic or total; of L-Mul ``saving dot
    product BITS`` and ``saving element-wise BITS``; and ``saving weights`` of 3-bit weights.
    """
    values: dict[str, float] = {}
    weights: dict[str, int] = {}
    for phase in PHASES:
        for name, kind in KINDS.items():
            report = _report(kind, phase)
            weights[name] = report.weight_bytes
            values |= {f"{part} {name} {phase}": joules * 1e3 for part, joules in energy_by_part(report).items()}
            values[f"total {name} {phase}"] = 1e3 * report.energy_joules / report.work
            for what in ("arithmetic", "total"):
                saved = 1 - values[f"{what} {name} {phase}"] / values[f"{what} product {phase}"]
                values[f"saving {what} {name} {phase}"] = 100 * saved
    values["saving dot product 16"] = values["saving arithmetic L-Mul decode"]
    wide = {name: energy_by_part(_report(kind, "decode"))["arithmetic"] for name, kind in WIDE.items()}
    values["saving dot product 32"] = 100 * (1 - wide["L-Mul"] / wide["product"])
    for bits, joules in INTEGER_ADD.items():
        values[f"saving element-wise {bits}"] = 100 * (1 - joules / vector_operation_energy("mul", bits, 45e-9))
    values["saving weights"] = 100 * (1 - weights["shift-add"] / weights["product"])
    return values


def _report(kind: Kind, phase: str) -> Report:
    bits = {"weight": kind.weight_bits, **dict.fromkeys(("activation", "state", "input", "output"), 16)}
    graph = bind_model(open_model(MODEL), phase, Choices(1, CONTEXT, bits))
    return make_estimator(load_chip(CHIP, kind.overrides), objective="energy").report(graph)


def energy_by_part(report: Report) -> Mapping[str, float]:
    """Joules per token by part of the chip; what the vector unit does is arithmetic, too."""
    found: dict[str, float] = dict.fromkeys(PARTS, 0.0)
    for row in report.energy:
        found[_part(row.component, row.action)] += row.energy_joules / report.work
    return found


def _part(component: str, action: str) -> str:
    if component in ("array", "vector"):
        return "arithmetic" if component == "vector" or action == "mac" else "network"
    places = {"dram": "DRAM", "global_buffer": "buffer", "static": "buffer"}
    return places.get(component, "registers")
