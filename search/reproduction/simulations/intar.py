"""InTAR's styles against each other on one board, and GPT-2 medium against the prior designs that it names."""

from __future__ import annotations

from hwsim.config import load_chip
from hwsim.fpga.dataflow import play_plan
from hwsim.fpga.kernels import DESIGNS, Style
from mapper.estimate import make_estimator
from workloads.catalog import load

PRIOR_MILLISECONDS = {
    "Allo": {64: 205, 128: 371, 256: 741, 512: 1334, 1024: 3777},
    "DFX": {64: 349, 128: 693, 256: 1413, 512: 2825, 1024: 6079},
}
"""Prefill of GPT-2 medium by tokens (repository of InTAR)."""
CHIPS = {"U280": "intar_u280", "VPK180": "intar_vpk180"}
BITS = {"weight": 4, "activation": 8, "input": 8, "output": 8, "state": 8}
STYLES: tuple[Style, ...] = ("sequential", "dataflow")


def values(_: bool) -> dict[str, float]:
    """``KERNEL: over STYLE``, ``BOARD: TOKENS tokens`` in ms, and ``BOARD: TOKENS tokens over PRIOR``."""
    values: dict[str, float] = {}
    for kernel in ("mlp", "cnn-4l"):
        own = play_plan(DESIGNS[kernel, "reconfigurable"]())
        values |= {f"{kernel}: over {style}": play_plan(DESIGNS[kernel, style]()) / own for style in STYLES}
    for board, name in CHIPS.items():
        estimator = make_estimator(load_chip(name))
        for tokens in PRIOR_MILLISECONDS["DFX"]:
            graph = load("gpt2-medium", "prefill", context=tokens, bits=BITS)
            milliseconds = 1e3 * estimator.report(graph).seconds
            values[f"{board}: {tokens} tokens"] = milliseconds
            for prior, times in PRIOR_MILLISECONDS.items():
                values[f"{board}: {tokens} tokens over {prior}"] = times[tokens] / milliseconds
    for prior, times in PRIOR_MILLISECONDS.items():
        ratios = [values[f"{board}: {tokens} tokens over {prior}"] for board in CHIPS for tokens in times]
        values |= {f"lowest over {prior}": min(ratios), f"highest over {prior}": max(ratios)}
    return values
