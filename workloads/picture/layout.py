"""A layered layout: boxes in ranks from top to bottom, few crossings, straight lines where possible.

Source: the steps of Sugiyama, Tagawa and Toda (1981): ranks by longest path, dummies on long edges, orders by
barycentres, positions by averages of neighbours under a least distance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from workloads.picture.boxes import PORT, Box, Edge, Frame

Measure = Callable[[str, bool], float]
"""Width of a text in points, plain or bold."""

LINE = 11.0
PAD = 6.0
GAP_X = 16.0
GAP_Y = 32.0
LABEL = 8.0
"""From a box down to the shape of what it makes; lines go straight so far and slant below it."""
MARGIN = 12.0
TITLE = 20.0
SWEEPS = 8


@dataclass(frozen=True, slots=True)
class Placed:
    """A box with its middle and size in points; y grows downwards."""

    box: Box
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Route:
    """An edge as points from the bottom of its source to the top of its target."""

    edge: Edge
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A frame with everything in it placed; its corner is at 0, 0."""

    frame: Frame
    width: float
    height: float
    boxes: tuple[Placed, ...]
    routes: tuple[Route, ...]


def lay_out(frame: Frame, measure: Measure) -> Layout:
    """Place the boxes of a frame; equal frames give equal layouts."""
    sizes = {box.key: _size(box, measure) for box in frame.boxes}
    ranks = _ranks(frame)
    chains = _chains(frame.edges, ranks)
    rows = _ordered(frame, ranks, chains)
    widths = {key: sizes[key][0] if key in sizes else 2.0 for row in rows for key in row}
    for chain in chains:
        if len(chain) > 1:
            widths[chain[0]] = max(widths[chain[0]], 10.0)
    across = _positions(rows, widths, _neighbours(chains))
    bands = _bands(rows, sizes)
    left = min(across[key] - widths[key] / 2 for row in rows for key in row)
    right = max(across[key] + widths[key] / 2 for row in rows for key in row)
    title = measure(frame.title, True) + (measure(f"×{frame.count}", True) + 24 if frame.count > 1 else 0)
    width = max(right - left, title) + 2 * MARGIN
    shift = (width - (right - left)) / 2 - left
    placed = tuple(
        Placed(box, across[box.key] + shift, sum(bands[ranks[box.key]]) / 2, *sizes[box.key]) for box in frame.boxes
    )
    routes = tuple(
        Route(
            edge,
            _points(
                [(across[key] + shift, bands[ranks[key]]) for key in chain], sizes[edge.source], sizes[edge.target]
            ),
        )
        for edge, chain in zip(frame.edges, chains, strict=True)
    )
    bottom = max(one.y + one.height / 2 for one in placed)
    return Layout(frame, width, bottom + MARGIN, placed, routes)


def _size(box: Box, measure: Measure) -> tuple[float, float]:
    widest = max(measure(line, not place and box.look != PORT) for place, line in enumerate(box.lines))
    return widest + 2 * PAD, len(box.lines) * LINE + PAD


def _ranks(frame: Frame) -> dict[str, int]:
    """Rows from the top: as far down as the longest way says; ports that lead in stand just above who reads them."""
    ranks = {box.key: 0 for box in frame.boxes}
    for _ in frame.boxes:
        changed = False
        for edge in frame.edges:
            if ranks[edge.target] < ranks[edge.source] + 1:
                ranks[edge.target] = ranks[edge.source] + 1
                changed = True
        if not changed:
            break
    fed = {edge.target for edge in frame.edges}
    for box in frame.boxes:
        readers = [ranks[edge.target] for edge in frame.edges if edge.source == box.key]
        if box.key not in fed and readers:
            ranks[box.key] = min(readers) - 1
    bottom = max(ranks.values(), default=0)
    for box in frame.boxes:
        if box.look == PORT and box.key in fed:
            ranks[box.key] = bottom
    return ranks


def _chains(edges: Sequence[Edge], ranks: dict[str, int]) -> list[list[str]]:
    """Each edge as its boxes and a dummy per row between them; dummies of one tensor from one box are shared."""
    chains: list[list[str]] = []
    for edge in edges:
        chain = [edge.source]
        for rank in range(ranks[edge.source] + 1, ranks[edge.target]):
            dummy = f"{edge.source}|{edge.label}|{rank}"
            ranks[dummy] = rank
            chain.append(dummy)
        chains.append([*chain, edge.target])
    return chains


