from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim import technology
from hwsim.config import load_chip
from hwsim.technology import (
    dram_energy_per_bit,
    mac_energy,
    memory_area,
    memory_energy,
    memory_leakage_watts,
    register_energy_per_bit,
    sram_area,
    sram_energy_per_bit,
    sram_leakage_watts,
    static_power_watts,
    tables,
    vector_operation_energy,
)

NANO = 1e-9
nodes = st.floats(min_value=3e-9, max_value=130e-9)
sizes = st.floats(min_value=16, max_value=2**31)


def test_the_tables_points_are_reproduced() -> None:
    table = tables()["sram"]
    for size, node, read, write, leakage, area in table.rows:
        energy = sram_energy_per_bit(size * 1024, node * NANO)
        assert energy == pytest.approx((read * 1e-12 / 128, write * 1e-12 / 128))
        assert sram_leakage_watts(size * 1024, node * NANO) == pytest.approx(leakage * 1e-3)
        assert sram_area(size * 1024, node * NANO) == pytest.approx(area * 1e-6)
    for bits, node, energy, _, _ in tables()["integer_mac"].rows:
        assert mac_energy("int", bits, node * NANO) == pytest.approx(energy * 1e-12)


def test_the_tables_are_the_reference_points(reference: Path) -> None:
    with (reference / "energy_components.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["component"].startswith("SRAM")]
    rows = [row for row in rows if "banks" not in row["component"]]
    assert len(rows) == len(tables()["sram"].rows)
    for row in rows:
        size, node = float(row["component"].split()[1].removesuffix("KiB")) * 1024, float(row["node_nm"]) * NANO
        energies = (float(row["energy_pJ"]) / 128e12, float(row["write_energy_pJ"]) / 128e12)
        assert sram_energy_per_bit(size, node) == pytest.approx(energies)


def left_out(column: str) -> dict[tuple[float, float], dict[str, float]]:
    """Prediction over truth for every inner point of the SRAM table, made from its neighbours along each axis."""
    points = tables()["sram"].points("size_KiB", "node_nm", column)
    errors: dict[tuple[float, float], dict[str, float]] = {}
    for size, node, value in points:
        along_size = [(s, v) for s, n, v in points if n == node and s != size]
        along_node = [(n, v) for s, n, v in points if s == size and n != node]
        ratios = {"size": technology._curve(along_size, size) / value if size == 512 else 1.0}
        if node in (45, 22):
            ratios["node"] = technology._curve(along_node, node) / value
        errors[size, node] = ratios
    return errors


@pytest.mark.parametrize(
    ("column", "over_size", "over_node"), [("read_pJ", 1.08, 2.0), ("write_pJ", 1.15, 2.1), ("area_mm2", 1.18, 1.6)]
)
def test_a_point_left_out_is_met_within_the_stated_factor(column: str, over_size: float, over_node: float) -> None:
    for ratios in left_out(column).values():
        assert 1 / over_size <= ratios["size"] <= over_size
        assert 1 / over_node <= ratios.get("node", 1.0) <= over_node


@pytest.mark.parametrize(("node", "from_kib", "factor"), [(45, 8, 1.4), (7, 1024, 1.4), (7, 8, 8.5)])
def test_published_reads_are_met_within_the_stated_factor(node: float, from_kib: float, factor: float) -> None:
    table = tables()["sram_check"]
    for size, at, published in table.rows:
        if at == node and size >= from_kib:
            read, _ = sram_energy_per_bit(size * 1024, node * NANO)
            assert 1 / factor <= read * table.word_bits * 1e12 / published <= factor


@given(sizes, sizes, nodes)
def test_a_larger_memory_never_costs_less(one: float, other: float, node: float) -> None:
    small, large = sorted((one, other))
    assert sram_energy_per_bit(small, node)[0] <= sram_energy_per_bit(large, node)[0]
    assert sram_area(small, node) <= sram_area(large, node)


@given(sizes, nodes)
def test_a_memory_never_costs_less_than_a_register(size: float, node: float) -> None:
    assert min(sram_energy_per_bit(size, node)) >= register_energy_per_bit(node) > 0


@given(nodes, nodes, st.sampled_from(["int", "float"]), st.integers(min_value=1, max_value=64))
def test_a_finer_node_never_costs_more(one: float, other: float, kind: technology.Number, bits: int) -> None:
    fine, coarse = sorted((one, other))
    assert mac_energy(kind, bits, fine) <= mac_energy(kind, bits, coarse)


@given(nodes, st.integers(min_value=1, max_value=63), st.sampled_from(["int", "float"]))
def test_wider_operands_never_cost_less(node: float, bits: int, kind: technology.Number) -> None:
    assert mac_energy(kind, bits, node) <= mac_energy(kind, bits + 1, node)


def test_float_energies_are_the_published_sums() -> None:
    assert mac_energy("float", 32, 45e-9) == pytest.approx(4.6e-12)
    assert mac_energy("float", 16, 45e-9) == pytest.approx(2.0e-12)
    assert vector_operation_energy("add", 16, 45e-9) == pytest.approx(0.4e-12)
    assert vector_operation_energy("exp", 32, 45e-9) == pytest.approx(6 * 4.6e-12)
    with pytest.raises(KeyError):
        vector_operation_energy("sin", 32, 45e-9)


def test_dram_families_are_ordered_as_known() -> None:
    hbm, gddr, ddr = (dram_energy_per_bit(family) for family in ("hbm", "gddr", "ddr"))
    assert hbm < gddr < ddr


def test_what_a_chip_file_states_beats_what_is_derived() -> None:
    chip = load_chip("tpu_v4i")
    given = chip.memories["cmem"]
    derived = given.model_copy(update={"read_energy": None, "write_energy": None})
    assert memory_energy(given, chip) == (1.88e-12, 2.36e-12, "secondary")
    assert memory_energy(derived, chip).status == "derived"
    assert memory_energy(derived, chip).read_joules_per_bit == pytest.approx(1.88e-12, rel=0.01)
    one_way = given.model_copy(update={"write_energy": None})
    assert memory_energy(one_way, chip)[:2] == (1.88e-12, 1.88e-12)


def test_static_power_is_the_idle_power_or_the_leakage_of_the_memories() -> None:
    stated, leaking = load_chip("tpu_v1"), load_chip("gemmini")
    assert static_power_watts(stated) == 28.0
    scratchpad = memory_leakage_watts(leaking.memories["scratchpad"], leaking)
    assert static_power_watts(leaking) == pytest.approx(scratchpad)
    assert scratchpad > 0


def test_all_instances_leak_and_take_area() -> None:
    chip = load_chip("eyeriss")
    spad = chip.memories["filter_spad"]
    one = spad.model_copy(update={"instances": 1})
    assert memory_leakage_watts(spad, chip) == pytest.approx(168 * memory_leakage_watts(one, chip))
    assert memory_area(spad, chip) == pytest.approx(168 * memory_area(one, chip))
    assert memory_area(chip.memories["dram"], chip) == 0.0
