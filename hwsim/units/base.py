"""What every unit answers: can I run this operator, how long does a piece of it take, what does it touch.

Three shapes of unit exist. An *array* runs contractions tile by tile under a mapping; a *stream* unit runs everything
else element by element; a *kernel* unit (a GPU) takes a whole operator and accounts for its own tiling.
A unit may have more than one shape. Cycles are those of the unit's own clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from hwsim.access import Traffic
from hwsim.chip import UnitSpec
from hwsim.collectives import COLLECTIVES
from hwsim.nest import Nest
from hwsim.operand import Operand
from hwsim.schedule import Level
from workloads.graph import Op, Role, Tensor
from workloads.offload import FETCH


@dataclass(frozen=True, slots=True)
class Action:
    """Something a component does ``count`` times, at ``energy_joules`` each; energy None means no data (a warning)."""

    component: str
    action: str
    count: float
    energy_joules: float | None


@dataclass(frozen=True, slots=True)
class Kernel:
    """A whole operator on a kernel unit.

    Attributes:
        seconds: from launch to completion, without the launch overhead.
        overhead_seconds: launch overhead that the next kernel can't hide.
        reads_bytes, writes_bytes: traffic by memory.
        actions: energy of everything but the memories named above.
        compute_seconds, memory_seconds: its two roofline terms, to say what bounds it.
        note: chosen tile or kernel, for `explain`.
        engines: seconds by engine of the unit, one after the other within ``seconds``; for a unit with ``Engines``.
    """

    seconds: float
    overhead_seconds: float
    reads_bytes: tuple[tuple[str, float], ...]
    writes_bytes: tuple[tuple[str, float], ...]
    actions: tuple[Action, ...]
    compute_seconds: float
    memory_seconds: float
    note: str = ""
    engines: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Factor:
    """Part of a utilization, 0..1: the product of an operator's factors is what it reaches of the unit's peak."""

    name: str
    value: float


BETWEEN_MEMORIES = frozenset({*COLLECTIVES, FETCH})
"""Kinds of operator that only links and storages run."""


class Unit(Protocol):
    """Common to all units."""

    @property
    def name(self) -> str:
        """Key of the unit in its chip."""
        ...

    @property
    def spec(self) -> UnitSpec:
        """Its part of the chip file."""
        ...

    def refuses(self, op: Op, tensors: Mapping[str, Tensor]) -> str | None:
        """Why the unit can't run an operator (not a composite), or None if it can."""
        ...

    def peak_operations(self, op: Op, tensors: Mapping[str, Tensor]) -> float:
        """Innermost points per second at full utilization for this operator's kind and precision (for bounds)."""
        ...


@runtime_checkable
class ArrayUnit(Unit, Protocol):
    """A unit that runs contractions tile by tile."""

    def inner_options(self, nest: Nest) -> Sequence[tuple[Level, ...]]:
        """Good ways to run a tile: the levels from the innermost shared memory (the last of ``spec.path`` that is not
        inside the array) downwards, loops in space included; best first, at least one. The loop sizes do not depend
        on the tile's extents.
        """
        ...

    def tile_cycles(self, nest: Nest, inner: tuple[Level, ...], extents: Mapping[str, Any]) -> Any:
        """Cycles for one tile held in the innermost shared memory; extents are numbers or numpy arrays of equal shape.

        Fill and drain of the array and the bandwidth of its networks and memories are included; all copies of the unit
        (``spec.count``) share the tile.
        """
        ...

    def traffic(self, nest: Nest, levels: Sequence[Level]) -> tuple[Traffic, ...]:
        """Exact counts between all memories for a whole mapping."""
        ...

    def actions(self, nest: Nest, levels: Sequence[Level]) -> tuple[Action, ...]:
        """Energy of the computation itself for the whole nest (MACs, registers, networks), memories excluded."""
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """A memory of every lane: the bits of it that one lane may fill, and the operands it holds."""

    memory: str
    bits: float
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Lanes:
    """What a mapper may choose on an array of lanes.

    Attributes:
        shape: lanes along rows and columns.
        dims: dimensions of the nest that rows and columns may unroll, at most two of them at a time each.
        rooms: memories of a lane, outermost first; an operand is in at most one of them.
        rate: multiply-accumulates per lane and cycle.
        words: per operand, words per cycle of its network; 0 for unlimited.
        exposed: operands whose delivery stops the computation.
        halo: whether the overlap of sliding windows is delivered only once.
        shared_bits, bypass_bits: per cycle, of the shared memory and of what passes it by; infinite if unlimited.
        network_joules: per bit that arrives at a lane.
        gated: fraction of the weights' reads inside a lane that zeros save.
    """

    shape: tuple[int, int]
    dims: tuple[tuple[str, ...], tuple[str, ...]]
    rooms: tuple[Room, ...]
    rate: float
    words: tuple[float, float, float]
    exposed: frozenset[Operand]
    halo: bool
    shared_bits: float
    bypass_bits: float
    network_joules: float
    gated: float


