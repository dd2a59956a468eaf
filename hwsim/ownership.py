"""Total cost of ownership and carbon of systems of a chip over years of work."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hwsim.between import NOTHING, Between, exactly, total
from hwsim.chip import Chip
from hwsim.economics import Owning
from hwsim.manufacturing import Bill, NoPriceError, bill_of

HOURS_PER_YEAR = 8760


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run: systems, years, and how often the weights of a hardwired chip are made anew in that time."""

    systems: int
    years: float
    respins: int = 0


@dataclass(frozen=True, slots=True)
class Ownership:
    """Money in dollars and carbon in kilograms of CO2 equivalent, each a tuple of (what, amount).

    Attributes:
        plan: what is run.
        bill: what a chip costs to make; None where systems are bought.
        power_watts: of the building, all systems together.
        money, carbon: rows; totals are their sums.
    """

    plan: Plan
    bill: Bill | None
    power_watts: float
    money: tuple[tuple[str, Between], ...]
    carbon: tuple[tuple[str, float], ...]

    @property
    def dollars(self) -> Between:
        """The total cost of ownership."""
        return total(*(amount for _, amount in self.money))

    @property
    def kilograms(self) -> float:
        """All carbon."""
        return sum(amount for _, amount in self.carbon)


def ownership(chip: Chip, area: float | None, plan: Plan) -> Ownership:
    """Money and carbon of a plan.

    Args:
        chip: the chip; ``cost.owning`` says how its systems are run.
        area: square metres of the die, needed where the chip is made and not bought.
        plan: systems, years, re-spins.

    Raises:
        NoPriceError: neither a price nor what making needs is known, or no power.
    """
    owning = chip.cost.owning or Owning()
    price = owning.system_price
    if price is None and chip.cost.price is not None and chip.cost.making is None:
        price = chip.cost.price * owning.chips_per_system
    bill = None if price is not None else bill_of(chip, area)
    power = plan.systems * _system_watts(chip, owning) * owning.overhead
    kilowatt_hours = power / 1e3 * HOURS_PER_YEAR * plan.years
    hardware = _hardware(owning, price, bill, plan)
    money = (
        *hardware,
        ("building", exactly(power * owning.facility)),
        ("network", owning.network.times(plan.systems)),
        ("electricity", exactly(kilowatt_hours * chip.cost.electricity)),
        ("maintenance", hardware[0][1].times(owning.maintenance * plan.years) if price is not None else NOTHING),
    )
    chips = plan.systems * owning.chips_per_system
    carbon = (
        ("electricity", kilowatt_hours * owning.grid_carbon),
        ("chips", chips * owning.embodied_carbon),
        ("re-spun chips", chips * owning.embodied_carbon * plan.respins),
    )
    return Ownership(plan, bill, power, tuple(row for row in money if row[1].high), carbon)


def _system_watts(chip: Chip, owning: Owning) -> float:
    if owning.system_power is not None:
        return owning.system_power
    if chip.package.tdp is None:
        raise NoPriceError(f"{chip.name}: no power is known; state cost.owning.system_power or package.tdp")
    return chip.package.tdp * owning.chips_per_system


def _hardware(owning: Owning, price: float | None, bill: Bill | None, plan: Plan) -> tuple[tuple[str, Between], ...]:
    """Systems and spares, bought or made, and their re-spins."""
    spares = math.ceil(plan.systems * owning.spares) if owning.spares else 0
    if bill is None:
        assert price is not None, "systems are bought or made"
        return ("systems", exactly(plan.systems * price)), ("spares", exactly(spares * price))
    chips = plan.systems * owning.chips_per_system
    return (
        ("systems", bill.build(chips)),
        ("spares", bill.chip.times(spares * owning.chips_per_system)),
        ("re-spins", bill.respin(chips).times(plan.respins)),
    )
