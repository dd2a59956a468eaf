from __future__ import annotations

import numpy as np
import pytest

from hwsim.dram import reference
from hwsim.dram.device import load_device
from hwsim.dram.energy import activation_joules
from hwsim.dram.patterns import pattern
from hwsim.dram.policy import Policy
from hwsim.dram.requests import Commands
from hwsim.dram.timing import load_standard
from hwsim.dram.trace_energy import device_energy, open_ticks, refresh_joules, row_joules, trace_energy

NAMES = ("gddr6", "hbm2", "hbm2_pim", "hbm3", "ddr5", "lpddr5")


def trace(device_name: str, entries: list[tuple[int, str, int]]) -> Commands:
    device = load_device(device_name)
    columns = np.array([(clock, device.command(name), bank, -1, -1) for clock, name, bank in entries], dtype=np.int64)
    return Commands(*columns.T)


@pytest.mark.parametrize("name", NAMES)
def test_no_part_of_the_energy_is_free(name: str) -> None:
    device = load_device(name)
    outcome = reference.play(device, Policy(refresh="none"), pattern("act-storm", device, 40))
    commands = outcome.commands
    refreshed = trace(name, [(0, "REFab", 0)])
    energy = trace_energy(device, commands, outcome.cycles)
    assert energy.activation > 0 and energy.background > 0
    assert all(joules > 0 for stage, joules in energy.movement if stage != "tsv" or name.startswith("hbm"))
    assert trace_energy(device, refreshed, 1).refresh > 0
    parts = energy.activation + sum(dict(energy.movement).values()) + energy.refresh + energy.background
    assert energy.total == pytest.approx(parts + energy.compute)


@pytest.mark.parametrize("name", ["hbm2", "gddr6"])
def test_a_row_costs_what_the_closed_form_says(name: str) -> None:
    power, device = load_standard(name).power, load_device(name)
    assert power is not None
    # The closed form has the row cycle of the data sheet, the device that of its speed grade.
    assert row_joules(device, device_energy(name)) == pytest.approx(activation_joules(power), rel=0.1)


def test_standby_counts_the_time_with_a_row_open() -> None:
    device = load_device("hbm2")
    commands = trace("hbm2", [(10, "ACT", 0), (20, "ACT", 3), (60, "PREpb", 0), (100, "PREab", 0), (150, "ACT", 17)])
    assert open_ticks(device, commands, 180) == 90 + 30


def test_refreshing_all_banks_one_by_one_costs_what_refreshing_them_together_does() -> None:
    device, energy = load_device("hbm2"), device_energy("hbm2")
    assert 16 * refresh_joules(device, energy, "REFpb") == pytest.approx(refresh_joules(device, energy, "REFab"))


def test_a_computation_in_all_banks_takes_the_cells_of_all_banks_but_no_interface() -> None:
    device = load_device("gddr6_aim")
    energy = trace_energy(device, trace("gddr6_aim", [(0, "MAC16", 0)]), 2)
    assert energy.compute == pytest.approx(16 * 256 * 0.46e-12)
    assert sum(dict(energy.movement).values()) == 0
