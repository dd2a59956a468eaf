"""Makes a comparison: points that are kept from earlier runs first, the others in this process or in several."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from search.comparison.plan import Plan, Point, Runner, points
from search.comparison.store import open_store
from search.parallel import cores, spread
from search.sweep import Row

PER_PROCESS = 8
"""Points of the fast mapper that take as long as starting a process for them (0.5 s)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A plan with its points and their rows, in the same order."""

    plan: Plan
    points: tuple[Point, ...]
    rows: tuple[Row, ...]


def run(
    plan: Plan, jobs: int | None = None, watch: Callable[[Iterable[object], int], Iterator[object]] | None = None
) -> Comparison:
    """Estimate every point of a plan; rows depend neither on the number of jobs nor on what was kept.

    Args:
        plan: what to compare.
        jobs: processes at most; None is one per core.
        watch: is given the finished points, one item each, and their number, and yields them on; for showing progress.

    Raises:
        WorkerError: a process was killed.
    """
    everything = points(plan)
    store = open_store(plan)
    rows = {point: row for point in everything if (row := store.get(point)) is not None}
    missing = [point for point in everything if point not in rows]
    worth = len(missing) if plan.mapping.mapper != "fast" else -(-len(missing) // PER_PROCESS)
    found = spread(functools.partial(Runner, plan), missing, min(jobs or cores(), worth))

    def finished() -> Iterator[object]:
        yield from rows
        for place, row in found:
            store.put(missing[place], row)
            computed[missing[place]] = row
            yield place

    computed: dict[Point, Row] = {}
    for _ in watch(finished(), len(everything)) if watch is not None else finished():
        pass
    rows.update(computed)
    return Comparison(plan, everything, tuple(rows[point] for point in everything))
