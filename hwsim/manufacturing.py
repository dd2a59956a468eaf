"""What it costs to have a chip made: dies of a wafer, yield, masks, design, and what every chip needs beside its die.

Source: the textbook's formulas (Hennessy and Patterson, Computer Architecture, section 1.6, for dies per wafer; Murphy,
Proc. IEEE 52, 1964, for yield). HNLPU (arXiv 2508.16151v2, appendix B) uses the same; tests reproduce its tables.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hwsim.between import Between, exactly, total
from hwsim.chip import Chip
from hwsim.economics import Making, Masks, Wafer
from hwsim.yaml_text import read_yaml
from workloads.errors import UserError

_FILE = Path(__file__).with_name("data") / "economics.yaml"


class NoPriceError(UserError):
    """A chip of which too little is known to say what it costs."""


def dies_per_wafer(area: float, diameter: float) -> int:
    """Whole square dies on a wafer: its area over a die's, less those that its edge cuts.

    Args:
        area: square metres of a die.
        diameter: metres of the wafer.
    """
    return max(0, int(math.pi * (diameter / 2) ** 2 / area - math.pi * diameter / math.sqrt(2 * area)))


def murphy_yield(area: float, defects: float) -> float:
    """Fraction of dies without a defect if the density of defects varies triangularly around its mean.

    Args:
        area: square metres of a die.
        defects: per square metre.
    """
    expected = area * defects
    return 1.0 if expected == 0 else (-math.expm1(-expected) / expected) ** 2


@dataclass(frozen=True, slots=True)
class Bill:
    """Prices in dollars.

    Attributes:
        dies, good_dies: per wafer.
        yield_fraction: good dies over dies.
        die: a good die's share of its wafer.
        chip: a die with all that it needs.
        common_masks: masks that all chips of a system share.
        variant_masks: masks of the layers that differ, for all variants; a change of weights needs them anew.
        design: engineering.
    """

    dies: int
    good_dies: int
    yield_fraction: float
    die: Between
    chip: Between
    common_masks: Between
    variant_masks: Between
    design: Between

    def build(self, chips: int) -> Between:
        """Design, all masks and so many chips."""
        return total(self.design, self.common_masks, self.variant_masks, self.chip.times(chips))

    def respin(self, chips: int) -> Between:
        """New weights: the masks that differ, and all chips anew."""
        return total(self.variant_masks, self.chip.times(chips))


def bill_of(chip: Chip, area: float | None) -> Bill:
    """What a chip costs to make.

    Args:
        chip: what it says in ``cost.making`` beats the defaults of its node.
        area: square metres of the whole chip, stated or derived.

    Raises:
        NoPriceError: the area is not known, or a wafer holds no good die of it.
    """
    making = chip.cost.making or Making()
    area = making.die or (None if area is None else area / making.dies)
    if area is None:
        raise NoPriceError(f"{chip.name}: no die area is known; state package.die_area")
    wafer, masks = making.wafer or default_wafer(chip), making.masks or default_masks(chip)
    dies = dies_per_wafer(area, wafer.diameter)
    fraction = murphy_yield(area, wafer.defects)
    good = round(dies * fraction)
    if not good:
        raise NoPriceError(
            f"{chip.name}: a wafer of {wafer.diameter * 1e3:g} mm has no good die of {area * 1e6:.4g} mm2"
        )
    die = exactly(wafer.price / good)
    common, variant = _mask_prices(masks)
    return Bill(
        dies,
        good,
        fraction,
        die,
        total(die, *making.per_chip.values()),
        common,
        variant,
        total(*making.design.values()),
    )


def _mask_prices(masks: Masks) -> tuple[Between, Between]:
    """Shared masks, and those of the layers that differ: a set's price spread over its layers by their weight."""
    units = masks.duv + masks.euv * masks.euv_weight
    share = (masks.variant_duv + masks.variant_euv * masks.euv_weight) / units
    return masks.price.times(1 - share), masks.price.times(share * masks.variants)


@dataclass(frozen=True, slots=True)
class _Node:
    metres: float
    wafer: float
    defects: float
    masks: Between
    duv: int
    euv: int


@cache
def _nodes() -> tuple[_Node, ...]:
    data = read_yaml(_FILE.read_text(encoding="utf-8"), _FILE.name).data
    columns = data["nodes"]["columns"]
    rows = (dict(zip(columns, row, strict=True)) for row in data["nodes"]["rows"])
    found = (
        _Node(
            row["node_nm"] * 1e-9,
            row["wafer_USD"],
            row["defects_per_cm2"] * 1e4,
            Between(row["masks_low_MUSD"] * 1e6, row["masks_high_MUSD"] * 1e6),
            row["duv"],
            row["euv"],
        )
        for row in rows
    )
    return tuple(sorted(found, key=lambda node: node.metres))


def _nearest(chip: Chip) -> _Node:
    return min(_nodes(), key=lambda node: abs(math.log(node.metres / chip.technology.node)))


def default_wafer(chip: Chip) -> Wafer:
    """The wafer of the nearest node in the table."""
    node = _nearest(chip)
    return Wafer.model_construct(price=node.wafer, diameter=0.3, defects=node.defects)


def default_masks(chip: Chip) -> Masks:
    """The mask set of the nearest node in the table."""
    node = _nearest(chip)
    return Masks.model_construct(
        price=node.masks, duv=node.duv, euv=node.euv, euv_weight=6.0, variant_duv=0, variant_euv=0, variants=1
    )
