"""Matrix engines on an FPGA that take one operator after the other, all of them together.

A product is cut over the engines by columns; each engine computes m x n results at a time, k products deep per cycle,
and drains after every block. Weights and the cache stream from the board's memory, intermediate tensors stay in the
buffer if they fit and are spilled if not. Between operators the engines are switched to another connection.

    seconds = max(compute, transfer), or their sum where a design loads first and computes then, + switch
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, model_validator

from hwsim.chip import Chip, Count, Memory, UnitSpec
from hwsim.fpga.boards import board_named, check_board
from hwsim.fpga.design import Design, design_of, expected_clock
from hwsim.fpga.resources import Resources, dot_engine
from hwsim.nest import gemm_of, is_contraction, nest_of, product
from hwsim.part import Fraction, Part
from hwsim.quantity import Seconds, Watts
from hwsim.units._fpga_pipeline import PIPELINE, Task, play_tasks, sources_of
from hwsim.units.base import Action, Kernel
from hwsim.units.registry import unit_kind
from hwsim.work import touched_bytes
from workloads.graph import Op, Role, Tensor, number, operations, points, size_bytes

_GROUPS: Mapping[str, Literal["never", "fewest", "fastest"]] = {
    "sequential": "never",
    "dataflow": "fewest",
    "reconfigurable": "fastest",
}
_STREAMED = (Role.WEIGHT, Role.STATE, Role.INPUT, Role.OUTPUT)


class Kept(Part):
    """Operators (name with wildcards) of whose weights and products a fraction is kept; ``n`` of every ``m``."""

    ops: str
    n: Count
    m: Count

    @property
    def fraction(self) -> float:
        """What is left."""
        return self.n / self.m


class EnginesSpec(UnitSpec):
    """Chip file section.

    Attributes:
        board: its budget, a name of ``data/boards.yaml``.
        engines: equal ones.
        m, n, k: rows and columns of results that an engine computes at a time, and products per result and cycle.
        macs_per_dsp: products that share a DSP slice.
        drain: cycles after each block of results in which nothing new starts.
        overlapped: whether transfers and computation of an operator overlap.
        switch: from one operator to the next.
        lanes: element-wise operations per cycle.
        widest: bits of operands.
        sparse: rules; the first that matches holds.
        by_expert: whether tokens are sorted by expert, so that each busy expert's weights are read once; otherwise they
            are read for every token.
        buffer_share: fraction of the buffer that one intermediate tensor may take before it is spilled.
        style: sequential takes one operator after the other; with the others the mapper joins operators into groups
            that run side by side: dataflow as few groups as possible, reconfigurable those that take the least time.
        dies: that the design spans; absent means all of its board.
        clock_is: whether ``clock`` is what the design achieved, or what the tools are asked for (the unit then runs at
            what ``hwsim.fpga.clock`` expects).
        power: of the board while it works, its memory included.
        other: resources of everything beside the engines, their interfaces and the buffer.
    """

    kind: Literal["fpga_engines"]  # pyright: ignore[reportIncompatibleVariableOverride]  (frozen, never assigned)
    board: str
    engines: Count
    m: Count
    n: Count
    k: Count
    macs_per_dsp: Count = 1
    drain: Annotated[int, Field(ge=0, le=1000)] = 6
    overlapped: bool = True
    switch: Seconds = 0.0
    lanes: Count
    widest: Count = 16
    sparse: tuple[Kept, ...] = ()
    by_expert: bool = True
    buffer_share: Fraction = 0.5
    style: Literal["sequential", "dataflow", "reconfigurable"] = "sequential"
    dies: Count | None = None
    clock_is: Literal["achieved", "requested"] = "achieved"
    power: Watts
    other: Resources = Resources()

    @model_validator(mode="after")
    def _board_exists(self) -> EnginesSpec:
        check_board(self.board, self.dies)
        return self

    def misfits(self, memories: Mapping[str, Memory]) -> tuple[str, ...]:
        """Resources that the board has too little of."""
        return self.design(memories).problems

    def design(self, memories: Mapping[str, Memory]) -> Design:
        """What engines, interfaces and buffer take."""
        board = board_named(self.board)
        buffers = tuple(memories[name].size for name in self.path[1:])
        engines = dot_engine(self.macs, self.macs_per_dsp)
        return design_of(board, engines, buffers, self.dies or board.dies, self.other)

    @property
    def macs(self) -> int:
        """Products per cycle of all engines."""
        return self.engines * self.m * self.n * self.k

    def kept(self, name: str) -> float:
        """Fraction of an operator's weights and products that is left."""
        return next((rule.fraction for rule in self.sparse if fnmatchcase(name, rule.ops)), 1.0)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes read and written, and those of them that only a larger buffer would save."""

    read: float
    write: float
    spilled: float


@unit_kind("fpga_engines", EnginesSpec)
class FpgaEngines:
    """Runs every operator; composites part by part."""

    def __init__(self, name: str, spec: EnginesSpec, chip: Chip) -> None:
        self.name = name
        self.spec = spec
        self._asked = chip.clocks[spec.clock]
        achieved = spec.clock_is == "achieved"
        self._hertz = self._asked if achieved else expected_clock(spec.design(chip.memories), self._asked)
        outer, *inner = spec.path
        memory = chip.memories[outer]
        self._rate = (memory.bandwidth or math.inf) * memory.efficiency
        self._room = chip.memories[inner[0]].size * spec.buffer_share if inner else 0.0

    def refuses(self, op: Op, tensors: Mapping[str, Tensor]) -> str | None:
        """Operands of a product that are too wide."""
        for leaf in op.parts or (op,):
            if not _is_product(leaf):
                continue
            for access in leaf.reads[:2]:
                tensor = tensors.get(access.tensor)
                if tensor is not None and tensor.bits > self.spec.widest:
                    return f"{self.name} multiplies {self.spec.widest} bits, {tensor.name} has {tensor.bits}"
        return self._unpiped(op, tensors) if op.kind == PIPELINE else None

    @property
    def groups(self) -> Literal["never", "fewest", "fastest"]:
        """Which groups of operators a mapper should form."""
        return _GROUPS[self.spec.style]

    def _unpiped(self, op: Op, tensors: Mapping[str, Tensor]) -> str | None:
        """Why a group cannot run side by side."""
        known = {**tensors, **{tensor.name: tensor for tensor in op.internal}}
        products = sum(_is_product(part) for part in op.parts)
        if not 1 <= products <= self.spec.engines:
            return f"{self.name} has {self.spec.engines} engines, the group {products} products"
        sources = sources_of(op.parts, known)
        if isinstance(sources, str):
            return sources
        needed = play_tasks(self._tasks(op.parts, known, sources), self.spec.engines).fifo_bytes
        if needed > self._room:
            return f"{self.name}: FIFOs of {needed:,} bytes, there is room for {self._room:,.0f}"
        return None

    def _tasks(
        self, parts: Sequence[Op], tensors: Mapping[str, Tensor], sources: Sequence[tuple[tuple[int, int], ...]]
    ) -> list[Task]:
        """The operators of a group as stages."""
        tasks: list[Task] = []
        for part, taken in zip(parts, sources, strict=True):
            if _is_product(part):
                blocks, deep, rows = self._blocks(part, tensors)
                tasks.append(Task(part.name, blocks, deep, rows, taken))
            else:
                tasks.append(Task(part.name, 0, math.ceil(self._cycles(part, tensors)), 1, taken))
        return tasks

    def peak_operations(self, op: Op, tensors: Mapping[str, Tensor]) -> float:
        """Products per second of all engines, sparsity included; element-wise operations likewise."""
        leaves = op.parts or (op,)
        if not any(_is_product(leaf) for leaf in leaves):
            return math.inf if not operations(op) else self.spec.lanes * self._hertz
        return self.spec.macs * self._hertz / min(self.spec.kept(leaf.name) for leaf in leaves)

    def kernel(self, op: Op, tensors: Mapping[str, Tensor]) -> Kernel:
        """Time and traffic of one operator, and the board's power meanwhile."""
        known = {**tensors, **{tensor.name: tensor for tensor in op.internal}}
        cycles, how = self._compute(op, known)
        compute = cycles / self._hertz
        traffic = self._traffic(op, known)
        moved = (traffic.read + traffic.write) / self._rate
        seconds = max(compute, moved) if self.spec.overlapped else compute + moved
        memory, whole = self.spec.path[0], seconds + self.spec.switch
        spilled = f", {traffic.spilled / 1e6:.3g} MB spilled" if traffic.spilled else ""
        return Kernel(
            seconds=seconds,
            overhead_seconds=self.spec.switch,
            reads_bytes=((memory, traffic.read),) if traffic.read else (),
            writes_bytes=((memory, traffic.write),) if traffic.write else (),
            actions=(Action("board", "second", whole, self.spec.power),) if whole else (),
            compute_seconds=compute,
            memory_seconds=moved,
            note=f"{how}{spilled}",
        )

    def _compute(self, op: Op, tensors: Mapping[str, Tensor]) -> tuple[float, str]:
        """Cycles of an operator, a composite or a group, and on what."""
        leaves = op.parts or (op,)
        sources = sources_of(leaves, tensors) if op.kind == PIPELINE else ""
        if isinstance(sources, str):
            return sum(self._cycles(leaf, tensors) for leaf in leaves), f"{self.spec.engines} engines"
        played = play_tasks(self._tasks(leaves, tensors, sources), self.spec.engines)
        split = ", ".join(f"{name.rsplit('.', 1)[-1]} {count}" for name, count in played.engines)
        return played.cycles, f"side by side, engines: {split}; FIFOs {played.fifo_bytes / 1024:,.0f} KiB"

    def cautions(self, work: Sequence[tuple[Op, Mapping[str, Tensor], int]], seconds: float) -> tuple[str, ...]:
        """That the clock is an expectation, where it is."""
        if self.spec.clock_is == "achieved":
            return ()
        reached, asked = self._hertz / 1e6, self._asked / 1e6
        return (f"{self.name}: expected to reach {reached:.0f} of {asked:.0f} MHz; cycles are counted at {asked:.0f}",)

    def _cycles(self, op: Op, tensors: Mapping[str, Tensor]) -> float:
        """Cycles of an operator that is not a composite."""
        spec = self.spec
        if not _is_product(op):
            return math.ceil(points(op) * max(1, sum(count for _, count in op.arithmetic)) / spec.lanes)
        blocks, deep, _ = self._blocks(op, tensors)
        return math.ceil(blocks / spec.engines) * deep

    def _blocks(self, op: Op, tensors: Mapping[str, Tensor]) -> tuple[int, int, int]:
        """Blocks of results of a product, masked ones left out, cycles of one on an engine, and blocks of rows."""
        spec = self.spec
        nest = nest_of(op, tensors)
        gemm, full = gemm_of(nest), nest.full
        m, n, k, batch = (int(product(dims, full)) for dims in (gemm.m, gemm.n, gemm.k, gemm.batch))
        deep = math.ceil(k / spec.k * spec.kept(op.name)) + spec.drain
        rows, columns = math.ceil(m / spec.m), math.ceil(n / spec.n)
        return math.ceil(batch * rows * columns * min(1.0, nest.density)), deep, rows

    def _traffic(self, op: Op, tensors: Mapping[str, Tensor]) -> Traffic:
        """Bytes between the board's memory and the engines."""
        read = write = spilled = 0.0
        inside = {tensor.name for tensor in op.internal} if op.kind == PIPELINE else set[str]()
        for leaf, name, moved, reads in _touched(op, tensors):
            tensor = tensors[name]
            share = self.spec.kept(leaf.name) if tensor.role is Role.WEIGHT else 1.0
            if tensor.role is Role.WEIGHT and op.kind == "experts" and not self.spec.by_expert:
                share *= _tokens_per_expert(leaf)
            if tensor.role not in _STREAMED:
                if size_bytes(tensor) <= self._room or name in inside:
                    continue
                spilled += moved
            read += moved * share if reads else 0.0
            write += 0.0 if reads else moved
        return Traffic(read, write, spilled)


def _is_product(op: Op) -> bool:
    return is_contraction(op) and len(op.reads) >= 2 and len(op.writes) == 1


def _touched(op: Op, tensors: Mapping[str, Tensor]) -> Iterator[tuple[Op, str, float, bool]]:
    """Every tensor that a part reads or writes, once: (part, name, bytes, whether it is read)."""
    for leaf in op.parts or (op,):
        for accesses, reads in ((leaf.reads, True), (leaf.writes, False)):
            for name, moved in _largest((a.tensor, touched_bytes(leaf, a, tensors[a.tensor])) for a in accesses):
                yield leaf, name, moved, reads


def _largest(pairs: Iterable[tuple[str, float]]) -> Iterable[tuple[str, float]]:
    most: dict[str, float] = {}
    for name, moved in pairs:
        most[name] = max(most.get(name, 0.0), moved)
    return most.items()


def _tokens_per_expert(op: Op) -> int:
    """Rows that share one expert's matrix."""
    return next((number(loop.extent) for loop in op.loops if loop.name == "m"), 1)
