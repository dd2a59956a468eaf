"""The chip schema: one composition of units, memories, links, technology, package and cost for every kind of chip.

A chip file is YAML (see hw_configs/). Quantities are text with a unit; every leaf must be covered by an entry of
``sources`` with a status, so that a report can say which of its numbers are published and which are assumed.
The kinds of unit are open: each file in ``hwsim.units`` registers its own specification.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field, PlainValidator, model_validator

from hwsim.economics import Making, Owning
from hwsim.operand import Operand
from hwsim.part import Count, Fraction, Part
from hwsim.quantity import (
    Bytes,
    BytesPerSecond,
    Dollars,
    DollarsPerKilowattHour,
    Hertz,
    JoulesPerBit,
    Metres,
    Seconds,
    SquareMetres,
    Watts,
    Years,
)
from workloads.errors import UserError, did_you_mean

Status: TypeAlias = Literal["published", "secondary", "derived", "assumed"]
DramFamily: TypeAlias = Literal["ddr", "lpddr", "gddr", "hbm"]


class Technology(Part):
    """Process node; energies and areas that the file leaves out are derived from it."""

    node: Metres


class DramTiming(Part):
    """How a DRAM is built, for the bandwidth and energy of its access patterns.

    Attributes:
        standard: name of a file in hwsim/dram/standards.
        channels: (pseudo) channels that work side by side.
        interleave: consecutive bytes of the address space that lie in one channel.
    """

    standard: str
    channels: Count
    interleave: Bytes = 256.0


class Memory(Part):
    """A memory, or many equal ones (``instances``), for example one register file per processing element.

    Attributes:
        kind: dram holds the model and is off chip; sram and register are on chip.
        family: of a dram, for the energy of an access that the file leaves out; absent means ddr.
        size: capacity of one instance.
        bandwidth: sustained peak of all instances together; absent means unlimited.
        efficiency: fraction of the peak that real access patterns reach; beats what ``timing`` says.
        timing: of a dram; arrays and vector units then reach what bursts, rows and refreshes leave (hwsim.dram), while
            a GPU keeps the measured fractions of its own specification.
        latency: time to the first byte.
        operands: which operands of a contraction it may hold; the others bypass it.
        read_energy, write_energy: absent means derived from kind, size and node.
        leakage: static power of all instances together.
        double_buffered: whether a tile can be loaded while another is in use.
        prefetched: operands that are loaded ahead all the same, into space of their own that is not part of ``size``.
    """

    kind: Literal["dram", "sram", "register"]
    family: DramFamily | None = None
    size: Bytes
    bandwidth: BytesPerSecond | None = None
    efficiency: Fraction = 1.0
    timing: DramTiming | None = None
    latency: Seconds = 0.0
    instances: Count = 1
    operands: tuple[Operand, ...] = ("input", "weight", "output")
    read_energy: JoulesPerBit | None = None
    write_energy: JoulesPerBit | None = None
    leakage: Watts | None = None
    area: SquareMetres | None = None
    double_buffered: bool = True
    prefetched: tuple[Operand, ...] = ()

    @model_validator(mode="after")
    def _timing_fits(self) -> Memory:
        """The standard exists, and its channels can make up the bandwidth."""
        if self.timing is not None:
            check_timing(self)
        return self


class Compression(Part):
    """Run-length code of a link: pairs of a run of zeros and the value after it, packed into words.

    Attributes:
        code: run_length is the only one.
        run_bits: width of a run; a longer one takes another pair, whose value is a zero.
        value_bits: width of a value.
        pairs_per_word, word_bits: how many pairs one word on the link holds, and its width.
        operands: which operands of a contraction are coded; those that coding would enlarge travel as they are.
    """

    code: Literal["run_length"]
    run_bits: Annotated[int, Field(ge=1, le=16)]
    value_bits: Annotated[int, Field(ge=1, le=64)]
    pairs_per_word: Annotated[int, Field(ge=1, le=64)]
    word_bits: Annotated[int, Field(ge=1, le=4096)]
    operands: tuple[Operand, ...] = ("input", "output")

    @model_validator(mode="after")
    def _pairs_fit(self) -> Compression:
        needed = self.pairs_per_word * (self.run_bits + self.value_bits)
        if needed > self.word_bits:
            raise ValueError(f"{self.pairs_per_word} pairs need {needed} bits, a word has {self.word_bits}")
        return self


MOST_RATIO = 8
"""How far a data rate may be from its standard's: enough for a study of bandwidth, too little for a wrong standard."""


