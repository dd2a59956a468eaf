"""How the work is done: mappings of single operators and the schedule of a whole graph.

These types are the simulator's input language. Mappers produce them; the simulator knows nothing of how they were
found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from hwsim.operand import Operand
from workloads.graph import Op


@dataclass(frozen=True, slots=True)
class TileLoop:
    """A loop over tiles of one dimension.

    Attributes:
        dim: dimension of the nest.
        size: extent of the tile that one iteration covers; the trip count is ceil(enclosing tile / size), the last
            tile may be ragged, nothing is padded in memory.
        axis: empty for a loop in time; the name of an array axis ("rows", "columns", "lanes") for a loop in space.
    """

    dim: str
    size: int
    axis: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """One memory, the operands whose tiles it keeps, and the loops that run over tiles of the level below it.

    ``loops`` are ordered outermost first. Operands not kept bypass this memory.
    """

    memory: str
    loops: tuple[TileLoop, ...] = ()
    keeps: tuple[Operand, ...] = ("input", "weight", "output")


@dataclass(frozen=True, slots=True)
class Mapping:
    """One operator on one unit.

    Attributes:
        unit: name of the unit.
        levels: memories from the outermost (holding the whole tensors) inwards. Empty for a unit that takes whole
            kernels.
        tile_elements: for streamed (not contraction) operators, elements of the loop space handled per tile.
        resident: operands or tensors that are already, or stay, in the on-chip memory named by ``levels[1]``, so that
            they cause no traffic to ``levels[0]``.
        variant: for a unit with several kernels, which one.
        proof: what is proven of the levels, for example "optimal" or "heuristic"; empty where none were searched.
    """

    unit: str
    levels: tuple[Level, ...] = ()
    tile_elements: int = 0
    resident: tuple[str, ...] = ()
    variant: str = ""
    proof: str = ""


TransferKind: TypeAlias = Literal["load", "store", "spill", "retrieve"]
"""Why a whole tensor moves: load and store cannot be avoided (an input or parameter read first, a result written out);
a spill writes what would be lost, a retrieve reads again what has been on chip before."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A tensor's place in an on-chip memory during the steps first_step..last_step, both included.

    A tensor that leaves and comes back has several, which do not overlap in time.
    """

    tensor: str
    memory: str
    address: int
    size_bytes: int
    first_step: int
    last_step: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """A whole tensor moved between the outermost memory and its place on chip.

    Attributes:
        tensor: what is moved.
        kind: load and retrieve bring it in, store and spill write it out.
        memory: the on-chip memory; the other end is the outermost memory of the units that use it.
        size_bytes: as it lies on chip.
        first_step: a tensor is brought in from the beginning of this step on; it is written out from its end on.
        last_step: brought in, it is complete before this step starts; written out, before the step after this one.
    """

    tensor: str
    kind: TransferKind
    memory: str
    size_bytes: int
    first_step: int
    last_step: int

    @property
    def inward(self) -> bool:
        """Whether it is read from the outermost memory."""
        return self.kind in ("load", "retrieve")

    @property
    def step(self) -> int:
        """The step it belongs to: the one that reads what is brought in, or has computed what is written out."""
        return self.last_step if self.inward else self.first_step


@dataclass(frozen=True, slots=True)
class Step:
    """One operator, or a part of a composite or of a fused group, in issue order.

    A group runs chunk by chunk. Where its chunks are not all equal (the first loads weights that stay, the border of a
    picture needs fewer rows), it is a sequence of runs of equal chunks, and an operator has a step in each of them.

    Attributes:
        op: name of the operator or part.
        segment: index of the segment it belongs to.
        mapping: how it runs.
        chunks: equal chunks of this run; in each, all steps of the run are executed one after the other.
        tile: extents of the loops that a chunk shortens.
        group: name of the composite or fused group this part belongs to, else the operator's own name.
        run: position of the run in its group.
        rounds: how often all runs of the group are repeated, one after the other.
        sums: tensor that takes the partial sums of the chunks in place of the operator's result, where they add up.
    """

    op: str
    segment: int
    mapping: Mapping
    chunks: int = 1
    tile: tuple[tuple[str, int], ...] = ()
    group: str = ""
    run: int = 0
    rounds: int = 1
    sums: str = ""


@dataclass(frozen=True, slots=True)
class FusedGroup:
    """Operators that run chunk by chunk, so that what one makes for the next stays on chip.

    Attributes:
        name: as in ``Step.group``.
        ops: names of its operators, in order.
        along: what its chunks are parts of, in words.
        chunks: how many, per execution of its segment.
        held: (tensor, bytes) that it keeps on chip while it runs.
    """

    name: str
    ops: tuple[str, ...]
    along: str
    chunks: int
    held: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A whole graph on a chip.

    Attributes:
        steps: in issue order; the steps of a segment are repeated as often as the segment.
        placements: addresses and lifetimes of tensors kept on chip.
        mapper: name of the mapper, and what it can say about the quality of its result.
        note: for example "heuristic" or "optimal, 41,212 of 3.1e11 mappings evaluated".
        transfers: of whole tensors, in the order in which they are asked for. Steps still move by themselves what is
            not in their ``mapping.resident``.
        concurrent: whether steps on different units overlap: each unit executes its steps in issue order, and a step
            waits for the producers of what it reads, not for the step before it.
        added: operators that steps name and that the graph does not have, such as the corrections of an online softmax;
            their ``internal`` tensors are known to all steps.
        fused: the fused groups among the steps.
    """

    steps: tuple[Step, ...]
    placements: tuple[Placement, ...] = ()
    mapper: str = ""
    note: str = ""
    transfers: tuple[Transfer, ...] = ()
    concurrent: bool = False
    added: tuple[Op, ...] = ()
    fused: tuple[FusedGroup, ...] = ()
