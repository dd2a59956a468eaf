"""What a report has to say about energy that it could not count."""

from __future__ import annotations

from collections.abc import Iterable

from hwsim.chip import Chip
from hwsim.technology import static_power_watts
from hwsim.units.base import Action


def energy_warnings(chip: Chip, actions: Iterable[Action]) -> tuple[str, ...]:
    """One line for every component whose energy is unknown or stated as nothing, and for unknown static power.

    Args:
        chip: for its static power and its links.
        actions: everything that was done; those that happened zero times are of no interest.
    """
    done = [action for action in actions if action.count]
    unknown = sorted({f"{one.component} ({one.action})" for one in done if one.energy_joules is None})
    free = sorted({f"{one.component} ({one.action})" for one in done if one.energy_joules == 0})
    lines = [f"no energy data for {name}: counted as zero" for name in unknown]
    lines += [f"no energy data for link {name}: counted as zero" for name in silent_links(chip)]
    if free:
        lines.append(f"the chip file states no energy at all for {', '.join(free)}")
    if chip.package.idle_power is None and not static_power_watts(chip):
        lines.append("static power is unknown (no idle_power, no memory that leaks): counted as zero")
    return tuple(lines)


def silent_links(chip: Chip) -> tuple[str, ...]:
    """Links whose energy nobody states; the I/O of a DRAM is part of the energy of its bits."""
    return tuple(
        name
        for name, link in chip.links.items()
        if link.energy is None and all(chip.memories[end].kind != "dram" for end in link.between)
    )
