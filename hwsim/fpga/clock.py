"""The clock that a design reaches: lower the fuller the device, and lower again for signals that cross between dies.

The curve is assumed. What is known, of 300 MHz asked on the U280: designs of two thirds of the slices on three dies
reach 225 MHz (FlightLLM) and 257 MHz (InTAR's GPT-2), where the curve says 241. Of ten small kernels (InTAR,
benchmark/; cycles by milliseconds) those of up to 10 % of the slices reach 231 to 300 MHz without a trend, one of 38 %
reaches 219.
"""

from __future__ import annotations

FREE_UTILIZATION = 0.4
"""Up to here nothing is lost (assumed)."""
FULL_LOSS = 0.35
"""Fraction lost at full utilization (assumed)."""
CROSSING_LOSS = 0.02
"""Fraction lost per boundary between dies that a design spans (assumed)."""


def achieved_clock(requested_hertz: float, utilization: float, dies: int) -> float:
    """Frequency in hertz that a design reaches.

    Args:
        requested_hertz: what the tools are asked for.
        utilization: the larger fraction of slices and look-up tables, 0 to 1.
        dies: that the design spans.

    Raises:
        ValueError: more than the whole device, or no die.
    """
    if not 0 <= utilization <= 1 or dies < 1:
        raise ValueError(f"utilization {utilization:g} of {dies} dies is not a design")
    full = max(0.0, utilization - FREE_UTILIZATION) / (1 - FREE_UTILIZATION)
    return requested_hertz * (1 - FULL_LOSS * full) * (1 - CROSSING_LOSS * (dies - 1))
