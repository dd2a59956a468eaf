"""What a chip file may say of money and carbon: how the chip is made, and how systems of it are run.

Amounts of money are one quantity ("629 USD") or a list of a low and a high one.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field

from hwsim.between import Between
from hwsim.part import Count, Fraction, Part
from hwsim.quantity import (
    Dollars,
    DollarsPerWatt,
    Kilograms,
    KilogramsPerKilowattHour,
    Metres,
    PerSquareMetre,
    SquareMetres,
    Watts,
    parse,
)


def _money(value: Any) -> Between:
    """One amount, or a low and a high one."""
    ends = value if isinstance(value, list | tuple) else (value, value)
    if len(ends) != 2:
        raise ValueError(f"expected one amount or a list of a low and a high one, got {len(ends)}")
    low, high = (parse(end, "USD") for end in ends)
    if not 0 <= low <= high:
        raise ValueError(f"expected a low amount of zero or more and a high one not below it, got {value!r}")
    return Between(low, high)


Money: TypeAlias = Annotated[Between, BeforeValidator(_money)]
Layers: TypeAlias = Annotated[int, Field(ge=0, le=1000)]


class Wafer(Part):
    """A processed wafer: its price, its diameter and its density of defects."""

    price: Dollars
    diameter: Metres = 0.3
    defects: PerSquareMetre


class Masks(Part):
    """The set of photomasks.

    Attributes:
        price: of a full set.
        duv, euv: layers exposed in each way.
        euv_weight: price of an EUV mask in DUV masks.
        variant_duv, variant_euv: of the layers, those that differ between the chips of a system and change with the
            weights of a hardwired chip.
        variants: different chips.
    """

    price: Money
    duv: Layers
    euv: Layers
    euv_weight: Annotated[float, Field(gt=0, le=100)] = 6.0
    variant_duv: Layers = 0
    variant_euv: Layers = 0
    variants: Count = 1


class Making(Part):
    """Having a chip made.

    Attributes:
        die: area of one die; absent means the area of the chip over its ``dies``.
        dies: into how many equal dies the area of the chip file is cut, where it describes a system of several chips.
        wafer, masks: absent means the defaults of the node in data/economics.yaml.
        design: engineering of the first chip, by task.
        per_chip: what each good die needs beside its share of the wafer, by item.
    """

    die: SquareMetres | None = None
    dies: Count = 1
    wafer: Wafer | None = None
    masks: Masks | None = None
    design: dict[str, Money] = Field(default_factory=dict)
    per_chip: dict[str, Money] = Field(default_factory=dict)


class Owning(Part):
    """Running systems of a chip.

    Attributes:
        chips_per_system: chips in one system (node, server).
        system_price: where systems are bought; absent means made, at what ``making`` says.
        system_power: drawn by a working system; absent means TDP times chips.
        overhead: power usage effectiveness: power of the building over that of the systems.
        facility: price of a building per watt that it supplies.
        network: per system.
        maintenance: fraction of the price of the systems per year.
        spares: fraction of the systems kept in reserve, at least one system if above zero.
        embodied_carbon: of one chip with its card.
        grid_carbon: of electricity.
    """

    chips_per_system: Count = 1
    system_price: Dollars | None = None
    system_power: Watts | None = None
    overhead: Annotated[float, Field(ge=1, le=10)] = 1.4
    facility: DollarsPerWatt = 0.0
    network: Money = Between(0.0, 0.0)
    maintenance: Annotated[float, Field(ge=0, le=1)] = 0.0
    spares: Fraction | None = None
    embodied_carbon: Kilograms = 0.0
    grid_carbon: KilogramsPerKilowattHour = 0.0
