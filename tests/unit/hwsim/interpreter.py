"""The oracle of access counts: walks a static loop program one iteration at a time and counts elements as sets.

It shares no code with ``hwsim.access``. The program it walks: the code that delivers an operand's tile to a receiver
sits in the body of the innermost loop in time that moves the tile (and has more than one trip when its enclosing tile
is full); there is one receiver per combination of the loops in space outside it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hwsim.access import COMPUTE, Traffic
from hwsim.nest import Nest, NestOperand
from hwsim.schedule import Level, TileLoop

Element = tuple[int, ...]
Ranges = dict[str, tuple[int, int]]
"""Dimension -> first index and length."""


def interpret(
    nest: Nest, levels: Sequence[Level], halo_reuse: bool = False, halo_multicast: bool = False, halo_from: int = 0
) -> tuple[Traffic, ...]:
    """The same rows as ``access_counts``, by brute force."""
    rows: list[Traffic] = []
    effective = _splitting(nest, levels)
    for operand in nest.operands:
        keepers = [index for index, level in enumerate(levels) if operand.role in level.keeps]
        for outer, inner in itertools.pairwise([*keepers, len(levels)]):
            outside = [loop for at, loop in effective if at < inner]
            before = sum(1 for at, _ in effective if at < outer)
            stateless = inner == len(levels)
            name = COMPUTE if stateless else levels[inner].memory
            reuse, multicast = halo_reuse and outer >= halo_from, halo_multicast and outer >= halo_from
            walk = _Walk(nest, operand, outside, before, stateless, reuse, multicast)
            walk.step(0, {dim: (0, extent) for dim, extent in nest.full.items()}, (), ())
            rows.append(walk.traffic(levels[outer].memory, name))
    return tuple(rows)


def _splitting(nest: Nest, levels: Sequence[Level]) -> list[tuple[int, TileLoop]]:
    """The loops that ever have a second iteration, with the index of their level; the others change nothing."""
    size = nest.full
    found: list[tuple[int, TileLoop]] = []
    for index, level in enumerate(levels):
        for loop in level.loops:
            if size[loop.dim] > loop.size:
                found.append((index, loop))
                size[loop.dim] = loop.size
    return found


@dataclass
class _Walk:
    """One operand across one boundary."""

    nest: Nest
    operand: NestOperand
    loops: list[TileLoop]
    before: int
    stateless: bool
    halo_reuse: bool
    halo_multicast: bool
    last: int = -1
    slides: bool = False
    deliveries: dict[tuple[int, ...], list[tuple[tuple[int, ...], Ranges]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        dims = self.operand.dims()
        for position, loop in enumerate(self.loops):
            if not loop.axis and loop.dim in dims:
                self.last = position
        if self.last >= 0 and self.halo_reuse and not self.stateless:
            dim = self.loops[self.last].dim
            partners = {name for axis in self.operand.axes if len(axis) > 1 and dim in dict(axis) for name, _ in axis}
            spread = any(loop.axis and loop.dim in partners for loop in self.loops)
            self.slides = dim in partners and not spread

    def step(self, position: int, ranges: Ranges, time: tuple[int, ...], lane: tuple[int, ...]) -> None:
        """Run loop number ``position`` and everything inside it; ``time`` and ``lane`` say where we are."""
        if position == len(self.loops):
            self.deliveries.setdefault(time, []).append((lane, dict(ranges)))
            return
        loop = self.loops[position]
        repeated = loop.axis or self.stateless or position <= self.last
        for index, piece in enumerate(_pieces(ranges[loop.dim], loop.size)):
            inner = {**ranges, loop.dim: piece}
            if loop.axis:
                self.step(position + 1, inner, time, (*lane, index))
            else:
                self.step(position + 1, inner, (*time, index), lane)
            if not repeated:
                break

    def traffic(self, outer: str, inner: str) -> Traffic:
        """Turn deliveries into counts."""
        delivered = copies = 0
        seen_copies: dict[tuple[int, ...], set[Element]] = {}
        seen: dict[tuple[int, ...], set[Element]] = {}
        first = first_copies = 0
        everything: set[Element] = set()
        held: dict[tuple[int, ...], dict[tuple[int, ...], set[Element]]] = {}
        for time, lanes in self.deliveries.items():
            fresh: dict[tuple[tuple[int, ...], tuple[int, ...]], set[Element]] = {}
            for lane, ranges in lanes:
                tile = self._tile(ranges)
                if self.slides:
                    tile = tile - self._line(held, time, lane, tile)
                copies += len(tile)
                first_copies += len(tile - seen_copies.setdefault(lane, set()))
                seen_copies[lane] |= tile
                fresh.setdefault(self._delivery(lane), set()).update(tile)
            for (source, _), tile in fresh.items():
                delivered += len(tile)
                first += len(tile - seen.setdefault(source, set()))
                seen[source] |= tile
                everything |= tile
        complete = len(everything)
        if self.operand.role != "output":
            return Traffic(self.operand.role, outer, inner, delivered, copies)
        return Traffic(
            self.operand.role, outer, inner, delivered - first, copies - first_copies, delivered, copies, complete
        )

    def _delivery(self, lane: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The outer copy that serves a lane, and which of its deliveries: lanes with an equal answer share one."""
        spatial = [position for position, loop in enumerate(self.loops) if loop.axis]
        source = tuple(index for position, index in zip(spatial, lane, strict=True) if position < self.before)
        own = tuple(
            index
            for position, index in zip(spatial, lane, strict=True)
            if position >= self.before and self._moves(position) and not self._shares(position)
        )
        return source, own

    def _moves(self, position: int) -> bool:
        return self.loops[position].dim in self.operand.dims()

    def _shares(self, position: int) -> bool:
        """Whether neighbours along a loop in space share the overlap of their windows: only if their tiles adjoin."""
        dim = self.loops[position].dim
        sliding = any(len(axis) > 1 and dim in dict(axis) for axis in self.operand.axes)
        adjoining = all(loop.axis for loop in self.loops[position + 1 :] if loop.dim == dim)
        return self.halo_multicast and sliding and adjoining

    def _line(
        self,
        held: dict[tuple[int, ...], dict[tuple[int, ...], set[Element]]],
        time: tuple[int, ...],
        lane: tuple[int, ...],
        tile: set[Element],
    ) -> set[Element]:
        """What a lane holds from earlier windows of the innermost loop; it starts anew when an outer loop steps."""
        temporal = [position for position, loop in enumerate(self.loops) if not loop.axis]
        outer = tuple(index for position, index in zip(temporal, time, strict=True) if position < self.last)
        line = held.setdefault(lane, {})
        if outer not in line:
            line.clear()
            line[outer] = set()
        known = set(line[outer])
        line[outer] |= tile
        return known

    def _tile(self, ranges: Ranges) -> set[Element]:
        positions = [self._positions(axis, ranges) for axis in self.operand.axes]
        return set(itertools.product(*positions))

    def _positions(self, axis: tuple[tuple[str, int], ...], ranges: Ranges) -> set[int]:
        values = {0}
        for name, stride in axis:
            first, length = ranges[name]
            values = {value + stride * (first + step) for value in values for step in range(length)}
        return values


def _pieces(whole: tuple[int, int], size: int) -> Iterator[tuple[int, int]]:
    first, length = whole
    for start in range(0, length, size):
        yield first + start, min(size, length - start)


def count_points(nest: Nest, levels: Sequence[Level]) -> tuple[int, int]:
    """Iterations in time, and executed innermost points (a tile that the levels leave whole counts all its points)."""
    loops = [loop for level in levels for loop in level.loops]
    times: set[tuple[int, ...]] = set()
    points = 0

    def step(position: int, ranges: Ranges, time: tuple[int, ...]) -> None:
        nonlocal points
        if position == len(loops):
            times.add(time)
            size = 1
            for _, length in ranges.values():
                size *= length
            points += size
            return
        loop = loops[position]
        for index, piece in enumerate(_pieces(ranges[loop.dim], loop.size)):
            inner = {**ranges, loop.dim: piece}
            step(position + 1, inner, time if loop.axis else (*time, index))

    step(0, {dim: (0, extent) for dim, extent in nest.full.items()}, ())
    return len(times), points
