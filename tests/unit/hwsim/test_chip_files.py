from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from hwsim.commands import check, chips
from hwsim.config import chip_names, load_chip
from hwsim.cost import dollars_per_million
from hwsim.sources import status_counts, uncovered_keys, unused_source_keys
from hwsim.technology import memory_energy, static_power_watts
from search.validation.groups.peaks import SHEETS
from workloads.errors import UserError

EXPECTED = {
    "tpu_v1", "tpu_v4i", "eyeriss", "simba_like", "gemmini", "scalesim_os", "scalesim_ws", "scalesim_is",
    "a100_80gb_pcie", "a100_80gb_sxm", "a40", "h100_sxm", "v100_sxm2", "v100s", "t4", "titan_xp", "orin_nano",
    "xeon_8480", "pim_gpt", "gddr6_aim", "hbm2_pim", "hbm3_bank_pim", "hbm3_bankgroup_pim", "hbm3_logic_pim",
}  # fmt: skip


def test_the_promised_chips_are_there() -> None:
    assert set(chip_names()) >= EXPECTED


@pytest.mark.parametrize("name", chip_names())
def test_every_number_of_a_shipped_chip_has_a_source_and_every_source_a_number(name: str) -> None:
    chip = load_chip(name)
    assert uncovered_keys(chip) == ()
    assert unused_source_keys(chip) == ()
    assert sum(status_counts(chip).values()) > 5


@pytest.mark.parametrize("name", chip_names())
def test_every_memory_has_an_energy_and_the_chip_a_static_power(name: str) -> None:
    chip = load_chip(name)
    for memory in chip.memories.values():
        energy = memory_energy(memory, chip)
        assert 0 <= energy.read_joules_per_bit < 1e-10
        assert 0 <= energy.write_joules_per_bit < 1e-10
    assert 0 <= static_power_watts(chip) <= (chip.package.tdp or 5.0)


@pytest.fixture(scope="module")
def listed() -> dict[str, dict[str, object]]:
    result = CliRunner().invoke(chips, ["--json"], catch_exceptions=False)
    return {row["name"]: row for row in json.loads(result.output)}


@pytest.mark.parametrize("name", SHEETS)
def test_the_listed_peak_is_that_of_the_data_sheet(name: str, listed: dict[str, dict[str, object]]) -> None:
    peaks = listed[name]["peak_operations_per_second"]
    assert isinstance(peaks, dict)
    for bits, published in SHEETS[name].peaks.items():
        assert peaks[str(bits)] / 1e12 == pytest.approx(published, rel=0.03)


LISTED_GPUS = {
    "a40": "A40 PCIe",
    "v100s": "Tesla V100S PCIe 32 GB", "t4": "Tesla T4", "titan_xp": "TITAN Xp", "orin_nano": "Jetson Orin Nano 8 GB",
}  # fmt: skip


def test_clocks_and_bandwidth_agree_with_the_reference_table(reference: Path) -> None:
    with (reference / "gpu_clocks.csv").open(encoding="utf-8") as file:
        rows = {row["gpu"]: row for row in csv.DictReader(file)}
    for name, gpu in LISTED_GPUS.items():
        chip, row = load_chip(name), rows[gpu]
        spec = chip.units["gpu"]
        memory = chip.memories[spec.path[0]]
        assert getattr(spec, "sms") == int(row["sms"])  # noqa: B009 - the field of one kind of unit
        assert memory.bandwidth == pytest.approx(float(row["dram_gb_s"]) * 1e9)
        assert chip.clock_hertz == pytest.approx(float(row["boost_mhz"]) * 1e6)
        assert chip.package.tdp == float(row["tdp_w"])


def test_the_table_lists_every_chip_once() -> None:
    result = CliRunner().invoke(chips, catch_exceptions=False)
    assert all(result.output.count(f"\n{name} ") == 1 for name in EXPECTED)


def test_check_says_ok_with_the_counts_and_reports_all_bad_files_at_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("title: 1\n", encoding="utf-8")
    good = CliRunner().invoke(check, ["eyeriss"], catch_exceptions=False)
    assert good.output.startswith("ok: eyeriss: chip eyeriss, 21 published, 0 secondary, 1 derived")
    bad = CliRunner().invoke(check, ["eyeriss", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")])
    assert isinstance(bad.exception, UserError)
    assert "a.yaml:1:8: title: must be text, got 1" in str(bad.exception)
    assert "b.yaml:1:8: title: must be text, got 1" in str(bad.exception)


def test_money_needs_a_price_and_grows_with_power() -> None:
    priced, free = load_chip("t4"), load_chip("eyeriss")
    assert dollars_per_million(free, 1.0, 10, 5.0) is None
    cheap, dear = dollars_per_million(priced, 1.0, 10, 10.0), dollars_per_million(priced, 1.0, 10, 70.0)
    assert cheap is not None
    assert dear is not None
    # 2,200 dollars over 3 years are 23.2 microdollars a second; 60 W more at 0.1 dollars per kWh are 1.67.
    assert cheap == pytest.approx((2200 / (3 * 31557600) + 10 * 0.1 / 3.6e6) * 1e5)
    assert dear - cheap == pytest.approx(60 * 0.1 / 3.6e6 * 1e5)
