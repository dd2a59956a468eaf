"""Systolic array: output, weight or input stationary, fill and drain of the skewed array included.

One tile is a product of (M x K) by (K x N), a convolution its im2col product. With R rows and C columns the dataflow
maps two of M, N, K on the array and streams the third, T:

    os: M on rows, N on columns, T = K       ws: K, N, T = M       is: K, M, T = N

    cycles = folds x (T + R + C - 2) for os, folds x (T + 2R + C - 2) for ws and is, folds = ceil(Sr/R) x ceil(Sc/C)

Source: SCALE-Sim (Samajdar et al., ISPASS 2020); tests/validation/test_scalesim.py compares every case it prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
from pydantic import Field

from hwsim.access import COMPUTE, Traffic, access_counts, tile_lengths
from hwsim.chip import Chip, Count, UnitSpec
from hwsim.dram.bandwidth import sustained_bytes_per_second
from hwsim.nest import Gemm, Nest, gemm_of, product, volume
from hwsim.operand import OPERANDS, Operand
from hwsim.quantity import JoulesPerOp
from hwsim.schedule import Level
from hwsim.technology import register_area_per_bit, register_energy_per_bit
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
from hwsim.units._systolic_total import total_cycles
from hwsim.units.base import Action, Block, Factor, Folds
from hwsim.units.registry import unit_kind
from workloads.graph import Op, Tensor

Dataflow: TypeAlias = Literal["os", "ws", "is"]


class SystolicArraySpec(UnitSpec):
    """Chip file section of a systolic array.

    Attributes:
        rows, columns: processing elements.
        dataflow: os, ws or is: which operand stays in the array.
        rates: operand bits -> multiply-accumulates per element and cycle. Above 1 the element is a dot product along K;
            below 1 the stream slows down by as much.
        floating: operand widths computed in floating point (for the derived energy); the others are integers.
        mac_energy: per multiply-accumulate; absent means derived from the node.
        mac_energies: the same by bits of the narrower operand, up to the widest one listed.
        hide_fill: the skew of consecutive folds overlaps, so that only the first fold of a tile pays it.
        weight_double_buffer: the stationary operand of the next fold is loaded behind the current fold (ws, is).
    """

    kind: Literal["systolic_array"]  # pyright: ignore[reportIncompatibleVariableOverride]  (frozen, never assigned)
    rows: Count
    columns: Count
    dataflow: Dataflow
    rates: Rates
    floating: tuple[int, ...] = ()
    mac_energy: JoulesPerOp | None = None
    mac_energies: Energies = Field(default_factory=dict)
    hide_fill: bool = False
    weight_double_buffer: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A batch of products; numbers or numpy arrays."""

    batch: Any
    m: Any
    n: Any
    k: Any


def gemm_cycles(spec: SystolicArraySpec, shape: Shape, rate: float = 1.0) -> Any:
    """Elapsed cycles of a batch of products on one array, from the first operand in to the last result out.

    Every fold pays for the whole array, also when it is partly used.

    Args:
        spec: the array.
        shape: numbers or arrays.
        rate: multiply-accumulates per element and cycle.

    Source: see the module.
    """
    folds, stream = folds_and_stream(spec, shape, rate)
    skew = spec.rows + spec.columns - 2
    load = 0 if spec.dataflow == "os" else spec.rows
    period = stream if spec.hide_fill else stream + skew
    if spec.weight_double_buffer:
        return load + (folds - 1) * _larger(period, load) + stream + skew
    return folds * (period + load) + (skew if spec.hide_fill else 0)


def folds_and_stream(spec: SystolicArraySpec, shape: Shape, rate: float) -> tuple[Any, Any]:
    """How often the array is filled for a batch of products, and the cycles that operands stream through each time."""
    rows, columns, stream = {
        "os": (shape.m, shape.n, shape.k),
        "ws": (shape.k, shape.n, shape.m),
        "is": (shape.k, shape.m, shape.n),
    }[spec.dataflow]
    if spec.dataflow == "os":
        stream = ceil(stream, rate)
    elif rate >= 1:
        rows = ceil(rows, rate)
    else:
        stream = ceil(stream, rate)
    return shape.batch * ceil(rows, spec.rows) * ceil(columns, spec.columns), stream


