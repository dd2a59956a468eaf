"""Duplex (MICRO 2024, arXiv 2409.01141): GPUs whose HBM has MAC units on its logic die, for mixtures of experts.

Decode steps on one of several equal devices. The devices are those of ``hbm3_logic_pim`` and ``hbm3_bank_pim``; the
baseline is the same chip without its MAC units, and all have the links of a node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.report import Report
from hwsim.units.registry import read_unit_spec
from mapper.estimate import Estimator, make_estimator
from workloads.model import Choices, bind_model
from workloads.parallel import Parallel
from workloads.user import open_model

LOGIC, BANK = "hbm3_logic_pim", "hbm3_bank_pim"
DEVICES = {"mixtral-8x7b": 4, "glam-143b": 8, "grok-1": 16, "llama-3-70b": 4, "opt-66b": 4}
LINK = {
    "kind": "interconnect",
    "clock": "sm",
    "path": ("hbm3",),
    "topology": "switch",
    "bandwidth": "450 GB/s",
    "latency": "1 us",
    "most": 16,
}
"""900 GB/s in both directions (section 6); a latency of 1 us per step is our guess. A node has eight devices; the
slower links between nodes, which only Grok-1 would need, are left out."""


@dataclass(frozen=True, slots=True)
class Point:
    """A setting of the paper's figures: sequences at once, and tokens of prompt and answer, each."""

    model: str
    batch: int
    length: int

    @property
    def key(self) -> str:
        """As the data file names it."""
        return f"{self.model} {self.batch} {self.length}"


def points() -> Iterator[Point]:
    """The settings of figures on throughput and on kinds of PIM."""
    for batch in (32, 64, 128):
        yield from (Point("mixtral-8x7b", batch, length) for length in (256, 1024, 4096))
    yield from (Point("glam-143b", 32, length) for length in (512, 1024, 2048))
    for batch in (32, 64):
        yield from (Point("llama-3-70b", batch, length) for length in (256, 1024, 4096))
    yield from (Point("opt-66b", 32, length) for length in (256, 512, 1024))
    yield Point("grok-1", 32, 1024)


def simulate(_: bool) -> Mapping[str, float]:
    """Ratios of throughput to the GPU's, and energy saved.

    Keys, with ``MODEL BATCH LENGTH``: ``speed POINT``, ``energy POINT`` (percent saved), ``twice POINT`` (twice as many
    GPUs), and for Mixtral ``bank POINT`` (against units at the banks) with its ``bank mean`` and ``bank most``.
    """
    gpu, logic, bank = (make_estimator(chip) for chip in (device(LOGIC, alone=True), device(LOGIC), device(BANK)))
    values: dict[str, float] = {}
    banks: list[float] = []
    for point in points():
        devices = DEVICES[point.model]
        plain, duplex = decode_step(gpu, point, devices), decode_step(logic, point, devices)
        values[f"speed {point.key}"] = plain.seconds / duplex.seconds
        values[f"energy {point.key}"] = 100 * (1 - duplex.energy_joules / plain.energy_joules)
        if point.model in ("mixtral-8x7b", "glam-143b"):
            values[f"twice {point.key}"] = plain.seconds / decode_step(gpu, point, 2 * devices).seconds
        if point.model == "mixtral-8x7b":
            banks.append(decode_step(bank, point, devices).seconds / duplex.seconds)
            values[f"bank {point.key}"] = banks[-1]
    return {**values, "bank mean": sum(banks) / len(banks), "bank most": max(banks)}


def device(name: str, alone: bool = False) -> Chip:
    """One device of a node, with its links; ``alone`` leaves the MAC units out."""
    chip = load_chip(name)
    units = {key: unit for key, unit in chip.units.items() if key == "gpu" or not alone}
    return chip.model_copy(update={"units": {**units, "links": read_unit_spec(LINK)}})


def decode_step(estimator: Estimator, point: Point, devices: int) -> Report:
    """A decode step of one of ``devices`` in the middle of the answers."""
    choices = Choices(point.batch, point.length + point.length // 2, parallel=Parallel(tensor=devices))
    return estimator.report(bind_model(open_model(point.model), "decode", choices))
