"""InTAR's styles against each other on one board, and GPT-2 medium against the prior designs that it names."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import geometric_mean

from hwsim.fpga.kernels import Style
from search.validation.groups.fpga import kernel_cases
from search.validation.groups.fpga_designs import PRIOR, gpt2_milliseconds

CHIPS = {"U280": "intar_u280", "VPK180": "intar_vpk180"}
OWN: Style = "reconfigurable"
FIXED: tuple[Style, ...] = ("sequential", "dataflow")


def values(_: bool) -> dict[str, float]:
    """Speed-ups of the reconfigurable style and GPT-2 medium, see ``_styles`` and ``_gpt2``."""
    return {**_styles(), **_gpt2()}


def _styles() -> Mapping[str, float]:
    """``KERNEL: over STYLE`` and ``mean over STYLE``, the geometric one of all kernels."""
    cycles = {case.quantity: case.simulated for case in kernel_cases()}
    kernels = dict.fromkeys(name.partition(",")[0] for name in cycles)
    values: dict[str, float] = {}
    for style in FIXED:
        ratios = {f"{one}: over {style}": cycles[f"{one}, {style}"] / cycles[f"{one}, {OWN}"] for one in kernels}
        values |= {**ratios, f"mean over {style}": geometric_mean(ratios.values())}
    return values


def _gpt2() -> Mapping[str, float]:
    """``BOARD, STYLE: N tokens`` (ms), ``lowest|highest over PRIOR, STYLE``, ``BOARD over PRIOR: N tokens``."""
    values: dict[str, float] = {}
    for style in (*FIXED, OWN):
        times = {board: gpt2_milliseconds(chip, style) for board, chip in CHIPS.items()}
        for board, by_tokens in times.items():
            values |= {f"{board}, {style}: {tokens} tokens": ms for tokens, ms in by_tokens.items()}
        for prior, printed in PRIOR.items():
            ratios = {
                f"{board} over {prior}: {tokens} tokens": printed[tokens] / ms
                for board, by_tokens in times.items()
                for tokens, ms in by_tokens.items()
            }
            values[f"lowest over {prior}, {style}"] = min(ratios.values())
            values[f"highest over {prior}, {style}"] = max(ratios.values())
            if style == OWN:
                values |= ratios
    return values