def check_timing(memory: Memory) -> None:
    """Refuse timing of a memory that it can't belong to.

    Raises:
        ValueError: not a dram, no bandwidth, an unknown standard, or a data rate per channel further than a factor of
            ``MOST_RATIO`` from the standard's.
    """
    from hwsim.dram.bandwidth import rate_ratio

    if memory.timing is None:
        return
    if memory.kind != "dram" or memory.bandwidth is None:
        raise ValueError("timing: only a dram with a bandwidth can have it")
    try:
        ratio = rate_ratio(memory.timing, memory.bandwidth)
    except UserError as error:
        raise ValueError(f"timing.standard: {error}") from None
    if not 1 / MOST_RATIO <= ratio <= MOST_RATIO:
        raise ValueError(
            f"timing.channels: {memory.timing.channels} channels of {memory.timing.standard} have {1 / ratio:.3g} times"
            f" the stated bandwidth; expected a count that makes up the bandwidth within a factor of {MOST_RATIO}"
        )


class Link(Part):
    """A wire between two memories; it limits the bandwidth of every transfer between them and adds its energy.

    With ``compression`` the operands of contractions travel, and lie in the outer memory, coded; other operators move
    plain data.
    Without ``energy`` it adds none, which the report warns of unless an end is a dram, whose bits include their I/O.
    """

    between: tuple[str, str]
    bandwidth: BytesPerSecond
    latency: Seconds = 0.0
    energy: JoulesPerBit | None = None
    compression: Compression | None = None


class Package(Part):
    """The chip as bought: how much power it may draw, how large its die is, what it draws when idle."""

    tdp: Watts | None = None
    idle_power: Watts | None = None
    die_area: SquareMetres | None = None


class Cost(Part):
    """What owning the chip costs; the report gives money per unit of work when a price is known.

    Attributes:
        price: of one chip as bought.
        lifetime: years of use.
        electricity: price of energy.
        making, owning: for ``hwsim cost``: what it costs to have the chip made, and to run systems of it.
    """

    price: Dollars | None = None
    lifetime: Years = 3.0
    electricity: DollarsPerKilowattHour = 0.1
    making: Making | None = None
    owning: Owning | None = None


class Source(Part):
    """Where numbers come from.

    Attributes:
        cite: paper and table, data sheet, or the reasoning behind an assumption.
        status: published, secondary, derived or assumed.
        keys: key paths it covers; a path covers everything below it, the longest match wins.
    """

    cite: str
    status: Status
    keys: tuple[str, ...]


class UnitSpec(Part):
    """What every kind of unit has.

    Attributes:
        kind: which model interprets it.
        clock: name of its clock.
        count: copies of it.
        path: memories that feed it, outermost first.
        accumulator_bits: width of a partial sum, in the unit's own memories and when it leaves before it is complete.
        holds_models: whether the outermost memory of its path is where a whole model lies.
    """

    holds_models: ClassVar[bool] = True

    kind: str
    clock: str
    count: Count = 1
    path: Annotated[tuple[str, ...], Field(min_length=1)]
    accumulator_bits: Count = 32

    def misfits(self, memories: Mapping[str, Memory]) -> tuple[str, ...]:
        """Why the unit cannot be built with the memories of its path, one line each; nothing where that is unknown."""
        return ()


def _read_unit(value: Any) -> UnitSpec:
    from hwsim.units.registry import read_unit_spec

    return read_unit_spec(value)


def _dangling(path: str, noun: str, names: Iterable[str], known: Mapping[str, object]) -> list[str]:
    return [
        f"{path}: no {noun} is named {name!r}{did_you_mean(name, known)}; there is {', '.join(known) or 'none'}"
        for name in names
        if name not in known
    ]


class Chip(Part):
    """A whole chip.

    Attributes:
        name: the file's name without suffix.
        clock: the clock in which a report counts cycles.
        clocks: every clock by name.
        memories, units, links: parts by name.
        sources: where the numbers come from.
    """

    name: str = ""
    title: str
    description: str = ""
    technology: Technology
    clock: str
    clocks: dict[str, Hertz]
    memories: dict[str, Memory]
    units: dict[str, Annotated[UnitSpec, PlainValidator(_read_unit)]]
    links: dict[str, Link] = Field(default_factory=dict)
    package: Package = Package()
    cost: Cost = Cost()
    sources: tuple[Source, ...] = ()

    @model_validator(mode="after")
    def _references_exist(self) -> Chip:
        """All dangling names at once, one line each as ``key.path: message``."""
        problems = [
            *_dangling("clock", "clock", [self.clock], self.clocks),
            *(line for name, unit in self.units.items() for line in self._dangling_in_unit(f"units.{name}", unit)),
            *(
                line
                for name, link in self.links.items()
                for line in _dangling(f"links.{name}.between", "memory", link.between, self.memories)
            ),
            *(f"{part}: a chip needs at least one" for part in ("units", "memories") if not getattr(self, part)),
        ]
        if not problems:
            problems += [
                f"units.{name}: {line}" for name, unit in self.units.items() for line in unit.misfits(self.memories)
            ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _dangling_in_unit(self, path: str, unit: UnitSpec) -> list[str]:
        return [
            *_dangling(f"{path}.clock", "clock", [unit.clock], self.clocks),
            *_dangling(f"{path}.path", "memory", unit.path, self.memories),
        ]

    @property
    def clock_hertz(self) -> float:
        """Frequency of the clock in which cycles are counted."""
        return self.clocks[self.clock]
