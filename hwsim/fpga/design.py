"""What an FPGA design takes part by part: engines, their interfaces, buffers, the vendor's shell; and its clock.

DSP slices follow from the multipliers and their packing, memory blocks from the sizes of the buffers. Tables and
flip-flops are a line through four designs that were built: InTAR's perceptron and convolutions, sequential and
dataflow (OswaldHe/InTAR, benchmark/*/README.md, TAPA's estimate without the shell). The line is 5 % low for the
tables of its self-attention and 60 % low for its sequential autoencoder, whose windows are selected by multiplexers.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.fpga.boards import Board
from hwsim.fpga.clock import achieved_clock
from hwsim.fpga.resources import Resources, over_budget, utilization

INTERFACES = Resources(lut=47_900, ff=60_200)
"""Of the memory ports and control of a design, whatever its size (derived, see above)."""
LUTS_PER_DSP, FLIP_FLOPS_PER_DSP = 49, 35
"""Around every slice: operands in, sums out (derived, see above)."""
BRAM_BYTES, URAM_BYTES = 4_608, 36_864
"""A block RAM of 36 Kib and an UltraRAM of 288 Kib (AMD UG573)."""


@dataclass(frozen=True, slots=True)
class Design:
    """Parts of a design by name, and what its board has.

    Attributes:
        parts: resources by name, the shell included.
        budget: of the whole device.
        dies: that the design spans.
    """

    parts: tuple[tuple[str, Resources], ...]
    budget: Resources
    dies: int

    @property
    def total(self) -> Resources:
        """All parts together."""
        return sum((part for _, part in self.parts), Resources())

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for every resource that the board has too little of."""
        return over_budget(self.total, self.budget)

    @property
    def logic_utilization(self) -> float:
        """The fuller of slices and tables, at most 1; memory blocks have columns of their own and delay nothing."""
        total, budget = self.total, self.budget
        return min(1.0, utilization(Resources(dsp=total.dsp, lut=total.lut), budget))


def design_of(board: Board, engines: Resources, buffers: tuple[float, ...], dies: int, other: Resources) -> Design:
    """A design on a board.

    Args:
        board: where it is built.
        engines: DSP slices of all its engines.
        buffers: bytes of each on-chip buffer.
        dies: that it spans.
        other: what its chip file states beside.
    """
    logic = engines + Resources(lut=LUTS_PER_DSP * engines.dsp, ff=FLIP_FLOPS_PER_DSP * engines.dsp)
    shell = board.shell or Resources()
    left = board.resources.uram - other.uram
    parts = (
        ("engines", logic),
        ("interfaces", INTERFACES),
        ("buffers", memory_blocks(buffers, left)),
        ("shell", shell),
        ("other", other),
    )
    return Design(tuple((name, part) for name, part in parts if part != Resources()), board.resources, dies)


def memory_blocks(buffers: tuple[float, ...], urams: int) -> Resources:
    """Blocks for buffers, largest first into UltraRAMs as long as there are any, then into block RAMs.

    Args:
        buffers: bytes of each.
        urams: UltraRAMs that are free.
    """
    total = Resources()
    for size in sorted(buffers, reverse=True):
        blocks = -int(-size // URAM_BYTES)
        if total.uram + blocks <= urams:
            total = total + Resources(uram=blocks)
        else:
            total = total + Resources(bram=-int(-size // BRAM_BYTES))
    return total


def expected_clock(design: Design, requested_hertz: float) -> float:
    """Frequency in hertz that a design is expected to reach when the tools are asked for another."""
    return achieved_clock(requested_hertz, design.logic_utilization, design.dies)
