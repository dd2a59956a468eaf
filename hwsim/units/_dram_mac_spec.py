"""The terms in which MAC units in a DRAM are described, and the geometry they imply."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import model_validator

from hwsim.chip import Chip, Count, UnitSpec
from hwsim.dram.timing import Currents
from hwsim.pim.energy import PimEnergy, Placement
from hwsim.pim.layout import Geometry
from hwsim.pim.timing import PimTiming
from hwsim.quantity import Bytes, Seconds
from workloads.errors import UserError


class PimError(UserError):
    """A memory with MAC units that contradicts itself or the chip around it."""


class DramMacSpec(UnitSpec):
    """Chip file section of MAC units in or under a DRAM.

    Attributes:
        placement: where they stand; says which wires a bit crosses on its way to them.
        channels, bank_groups, banks, rows, row: organization; banks and bank groups of one channel, row of one bank.
        units: MAC units of a channel.
        lanes: multiplications of a unit and command.
        bits: width of an operand.
        mac_clock: clock of the units; absent means that they keep up with the DRAM.
        open_banks: banks of a channel in which one activation opens a row; absent means all.
        alternate: while one set of banks works, another opens its next row.
        buffer: bytes of input that a channel holds.
        accumulators: results that a unit holds.
        vectors: inputs that one command multiplies with the weights it reads.
        bias: whether accumulators have to be set before every sum.
        result_lanes: sums per result that are added only outside.
        burst: bytes of one burst on the interface.
        adders: additions of partial sums per cycle outside.
        launch: from the host's decision to the first command.
        timing, energy: of the commands.
        currents: for the energy of a row, instead of ``energy.row_bit``.
    """

    kind: Literal["dram_mac"]  # pyright: ignore[reportIncompatibleVariableOverride]  (frozen, never assigned)
    placement: Placement
    channels: Count
    bank_groups: Count
    banks: Count
    rows: Count
    row: Bytes
    units: Count
    lanes: Count
    bits: Count = 16
    mac_clock: str | None = None
    open_banks: Count | None = None
    alternate: bool = False
    buffer: Bytes
    accumulators: Count = 1
    vectors: Count = 1
    bias: bool = False
    result_lanes: Count = 1
    burst: Bytes = 32.0
    adders: Count = 256
    launch: Seconds = 0.0
    timing: PimTiming
    energy: PimEnergy
    currents: Currents | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> DramMacSpec:
        """The organization is one of powers of two, and MAC units and columns divide it evenly."""
        column = self.lanes * self.bits / 8
        problems = [
            (self.row % column > 0, f"row: {self.row:g} B is no multiple of the {column:g} B that a MAC reads"),
            (self.buffer < column, f"buffer: {self.buffer:g} B do not hold the {column:g} B that a MAC needs"),
            (self.banks % self.bank_groups > 0, f"banks: {self.banks} do not fill {self.bank_groups} bank groups"),
            (self.opened % self.units > 0, f"units: {self.opened} open banks do not divide among {self.units}"),
            (self.banks % self.opened > 0, f"open_banks: {self.banks} banks are no multiple of {self.opened}"),
            (self.alternate and self.opened == self.banks, "alternate: no banks are left to open the next row"),
            (
                self.placement == "bank_group" and self.units != self.bank_groups,
                f"units: one per bank group means {self.bank_groups}, got {self.units}",
            ),
            *(
                (count & (count - 1) > 0, f"{name}: {count} needs a power of two, each address bit selects one half")
                for name, count in (("banks", self.banks), ("rows", self.rows))
            ),
        ]
        wrong = [text for found, text in problems if found]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def opened(self) -> int:
        """Banks that one activation opens."""
        return self.banks if self.open_banks is None else self.open_banks

    @property
    def column_bytes(self) -> int:
        """Bytes that one unit reads per command."""
        return self.lanes * self.bits // 8

    @property
    def size_bytes(self) -> float:
        """Capacity of all rows."""
        return self.channels * self.banks * self.rows * self.row


def geometry_of(spec: DramMacSpec) -> Geometry:
    """What the layout of matrices needs to know."""
    return Geometry(
        channels=spec.channels,
        units=spec.units,
        lanes=spec.lanes,
        columns=int(spec.row * spec.opened / spec.units / spec.column_bytes),
        buffer=int(spec.buffer * 8 / spec.bits),
        accumulators=spec.accumulators,
        vectors=spec.vectors,
        burst=int(spec.burst * 8 / spec.bits),
        result_lanes=spec.result_lanes,
        bias=spec.bias,
        sets=2 if spec.alternate else 1,
    )


def timing_of(name: str, spec: DramMacSpec, chip: Chip) -> PimTiming:
    """Timing with MACs no faster than their own clock and bursts no faster than the interface.

    Raises:
        PimError: an unknown clock, or an organization that is not the size of the memory.
    """
    memory = chip.memories[spec.path[0]]
    size = memory.size * memory.instances
    if spec.size_bytes != size:
        raise PimError(
            f"units.{name}.rows: {spec.channels} channels of {spec.banks} banks with {spec.rows} rows of {spec.row:g} B"
            f" are {spec.size_bytes:g} B, memories.{spec.path[0]}.size says {size:g} B"
        )
    clock = chip.clocks[spec.clock]
    ccd, burst = spec.timing.ccd, spec.timing.burst
    if spec.mac_clock is not None:
        if spec.mac_clock not in chip.clocks:
            raise PimError(f"units.{name}.mac_clock: no clock is named {spec.mac_clock!r}")
        ccd = max(ccd, cycles_of(1 / chip.clocks[spec.mac_clock], clock))
    if memory.bandwidth is not None:
        burst = max(burst, cycles_of(spec.burst * spec.channels / memory.bandwidth, clock))
    return spec.timing.model_copy(update={"ccd": ccd, "burst": burst})


def cycles_of(seconds: float, clock: float) -> int:
    """Whole cycles that cover a time; a billionth of a cycle is rounding."""
    return math.ceil(seconds * clock - 1e-9)
