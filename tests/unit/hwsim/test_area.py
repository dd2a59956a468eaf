from __future__ import annotations

import pytest

from hwsim.area import DERIVED, derived_area, die_area
from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.machine import make_machine
from hwsim.technology import Number, mac_area, sram_area
from hwsim.units.base import Silicon

MIB = 2**20
SQUARE_MILLIMETRE = 1e-6


def blocks_of(name: str) -> dict[str, float]:
    chip = load_chip(name)
    blocks = derived_area(chip, make_machine(chip).units.values())
    assert blocks is not None
    return {block.component: block.square_metres / SQUARE_MILLIMETRE for block in blocks}


def without_die(chip: Chip) -> Chip:
    return chip.model_copy(update={"package": chip.package.model_copy(update={"die_area": None})})


def tpu_v1_array() -> float:
    blocks = blocks_of("tpu_v1")
    return blocks["array multiply-accumulators"] + blocks["array registers"]


def tpu_v4i_array() -> float:
    blocks = blocks_of("tpu_v4i")
    return blocks["mxu multiply-accumulators"] + blocks["mxu registers"]


COMPARED = {
    # name: (derived mm2, published mm2, recorded ratio of derived to published); the sources are in docs/area.md
    "tpu_v1 unified buffer": (lambda: sram_area(24 * MIB, 28e-9) / SQUARE_MILLIMETRE, 0.29 * 331, 0.287),
    "tpu_v1 accumulators": (lambda: sram_area(4 * MIB, 28e-9) / SQUARE_MILLIMETRE, 0.06 * 331, 0.253),
    "tpu_v1 matrix unit": (tpu_v1_array, 0.24 * 331, 0.487),
    "tpu_v4i common memory": (lambda: blocks_of("tpu_v4i")["cmem"], 112.0, 0.239),
    "tpu_v4i matrix units": (tpu_v4i_array, 6.55, 3.85),
    "tpu_v1 die": (lambda: sum(blocks_of("tpu_v1").values()), 331.0, 0.217),
    "tpu_v4i die": (lambda: sum(blocks_of("tpu_v4i").values()), 400.0, 0.132),
    "eyeriss core": (lambda: sum(blocks_of("eyeriss").values()), 12.25, 0.335),
    "simba chiplet": (lambda: sum(blocks_of("simba_like").values()), 3.11, 0.287),
}


@pytest.mark.parametrize("name", COMPARED)
def test_derived_areas_are_as_far_from_published_ones_as_recorded(name: str) -> None:
    derived, published, ratio = COMPARED[name]
    assert derived() / published == pytest.approx(ratio, rel=0.02)


def test_a_stated_die_beats_what_is_derived() -> None:
    machine = make_machine(load_chip("tpu_v1"))
    assert machine.area_square_metres == pytest.approx(331 * SQUARE_MILLIMETRE)
    assert DERIVED not in machine.footnotes


def test_a_chip_without_a_die_reports_the_sum_of_its_parts_and_says_so() -> None:
    machine = make_machine(without_die(load_chip("tpu_v1")))
    assert machine.area_square_metres == pytest.approx(sum(blocks_of("tpu_v1").values()) * SQUARE_MILLIMETRE)
    assert machine.footnotes[-1] is DERIVED and DERIVED.status == "derived"


def test_nothing_is_derived_for_a_gpu() -> None:
    chip = without_die(load_chip("t4"))
    units = make_machine(chip).units.values()
    assert not any(isinstance(unit, Silicon) for unit in units)
    assert die_area(chip, units) == (None, ())


def test_more_copies_take_proportionally_more_area() -> None:
    chip = load_chip("tpu_v4i")
    mxu = chip.units["mxu"]
    double = chip.model_copy(update={"units": {**chip.units, "mxu": mxu.model_copy(update={"count": 8})}})
    one, two = (derived_area(each, make_machine(each).units.values()) for each in (chip, double))
    assert one is not None and two is not None
    areas = [{block.component: block.square_metres for block in blocks} for blocks in (one, two)]
    assert areas[1]["mxu registers"] == pytest.approx(2 * areas[0]["mxu registers"])
    assert areas[1]["cmem"] == areas[0]["cmem"]


@pytest.mark.parametrize("kind", ["int", "float"])
def test_wider_multipliers_and_coarser_nodes_take_more_area(kind: Number) -> None:
    for node in (7e-9, 16e-9, 45e-9):
        assert mac_area(kind, 8, node) < mac_area(kind, 16, node) < mac_area(kind, 32, node)
    assert mac_area(kind, 16, 7e-9) < mac_area(kind, 16, 28e-9)
    assert mac_area("float", 32, 45e-9) == pytest.approx((4184 + 7700) * 1e-12)
