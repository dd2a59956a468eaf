"""From a mapped operator to a loop program: loads, computes and stores tile by tile, double buffered.

The outermost memory of a unit's path serves its requests in program order: the loads of a tile, then the store of the
tile before it. A load waits until one of its operand's two buffers is free, a compute waits for its loads and for an
output buffer. Operators issue one after the other; the first tiles of the next operator's weights are fetched ahead
when they fit beside this operator's tiles. Nothing here is a formula for overlap: it follows from who waits for whom.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from hwsim.chip import Chip
from hwsim.dram.bandwidth import STREAM, Dram, Runs, dram_of, sustained_bytes_per_second
from hwsim.layout import runs_of
from hwsim.nest import Nest, NestOperand, volume
from hwsim.operand import OPERANDS, Operand
from hwsim.program import Copy, Defer, Flush, Node, Repeat, Run
from hwsim.schedule import TileLoop

TICKS_PER_CYCLE = 1 << 20
"""Resolution of time: one tick is a millionth of a cycle of the chip's clock, so whole cycles stay whole numbers."""

DONE, STORED, STORED_BEFORE, RELEASED, RELEASED_BEFORE = range(5)
READY: Mapping[str, int] = {"input": 5, "weight": 6, "output": 7}
FREE: Mapping[str, tuple[int, int]] = {"input": (8, 9), "weight": (10, 11), "output": (12, 13)}
REGISTERS = 14


