"""FlightLLM beside GPUs: rate, energy and cost of a generation, and the ratios that the paper states.

The repository does not name the GPU of its measured 89.4 tokens/s; only an A100 reads 16-bit weights that fast. With
that rate at the card's 300 W the paper's 4.2 follows within 5 %, so its GPU power is near the board limit (an
inference); no rate of the V100S is published.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

CHIPS = ("flightllm_u280", "flightllm_vhk158", "v100s", "a100_80gb_pcie")
MODELS = ("llama-2-7b", "opt-6.7b")
PROMPT, OUTPUT = 128, 512
BITS = {"weight": 4, "activation": 8, "input": 8, "output": 8, "state": 8}
MEASURED_A100 = 89.4
"""Tokens per second of Llama-2-7B with vLLM (profile/README.md, prompt 128, output 512)."""


@dataclass(frozen=True, slots=True)
class Run:
    """A generation of one sequence.

    Attributes:
        seconds: prompt included.
        rate: tokens per second.
        watts: average power that the simulation adds up.
        board_watts: the limit of a GPU, the stated power of an FPGA board.
        price: dollars of one.
        dollars_per_million: tokens, over the chip's lifetime.
    """

    chip: str
    seconds: float
    rate: float
    watts: float
    board_watts: float
    price: float
    dollars_per_million: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """A stated ratio, ours with everything simulated, and with the GPU at its board limit and its published rate."""

    what: str
    published: float
    simulated: float
    at_limit: float


@cache
def run_of(model: str, chip_name: str) -> Run:
    """A prompt of 128 tokens and 512 of output."""
    from hwsim.config import load_chip
    from mapper.estimate import estimate

    chip = load_chip(chip_name)
    bits = BITS if chip_name.startswith("flightllm") else None
    report = estimate(model, chip, phase="generate", prompt=PROMPT, output=OUTPUT, bits=bits)
    price, dollars = chip.cost.price, report.price_dollars_per_million
    assert price is not None and dollars is not None, "all four chips have prices"
    watts = report.average_power_watts
    rate = OUTPUT / report.seconds
    return Run(chip_name, report.seconds, rate, watts, chip.package.tdp or watts, price, dollars)


def ratios(model: str = "llama-2-7b") -> tuple[Ratio, ...]:
    """The ratios of the introduction beside ours."""
    u280, vhk158, v100s, a100 = (run_of(model, chip) for chip in CHIPS)
    return (
        Ratio("rate, VHK158 over A100", 1.2, vhk158.rate / a100.rate, vhk158.rate / MEASURED_A100),
        _energy(u280, v100s, 6.0, v100s.rate),
        _energy(u280, a100, 4.2, MEASURED_A100),
        _cost(u280, v100s, 1.8, v100s.rate),
        _cost(u280, a100, 1.4, MEASURED_A100),
    )


def _energy(fpga: Run, gpu: Run, published: float, rate: float) -> Ratio:
    ours = fpga.rate / fpga.watts
    what = f"tokens/J, U280 over {gpu.chip.partition('_')[0].upper()}"
    return Ratio(what, published, ours / (gpu.rate / gpu.watts), ours / (rate / gpu.board_watts))


def _cost(fpga: Run, gpu: Run, published: float, rate: float) -> Ratio:
    ours = fpga.rate / fpga.price
    what = f"tokens/s/$, U280 over {gpu.chip.partition('_')[0].upper()}"
    return Ratio(what, published, ours / (gpu.rate / gpu.price), ours / (rate / gpu.price))
