"""What logic a design takes, against what a board has."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from hwsim.part import Part

Amount = Annotated[int, Field(ge=0, le=10**9)]


class Resources(Part):
    """Amounts of programmable logic: DSP slices, look-up tables, flip-flops, 36 Kib block RAMs, 288 Kib UltraRAMs."""

    dsp: Amount = 0
    lut: Amount = 0
    ff: Amount = 0
    bram: Amount = 0
    uram: Amount = 0

    def __add__(self, other: Resources) -> Resources:
        """Both together."""
        return Resources(**{name: getattr(self, name) + getattr(other, name) for name in Resources.model_fields})

    def times(self, count: int) -> Resources:
        """Several equal ones."""
        return Resources(**{name: getattr(self, name) * count for name in Resources.model_fields})


def dot_engine(macs: int, macs_per_dsp: int) -> Resources:
    """DSP slices for so many multiply-accumulates per cycle.

    Args:
        macs: per cycle.
        macs_per_dsp: products of one operand pair that share a slice: 2 for INT8 on a DSP48 (two products with a common
            factor; Fu and others, Xilinx WP486, 2016), 3 for INT8 dot products on a DSP58 (AMD AM004).
    """
    return Resources(dsp=-(-macs // macs_per_dsp))


def over_budget(used: Resources, budget: Resources) -> tuple[str, ...]:
    """One line for every resource of which more is used than there is."""
    pairs = ((name, getattr(used, name), getattr(budget, name)) for name in Resources.model_fields)
    return tuple(f"{name}: {need:,} needed, the board has {has:,}" for name, need, has in pairs if need > has)


def utilization(used: Resources, budget: Resources) -> float:
    """The largest fraction of any resource that is used; infinite where one is used that the board does not have."""
    pairs = ((getattr(used, name), getattr(budget, name)) for name in Resources.model_fields)
    return max(need / has if has else math.inf if need else 0.0 for need, has in pairs)
