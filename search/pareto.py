"""Fronts: which designs nothing beats, the knee among them, and the volume they dominate.

Points are tuples of objectives that are all to be made small; `minimized` makes them so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search.objective import objective_values, signs
from search.space import Space
from search.trials import Row

Point = tuple[float, ...]


def minimized(space: Space, row: Row) -> Point | None:
    """Objectives of a feasible trial, all to be made small; None of any other."""
    values = objective_values(space.objectives, row.outcome.quantities) if row.outcome.status == "ok" else None
    return None if values is None else tuple(sign * value for sign, value in zip(signs(space), values, strict=True))


def dominates(one: Point, other: Point) -> bool:
    """Whether a point is as small in everything and smaller in something."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def front(points: Sequence[Point]) -> list[int]:
    """Places of the points that no other dominates, the first of equal ones only, sorted by their objectives."""
    found: list[int] = []
    for place in sorted(range(len(points)), key=lambda place: (points[place], place)):
        point = points[place]
        # In rising order a point can only be dominated by one before it.
        if not any(points[other] == point or dominates(points[other], point) for other in found):
            found.append(place)
    return found


def front_rows(space: Space, rows: Sequence[Row]) -> list[Row]:
    """The front of a study; trials that only the closed form has seen are not on it."""
    pairs = [(row, point) for row in rows if row.outcome.fidelity == "engine" and (point := minimized(space, row))]
    return [pairs[place][0] for place in front([point for _, point in pairs])]


def knee(points: Sequence[Point]) -> int:
    """Place of the point nearest to the ideal one, each objective scaled to 0..1 over the points."""
    values = np.array(points, dtype=float)
    low, high = values.min(axis=0), values.max(axis=0)
    scaled = (values - low) / np.where(high > low, high - low, 1.0)
    return int(np.argmin((scaled**2).sum(axis=1)))


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """Volume between the points and a reference that they dominate; points beyond it count nothing.

    Slices along the last objective: exact for any number of objectives, meant for fronts of some hundred points.
    """
    inside = [point for point in points if all(a < b for a, b in zip(point, reference, strict=True))]
    if not inside:
        return 0.0
    if len(reference) == 1:
        return reference[0] - min(point[0] for point in inside)
    ordered = sorted((inside[place] for place in front(inside)), key=lambda point: point[-1])
    total = 0.0
    for place, point in enumerate(ordered):
        top = ordered[place + 1][-1] if place + 1 < len(ordered) else reference[-1]
        if top > point[-1]:
            total += (top - point[-1]) * hypervolume([one[:-1] for one in ordered[: place + 1]], reference[:-1])
    return total
