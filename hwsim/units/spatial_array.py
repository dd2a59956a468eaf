"""Spatial array: processing elements with memories of their own, fed over shared networks.

Row stationary (Eyeriss), weight stationary with dot products (NVDLA, Simba), output stationary (ShiDianNao) differ only
in which dimensions their axes unroll and what their lanes hold; both are data of the chip file. Memories of ``path``
with more than one instance belong to the lanes; the last one before them is shared by all.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from pydantic import Field

from hwsim.access import COMPUTE, Traffic, access_counts
from hwsim.chip import Chip, Count, Part, UnitSpec
from hwsim.dram.bandwidth import sustained_bytes_per_second
from hwsim.nest import Nest, gemm_of, product
from hwsim.operand import OPERANDS, Operand
from hwsim.pipeline import make_port, unit_ticks
from hwsim.quantity import JoulesPerBit, JoulesPerOp
from hwsim.schedule import Level
from hwsim.units._mac import (
    Energies,
    Rates,
    element_width,
    mac_action,
    nest_rate,
    operand_bits,
    rate_at,
    refuse_contraction,
)
from hwsim.units._spatial_options import (
    Capacity,
    affordable,
    allowed_dims,
    inner_of,
    lane_tiles,
    orders,
    unrollings,
    write_levels,
)
from hwsim.units._spatial_time import Inner, Wiring, compute_cycles, read_inner, shared_bits, tile_time
from hwsim.units._spatial_total import Limits, total_cycles
from hwsim.units.base import Action, Block, Factor, Lanes, Room
from hwsim.units.registry import unit_kind
from workloads.graph import Op, Tensor

DimName: TypeAlias = Literal["n", "g", "k", "c", "p", "q", "r", "s", "m", "batch"]
WordsPerCycle: TypeAlias = Annotated[float, Field(gt=0, le=10**6)]

_MOST_OPTIONS = 8


class Axes(Part):
    """Which dimensions each axis of the array may unroll, at most two of them at a time.

    Names are the loops of a convolution: n images, g groups, k output channels, c input channels, p, q output rows and
    columns, r, s filter rows and columns. For a matrix product they stand for classes: n, p, q (or m) for the rows of
    the product, k for its columns, c, r, s for the reduction, g (or batch) for independent products.
    """

    rows: tuple[DimName, ...] = ()
    columns: tuple[DimName, ...] = ()


class Networks(Part):
    """Words per cycle between the shared memory and the lanes, each way; absent means unlimited.

    A word is one element of the operand; a word multicast to many lanes counts once.
    """

    input: WordsPerCycle | None = None
    weight: WordsPerCycle | None = None
    output: WordsPerCycle | None = None


class SpatialArraySpec(UnitSpec):
    """Chip file section of a spatial array.

    Attributes:
        rows, columns: lanes along the two axes.
        axes: what each axis may unroll.
        rates: operand bits -> multiply-accumulates per lane and cycle.
        floating: operand widths computed in floating point (for the derived energy); the others are integers.
        mac_energy: per multiply-accumulate; absent means derived from the node.
        mac_energies: the same by bits of the narrower operand, up to the widest one listed.
        networks: limits of delivery to the lanes.
        network_energy: per bit that arrives at a lane; absent means it is part of the memories' energy.
        streamed: operands that pass through queues, so that their delivery overlaps with computation although their
            memory is not double buffered.
        halo_reuse: the overlap of sliding windows is delivered once, to neighbouring lanes by multicast and to the next
            window by keeping it.
        zero_gating: a zero input saves the energy of its multiply-accumulates and of reading their weights from a
            lane's memory; it saves no time.
    """

    kind: Literal["spatial_array"]  # pyright: ignore[reportIncompatibleVariableOverride]  (frozen, never assigned)
    rows: Count
    columns: Count
    axes: Axes
    rates: Rates
    floating: tuple[int, ...] = ()
    mac_energy: JoulesPerOp | None = None
    mac_energies: Energies = Field(default_factory=dict)
    networks: Networks = Networks()
    network_energy: JoulesPerBit | None = None
    streamed: tuple[Operand, ...] = ()
    halo_reuse: bool = False
    zero_gating: bool = False


class _Rated(NamedTuple):
    """Cycles and bits per point of one inner mapping: its order and its place among those of the order."""

    cycles: float
    bits: float
    order: tuple[str, ...]
    place: int


@unit_kind("spatial_array", SpatialArraySpec)
class SpatialArray:
    """A spatial array, or several equal ones that share a tile."""

    def __init__(self, name: str, spec: SpatialArraySpec, chip: Chip) -> None:
        self.name = name
        self.spec = spec
        self._chip = chip
        single = [index for index, memory in enumerate(spec.path) if chip.memories[memory].instances == 1]
        split = single[-1] if single else 0
        self.shared_memory = spec.path[split]
        self.lane_memories = spec.path[split + 1 :]
        self._wiring: dict[Operand, Wiring] = {role: self._wires(role) for role in OPERANDS}
        self._options = lru_cache(maxsize=4096)(self._search)

    def _wires(self, role: Operand) -> Wiring:
        holders = [name for name in self.lane_memories if role in self._chip.memories[name].operands]
        doubled = any(self._chip.memories[name].double_buffered for name in holders[:1])
        exposed = bool(holders) and not doubled and role not in self.spec.streamed
        networks = self.spec.networks
        words = {"input": networks.input, "weight": networks.weight, "output": networks.output}[role]
        return Wiring(words or 0.0, bool(holders), exposed)

    def refuses(self, op: Op, tensors: Mapping[str, Tensor]) -> str | None:
        """Everything but a contraction of operands that are narrow enough, and that fit a lane one by one."""
        reason = refuse_contraction(self.name, self.spec.rates, op, tensors)
        if reason is not None:
            return reason
        read, weight = (tensors[access.tensor].bits for access in op.reads[:2])
        bits: dict[Operand, int] = {"input": read, "weight": weight, "output": self.spec.accumulator_bits}
        for name, room in self._room().items():
            need = sum(bits[role] for role in self._chip.memories[name].operands)
            if need > room:
                return f"one element of each operand needs {need} bits of {name}, a lane has {room:g}"
        return None

    def peak_operations(self, op: Op, tensors: Mapping[str, Tensor]) -> float:
        """Multiply-accumulates per second with every lane busy."""
        rate = rate_at(self.spec.rates, operand_bits(op, tensors)) or 0.0
        lanes = self.spec.rows * self.spec.columns * self.spec.count
        return lanes * rate * self._chip.clocks[self.spec.clock]

    def inner_options(self, nest: Nest) -> Sequence[tuple[Level, ...]]:
        """Up to 16 inner mappings, the 8 that would be fastest without a limit of the shared memory first.

        Every unrolling that keeps many lanes busy is combined with six ways to fill the lanes' memories and three loop
        orders; those that are beaten in both time and traffic are left out, once for the whole nest as one tile and
        once for the tile that the shared memory has room for.
        """
        return self._options(nest)

    def _search(self, nest: Nest) -> tuple[tuple[Level, ...], ...]:
        shape = (self.spec.rows, self.spec.columns)
        rows, columns = allowed_dims(nest, self.spec.axes.rows), allowed_dims(nest, self.spec.axes.columns)
        pairs = lane_tiles(nest, unrollings(nest, rows, columns, shape), self._capacities(nest))
        chosen: dict[tuple[tuple[str, ...], int], None] = {}
        alone: list[_Rated] = []
        within: list[_Rated] = []
        for order in orders(nest):
            inner = inner_of(nest, order, pairs)
            alone += self._rated(nest, inner, nest.full, len(pairs))
            within += self._rated(nest, inner, affordable(nest, inner, self._shared_capacity(nest)), len(pairs))
        chosen.update(dict.fromkeys(_undominated(alone)) | dict.fromkeys(_undominated(within)))
        memories = [Level(name, (), self._chip.memories[name].operands) for name in self._inner_path]
        return tuple(write_levels(nest, order, *pairs[place], memories) for order, place in chosen)

    def _rated(self, nest: Nest, inner: Inner, extents: Mapping[str, Any], count: int) -> list[_Rated]:
        """Cycles and bits of the shared memory per point of a tile, for every inner mapping of one order."""
        rate = nest_rate(self.spec.rates, nest)
        cycles = tile_time(nest, inner, extents, rate, self._wiring, self.spec.halo_reuse)
        bits = shared_bits(nest, inner, extents, self._fed, self.spec.halo_reuse)
        cycles = np.maximum(cycles, bits / self._shared_bits_per_cycle)
        cycles = np.maximum(cycles, self._bypass_cycles(nest, inner, extents))
        points = product(nest.dims, extents) / 1.0
        both = np.broadcast_arrays(cycles / points, bits / points, np.zeros(count))
        return [_Rated(float(both[0][i]), float(both[1][i]), inner.order, i) for i in range(count)]

    def _shared_capacity(self, nest: Nest) -> Capacity:
        memory = self._chip.memories[self.shared_memory]
        operands = tuple(nest.operand(role) for role in memory.operands)
        return Capacity(operands, memory.size * 8 / (2 if memory.double_buffered else 1))

    @property
    def _inner_path(self) -> tuple[str, ...]:
        return (self.shared_memory, *self.lane_memories)

    @property
    def _fed(self) -> dict[Operand, bool]:
        """The operands that the shared memory feeds, and whether the lanes keep them."""
        roles = self._chip.memories[self.shared_memory].operands
        return {role: wires.held for role, wires in self._wiring.items() if role in roles}

    @property
    def _shared_bits_per_cycle(self) -> float:
        bandwidth = sustained_bytes_per_second(self._chip.memories[self.shared_memory])
        return float("inf") if bandwidth is None else 8 * bandwidth / self._chip.clocks[self.spec.clock]

    def _bypass_cycles(self, nest: Nest, inner: Inner, extents: Mapping[str, Any]) -> Any:
        """Cycles for what comes straight from the outer memory, because the shared one does not hold it."""
        past: dict[Operand, bool] = {role: w.held for role, w in self._wiring.items() if role not in self._fed}
        if not past or self._outer_bits_per_cycle is None:
            return 0
        return shared_bits(nest, inner, extents, past, self.spec.halo_reuse) / self._outer_bits_per_cycle

    @cached_property
    def _outer_bits_per_cycle(self) -> float | None:
        """Rate of the outer memory towards the next one; None if it is unlimited, or the only shared one."""
        path, chip = self.spec.path, self._chip
        if self.shared_memory == path[0]:
            return None
        port = make_port(chip, path[0], path[1], 0)
        if port.bytes_per_tick is None:
            return None
        return 8 * port.bytes_per_tick * unit_ticks(chip, self.name, 1)

    def _room(self) -> dict[str, float]:
        """Bits of each of its memories that one lane may fill; fewer instances than lanes are divided among them."""
        lanes = self.spec.rows * self.spec.columns * self.spec.count
        memories = {name: self._chip.memories[name] for name in self.lane_memories}
        each = {name: memory.size * 8 / -(-lanes // memory.instances) for name, memory in memories.items()}
        return {name: bits / 2 if memories[name].double_buffered else bits for name, bits in each.items()}

    def _capacities(self, nest: Nest) -> list[Capacity]:
        """The same with the operands that each memory holds; partial sums live in the lanes at their own width."""
        held = {role: nest.operand(role) for role in OPERANDS}
        held["output"] = replace(held["output"], bits=self.spec.accumulator_bits)
        memories = self._chip.memories
        return [
            Capacity(tuple(held[role] for role in memories[name].operands), bits) for name, bits in self._room().items()
        ]

    def tile_cycles(self, nest: Nest, inner: tuple[Level, ...], extents: Mapping[str, Any]) -> Any:
        """Cycles of one tile; copies of the array split the dimension where that helps most.

        The lanes work in lockstep, so a ragged edge takes as long as its fullest lane. Under a mask the blocks it
        leaves out are skipped: cycles are scaled by the active fraction of the whole nest. Bandwidth of the lanes' own
        memories is taken to be sufficient.
        """
        walk, rate, halo = read_inner(nest, inner), nest_rate(self.spec.rates, nest), self.spec.halo_reuse
        cycles: Any = None
        for part in self._parts(nest, extents):
            one = tile_time(nest, walk, part, rate, self._wiring, halo)
            cycles = one if cycles is None else np.minimum(cycles, one)
        if self._chip.memories[self.shared_memory].bandwidth is not None:
            bits = shared_bits(nest, walk, extents, self._fed, halo)
            cycles = np.maximum(cycles, bits / self._shared_bits_per_cycle)
        cycles = np.maximum(cycles, self._bypass_cycles(nest, walk, extents))
        if nest.density < 1:
            cycles = cycles * nest.density
        cycles = np.ceil(cycles).astype(np.int64)
        return cycles if np.ndim(cycles) else int(cycles)

    def _parts(self, nest: Nest, extents: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """One copy's share of a tile, for every dimension that copies could split."""
        count = self.spec.count
        if count == 1:
            return [extents]
        gemm = gemm_of(nest)
        return [{**extents, dim: -(-extents[dim] // count)} for dim in (*gemm.batch, *gemm.m, *gemm.n)] or [extents]

    def search_space(self, nest: Nest) -> Lanes | None:
        """Every unrolling and lane tile; not for copies of the array, or halos shared by lanes that keep no inputs."""
        names = [role for room in self._room() for role in self._chip.memories[room].operands]
        if self.spec.count > 1 or len(names) > len(set(names)):
            return None
        if self.spec.halo_reuse and not self._wiring["input"].held:
            return None
        limits, axes = self._limits(nest), self.spec.axes
        wires = [self._wiring[role] for role in OPERANDS]
        gated = nest.operand("input").zeros if self.spec.zero_gating else 0.0
        operands = self._chip.memories
        return Lanes(
            shape=(self.spec.rows, self.spec.columns),
            dims=(allowed_dims(nest, axes.rows), allowed_dims(nest, axes.columns)),
            rooms=tuple(Room(name, bits, operands[name].operands) for name, bits in self._room().items()),
            rate=limits.rate,
            words=(wires[0].words_per_cycle, wires[1].words_per_cycle, wires[2].words_per_cycle),
            exposed=frozenset(role for role in OPERANDS if self._wiring[role].exposed),
            halo=limits.halo,
            shared_bits=limits.shared_bits,
            bypass_bits=limits.bypass_bits,
            network_joules=self.spec.network_energy or 0.0,
            gated=gated,
        )

    def total_cycles(self, nest: Nest, levels: Sequence[Level]) -> float:
        """Cycles of all tiles together; see ``_spatial_total``."""
        return total_cycles(nest, levels, len(levels) - len(self._inner_path), self._limits(nest))

    def _limits(self, nest: Nest) -> Limits:
        rate, fed = nest_rate(self.spec.rates, nest), frozenset(self._fed)
        past = float("inf") if self._outer_bits_per_cycle is None else self._outer_bits_per_cycle
        return Limits(rate, self._wiring, self.spec.halo_reuse, fed, self._shared_bits_per_cycle, past)

    def factors(self, nest: Nest, inner: tuple[Level, ...]) -> tuple[Factor, ...]:
        """Lanes at work while the array computes, and computing over computing with networks and shared memory."""
        walk, rate = read_inner(nest, inner), nest_rate(self.spec.rates, nest)
        steps = min(float(compute_cycles(nest, walk, part, rate)) for part in self._parts(nest, nest.full))
        lanes = self.spec.rows * self.spec.columns * self.spec.count
        ideal = nest.active_points / nest.density / (lanes * rate)
        return (
            Factor("lanes in use", ideal / steps),
            Factor("networks and shared memory", steps * nest.density / self.tile_cycles(nest, inner, nest.full)),
        )

    def traffic(self, nest: Nest, levels: Sequence[Level]) -> tuple[Traffic, ...]:
        """Access counts; overlapping windows are shared only inside the array, and gated reads do not happen."""
        halo, inside = self.spec.halo_reuse, len(levels) - len(self._inner_path)
        rows = access_counts(nest, levels, halo_reuse=halo, halo_multicast=halo, halo_from=inside)
        return tuple(self._gated(nest, row) for row in rows) if self.spec.zero_gating else rows

    def _gated(self, nest: Nest, row: Traffic) -> Traffic:
        if row.operand != "weight" or row.inner != COMPUTE or row.outer not in self.lane_memories:
            return row
        return replace(row, outer_reads=round(row.outer_reads * (1 - nest.operand("input").zeros)))

    def actions(self, nest: Nest, levels: Sequence[Level]) -> tuple[Action, ...]:
        """Multiply-accumulates, and bits arriving at lanes, for which only a chip file can give the energy."""
        mac = mac_action(self.name, self._chip, nest, self.spec.floating, self.spec.mac_energy, self.spec.mac_energies)
        if self.spec.zero_gating:
            mac = replace(mac, count=mac.count * (1 - nest.operand("input").zeros))
        bits = sum(
            row.inner_fills * self._width(nest, row.operand) + row.inner_drains * nest.partial_bits
            for row in self.traffic(nest, levels)
            if row.outer not in self.lane_memories and (row.inner in self.lane_memories or row.inner == COMPUTE)
        )
        return mac, Action(self.name, "network bit", bits, self.spec.network_energy)

    def _width(self, nest: Nest, role: Operand) -> int:
        return nest.partial_bits if role == "output" else nest.operand(role).bits

    def blocks(self) -> tuple[Block, ...]:
        """Multipliers; the lanes' storage is listed among the memories."""
        spec = self.spec
        _, area = element_width(spec.rates, spec.floating, self._chip.technology.node)
        return (Block(f"{self.name} multiply-accumulators", spec.rows * spec.columns * spec.count * area),)


def _undominated(rated: Sequence[_Rated]) -> list[tuple[tuple[str, ...], int]]:
    """The front of time and traffic of each loop order, fastest first, at most 8 in all."""
    kept: list[_Rated] = []
    for _, group in itertools.groupby(sorted(rated, key=lambda row: (row.order, row)), key=lambda row: row.order):
        least = float("inf")
        for row in group:
            if row.bits < least:
                kept.append(row)
                least = row.bits
    kept.sort()
    return [(row.order, row.place) for row in kept[:_MOST_OPTIONS]]