def _larger(one: Any, other: Any) -> Any:
    """The larger of numbers or arrays; numpy is slow on single numbers."""
    return max(one, other) if isinstance(one, int) and isinstance(other, int) else np.maximum(one, other)


def _smaller(one: Any, other: Any) -> Any:
    return min(one, other) if isinstance(one, int) and isinstance(other, int) else np.minimum(one, other)


def ceil(value: Any, divisor: float) -> Any:
    """Integer ceiling of a quotient, exact for whole divisors; numbers or arrays."""
    if divisor == int(divisor):
        return -(-value // int(divisor))
    return np.ceil(value / divisor).astype(np.int64)


def fold_sizes(spec: SystolicArraySpec, rate: float = 1.0) -> dict[Operand, tuple[str, int]]:
    """For each operand that passes once per fold: the class of dimensions that folds (m, n, k) and the fold's size."""
    depth = spec.rows * int(max(rate, 1.0))
    tables: dict[Dataflow, dict[Operand, tuple[str, int]]] = {
        "os": {"input": ("n", spec.columns), "weight": ("m", spec.rows)},
        "ws": {"input": ("n", spec.columns), "output": ("k", depth)},
        "is": {"weight": ("m", spec.columns), "output": ("k", depth)},
    }
    return tables[spec.dataflow]


def array_accesses(spec: SystolicArraySpec, role: Operand, shape: Shape, rate: float = 1.0) -> Any:
    """Elements of one operand that the array reads (or, for outputs, writes) while it works on one batch of products.

    The stationary operand passes once, the others once per fold of the dimension that does not move them.
    """
    extents = {"m": shape.m, "n": shape.n, "k": shape.k}
    count = shape.batch * product(tuple(_MOVED_BY[role]), extents)
    fold = fold_sizes(spec, rate).get(role)
    return count if fold is None else count * ceil(extents[fold[0]], fold[1])


_MOVED_BY: dict[Operand, str] = {"input": "mk", "weight": "kn", "output": "mn"}


@unit_kind("systolic_array", SystolicArraySpec)
class SystolicArray:
    """A systolic array, or several equal ones that share a tile."""

    def __init__(self, name: str, spec: SystolicArraySpec, chip: Chip) -> None:
        self.name = name
        self.spec = spec
        self._chip = chip
        self._splits = tuple(_three_factors(spec.count))
        rates = {name: sustained_bytes_per_second(chip.memories[name]) for name in self._feeders()}
        self._limits = {name: rate for name, rate in rates.items() if rate is not None}

    def refuses(self, op: Op, tensors: Mapping[str, Tensor]) -> str | None:
        """Everything but a contraction of operands that are narrow enough."""
        return refuse_contraction(self.name, self.spec.rates, op, tensors)

    def peak_operations(self, op: Op, tensors: Mapping[str, Tensor]) -> float:
        """Multiply-accumulates per second with every element busy."""
        rate = rate_at(self.spec.rates, operand_bits(op, tensors)) or 0.0
        elements = self.spec.rows * self.spec.columns * self.spec.count
        return elements * rate * self._chip.clocks[self.spec.clock]

    def inner_options(self, nest: Nest) -> Sequence[tuple[Level, ...]]:
        """The one way: the array takes the tile as it is."""
        memory = self.spec.path[-1]
        return ((Level(memory, (), self._chip.memories[memory].operands),),)

    def tile_cycles(self, nest: Nest, inner: tuple[Level, ...], extents: Mapping[str, Any]) -> Any:
        """Cycles of one tile; copies of the array split batch, M and N in the fastest way.

        Under a mask the blocks it leaves out are skipped: cycles are scaled by the active fraction of the whole nest.
        The memories that feed the array limit it by their bandwidth; partial sums are read back for all but the first
        fold along K.
        """
        shape, rate = _shape_of(nest, extents), nest_rate(self.spec.rates, nest)
        cycles: Any = None
        for part in self._parts(shape):
            candidate = gemm_cycles(self.spec, part, rate)
            cycles = candidate if cycles is None else _smaller(cycles, candidate)
        cycles = _larger(cycles, self._memory_cycles(nest, shape, rate))
        if nest.density < 1:
            cycles = np.ceil(cycles * nest.density)
        elif isinstance(cycles, int):
            return cycles
        cycles = np.asarray(cycles).astype(np.int64)
        return cycles if np.ndim(cycles) else int(cycles)

    def _parts(self, shape: Shape) -> Iterator[Shape]:
        """One copy's share for every way to split a batch of products among the copies."""
        for batch, m, n in self._splits:
            yield Shape(ceil(shape.batch, batch), ceil(shape.m, m), ceil(shape.n, n), shape.k)

    def search_space(self, nest: Nest) -> Folds:
        """Nothing but outer tiles: the array takes a tile as it is."""
        rate = nest_rate(self.spec.rates, nest)
        return Folds(
            shape=(self.spec.rows, self.spec.columns),
            dataflow=self.spec.dataflow,
            rate=rate,
            hides_fill=self.spec.hide_fill,
            loads_behind=self.spec.weight_double_buffer,
            splits=self._splits,
            folds=fold_sizes(self.spec, rate),
            bits_per_cycle=self._bits_per_cycle(),
        )

    def total_cycles(self, nest: Nest, levels: Sequence[Level]) -> float:
        """Cycles of all tiles together; see ``_systolic_total``."""
        rate = nest_rate(self.spec.rates, nest)

        def shared(split: tuple[int, int, int]) -> Callable[[Mapping[str, Any]], Any]:
            batch, m, n = split

            def cycles(extents: Mapping[str, Any]) -> Any:
                shape = _shape_of(nest, extents)
                part = Shape(ceil(shape.batch, batch), ceil(shape.m, m), ceil(shape.n, n), shape.k)
                return gemm_cycles(self.spec, part, rate)

            return cycles

        ways = [shared(split) for split in self._splits]
        limits = self._bits_per_cycle()
        return total_cycles(nest, levels, self.traffic(nest, levels) if limits else (), ways, limits)

    def _bits_per_cycle(self) -> dict[str, float]:
        hertz = self._chip.clocks[self.spec.clock]
        return {name: 8 * rate / hertz for name, rate in self._limits.items()}

    def factors(self, nest: Nest, inner: tuple[Level, ...]) -> tuple[Factor, ...]:
        """Elements at work while operands stream; streaming over all the array does; memories that keep up with it."""
        shape, rate = _shape_of(nest, nest.full), nest_rate(self.spec.rates, nest)
        part = min(self._parts(shape), key=lambda part: float(gemm_cycles(self.spec, part, rate)))
        folds, stream = folds_and_stream(self.spec, part, rate)
        ideal = nest.active_points / nest.density / (self.spec.rows * self.spec.columns * self.spec.count * rate)
        cycles = float(gemm_cycles(self.spec, part, rate))
        return (
            Factor("elements in use", ideal / float(folds * stream)),
            Factor("loads, fill and drain of the array", float(folds * stream) / cycles),
            Factor("memories feeding the array", cycles * nest.density / self.tile_cycles(nest, inner, nest.full)),
        )

    def _memory_cycles(self, nest: Nest, shape: Shape, rate: float) -> Any:
        """Cycles that the memories next to the array need for one tile."""
        slowest: Any = 0
        for name, bandwidth in self._limits.items():
            roles = self._feeders()[name]
            total: Any = 0
            for role in roles:
                count = array_accesses(self.spec, role, shape, rate)
                if role == "output":
                    results = shape.batch * shape.m * shape.n
                    total = total + (2 * (count - results)) * nest.partial_bits + results * nest.operand(role).bits
                else:
                    total = total + count * nest.operand(role).bits
            per_cycle = bandwidth / self._chip.clocks[self.spec.clock]
            slowest = np.maximum(slowest, np.ceil(total / 8 / per_cycle))
        return slowest

    def _feeders(self) -> dict[str, list[Operand]]:
        """Which memory delivers which operands to the array."""
        feeders: dict[str, list[Operand]] = {}
        for role in OPERANDS:
            holders = [name for name in self.spec.path if role in self._chip.memories[name].operands]
            feeders.setdefault(holders[-1] if holders else self.spec.path[0], []).append(role)
        return feeders

    def traffic(self, nest: Nest, levels: Sequence[Level]) -> tuple[Traffic, ...]:
        """Access counts between memories, and the closed form of the dataflow between the last of them and the array.

        The closed form sums over all tiles, ragged ones included. An operand that several copies of the array need is
        read once and multicast.
        """
        folds = fold_sizes(self.spec, nest_rate(self.spec.rates, nest))
        return _traffic(nest, tuple(levels), tuple(folds.items()))

    def actions(self, nest: Nest, levels: Sequence[Level]) -> tuple[Action, ...]:
        """Multiply-accumulates, and the registers that pass the two moving operands from element to element."""
        moving = {"os": ("input", "weight"), "ws": ("input", "output"), "is": ("weight", "output")}[self.spec.dataflow]
        widths = {"input": nest.operand("input").bits, "weight": nest.operand("weight").bits}
        widths["output"] = nest.partial_bits
        bits = nest.active_points * sum(widths[role] for role in moving)
        per_bit = register_energy_per_bit(self._chip.technology.node)
        return (
            mac_action(self.name, self._chip, nest, self.spec.floating, self.spec.mac_energy, self.spec.mac_energies),
            Action(self.name, "pipeline register bit", bits, per_bit),
        )

    def blocks(self) -> tuple[Block, ...]:
        """Multipliers, and the registers of the operand that stays and of the two that move."""
        spec, node = self.spec, self._chip.technology.node
        elements = spec.rows * spec.columns * spec.count
        bits, area = element_width(spec.rates, spec.floating, node)
        widths = {"input": bits, "weight": bits, "output": spec.accumulator_bits}
        staying = {"os": "output", "ws": "weight", "is": "input"}[spec.dataflow]
        stored = sum(widths.values()) + (widths[staying] if spec.weight_double_buffer else 0)
        return (
            Block(f"{self.name} multiply-accumulators", elements * area),
            Block(f"{self.name} registers", elements * stored * register_area_per_bit(node)),
        )


def _shape_of(nest: Nest, extents: Mapping[str, Any]) -> Shape:
    gemm = gemm_of(nest)
    return Shape(*(product(dims, extents) for dims in (gemm.batch, gemm.m, gemm.n, gemm.k)))


@lru_cache(maxsize=4096)
def _traffic(
    nest: Nest, levels: tuple[Level, ...], folds: tuple[tuple[Operand, tuple[str, int]], ...]
) -> tuple[Traffic, ...]:
    """``SystolicArray.traffic``, kept because mapper and simulator ask for the same mapping one after the other."""
    gemm, tiles = gemm_of(nest), tile_lengths(nest, levels)
    rows: list[Traffic] = []
    for row in access_counts(nest, levels):
        if row.inner == COMPUTE:
            count = _sum_of_accesses(row.operand, dict(folds).get(row.operand), gemm, tiles)
            row = replace(row, outer_reads=count, inner_fills=count)
            if row.operand == "output":
                results = int(volume(nest.operand("output"), nest.full))
                again = count - results
                row = Traffic(row.operand, row.outer, row.inner, again, again, count, count, results)
        rows.append(row)
    return tuple(rows)


def _sum_of_accesses(
    role: Operand, fold: tuple[str, int] | None, gemm: Gemm, tiles: Mapping[str, Mapping[int, int]]
) -> int:
    """``array_accesses`` summed over all tiles: each class of dimensions contributes one independent factor."""
    total = 1
    for name, dims in (("batch", gemm.batch), ("m", gemm.m), ("n", gemm.n), ("k", gemm.k)):
        sizes = _products([tiles[dim] for dim in dims])
        total *= sum(times * _weight(size, name, role, fold) for size, times in sizes.items())
    return total


def _weight(size: int, name: str, role: Operand, fold: tuple[str, int] | None) -> int:
    """What a tile of ``size`` adds to the factor of its class: its extent if it moves the operand, times its folds."""
    moved = size if name == "batch" or name in _MOVED_BY[role] else 1
    return moved * -(-size // fold[1]) if fold and fold[0] == name else moved


def _products(parts: Sequence[Mapping[int, int]]) -> dict[int, int]:
    """How many tiles have which product of extents."""
    result = {1: 1}
    for part in parts:
        grown: dict[int, int] = {}
        for size, times in result.items():
            for extent, count in part.items():
                grown[size * extent] = grown.get(size * extent, 0) + times * count
        result = grown
    return result


def _three_factors(count: int) -> Iterator[tuple[int, int, int]]:
    """Ways to write a number as an ordered product of three."""
    for first in range(1, count + 1):
        if count % first == 0:
            rest = count // first
            yield from ((first, second, rest // second) for second in range(1, rest + 1) if rest % second == 0)
