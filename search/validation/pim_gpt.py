"""PIM-GPT beside T4 and Xeon: one generated token on each, under three ways to run the baseline.

*roofline*: weights and cache cross the memory once at its peak bandwidth, nothing else takes time.
*graph*: the kernels of the GPU model in 16 bits, launched by the device (a captured graph).
*eager*: 32 bits and a host that issues every kernel: ``KERNELS_PER_LAYER`` kernels of ``KERNEL_OVERHEAD`` seconds a
layer and ``TOKEN_OVERHEAD`` a token. The two overheads were chosen to match both ends of the published range.

Every baseline is charged its thermal design power for as long as it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.report import Report
from mapper.estimate import estimate
from workloads.model import Choices, bind_model
from workloads.user import open_model

MODELS = (
    "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "gpt3-small", "gpt3-medium", "gpt3-large", "gpt3-xl",
)  # fmt: skip
BASELINES = ("t4", "xeon_8480")
KINDS = ("roofline", "graph", "eager")
KERNELS_PER_LAYER = 28
KERNEL_OVERHEAD = 21e-6
TOKEN_OVERHEAD = 7e-3
TOKENS = 1024
WIDE = {"weight": 32, "activation": 32, "input": 32, "output": 32, "state": 32}


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds and joules per token."""

    seconds: float
    joules: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One model: a token on the PIM chip, and on every baseline by (chip, kind)."""

    model: str
    report: Report
    pim: Cost
    baselines: dict[tuple[str, str], Cost]

    def speedup(self, chip: str, kind: str) -> float:
        """How many times longer a baseline takes."""
        return self.baselines[chip, kind].seconds / self.pim.seconds

    def efficiency(self, chip: str, kind: str) -> float:
        """How many times more energy a baseline takes."""
        return self.baselines[chip, kind].joules / self.pim.joules


def row_hit_rate(report: Report, unit: str = "pim") -> float:
    """1 - activations over column commands of all operators together; 0 without any."""
    counts: dict[str, float] = {}
    for row in report.energy:
        if row.component == unit:
            counts[row.action] = counts.get(row.action, 0.0) + row.count
    columns = counts.get("MAC", 0.0) + counts.get("WR", 0.0)
    return 1 - counts.get("ACT", 0.0) / columns if columns else 0.0


@cache
def middle_step(model: str, chip: str = "pim_gpt") -> Comparison:
    """A step in the middle of the generation, which is close to the mean of all steps."""
    context = TOKENS // 2 + 1
    return compare(model, load_chip(chip), lambda one, bits: _step(model, one, context, bits))


def whole_generation(model: str, chip: str = "pim_gpt") -> Comparison:
    """All tokens after a prompt of one."""
    return compare(model, load_chip(chip), lambda one, bits: _generation(model, one, bits))


Estimate = Callable[[Chip, dict[str, int] | None], Report]


def compare(model: str, chip: Chip, run: Estimate) -> Comparison:
    """A model on a chip and on the baselines, each estimated by ``run``."""
    report = run(chip, None)
    layers = int(dict(bind_model(open_model(model), "decode", Choices()).facts)["layers"])
    overhead = layers * KERNELS_PER_LAYER * KERNEL_OVERHEAD + TOKEN_OVERHEAD
    costs: dict[tuple[str, str], Cost] = {}
    for name in BASELINES:
        baseline = load_chip(name)
        power = baseline.package.tdp or 0.0
        narrow, wide = run(baseline, None), run(baseline, WIDE)
        times = {
            "roofline": narrow.bounds.seconds / narrow.work,
            "graph": narrow.seconds / narrow.work,
            "eager": wide.seconds / wide.work + overhead,
        }
        costs |= {(name, kind): Cost(seconds, seconds * power) for kind, seconds in times.items()}
    own = Cost(report.seconds / report.work, report.energy_joules / report.work)
    return Comparison(model, report, own, costs)


def _step(model: str, chip: Chip, context: int, bits: dict[str, int] | None) -> Report:
    return estimate(model, chip, phase="decode", context=context, bits=bits)


def _generation(model: str, chip: Chip, bits: dict[str, int] | None) -> Report:
    return estimate(model, chip, phase="generate", prompt=1, output=TOKENS, bits=bits)