@dataclass(frozen=True, slots=True)
class Folds:
    """What a mapper must know of a systolic array.

    Attributes:
        shape: rows and columns.
        dataflow: os, ws or is.
        rate: multiply-accumulates per element and cycle.
        hides_fill, loads_behind: as in the chip file.
        splits: ways to share batch, m and n of a tile among copies.
        folds: for each operand that passes once per fold, the class of dimensions that folds and the size of a fold.
        bits_per_cycle: of the memories next to the array that are limited.
    """

    shape: tuple[int, int]
    dataflow: str
    rate: float
    hides_fill: bool
    loads_behind: bool
    splits: tuple[tuple[int, int, int], ...]
    folds: Mapping[Operand, tuple[str, int]]
    bits_per_cycle: Mapping[str, float]


@runtime_checkable
class Searchable(Protocol):
    """An array whose whole space of mappings can be searched; optional.

    Without it a mapper takes the best of ``inner_options``, and can't prove that nothing is better.
    """

    def search_space(self, nest: Nest) -> Lanes | Folds | None:
        """What may be chosen for a nest; None where the closed form does not cover the array (say, copies of it)."""
        ...

    def total_cycles(self, nest: Nest, levels: Sequence[Level]) -> float:
        """Cycles of all tiles of a mapping together, in the closed form that mappers minimize."""
        ...


@runtime_checkable
class Accountable(Protocol):
    """An array that can say where its utilization goes; optional."""

    def factors(self, nest: Nest, inner: tuple[Level, ...]) -> tuple[Factor, ...]:
        """Factors whose product is (points / peak rate) / ``tile_cycles`` for the whole nest as one tile."""
        ...


@runtime_checkable
class StreamUnit(Unit, Protocol):
    """A unit that runs element-wise work, reductions, gathers and scans."""

    def stream_cycles(self, op: Op, innermost_points: int) -> int:
        """Cycles for part of an operator with so many innermost points (of all ``points(op)``)."""
        ...

    def stream_actions(self, op: Op) -> tuple[Action, ...]:
        """Energy of the whole operator's arithmetic."""
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of silicon: all copies together."""

    component: str
    square_metres: float


@runtime_checkable
class Silicon(Protocol):
    """A unit whose area can be derived from what it is made of."""

    def blocks(self) -> tuple[Block, ...]:
        """Its arithmetic and registers, memories excluded."""
        ...


@runtime_checkable
class Engines(Protocol):
    """A kernel unit whose parts are resources of their own in timelines and in `explain`; optional."""

    @property
    def engines(self) -> tuple[str, ...]:
        """Their names."""
        ...


@runtime_checkable
class Holder(Protocol):
    """A unit that holds tensors itself, so that they neither need room in a memory nor cross it; optional."""

    @property
    def held(self) -> frozenset[Role]:
        """Roles of the tensors that cause no traffic."""
        ...

    @property
    def weight_capacity(self) -> float:
        """Weights that it has room for; infinite where they lie in its memory, whose size is the limit."""
        ...


@runtime_checkable
class Cautious(Protocol):
    """A unit that knows what its numbers leave out; optional."""

    def cautions(self, work: Sequence[tuple[Op, Mapping[str, Tensor], int]], seconds: float) -> tuple[str, ...]:
        """What a reader of the report must know.

        Args:
            work: operators that ran on it with their tensors, and how often.
            seconds: the whole time.
        """
        ...


@runtime_checkable
class Grouping(Protocol):
    """A kernel unit that can run consecutive operators side by side, given as one operator (FPGA engines); optional."""

    @property
    def groups(self) -> Literal["never", "fewest", "fastest"]:
        """Which groups a mapper should form."""
        ...


@runtime_checkable
class KernelUnit(Unit, Protocol):
    """A unit that takes a whole operator (or composite) at once."""

    def kernel(self, op: Op, tensors: Mapping[str, Tensor]) -> Kernel:
        """Time, traffic and energy of one operator."""
        ...
