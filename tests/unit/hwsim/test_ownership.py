"""Cost of making and owning: HNLPU's published tables to their rounding, and the arithmetic behind them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from hwsim.between import Between, total
from hwsim.chip import Chip
from hwsim.config import ChipFileError, load_chip
from hwsim.cost_command import cost
from hwsim.manufacturing import bill_of, dies_per_wafer, murphy_yield
from hwsim.ownership import Plan, ownership

AREA = 827.08e-6
TEXT = """
title: hardwired
technology: {node: 5 nm}
clock: core
clocks: {core: 1 GHz}
memories: {hbm: {kind: dram, size: 1 GiB, bandwidth: 100 GB/s}}
units: {vector: {kind: vector_unit, clock: core, path: [hbm], lanes: 16}}
package: {die_area: 827.08 mm2}
cost:
  electricity: 0.095 USD/kWh
  making:
    wafer: {price: 16988 USD, defects: 0.11 /cm2}
    masks: {price: [15 MUSD, 30 MUSD], duv: 58, euv: 12, euv_weight: 6.0, variant_duv: 10, variants: 16}
    design:
      architecture: [1.87 MUSD, 3.74 MUSD]
      verification: [9.97 MUSD, 19.93 MUSD]
      physical: [4.80 MUSD, 14.41 MUSD]
      blocks: [10.23 MUSD, 20.46 MUSD]
    per_chip:
      package and test: [111 USD, 185 USD]
      memory: [1920 USD, 3840 USD]
      integration: [1900 USD, 3800 USD]
  owning:
    chips_per_system: 16
    system_power: 6.9 kW
    overhead: 1.4
    facility: 12 USD/W
    network: 90 kUSD
    spares: 0.1
    embodied_carbon: 124.9 kg
    grid_carbon: 0.38 kg/kWh
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "made.yaml"
    file.write_text(TEXT)
    return file


@pytest.fixture
def chip(path: Path) -> Chip:
    return load_chip(path)


def millions(amount: Between, digits: int) -> tuple[float, float]:
    return float(f"{amount.low / 1e6:.{digits}g}"), float(f"{amount.high / 1e6:.{digits}g}")


def test_dies_yield_and_die_price_are_the_published_ones(chip: Chip) -> None:
    bill = bill_of(chip, AREA)
    assert (bill.dies, bill.good_dies, round(bill.yield_fraction, 2)) == (62, 27, 0.43)
    assert round(bill.die.low) == 629


def test_masks_and_build_costs_are_the_published_ones(chip: Chip) -> None:
    bill = bill_of(chip, AREA)
    assert millions(bill.common_masks, 4) == (13.85, 27.69)
    assert millions(bill.variant_masks, 4) == (18.46, 36.92)
    assert millions(bill.build(16), 4) == (59.25, 123.3)
    assert millions(bill.build(800), 4) == (62.83, 129.9)
    assert millions(bill.respin(16), 4) == (18.53, 37.06)
    assert bill.respin(800).low / 1e6 == pytest.approx(22.11, abs=0.01)
    assert bill.respin(800).high / 1e6 == pytest.approx(43.68, abs=0.01)


@pytest.mark.parametrize(
    ("systems", "respins", "published"),
    [(1, 0, (59.56, 123.7)), (1, 2, (96.62, 197.8)), (50, 0, (74.7, 142.1)), (50, 2, (118.9, 229.4))],
)
def test_ownership_is_the_published_one(chip: Chip, systems: int, respins: int, published: tuple[float, float]) -> None:
    owned = ownership(chip, AREA, Plan(systems, 3, respins)).dollars
    assert owned.low / 1e6 == pytest.approx(published[0], rel=2e-4)
    assert owned.high / 1e6 == pytest.approx(published[1], rel=5e-4)


@pytest.mark.parametrize(("respins", "published"), [(0, 4924e3), (2, 5124e3)])
def test_carbon_of_fifty_systems_is_the_published_one(chip: Chip, respins: int, published: float) -> None:
    assert ownership(chip, AREA, Plan(50, 3, respins)).kilograms == pytest.approx(published, rel=3e-4)


def test_a_chip_that_states_nothing_takes_the_defaults_of_its_node() -> None:
    bill = bill_of(load_chip("eyeriss"), 12.25e-6)
    assert bill.die.low == pytest.approx(1937 / bill.good_dies)
    assert bill.common_masks.high == pytest.approx(1e6) and bill.variant_masks == Between(0, 0)


@given(area=st.floats(1e-6, 1.5e-3), defects=st.floats(0, 1e4))
def test_yield_is_a_fraction_that_falls_with_area_and_dies_never_exceed_the_wafer(area: float, defects: float) -> None:
    assert 0 < murphy_yield(area, defects) <= 1
    assert murphy_yield(2 * area, defects) <= murphy_yield(area, defects)
    assert dies_per_wafer(area, 0.3) * area <= math.pi * 0.15**2


@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)).map(sorted), max_size=5))
def test_a_sum_of_ranges_holds_every_sum_of_values(pairs: list[list[float]]) -> None:
    ranges = [Between(*pair) for pair in pairs]
    whole = total(*ranges)
    middle = sum((one.low + one.high) / 2 for one in ranges)
    assert whole.low <= middle * (1 + 1e-12) and middle <= whole.high * (1 + 1e-12)


def test_the_command_prints_the_rows_that_add_up(path: Path) -> None:
    result = CliRunner().invoke(cost, [f"{path}:50", "h100_sxm:8", "--json"])
    assert result.exit_code == 0, result.output
    made, bought = json.loads(result.output)["chips"]
    for row in (made, bought):
        for end in (0, 1):
            assert sum(pair[end] for pair in row["ownership_dollars"].values()) == pytest.approx(
                row["total_dollars"][end]
            )
    assert bought["making"] is None and made["making"]["good_dies_per_wafer"] == 27


def test_a_wrong_amount_names_its_key(path: Path) -> None:
    path.write_text(TEXT.replace("[15 MUSD, 30 MUSD]", "[30 MUSD, 15 MUSD]").replace("90 kUSD", "90000"))
    with pytest.raises(ChipFileError) as problems:
        load_chip(path)
    text = str(problems.value)
    assert "cost.making.masks.price: expected a low amount" in text
    assert "cost.owning.network: a unit is missing" in text


def test_a_setting_changes_what_owning_costs() -> None:
    def owned(*options: str) -> float:
        result = CliRunner().invoke(cost, ["hnlpu", "--json", *options], catch_exceptions=False)
        return json.loads(result.output)["chips"][0]["ownership_dollars"]["electricity"][0]

    assert owned("--set", "cost.electricity=0.19 USD/kWh") == pytest.approx(2 * owned())
