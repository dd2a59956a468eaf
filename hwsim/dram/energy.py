"""Energy of opening a row, from the supply currents of a data sheet."""

from __future__ import annotations

from hwsim.dram.timing import Currents
from workloads.errors import UserError


class CurrentsError(UserError):
    """Currents that can't be those of a device."""


def activation_joules(power: Currents) -> float:
    """Joules to activate and precharge one row in all devices of a channel, standby power excluded.

    vdd (idd0 tRC - idd3n tRAS - idd2n (tRC - tRAS)): what IDD0 shows beyond a bank that stands open for tRAS and closed
    for the rest. Termination and I/O are not in it, they belong to the bits that move.

    Raises:
        CurrentsError: IDD0 is below IDD3N or IDD3N below IDD2N, so that a row would cost nothing or give energy back.

    Source: Micron TN-41-01, "Calculating Memory System Power for DDR3".
    """
    if not power.idd2n <= power.idd3n < power.idd0 or power.row_open > power.row_cycle:
        raise CurrentsError(
            f"currents are not those of a device: expected IDD2N <= IDD3N < IDD0 and tRAS <= tRC, got"
            f" {power.idd2n * 1e3:.3g}, {power.idd3n * 1e3:.3g}, {power.idd0 * 1e3:.3g} mA"
            f" and {power.row_open * 1e9:.3g}, {power.row_cycle * 1e9:.3g} ns"
        )
    standby = power.idd3n * power.row_open + power.idd2n * (power.row_cycle - power.row_open)
    return power.devices * power.vdd * (power.idd0 * power.row_cycle - standby)
