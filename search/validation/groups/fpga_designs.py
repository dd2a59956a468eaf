"""FPGA designs: clocks that were reached, FlightLLM's ratios to GPUs, InTAR's GPT-2 over DFX."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from search.validation.case import Case, Found, Group, Request

INTAR = "OswaldHe/InTAR"
ASKED = 300e6
PRIOR = {
    "Allo": {64: 205, 128: 371, 256: 741, 512: 1334, 1024: 3777},
    "DFX": {64: 349.1, 128: 692.8, 256: 1412.5, 512: 2825.1, 1024: 6079.0},
}
"""Milliseconds of GPT-2 medium on the designs that InTAR names, by tokens (gpt-2-medium/README.md)."""
BITS = {"weight": 4, "activation": 8, "input": 8, "output": 8, "state": 8}
LONG = 100e-3
"""Seconds from which on a kernel's launch does not blur its clock."""


def _clock(_: Request) -> Found:
    from hwsim.config import load_chip
    from hwsim.fpga.boards import board_named
    from hwsim.fpga.command import designs
    from hwsim.fpga.design import design_of, expected_clock
    from hwsim.fpga.kernels import MEASURED
    from hwsim.fpga.resources import Resources

    board = board_named("u280")
    cases: list[Case] = []
    for (kernel, style), measured in MEASURED.items():
        seconds = measured.milliseconds / 1e3
        if seconds < LONG or (kernel, style) == ("gating-net", "reconfigurable"):
            continue
        design = design_of(board, Resources(dsp=measured.dsp), (), 1, Resources())
        reached, ours = measured.cycles / seconds, expected_clock(design, ASKED)
        where = f"{INTAR}, benchmark/README.md"
        cases.append(Case(where, f"{kernel}, {style}", "MHz", reached / 1e6, ours / 1e6, "derived", "kernels"))
    design = designs(load_chip("intar_u280"))[0][1]
    where = f"{INTAR}, opt_kernel_xilinx_u280_full.info"
    cases.append(
        Case(where, "GPT-2 medium", "MHz", 257.2, expected_clock(design, ASKED) / 1e6, "published", "full designs")
    )
    return Found(tuple(cases))


def _ratios(_: Request) -> Found:
    from search.validation.flightllm import ratios

    where = "FlightLLM, arXiv:2401.03868, introduction"
    return Found(tuple(Case(where, one.what, "x", one.published, one.at_limit, "published") for one in ratios()))


@cache
def gpt2_milliseconds(chip: str, style: str) -> Mapping[int, float]:
    """Prefill of GPT-2 medium by tokens, with the engines used in a style of ``fpga_engines``."""
    from hwsim.config import load_chip
    from mapper.estimate import make_estimator
    from workloads.catalog import load

    estimator = make_estimator(load_chip(chip, (f"units.core.style={style}",)))
    return {
        tokens: 1e3 * estimator.report(load("gpt2-medium", "prefill", context=tokens, bits=BITS)).seconds
        for tokens in PRIOR["DFX"]
    }


def _gpt2(_: Request) -> Found:
    ours = gpt2_milliseconds("intar_vpk180", "reconfigurable")
    speed_ups = [milliseconds / ours[tokens] for tokens, milliseconds in PRIOR["DFX"].items()]
    what = "most speed-up of GPT-2 medium on the VPK180 over DFX, 64 to 1,024 tokens"
    return Found((Case("InTAR, arXiv:2502.08807, abstract", what, "x", 39.14, max(speed_ups), "published"),))


GROUPS = (
    Group(
        "fpga/clock",
        "Clocks that designs on the U280 reached of the 300 MHz asked",
        _clock,
        "The curve (hwsim/fpga/clock.py) is assumed. Clocks of kernels are cycles by time; that they were "
        "asked for 300 MHz, the platform's default, is assumed. They use 1 % of the slices: the spread is placement.",
    ),
    Group(
        "fpga/flightllm-gpus",
        "FlightLLM's stated ratios to GPUs, Llama-2-7B",
        _ratios,
        "GPUs at their board limit (250 and 300 W); the A100 at the rate that the authors measured, the V100S, of "
        "which none is published, at the simulated one. With the power that the simulation adds up (65 and 112 W) the "
        "energy ratios would be 1.2 and 1.3. Prices are recalled (8,000, 14,000, 12,000 and 17,000 USD).",
    ),
    Group(
        "fpga/intar-gpt2",
        "InTAR's GPT-2 medium on the VPK180 over DFX",
        _gpt2,
        "Neither the length nor the latencies behind the stated ratio are public. Groups are the mapper's, element-"
        "wise work hides behind products, and lanes and clock are assumed; one operator after the other gives 40.",
    ),
)
