from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.config import load_chip
from hwsim.dram.device import load_device
from hwsim.dram.in_order import play_in_order
from hwsim.pim.commands import Channel, commands_of
from hwsim.pim.layout import Product, best_layout
from hwsim.units._dram_mac_spec import DramMacSpec, geometry_of
from workloads.errors import UserError

DEVICE = load_device("hbm2_pim")
SPEC = load_chip("hbm2_pim").units["pim"]
assert isinstance(SPEC, DramMacSpec)
NAMES = {"ACT": "ACT16", "PRE": "PREab", "MAC": "MAC8", "WR_GB": "WRREG", "WR": "WR8"}


def test_a_row_of_all_banks_is_read_by_the_units_in_the_sum_of_its_times() -> None:
    stream = [("ACT16", 0)] + 32 * [("MAC8", 0)] + [("PREab", 0), ("ACT16", 0)]
    ticks = play_in_order(DEVICE, stream)
    assert ticks[1:3] == [14, 18]
    assert ticks[-2:] == [14 + 31 * 4 + 5, 14 + 31 * 4 + 5 + 14]


def test_activates_of_single_banks_meet_the_window_of_four_and_those_of_all_banks_the_row_cycle() -> None:
    ticks = play_in_order(DEVICE, [("ACT", 4 * (bank % 4) + bank // 4) for bank in range(8)])
    assert [ticks[i + 4] - ticks[i] for i in range(4)] == [16, 16, 16, 16]
    assert play_in_order(DEVICE, [("ACT16", 0), ("PREab", 0), ("ACT16", 0)]) == [0, 33, 47]


def test_an_ordinary_read_between_products_waits_for_the_row_of_all_banks() -> None:
    """Contention on a channel: the products lose precharge, activate and read of one bank, and open their row anew."""
    mac = [("ACT16", 0)] + 4 * [("MAC8", 0)]
    alone = play_in_order(DEVICE, [*mac, ("PREab", 0), *mac])
    shared = play_in_order(DEVICE, [*mac, ("PREab", 0), ("ACT", 5), ("RD", 5), ("PREpb", 5), *mac])
    assert shared[-1] - alone[-1] == 47  # one row cycle: the one bank is opened and closed in between


def test_refreshing_one_bank_keeps_the_units_waiting_for_all() -> None:
    waits = play_in_order(DEVICE, [("REFpb", 3), ("ACT16", 0)])
    assert waits[1] - waits[0] == DEVICE.time("nRFCpb")


@settings(deadline=None, max_examples=15)
@given(st.builds(Product, st.integers(1, 40), st.integers(1, 2000), st.integers(1, 2100), st.just(1)))
def test_products_of_the_chip_issue_when_the_device_lets_them(product: Product) -> None:
    layout = best_layout(product, geometry_of(SPEC), SPEC.timing)
    commands = [command for command, _ in commands_of(layout.program)][:1500]
    # The first row needs no PRE; results are read by a mode of their own, which the device does not have.
    kept = [c for index, c in enumerate(commands) if c in NAMES and not (c == "PRE" and index == commands.index("PRE"))]
    channel = Channel(SPEC.timing)
    ours = [channel.issue(command) for command in kept]
    found = play_in_order(DEVICE, [(NAMES[command], 0) for command in kept])
    assert [clock - ours[0] for clock in ours] == [clock - found[0] for clock in found]


def test_an_unknown_command_is_named() -> None:
    with pytest.raises(UserError, match="hbm2_pim: no command is named 'MAC16'"):
        play_in_order(DEVICE, [("MAC16", 0)])
