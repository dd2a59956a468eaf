"""Energy, leakage and area of memories and arithmetic by process node, for everything a chip file leaves out.

The points are in ``data/technology.yaml`` with their sources. Between them: straight lines in log-log coordinates,
first over size or operand width, then over the node; beyond the first and last point the line goes on (leakage stays
constant beyond the last node, because its points are not monotone). An access is taken as proportional to its bits.

Error, measured in tests/unit/hwsim/test_technology.py. Any inner point of the SRAM table, from its neighbours in
size: within 8 % (read), 15 % (write), 17 % (area); from its neighbours in node: 12 % at 45 nm, a factor of 2 at 22 nm
(area 1.6), where the table has a step. Published reads that were never fitted: within a factor of 1.4 from 8 KiB to
1 MiB at 45 nm and for 1 MiB at 7 nm, but up to 8 times too low for small memories at 7 nm, whose published energies
hardly fall with size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from hwsim.chip import Chip, DramFamily, Memory, Status
from hwsim.sources import status_of
from hwsim.yaml_text import read_yaml

Number: TypeAlias = Literal["int", "float"]
PICO = 1e-12
_FILE = Path(__file__).with_name("data") / "technology.yaml"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one building block; ``columns`` name the numbers with their units."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    word_bits: int
    source: str
    status: Status

    def points(self, *names: str) -> tuple[tuple[Any, ...], ...]:
        """The rows with only the columns named."""
        places = [self.columns.index(name) for name in names]
        return tuple(tuple(row[place] for place in places) for row in self.rows)


@cache
def tables() -> dict[str, Table]:
    """All tables of ``data/technology.yaml`` by name."""
    data = read_yaml(_FILE.read_text(encoding="utf-8"), _FILE.name).data
    return {
        name: Table(part["columns"], part["rows"], part.get("word_bits", 1), part["source"], part["status"])
        for name, part in data.items()
    }


def _curve(points: Sequence[tuple[float, float]], x: float, ends_flat: bool = False) -> float:
    """The broken line through points in log-log coordinates; one point alone is proportional to x."""
    ordered = sorted(points)
    if len(ordered) == 1:
        return ordered[0][1] * x / ordered[0][0]
    if ends_flat:
        x = min(max(x, ordered[0][0]), ordered[-1][0])
    place = next((i for i in range(1, len(ordered) - 1) if x <= ordered[i][0]), len(ordered) - 1)
    (x0, y0), (x1, y1) = ordered[place - 1], ordered[place]
    slope = math.log(y1 / y0) / math.log(x1 / x0)
    return y0 * (x / x0) ** slope


def _surface(points: Sequence[tuple[float, float, float]], x: float, node: float, ends_flat: bool = False) -> float:
    """First along x at every node, then along the node (metres)."""
    by_node: dict[float, list[tuple[float, float]]] = {}
    for at, nanometres, value in points:
        by_node.setdefault(nanometres * 1e-9, []).append((at, value))
    return _curve([(n, _curve(line, x)) for n, line in by_node.items()], node, ends_flat)


def _sram(column: str, size_bytes: float, node: float, ends_flat: bool = False) -> float:
    return _surface(tables()["sram"].points("size_KiB", "node_nm", column), size_bytes / 1024, node, ends_flat)


@lru_cache(maxsize=4096)
def sram_energy_per_bit(size_bytes: float, node: float) -> tuple[float, float]:
    """Joules per bit read and written of an SRAM of so many bytes; never less than a register."""
    least, bits = register_energy_per_bit(node), tables()["sram"].word_bits
    read, write = (_sram(column, size_bytes, node) * PICO / bits for column in ("read_pJ", "write_pJ"))
    return max(read, least), max(write, least)


@lru_cache(maxsize=4096)
def sram_leakage_watts(size_bytes: float, node: float) -> float:
    """Static power of an SRAM with low-standby-power cells; fast cells leak far more."""
    return _sram("leakage_mW", size_bytes, node, ends_flat=True) * 1e-3


@lru_cache(maxsize=4096)
def sram_area(size_bytes: float, node: float) -> float:
    """Square metres of an SRAM."""
    return _sram("area_mm2", size_bytes, node) * 1e-6


@lru_cache(maxsize=256)
def register_energy_per_bit(node: float) -> float:
    """Joules per bit of one register access."""
    table = tables()["register"]
    return _over_node(table.points("node_nm", "access_pJ"), node) * PICO / table.word_bits


@lru_cache(maxsize=256)
def register_area_per_bit(node: float) -> float:
    """Square metres per bit of registers."""
    table = tables()["register"]
    return _over_node(table.points("node_nm", "area_mm2"), node) * 1e-6 / table.word_bits


def _over_node(points: Sequence[tuple[float, float]], node: float) -> float:
    return _curve([(nanometres * 1e-9, value) for nanometres, value in points], node)


@lru_cache(maxsize=1024)
def mac_energy(kind: Number, bits: int, node: float) -> float:
    """Joules of one multiply-accumulate of two operands of ``bits``; the sum has 32 bits (or those of wider operands).

    Args:
        kind: "int" or "float".
        bits: width of the wider operand, 1 or more.
        node: metres.
    """
    if kind == "int":
        return _surface(tables()["integer_mac"].points("bits", "node_nm", "mac_pJ"), bits, node) * PICO
    return _float("mul_pJ", bits, node) + _float("add_pJ", max(bits, 32), node)


def _float(column: str, bits: int, node: float) -> float:
    return _surface(tables()["float"].points("bits", "node_nm", column), bits, node) * PICO


@lru_cache(maxsize=256)
def mac_area(kind: Number, bits: int, node: float) -> float:
    """Square metres of one multiply-accumulator of two operands of ``bits``, with a sum of at least 32 bits.

    A floating-point unit shrinks with the node as the integer one of the same width does.
    """
    table = tables()["integer_mac"].points("bits", "node_nm", "area_mm2")
    integer = _surface(table, bits, node) * 1e-6
    if kind == "int":
        return integer
    points = tables()["float_area"].points
    add, mul = (_curve(points("bits", name), width) for name, width in (("add_um2", max(bits, 32)), ("mul_um2", bits)))
    return (add + mul) * 1e-12 * integer / (_surface(table, bits, 45e-9) * 1e-6)


@lru_cache(maxsize=1024)
def vector_operation_energy(operation: str, bits: int, node: float) -> float:
    """Joules of one floating-point operation of a class: add, mul, mac, compare, div, sqrt, exp or tanh.

    Raises:
        KeyError: another class.
    """
    add, mul = _float("add_pJ", bits, node), _float("mul_pJ", bits, node)
    direct: dict[str, Callable[[], float]] = {
        "add": lambda: add,
        "mul": lambda: mul,
        "mac": lambda: add + mul,
        "compare": lambda: _surface(tables()["integer_add"].points("bits", "node_nm", "add_pJ"), bits, node) * PICO,
    }
    if operation in direct:
        return direct[operation]()
    return dict(tables()["sequences"].rows)[operation] * (add + mul)


@cache
def dram_energy_per_bit(family: DramFamily) -> float:
    """Joules per bit moved to or from a DRAM device of a family, row activation and device I/O included."""
    return dict(tables()["dram"].rows)[family] * PICO


class MemoryEnergy(NamedTuple):
    """Energy of one bit read and one bit written, and how far to trust it."""

    read_joules_per_bit: float
    write_joules_per_bit: float
    status: Status


def memory_energy(memory: Memory, chip: Chip) -> MemoryEnergy:
    """Access energy as the chip file states it, or as derived from kind, size and node.

    A file that states only one direction is believed for both.
    """
    given = [energy for energy in (memory.read_energy, memory.write_energy) if energy is not None]
    if given:
        name = next((name for name, other in chip.memories.items() if other is memory), "")
        field = "read_energy" if memory.read_energy is not None else "write_energy"
        return MemoryEnergy(given[0], given[-1], status_of(chip, f"memories.{name}.{field}"))
    if memory.kind == "dram":
        energy = dram_energy_per_bit(memory.family or "ddr")
        return MemoryEnergy(energy, energy, "secondary" if memory.family else "assumed")
    return MemoryEnergy(*sram_energy_per_bit(memory.size, chip.technology.node), "derived")


def memory_leakage_watts(memory: Memory, chip: Chip) -> float:
    """Static power of all instances; zero for DRAM (its refresh is not modelled) and for registers."""
    if memory.leakage is not None:
        return memory.leakage
    return memory.instances * sram_leakage_watts(memory.size, chip.technology.node) if memory.kind == "sram" else 0.0


def memory_area(memory: Memory, chip: Chip) -> float:
    """Square metres of all instances on the die; zero for DRAM."""
    node = chip.technology.node
    if memory.area is not None:
        return memory.area
    if memory.kind == "dram":
        return 0.0
    one = sram_area(memory.size, node) if memory.kind == "sram" else register_area_per_bit(node) * memory.size * 8
    return memory.instances * one


def static_power_watts(chip: Chip) -> float:
    """Power drawn whatever the chip does: the idle power of its package, else the leakage of its memories."""
    if chip.package.idle_power is not None:
        return chip.package.idle_power
    return sum(memory_leakage_watts(memory, chip) for memory in chip.memories.values())