@dataclass(frozen=True, slots=True)
class Port:
    """How the outermost memory of a path is reached: its resource, and the time of a transfer.

    Attributes:
        resource: number of the memory.
        bytes_per_tick: for long streams; None is unlimited.
        latency: ticks to the first byte.
        dram: the model of a memory with timing, for runs that are shorter.
        dram_bytes_per_tick: of that memory alone for long streams; a link may be slower.
        turnaround: ticks lost when a store comes between loads.
    """

    resource: int
    bytes_per_tick: float | None
    latency: int
    dram: Dram | None = None
    dram_bytes_per_tick: float = 0.0
    turnaround: int = 0

    def ticks(self, size_bytes: float, runs: Runs = STREAM) -> int:
        """Duration of a transfer; an unlimited port takes no time."""
        return 0 if self.bytes_per_tick is None else round(size_bytes / float(self.rate(runs)))

    def rate(self, runs: Runs) -> Any:
        """Bytes per tick of transfers made of such runs (numbers or arrays); for a limited port only."""
        if self.dram is None or self.bytes_per_tick is None:
            return self.bytes_per_tick
        slowdown = self.dram.bytes_per_second(runs) / self.dram.stream_bytes_per_second
        return np.minimum(self.bytes_per_tick, self.dram_bytes_per_tick * slowdown)

    def store_ticks(self, size_bytes: float, runs: Runs = STREAM) -> int:
        """The same for a store, which turns the bus around and back."""
        return self.ticks(size_bytes, runs) + (self.turnaround if size_bytes else 0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an operator runs.

    Attributes:
        unit: resource of its unit.
        port: of its outer memory.
        double_buffered: whether a tile can be loaded while another is in use.
        prefetched: operands for which it can, whatever ``double_buffered`` says.
        engines: resources of its engines.
        label: name of the operator, for the timeline.
    """

    unit: int
    port: Port
    double_buffered: bool
    label: str = ""
    prefetched: frozenset[Operand] = frozenset()
    engines: Mapping[str, int] = field(default_factory=dict)

    def doubled(self, role: Operand) -> bool:
        """Whether an operand has two buffers."""
        return self.double_buffered or role in self.prefetched


def ticks_of(chip: Chip, seconds: float) -> int:
    """Seconds as ticks."""
    return round(seconds * chip.clock_hertz * TICKS_PER_CYCLE)


def unit_ticks(chip: Chip, unit: str, cycles: float) -> int:
    """Cycles of a unit's own clock as ticks."""
    ratio = chip.clock_hertz / chip.clocks[chip.units[unit].clock]
    return round(cycles * ratio * TICKS_PER_CYCLE)


def make_port(chip: Chip, outer: str, inner: str | None, resource: int) -> Port:
    """The port of memory ``outer`` towards ``inner``: its sustained bandwidth, limited by a link between the two."""
    memory = chip.memories[outer]
    own = sustained_bytes_per_second(memory)
    rates = [own] if own is not None else []
    latency = memory.latency
    for link in chip.links.values():
        if inner is not None and set(link.between) == {outer, inner}:
            rates.append(link.bandwidth)
            latency += link.latency
    per_second = chip.clock_hertz * TICKS_PER_CYCLE
    rate = min(rates) / per_second if rates else None
    dram = dram_of(memory)
    if dram is None or own is None:
        return Port(resource, rate, ticks_of(chip, latency))
    turnaround = ticks_of(chip, dram.turnaround_seconds)
    return Port(resource, rate, ticks_of(chip, latency), dram, own / per_second, turnaround)


def begin(prefetch: bool) -> tuple[Node, ...]:
    """Start of an operator: buffers are free, with ``prefetch`` already when the operator before the last has ended."""
    source = RELEASED_BEFORE if prefetch else RELEASED
    moves = tuple((register, (source,)) for pair in FREE.values() for register in pair)
    return (Copy(moves),)


def end() -> tuple[Node, ...]:
    """End of an operator: its last store leaves, and its buffers pass to its successors."""
    return (Flush(0), Copy(((RELEASED_BEFORE, (RELEASED,)), (RELEASED, (DONE, STORED)))))


@dataclass(frozen=True, slots=True)
class Tiling:
    """One contraction cut into tiles for the outermost memory.

    Attributes:
        loops: loops over tiles in time, outermost first, each with more than one trip.
        resident: operands that cause no transfers.
        prefetchable: operands that do not depend on the operator before (weights, state).
        tile_ticks: compute time of a tile by its extents.
        stored: size of an operand in the outer memory relative to plain data, where it is coded.
    """

    nest: Nest
    loops: tuple[TileLoop, ...]
    resident: frozenset[Operand]
    prefetchable: frozenset[Operand]
    tile_ticks: Callable[[Mapping[str, int]], int]
    stored: Mapping[Operand, float]

    def depth(self, role: Operand) -> int:
        """How many loops are outside the place where an operand's tile is fetched."""
        dims = self.nest.operand(role).dims()
        return max((index + 1 for index, loop in enumerate(self.loops) if loop.dim in dims), default=0)


def outer_loops(nest: Nest, loops: Sequence[TileLoop]) -> tuple[TileLoop, ...]:
    """The loops in time that make more than one trip."""
    tile = nest.full
    kept: list[TileLoop] = []
    for loop in loops:
        if not loop.axis and loop.size < tile[loop.dim]:
            kept.append(loop)
        tile[loop.dim] = min(tile[loop.dim], loop.size)
    return tuple(kept)


_Fetched: TypeAlias = tuple[tuple[Operand, ...], ...]
"""Operands whose tiles are fetched inside so many loops, by the number of loops."""


def contraction(tiling: Tiling, place: Place) -> tuple[Node, ...]:
    """The tasks of one contraction."""
    # What can be loaded ahead is asked for first: behind a load that waits for the computation it would wait as well.
    ordered: list[Operand] = sorted(OPERANDS, key=lambda role: not place.doubled(role))
    moved: list[tuple[int, Operand]] = [(tiling.depth(role), role) for role in ordered if role not in tiling.resident]
    at: _Fetched = tuple(tuple(role for depth, role in moved if depth == here) for here in range(len(tiling.loops) + 1))
    return _body(tiling, place, at, 0, tiling.nest.full, True, True)


def _bytes(operand: NestOperand, tile: Mapping[str, int], bits: int) -> float:
    return float(volume(operand, tile)) * bits / 8


def _runs(place: Place, tiling: Tiling, operand: NestOperand, tile: Mapping[str, int], bits: int) -> Runs:
    """The runs of a tile, where they matter."""
    return STREAM if place.port.dram is None else runs_of(operand, tile, tiling.nest.full, bits)


def _body(
    tiling: Tiling, place: Place, at: _Fetched, depth: int, tile: Mapping[str, int], first: bool, last: bool
) -> tuple[Node, ...]:
    nodes: list[Node] = []
    for role in at[depth]:
        nodes += _load(tiling, place, role, tile, first)
    if depth == len(tiling.loops):
        nodes += [Flush(0), _compute(tiling, place, tile)]
    else:
        nodes += _loop(tiling, place, at, depth, tile, first, last)
    for role in at[depth]:
        if role == "output":
            nodes.append(_store(tiling, place, tile, last))
        else:
            oldest, newest = FREE[role]
            nodes.append(Copy(((oldest, (newest,)), (newest, (DONE,)))))
    return tuple(nodes)


def _load(tiling: Tiling, place: Place, role: Operand, tile: Mapping[str, int], first: bool) -> list[Node]:
    operand = tiling.nest.operand(role)
    if role == "output":
        if first:
            return []
        bits = tiling.nest.partial_bits
        return [
            Run(
                place.port.resource,
                place.port.ticks(_bytes(operand, tile, bits), _runs(place, tiling, operand, tile, bits)),
                (STORED_BEFORE,),
                READY[role],
                place.port.latency,
                f"{place.label}: load sums",
            )
        ]
    oldest, newest = FREE[role]
    waits = (oldest if place.doubled(role) else newest,)
    if role not in tiling.prefetchable:
        waits = (*waits, RELEASED)
    runs = _runs(place, tiling, operand, tile, operand.bits)
    ticks = place.port.ticks(_bytes(operand, tile, operand.bits) * tiling.stored.get(role, 1.0), runs)
    return [Run(place.port.resource, ticks, waits, READY[role], place.port.latency, f"{place.label}: load {role}")]


def _compute(tiling: Tiling, place: Place, tile: Mapping[str, int]) -> Run:
    waits = (*READY.values(), STORED_BEFORE if place.double_buffered else STORED, RELEASED)
    return Run(place.unit, tiling.tile_ticks(tile), waits, DONE, name=f"{place.label}: compute")


def _store(tiling: Tiling, place: Place, tile: Mapping[str, int], last: bool) -> Defer:
    operand = tiling.nest.operand("output")
    bits = operand.bits if last else tiling.nest.partial_bits
    stored = tiling.stored.get("output", 1.0) if last else 1.0
    ticks = place.port.store_ticks(_bytes(operand, tile, bits) * stored, _runs(place, tiling, operand, tile, bits))
    return Defer(0, Run(place.port.resource, ticks, (DONE,), STORED, name=f"{place.label}: store"), STORED_BEFORE)


def _loop(
    tiling: Tiling, place: Place, at: _Fetched, depth: int, tile: Mapping[str, int], first: bool, last: bool
) -> list[Node]:
    loop = tiling.loops[depth]
    full, ragged = divmod(tile[loop.dim], loop.size)
    trips = full + (ragged > 0)
    reduces = loop.dim not in tiling.nest.operand("output").dims() and depth < tiling.depth("output")
    kinds: list[tuple[int, bool, bool]] = []
    counts: list[int] = []
    for index, count in ((0, 1), (1, trips - 2), (trips - 1, 1)):
        size = ragged if ragged and index == trips - 1 else loop.size
        kind = (size, first and (index == 0 or not reduces), last and (index == trips - 1 or not reduces))
        if count <= 0:
            continue
        if kinds and kinds[-1] == kind:
            counts[-1] += count
        else:
            kinds.append(kind)
            counts.append(count)
    nodes: list[Node] = []
    for (size, is_first, is_last), count in zip(kinds, counts, strict=True):
        body = _body(tiling, place, at, depth + 1, {**tile, loop.dim: size}, is_first, is_last)
        nodes += body if count == 1 else [Repeat(count, body)]
    return nodes


@dataclass(frozen=True, slots=True)
class Stream:
    """An element-wise operator cut into pieces.

    Attributes:
        pieces: number of pieces; all but the last have the same size.
        piece_ticks, last_ticks: compute time.
        load_bytes, store_bytes: of the whole operator; they are spread evenly over the points.
        last_share: size of the last piece over that of the others.
        waits_for_producer: whether its loads depend on the operator before.
    """

    pieces: int
    piece_ticks: int
    last_ticks: int
    load_bytes: float
    store_bytes: float
    last_share: float
    waits_for_producer: bool


def stream(work: Stream, place: Place) -> tuple[Node, ...]:
    """The tasks of one element-wise operator: load, compute and store piece by piece."""
    total = work.pieces - 1 + work.last_share
    body = _piece(work, place, work.piece_ticks, 1 / total)
    tail = _piece(work, place, work.last_ticks, work.last_share / total)
    if work.pieces == 1:
        return tail
    return (Repeat(work.pieces - 1, body), *tail) if work.pieces > 2 else (*body, *tail)


def _piece(work: Stream, place: Place, ticks: int, share: float) -> tuple[Node, ...]:
    port = place.port
    oldest, newest = FREE["input"]
    nodes: list[Node] = []
    if work.load_bytes:
        waits = (oldest if place.double_buffered else newest, *((RELEASED,) if work.waits_for_producer else ()))
        load = Run(
            port.resource,
            port.ticks(work.load_bytes * share),
            waits,
            READY["input"],
            port.latency,
            f"{place.label}: load",
        )
        nodes.append(load)
    free = STORED_BEFORE if place.double_buffered else STORED
    nodes += [Flush(0), Run(place.unit, ticks, (READY["input"], free, RELEASED), DONE, name=f"{place.label}: compute")]
    if work.store_bytes:
        busy = port.store_ticks(work.store_bytes * share)
        store = Run(port.resource, busy, (DONE,), STORED, name=f"{place.label}: store")
        nodes.append(Defer(0, store, STORED_BEFORE))
    nodes.append(Copy(((oldest, (newest,)), (newest, (DONE,)))))
    return tuple(nodes)


def kernel(place: Place, ticks: int, overhead_ticks: int, engines: Sequence[tuple[str, int]] = ()) -> tuple[Node, ...]:
    """A whole operator as one task, after its launch overhead; its engines' shares beside it, one after the other."""
    nodes: list[Node] = []
    if overhead_ticks:
        nodes.append(Run(place.unit, overhead_ticks, (RELEASED,), DONE, name=f"{place.label}: launch"))
    before = DONE if overhead_ticks else RELEASED
    for name, share in engines:
        register = READY["input"]
        nodes.append(Run(place.engines[name], share, (before,), register, name=f"{place.label}: {name}"))
        before = register
    nodes.append(Run(place.unit, ticks, (RELEASED,), DONE, name=f"{place.label}: compute"))
    return tuple(nodes)
