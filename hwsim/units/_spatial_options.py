"""Good inner mappings of a spatial array: which dimensions its axes unroll, what the lanes hold, which operand stays.

Factors need not divide anything: a factor is the largest that fits, and edges idle.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim.nest import Nest, NestOperand, gemm_of, volume
from hwsim.schedule import Level, TileLoop
from hwsim.units._spatial_time import Inner

CONVOLUTION = frozenset("ngkcpqrsot")
_IN_TIME = {"o": "p", "t": "r"}
"""The third output and kernel axis of a three-dimensional convolution go wherever the first ones may."""
_NAMES_OF_CLASS = {"m": "npqm", "n": "k", "k": "crs", "batch": ("g", "batch")}
_SPLITS_PER_PAIR = 3
_UNROLLINGS = 16

Factors = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Unrolling:
    """Lanes per dimension along the rows and along the columns of the array."""

    rows: Factors
    columns: Factors

    def factor(self, dim: str) -> int:
        """Lanes of one dimension on both axes."""
        return self.rows.get(dim, 1) * self.columns.get(dim, 1)


@dataclass(frozen=True, slots=True)
class Capacity:
    """A memory of one lane: the operands it holds, and the bits they may fill."""

    operands: tuple[NestOperand, ...]
    bits: float


def allowed_dims(nest: Nest, names: Sequence[str]) -> tuple[str, ...]:
    """Dimensions of a nest that an axis may unroll.

    Args:
        nest: a convolution (loops n, g, k, c, p, q, r, s, and o, t in time), whose names are taken as they are, p
            for o and r for t also, or any other contraction, where a name stands for its class: n, p, q for rows of
            the product, k for its columns, c, r, s for the reduction, g for the batch.
        names: of the convolution's loops, or "m", "batch".
    """
    dims = set(nest.dims)
    if dims <= CONVOLUTION and dims & {"c", "g"} and dims & {*"pqrsot"}:
        return tuple(dim for dim in nest.dims if dim in names or _IN_TIME.get(dim) in names)
    gemm = gemm_of(nest)
    classes = {"m": gemm.m, "n": gemm.n, "k": gemm.k, "batch": gemm.batch}
    wanted = {
        dim for name in names for kind, known in _NAMES_OF_CLASS.items() if name in known for dim in classes[kind]
    }
    return tuple(dim for dim in nest.dims if dim in wanted)


def unrollings(nest: Nest, rows: tuple[str, ...], columns: tuple[str, ...], shape: tuple[int, int]) -> list[Unrolling]:
    """The assignments of dimensions to axes that keep most lanes busy, best first."""
    found: dict[tuple[tuple[str, int], ...], Unrolling] = {}
    for down in _axis_factors(nest.full, rows, shape[0]):
        left = {dim: -(-extent // down.get(dim, 1)) for dim, extent in nest.full.items()}
        for across in _axis_factors(left, columns, shape[1]):
            choice = Unrolling(down, across)
            found.setdefault(tuple((dim, choice.factor(dim)) for dim in sorted({*down, *across})), choice)
    full = nest.full
    ranked = sorted(found, key=lambda factors: -_busy(full, factors))
    return [found[factors] for factors in ranked[:_UNROLLINGS]]


def _busy(full: Mapping[str, int], factors: Sequence[tuple[str, int]]) -> float:
    """Average number of lanes at work."""
    return math.prod(full[dim] / -(-full[dim] // lanes) for dim, lanes in factors)


def _axis_factors(extents: Mapping[str, int], dims: tuple[str, ...], size: int) -> Iterator[Factors]:
    """One or two dimensions on one axis of ``size`` lanes; none if there is nothing to unroll."""
    usable = [dim for dim in dims if extents[dim] > 1]
    if not usable:
        yield {}
    for dim in usable:
        yield {dim: min(size, extents[dim])}
    for one, two in itertools.permutations(usable, 2):
        pairs: list[tuple[int, int]] = []
        for share in range(2, min(extents[one], size // 2) + 1):
            rounds = -(-extents[one] // share)
            if share == -(-extents[one] // rounds):
                pairs.append((share, min(extents[two], size // share)))
        pairs.sort(key=lambda pair: -pair[0] * pair[1])
        yield from ({one: first, two: second} for first, second in pairs[:_SPLITS_PER_PAIR] if second > 1)


def lane_tiles(
    nest: Nest, choices: Sequence[Unrolling], capacities: Sequence[Capacity]
) -> list[tuple[Unrolling, dict[str, int]]]:
    """For every unrolling, tiles that fill the lanes' memories, grown in six different orders."""
    gemm = gemm_of(nest)
    shares = {dim: np.array([-(-nest.full[dim] // choice.factor(dim)) for choice in choices]) for dim in nest.dims}
    results: dict[tuple[int, ...], tuple[Unrolling, dict[str, int]]] = {}
    for order in itertools.permutations((gemm.m, gemm.n, gemm.k)):
        tile = {dim: np.ones(len(choices), dtype=np.int64) for dim in nest.dims}
        if capacities:
            for dim in (dim for group in order for dim in reversed(group)):
                tile[dim] = _grow(tile, dim, shares[dim], capacities)
        for index, choice in enumerate(choices):
            one = {dim: int(tile[dim][index]) for dim in nest.dims}
            results.setdefault((index, *one.values()), (choice, one))
    return list(results.values())


def _grow(tile: Mapping[str, Any], dim: str, share: Any, capacities: Sequence[Capacity]) -> Any:
    """The largest extent of one dimension that fits, of those that no smaller one with as many trips can replace."""
    root = math.isqrt(int(share.max())) + 1
    few = np.arange(1, root + 1)[:, np.newaxis]
    sizes = np.concatenate((-(-share // few), np.minimum(share, few)))
    largest = np.where(fits_lane({**tile, dim: sizes}, capacities), sizes, 1).max(axis=0)
    return -(-share // -(-share // largest))


def affordable(nest: Nest, inner: Inner, capacity: Capacity) -> dict[str, Any]:
    """A tile of the shared memory for each inner mapping of one order: that of the array, grown from the inside out."""
    count = max(np.size(size) for size in inner.array.values()) if inner.array else 1
    tile = {dim: np.broadcast_to(inner.array[dim], count) for dim in nest.dims}
    for dim in reversed(inner.order):
        share = np.full(count, nest.full[dim])
        tile[dim] = np.maximum(tile[dim], _grow(tile, dim, share, (capacity,)))
    return tile


def fits_lane(tile: Mapping[str, Any], capacities: Sequence[Capacity]) -> Any:
    """Whether one lane's tile fits its memories."""
    fits: Any = True
    for capacity in capacities:
        need = sum(volume(operand, tile) * operand.bits for operand in capacity.operands)
        fits = np.logical_and(fits, need <= capacity.bits)
    return fits


def orders(nest: Nest) -> tuple[tuple[str, ...], ...]:
    """Loop orders over array tiles: the dimensions that do not move the weights, outputs or inputs come innermost."""
    gemm = gemm_of(nest)
    return tuple(
        dict.fromkeys(
            (*gemm.batch, *first, *second, *innermost)
            for first, second, innermost in (
                (gemm.n, gemm.k, gemm.m),
                (gemm.m, gemm.n, gemm.k),
                (gemm.k, gemm.m, gemm.n),
            )
        )
    )


def inner_of(nest: Nest, order: tuple[str, ...], pairs: Sequence[tuple[Unrolling, Mapping[str, int]]]) -> Inner:
    """Many inner mappings of one loop order at once, as arrays."""
    array = {dim: np.array([choice.factor(dim) * tile[dim] for choice, tile in pairs]) for dim in nest.dims}
    lane = {dim: np.array([tile[dim] for _, tile in pairs]) for dim in nest.dims}
    full = nest.full
    return Inner(order, {dim: np.minimum(size, full[dim]) for dim, size in array.items()}, lane)


def write_levels(
    nest: Nest, order: tuple[str, ...], choice: Unrolling, tile: Mapping[str, int], memories: Sequence[Level]
) -> tuple[Level, ...]:
    """The levels of one inner mapping; ``memories`` are the shared memory and those of the lanes, without loops."""
    full = nest.full
    loops: list[TileLoop] = []
    for dim in order:
        covered = choice.factor(dim) * tile[dim]
        if covered < full[dim]:
            loops.append(TileLoop(dim, covered))
    for dim, lanes in choice.rows.items():
        if lanes > 1:
            loops.append(TileLoop(dim, tile[dim] * choice.columns.get(dim, 1), "rows"))
    for dim, lanes in choice.columns.items():
        if lanes > 1:
            loops.append(TileLoop(dim, tile[dim], "columns"))
    shared, *local = memories
    if not local:
        return (Level(shared.memory, tuple(loops), shared.keeps),)
    steps = tuple(TileLoop(dim, 1) for dim in order if tile[dim] > 1)
    innermost = Level(local[-1].memory, steps, local[-1].keeps)
    return (Level(shared.memory, tuple(loops), shared.keeps), *local[:-1], innermost)