def _neighbours(chains: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for chain in chains:
        for one, other in pairwise(chain):
            found.setdefault(one, []).append(other)
            found.setdefault(other, []).append(one)
    return found


def _ordered(frame: Frame, ranks: Mapping[str, int], chains: Sequence[Sequence[str]]) -> list[list[str]]:
    """Keys by row; in a row by the average place of their neighbours above, then below, again and again."""
    rows: list[list[str]] = [[] for _ in range(max(ranks.values(), default=0) + 1)]
    for key in dict.fromkeys([*(box.key for box in frame.boxes), *(key for chain in chains for key in chain)]):
        rows[ranks[key]].append(key)
    near = _neighbours(chains)
    for sweep in range(SWEEPS):
        up = sweep % 2
        order = range(len(rows) - 2, -1, -1) if up else range(1, len(rows))
        for rank in order:
            other = {key: place for place, key in enumerate(rows[rank + 1 if up else rank - 1])}
            middle = (len(other) - 1) / 2
            scale = {
                key: _mean([other[one] for one in near.get(key, []) if one in other], middle) for key in rows[rank]
            }
            rows[rank].sort(key=lambda key, scale=scale: scale[key])
    return rows


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _positions(
    rows: Sequence[Sequence[str]], widths: Mapping[str, float], near: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Middles: near the average of the neighbours, in order and apart."""
    across: dict[str, float] = {}
    for row in rows:
        left = 0.0
        for key in row:
            across[key] = left + widths[key] / 2
            left += widths[key] + GAP_X
        for key in row:
            across[key] -= (left - GAP_X) / 2
    for sweep in range(4 * SWEEPS):
        for row in rows if sweep % 2 else reversed(rows):
            wanted = [_mean([across[one] for one in near.get(key, [])], across[key]) for key in row]
            for key, place in zip(row, _apart(wanted, [widths[key] for key in row]), strict=True):
                across[key] = place
    return across


def _apart(wanted: Sequence[float], widths: Sequence[float]) -> list[float]:
    """Places in order and ``GAP_X`` apart with the least sum of squared distances to those wanted.

    Pool adjacent violators: neighbours that would overlap move together.
    """
    offsets = [0.0]
    for one, other in pairwise(widths):
        offsets.append(offsets[-1] + (one + other) / 2 + GAP_X)
    pools: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        total, count = want - offset, 1
        while pools and pools[-1][0] / pools[-1][1] >= total / count:
            before = pools.pop()
            total, count = total + before[0], count + before[1]
        pools.append((total, count))
    starts = [total / count for total, count in pools for _ in range(count)]
    return [start + offset for start, offset in zip(starts, offsets, strict=True)]


def _bands(rows: Sequence[Sequence[str]], sizes: Mapping[str, tuple[float, float]]) -> list[tuple[float, float]]:
    """Top and bottom of each row."""
    bands: list[tuple[float, float]] = []
    top = TITLE + MARGIN
    for row in rows:
        height = max((sizes[key][1] for key in row if key in sizes), default=0.0)
        bands.append((top, top + height))
        top += height + GAP_Y
    return bands


def _points(
    stops: Sequence[tuple[float, tuple[float, float]]], source: tuple[float, float], target: tuple[float, float]
) -> tuple[tuple[float, float], ...]:
    """A line that is upright within rows, so that it passes beside their boxes, and slants between them.

    Args:
        stops: where it passes each row, and the row's top and bottom.
        source, target: sizes of the boxes at its ends.
    """
    (x, (top, bottom)) = stops[0]
    points = [(x, (top + bottom + source[1]) / 2), (x, bottom + LABEL + 5)]
    for x, (top, bottom) in stops[1:-1]:
        points += [(x, top - 4), (x, bottom + LABEL + 5)]
    (x, (top, bottom)) = stops[-1]
    return (*points, (x, top - 7), (x, (top + bottom - target[1]) / 2))
