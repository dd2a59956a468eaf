"""A chip made ready for simulation: its unit models, the resources they occupy and the energy of every memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hwsim.area import die_area
from hwsim.chip import Chip
from hwsim.compression import stored_fractions
from hwsim.dram.bandwidth import Dram, dram_of
from hwsim.dram.energy import activation_joules
from hwsim.nest import Nest
from hwsim.operand import Operand
from hwsim.pipeline import Place, Port, make_port
from hwsim.report import Footnote
from hwsim.sources import footnotes
from hwsim.technology import memory_energy
from hwsim.units.base import ArrayUnit, Engines, Holder, KernelUnit, StreamUnit, Unit
from hwsim.units.registry import build_unit
from workloads.graph import Role


@dataclass(frozen=True, slots=True)
class BitEnergy:
    """Joules to read and to write one bit of a memory."""

    read: float
    write: float


@dataclass(frozen=True, slots=True)
class DramPart:
    """A memory with timing: its bandwidth, and joules to open a row once; None where no currents are public."""

    model: Dram
    activation_joules: float | None


@dataclass(frozen=True, slots=True)
class Machine:
    """A chip with its models.

    Attributes:
        units: unit models by name.
        places: where each unit's tasks run.
        resources: names of the resources; the index is their number in a program.
        bits: energy per bit of every memory.
        drams: memories whose timing is known.
        arrays, streams, kernels: the units of each shape.
        footnotes: where the chip's numbers come from.
        area_square_metres: of the die, stated or derived; None if neither is possible.
    """

    chip: Chip
    units: dict[str, Unit]
    places: dict[str, Place]
    resources: tuple[str, ...]
    bits: dict[str, BitEnergy]
    drams: dict[str, DramPart]
    arrays: dict[str, ArrayUnit]
    streams: dict[str, StreamUnit]
    kernels: dict[str, KernelUnit]
    footnotes: tuple[Footnote, ...]
    area_square_metres: float | None

    def outer(self, unit: str) -> str:
        """The memory that holds whole tensors for a unit."""
        return self.chip.units[unit].path[0]

    def scratchpad(self, unit: str) -> str | None:
        """The on-chip memory whose tiles the pipeline fills, or None if the unit reads its outer memory directly."""
        path = self.chip.units[unit].path
        return path[1] if len(path) > 1 else None

    @property
    def holders(self) -> tuple[Holder, ...]:
        """Units that hold tensors themselves."""
        return tuple(unit for unit in self.units.values() if isinstance(unit, Holder))

    @property
    def held(self) -> frozenset[Role]:
        """Roles of tensors that cross no memory."""
        return frozenset(role for unit in self.holders for role in unit.held)

    def stored(self, unit: str, nest: Nest) -> Mapping[Operand, float]:
        """Size of the operands in a unit's outer memory relative to plain data, where a link codes them."""
        return stored_fractions(self.chip, self.outer(unit), self.scratchpad(unit), nest)


def make_machine(chip: Chip) -> Machine:
    """Build the models of all units of a chip."""
    outers = sorted({spec.path[0] for spec in chip.units.values()})
    units = {name: build_unit(name, chip) for name in chip.units}
    engines = [(name, one) for name, unit in units.items() if isinstance(unit, Engines) for one in unit.engines]
    resources = (*outers, *chip.units, *(f"{name}: {one}" for name, one in engines))
    places: dict[str, Place] = {}
    for index, (name, spec) in enumerate(chip.units.items()):
        outer, *rest = spec.path
        inner = rest[0] if rest else None
        port: Port = make_port(chip, outer, inner, outers.index(outer))
        buffered = chip.memories[inner].double_buffered if inner is not None else True
        ahead = frozenset(chip.memories[inner].prefetched if inner is not None else ())
        own = {one: resources.index(f"{unit}: {one}") for unit, one in engines if unit == name}
        places[name] = Place(len(outers) + index, port, buffered, prefetched=ahead, engines=own)
    bits: dict[str, BitEnergy] = {}
    for name, memory in chip.memories.items():
        energy = memory_energy(memory, chip)
        links = sum(link.energy or 0.0 for link in chip.links.values() if name == link.between[0])
        bits[name] = BitEnergy(energy.read_joules_per_bit + links, energy.write_joules_per_bit + links)
    area, notes = die_area(chip, units.values())
    return Machine(
        chip,
        units,
        places,
        resources,
        bits,
        drams=_drams(chip),
        arrays={name: unit for name, unit in units.items() if isinstance(unit, ArrayUnit)},
        streams={name: unit for name, unit in units.items() if isinstance(unit, StreamUnit)},
        kernels={name: unit for name, unit in units.items() if isinstance(unit, KernelUnit)},
        footnotes=(*footnotes(chip), *notes),
        area_square_metres=area,
    )


def _drams(chip: Chip) -> dict[str, DramPart]:
    parts: dict[str, DramPart] = {}
    for name, memory in chip.memories.items():
        model = dram_of(memory)
        if model is not None:
            power = model.channel.standard.power
            parts[name] = DramPart(model, None if power is None else activation_joules(power))
    return parts


def capacity_bytes(chip: Chip) -> int:
    """Bytes in the memories that hold whole models: the outermost of every unit's path, storages left out."""
    names = {spec.path[0] for spec in chip.units.values() if spec.holds_models}
    return int(sum(chip.memories[name].size * chip.memories[name].instances for name in names))


def storage_bytes(chip: Chip) -> int:
    """Bytes of the storages behind the memories."""
    names = {spec.path[0] for spec in chip.units.values() if not spec.holds_models}
    return int(sum(chip.memories[name].size * chip.memories[name].instances for name in names))
