"""Money: what a unit of work costs when the chip is owned and used all the time."""

from __future__ import annotations

from hwsim.chip import Chip

SECONDS_PER_YEAR = 365.25 * 24 * 3600
_JOULES_PER_KILOWATT_HOUR = 3.6e6


def dollars_per_second(chip: Chip, power_watts: float) -> float | None:
    """Price spread over the lifetime plus electricity; None without a price."""
    cost = chip.cost
    if cost.price is None:
        return None
    return cost.price / (cost.lifetime * SECONDS_PER_YEAR) + power_watts * cost.electricity / _JOULES_PER_KILOWATT_HOUR


def dollars_per_million(chip: Chip, seconds: float, work: int, power_watts: float) -> float | None:
    """Dollars per million units of work.

    Args:
        chip: its ``cost`` has price (dollars), lifetime (years) and electricity (dollars per kilowatt hour).
        seconds: time in which ``work`` units are done.
        work: tokens or inferences, at least 1.
        power_watts: average power while working.

    Returns:
        None when no price is known.
    """
    rate = dollars_per_second(chip, power_watts)
    return None if rate is None else rate * seconds / work * 1e6
