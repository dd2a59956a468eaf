"""The chip file's section of a FlightLLM design, and what its engines and channels can do per second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, model_validator

from hwsim.chip import Chip, Count, Fraction, Memory, UnitSpec
from hwsim.fpga.boards import board_named, check_board
from hwsim.fpga.design import Design, design_of, expected_clock
from hwsim.fpga.resources import Resources, dot_engine
from hwsim.part import Part
from hwsim.quantity import Bytes, Watts


class Dot(Part):
    """Multipliers of one die: m x n results with k products each per cycle; ``columns`` results are started at once."""

    m: Count
    n: Count
    k: Count
    columns: Count

    @property
    def macs(self) -> int:
        """Multiply-accumulates per cycle."""
        return self.m * self.n * self.k


class Sparse(Part):
    """Operators (name with wildcards) of whose weights and products only a fraction is kept."""

    ops: str
    kept: Fraction


class Lengths(Part):
    """Tokens are padded to multiples, so that instruction streams can be shared."""

    prefill: Count
    decode: Count


class Channels(Part):
    """The memory channels.

    Attributes:
        count: of the whole device; they share its bandwidth evenly.
        per_die: those that one die reaches side by side.
        same, cross: fraction of the peak reached within the die's own channel, and through the switch.
    """

    count: Count
    per_die: Count
    same: Fraction
    cross: Fraction


class Buffer(Part):
    """A buffer of one die for INT8 weights: loads run ahead of the engine by as many pieces as it has slots."""

    size: Bytes
    slots: Annotated[int, Field(ge=2, le=64)] = 2


class Buffers(Part):
    """Weights of the matrix-vector engine, weights of the matrix engine, and rows of results."""

    vector: Buffer
    matrix: Buffer
    rows: Bytes


class FlightSpec(UnitSpec):
    """Chip file section.

    Attributes:
        board: its budget, a name of ``data/boards.yaml``.
        dies, die_efficiency: work is cut evenly over the dies, each of which reaches this fraction of its rates.
        matrix, vector: the engine in its two forms: matrix-matrix and matrix-vector.
        macs_per_dsp: INT8 products that share a DSP slice.
        misc: elements per cycle of the special-function unit.
        block: side of the blocks that tensors are stored in.
        mask_block: side of the blocks of an attention mask that are skipped when empty.
        weight_bits, activation_bits: widest operands.
        sparse: rules; the first that matches holds.
        biased: operators whose stream loads a bias (32 bits each) even where the model has none.
        reread_cache: whether appending to the cache reads it once more.
        whole_inputs: whether the last matrix of a prefill computes all rows of its input instead of the one needed.
        on_chip_decode: whether the activations of a decode step stay on chip between operators.
        clock_is: whether ``clock`` is what the design achieved, or what the tools are asked for (the unit then runs at
            what ``hwsim.fpga.clock`` expects).
        power: of the board while it works.
        other: resources of everything beside engines, interfaces and buffers of all dies.
    """

    kind: Literal["flightllm"]  # pyright: ignore[reportIncompatibleVariableOverride]  (frozen, never assigned)
    board: str
    dies: Count
    die_efficiency: Fraction
    matrix: Dot
    vector: Dot
    macs_per_dsp: Count = 2
    misc: Count
    block: Count = 16
    mask_block: Count = 64
    channels: Channels
    buffers: Buffers
    lengths: Lengths
    weight_bits: Count = 4
    activation_bits: Count = 8
    sparse: tuple[Sparse, ...] = ()
    biased: tuple[str, ...] = ()
    reread_cache: bool = False
    whole_inputs: bool = False
    on_chip_decode: bool = True
    clock_is: Literal["achieved", "requested"] = "achieved"
    power: Watts
    other: Resources = Resources()

    @model_validator(mode="after")
    def _board_exists(self) -> FlightSpec:
        check_board(self.board, self.dies)
        return self

    def misfits(self, memories: Mapping[str, Memory]) -> tuple[str, ...]:
        """Resources that the board has too little of."""
        return self.design(memories).problems

    def design(self, memories: Mapping[str, Memory]) -> Design:
        """What all dies take: the multipliers of the larger form of the engine, interfaces and buffers."""
        macs = max(self.matrix.macs, self.vector.macs) * self.dies
        one = (self.buffers.vector.size, self.buffers.matrix.size, self.buffers.rows)
        engines = dot_engine(macs, self.macs_per_dsp)
        return design_of(board_named(self.board), engines, one * self.dies, self.dies, self.other)

    def kept(self, name: str) -> float:
        """Fraction of an operator's weights and products that is left."""
        return next((rule.kept for rule in self.sparse if fnmatchcase(name, rule.ops)), 1.0)

    def has_bias(self, name: str) -> bool:
        """Whether the stream of an operator loads a bias."""
        return any(fnmatchcase(name, pattern) for pattern in self.biased)


@dataclass(frozen=True, slots=True)
class Rates:
    """What all dies together do per second: products, special-function elements, bytes by way of loading."""

    matrix: float
    vector: float
    misc: float
    cycle: float
    wide: float
    single: float
    cross: float


def clock_of(spec: FlightSpec, chip: Chip) -> float:
    """Frequency in hertz that the design reaches."""
    stated = chip.clocks[spec.clock]
    return stated if spec.clock_is == "achieved" else expected_clock(spec.design(chip.memories), stated)


def rates_of(spec: FlightSpec, chip: Chip) -> Rates:
    """Rates of a design; a channel has an equal share of the memory's bandwidth.

    Raises:
        ValueError: the memory has no bandwidth.
    """
    bandwidth = chip.memories[spec.path[0]].bandwidth
    if bandwidth is None:
        raise ValueError(f"memories.{spec.path[0]}.bandwidth: a channel's share of it is needed")
    dies = spec.dies * spec.die_efficiency
    hertz, channel = clock_of(spec, chip) * dies, bandwidth / spec.channels.count * dies
    return Rates(
        matrix=spec.matrix.macs * hertz,
        vector=spec.vector.macs * hertz,
        misc=spec.misc * hertz,
        cycle=1 / hertz,
        wide=channel * spec.channels.per_die * spec.channels.same,
        single=channel * spec.channels.same,
        cross=channel * spec.channels.cross,
    )
