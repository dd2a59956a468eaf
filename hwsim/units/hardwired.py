"""Hardwired matrices: weights in the metal of a grid of chips, tokens streaming through, collectives between chips.

Every matrix has multipliers of its own, so no weight ever moves and a matrix takes a new token every few cycles. What
tokens share are the links: each operator ends in collectives over the rows or columns of the grid (``partition``).

A batch of T tokens passes an operator in

    T x initiation interval                       projection, one matrix after the other
    + T x bytes on the busiest link / bandwidth   collectives; rows and columns work side by side
    + rounds x (trees + steps x link latency + attention of one token)

with rounds = ceil(T / tokens in flight): each group that fills the pipeline pays what is not shared once.

Source: HNLPU (arXiv 2508.16151v2), sections 4 and 5; what it leaves open is an assumption of the chip file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, model_validator

from hwsim.chip import Chip, Count, Part, UnitSpec
from hwsim.collectives import Collective, Exchange, Topology, exchange
from hwsim.nest import is_contraction
from hwsim.quantity import BytesPerSecond, Seconds, SquareMetres, Watts, show
from hwsim.units._embedding import Embedding, variant
from hwsim.units._hardwired_work import (
    appended_bytes,
    head_rows,
    heads,
    is_matrix,
    outside_bytes,
    size,
    state_bytes,
    tokens_of,
    weight_matrices,
)
from hwsim.units.base import BETWEEN_MEMORIES, Action, Block, Kernel
from hwsim.units.registry import unit_kind
from workloads.graph import Op, Role, Tensor, elements, number
from workloads.partition import ATTENTION_KINDS

Cycles = Annotated[float, Field(gt=0, le=10**6)]


class Grid(Part):
    """Chips of the system; those of a row, and those of a column, are connected as ``topology`` says."""

    rows: Count
    columns: Count
    topology: Topology = "fully_connected"

    def members(self, over: Literal["row", "column"]) -> int:
        """Chips that a collective joins."""
        return self.columns if over == "row" else self.rows


class Step(Part):
    """One collective at the end of an operator.

    Attributes:
        collective: what is done.
        over: the chips of each row, or of each column.
        of: the operator's results of one token, or two softmax statistics per head.
        parts: into how many equal parts the grid has cut them: each group handles one.
    """

    collective: Collective
    over: Literal["row", "column"]
    of: Literal["results", "statistics"] = "results"
    parts: Count = 1


class Rule(Part):
    """How operators of some names are cut over the grid.

    Attributes:
        ops: name with wildcards; the first rule that matches holds.
        matrices: matrices that a token passes one after the other.
        beside: it works at the same time as another operator, so that only its bytes on the links take time.
        steps: collectives, in order.
    """

    ops: str
    matrices: Annotated[int, Field(ge=1, le=16)] = 1
    beside: bool = False
    steps: tuple[Step, ...] = ()


class Attention(Part):
    """The vector engines' attention.

    Attributes:
        heads_per_cycle: key and value heads of cached tokens that the chips of one column handle per cycle together.
        macs_per_head: multiply-accumulates of a cached head and token: query heads that share it times the widths of
            key and value; other heads take time in proportion.
        windows: whether a sliding window shortens it.
        shared: whether the tokens in flight wait for each other there; if not, only each one's own time counts, and the
            report warns where that is more than the engines can do.
    """

    heads_per_cycle: Cycles
    macs_per_head: Count = 1024
    windows: bool = True
    shared: bool = True


class BlockSpec(Part):
    """A block of one chip: its area (absent where it is a memory's), and its power while the system works."""

    area: SquareMetres | None = None
    power: Watts


class HardwiredSpec(UnitSpec):
    """Chip file section of a system of hardwired chips.

    Attributes:
        grid: its chips.
        link_bandwidth: of a link between two chips, each way.
        link_latency: of one step of a collective.
        message_bits: width of an element on a link.
        embedding: how weights are held. All other numbers are those of the array in metal; for ``cell`` and ``sram``
            area, power and cycles of the array are scaled by data/embedding.yaml.
        weight_bits: width of a weight in metal; operands that are wider cannot be hardwired.
        weight_area: silicon per weight, multiplier and share of its adder tree included.
        initiation: cycles between two tokens that enter a matrix.
        depth: cycles from a token's last bit to its result (popcounts and adder trees).
        in_flight: tokens that fill the pipeline.
        attention: see there.
        partition: rules by operator.
        blocks: of one chip; the hardwired array is the block named ``array``.
        supply: power of the whole system over that of its chips.
    """

    kind: Literal["hardwired"]  # pyright: ignore[reportIncompatibleVariableOverride]  (frozen, never assigned)
    grid: Grid
    link_bandwidth: BytesPerSecond
    link_latency: Seconds
    message_bits: Count = 16
    embedding: Embedding = "metal"
    weight_bits: Count = 4
    weight_area: SquareMetres
    initiation: Cycles
    depth: Annotated[float, Field(ge=0, le=10**6)] = 0.0
    in_flight: Count
    attention: Attention
    partition: tuple[Rule, ...] = ()
    blocks: dict[str, BlockSpec]
    supply: Annotated[float, Field(ge=1, le=10)] = 1.0

    @model_validator(mode="after")
    def _array_has_an_area(self) -> HardwiredSpec:
        if "array" not in self.blocks or self.blocks["array"].area is None:
            raise ValueError("blocks.array: its area is missing; it says how many weights a chip holds")
        return self


def embedded(spec: HardwiredSpec) -> HardwiredSpec:
    """The specification with area, power and cycles of its array as its embedding needs them."""
    chosen = variant(spec.embedding)
    array = spec.blocks["array"]
    assert array.area is not None, "the chip file states the area of the array"
    grown = BlockSpec.model_construct(area=array.area * chosen.density, power=array.power * chosen.density)
    return spec.model_copy(
        update={
            "weight_area": spec.weight_area * chosen.density,
            "initiation": spec.initiation * chosen.initiation,
            "depth": spec.depth * chosen.depth,
            "blocks": {**spec.blocks, "array": grown},
        }
    )


@dataclass(frozen=True, slots=True)
class Passage:
    """Seconds of a batch of tokens in one operator, by what they are spent on."""

    projection: float = 0.0
    links: float = 0.0
    attention: float = 0.0
    latency: float = 0.0

    @property
    def seconds(self) -> float:
        """All together: one after the other."""
        return self.projection + self.links + self.attention + self.latency


@unit_kind("hardwired", HardwiredSpec)
class Hardwired:
    """A system of hardwired chips; runs every operator of a model whose weights it holds."""

    def __init__(self, name: str, spec: HardwiredSpec, chip: Chip) -> None:
        self.name = name
        self.spec = embedded(spec)
        self._chip = chip
        self._hertz = chip.clocks[spec.clock]

    def refuses(self, op: Op, tensors: Mapping[str, Tensor]) -> str | None:
        """Weights that are wider than the metal holds."""
        if op.kind in BETWEEN_MEMORIES:
            return f"{self.name} is neither interconnect nor storage"
        for access in op.reads:
            tensor = tensors.get(access.tensor)
            wide = tensor is not None and tensor.role is Role.WEIGHT and len(tensor.shape) > 1
            if tensor is not None and wide and is_matrix(op) and tensor.bits > self.spec.weight_bits:
                return (
                    f"{self.name} holds weights of {self.spec.weight_bits} bits, {tensor.name} has {tensor.bits}"
                    f" (--bits weight={self.spec.weight_bits})"
                )
        return None

    def peak_operations(self, op: Op, tensors: Mapping[str, Tensor]) -> float:
        """Multiply-accumulates per second with every weight at work at every initiation; infinite for other work."""
        return self.weight_capacity / self._initiation_seconds if is_contraction(op) else math.inf

    @property
    def engines(self) -> tuple[str, ...]:
        """What a token waits for."""
        return ("projection", "links", "attention", "latency")

    @property
    def held(self) -> frozenset[Role]:
        """Weights; the cache as well if attention is taken to cost only each token's own time."""
        own = {Role.WEIGHT}
        return frozenset(own if self.spec.attention.shared else own | {Role.STATE})

    @property
    def weight_capacity(self) -> float:
        """Weights that the arrays of all chips hold."""
        chips = self.spec.grid.rows * self.spec.grid.columns
        return chips * (self.spec.blocks["array"].area or 0.0) / self.spec.weight_area

    @property
    def _initiation_seconds(self) -> float:
        return self.spec.initiation / self._hertz

    def _rule(self, op: Op) -> Rule:
        return next((rule for rule in self.spec.partition if fnmatchcase(op.name, rule.ops)), Rule(ops="*"))

    def _matrices(self, op: Op, tensors: Mapping[str, Tensor]) -> int:
        """Matrices of weights that a token passes one after the other; those of the cache are none."""
        rule = self._rule(op)
        if rule.beside or not any(is_matrix(part) for part in op.parts or (op,)):
            return 0
        if op.kind in ATTENTION_KINDS:
            return weight_matrices(op, tensors)
        return rule.matrices

    def exchanges(self, op: Op, tensors: Mapping[str, Tensor]) -> tuple[tuple[Step, Exchange], ...]:
        """The collectives of one token at the end of an operator."""
        tokens = tokens_of(op, tensors)
        found: list[tuple[Step, Exchange]] = []
        for step in self._rule(op).steps:
            each = 2 * heads(op) if step.of == "statistics" else elements(tensors[op.writes[0].tensor]) / tokens
            vector = each / step.parts * self.spec.message_bits / 8
            grid = self.spec.grid
            found.append((step, exchange(step.collective, grid.topology, grid.members(step.over), vector)))
        return tuple(found)

    def passage(self, op: Op, tensors: Mapping[str, Tensor]) -> Passage:
        """How long all tokens of an operator take."""
        spec, tokens = self.spec, tokens_of(op, tensors)
        rounds = math.ceil(tokens / spec.in_flight)
        found = self.exchanges(op, tensors)
        sides = [sum(one.link_bytes for step, one in found if step.over == side) for side in ("row", "column")]
        matrices = self._matrices(op, tensors)
        steps = 0 if self._rule(op).beside else sum(one.steps for _, one in found)
        latency = steps * spec.link_latency + matrices * spec.depth / self._hertz
        outside = sum(sum(sizes.values()) for sizes in outside_bytes(op, tensors)) / self._outer_bandwidth
        attention = 0.0
        if op.kind in ATTENTION_KINDS:
            waits = tokens if spec.attention.shared else rounds
            attention = waits * self._attention_cycles(op) / self._hertz
            if spec.attention.shared:
                attention = max(attention, state_bytes(op, tensors) / self._outer_bandwidth)
        return Passage(
            tokens * matrices * self._initiation_seconds,
            tokens * max(sides) / spec.link_bandwidth,
            attention,
            rounds * latency + outside,
        )

    @property
    def _outer_bandwidth(self) -> float:
        return self._chip.memories[self.spec.path[0]].bandwidth or math.inf

    def _attention_cycles(self, op: Op) -> float:
        """Cycles of one token: cached heads of its column over those handled per cycle."""
        queries, keys = number(size(op, "queries")), number(size(op, "keys"))
        windows = self.spec.attention.windows and op.kind == "attention"
        window = size(op, "window") if windows else 0
        seen = keys - (queries - 1) / 2 if op.param("causal") == "causal" else keys
        rows = head_rows(op, self.spec.grid.columns, self.spec.attention.macs_per_head)
        return rows * (min(seen, window) if window else seen) / self.spec.attention.heads_per_cycle

    def kernel(self, op: Op, tensors: Mapping[str, Tensor]) -> Kernel:
        """Time of an operator, state that it writes to the memory behind the buffers, and the power of every block."""
        spec, passage = self.spec, self.passage(op, tensors)
        seconds = passage.seconds
        chips = spec.grid.rows * spec.grid.columns
        powers = {name: block.power for name, block in spec.blocks.items()}
        powers["power supplies"] = sum(powers.values()) * (spec.supply - 1)
        actions = tuple(Action(name, "second", seconds * chips, watts) for name, watts in powers.items() if watts)
        inputs, outputs = outside_bytes(op, tensors)
        if op.kind in ATTENTION_KINDS and spec.attention.shared:
            inputs["cache"] = state_bytes(op, tensors)
        reads, writes = sum(inputs.values()), sum(outputs.values()) + appended_bytes(op, tensors)
        parts = (("links", passage.links), ("projection", passage.projection), ("attention", passage.attention))
        return Kernel(
            seconds=seconds,
            overhead_seconds=0.0,
            reads_bytes=((spec.path[0], reads),) if reads else (),
            writes_bytes=((spec.path[0], writes),) if writes else (),
            actions=actions,
            compute_seconds=seconds,
            memory_seconds=0.0,
            engines=tuple((name, getattr(passage, name)) for name in self.engines),
            note=", ".join(f"{what} {time * 1e6:.3g} us" for what, time in parts if time),
        )

    def cautions(self, work: Sequence[tuple[Op, Mapping[str, Tensor], int]], seconds: float) -> tuple[str, ...]:
        """Where attention without contention asks more of the engines and buffers than they have."""
        if self.spec.attention.shared:
            return ()
        layers = [(op, tensors, times) for op, tensors, times in work if op.kind in ATTENTION_KINDS]
        busy = sum(times * tokens_of(op, t) * self._attention_cycles(op) for op, t, times in layers) / self._hertz
        cache = sum(times * state_bytes(op, tensors) for op, tensors, times in layers)
        found = [
            f"attention counts each token's own time only; shared by all tokens in flight the engines alone would take"
            f" {show(busy, 's')} of these {show(seconds, 's')} (units.{self.name}.attention.shared=true)"
        ]
        buffer = self._chip.memories[self.spec.path[-1]]
        room = buffer.size * buffer.instances
        if cache > room:
            outer = self.spec.path[0]
            rate = self._chip.memories[outer].bandwidth or math.inf
            found.append(
                f"the cache of {show(cache, 'B')} exceeds the {show(room, 'B')} of {self.spec.path[-1]};"
                f" reading it from {outer} would take {show(cache / rate, 's')}, which is not counted"
            )
        return tuple(found) if busy > 0 else ()

    def blocks(self) -> tuple[Block, ...]:
        """The blocks of all chips."""
        chips = self.spec.grid.rows * self.spec.grid.columns
        return tuple(Block(name, (block.area or 0.0) * chips) for name, block in self.spec.blocks.items())
