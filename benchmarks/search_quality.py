"""Samplers against random search: the share of the best known hypervolume after a number of trials, over several seeds.

Every design is played by the event engine, once for all runs (equal designs have equal results), so that the samplers
see one fidelity and 7,500 trials need some thousand evaluations. Prints one line per run, then a table.

    python -m benchmarks.search_quality [TRIALS] [SEEDS] [SAMPLERS]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import search
from benchmarks.search import cpu_seconds
from search.design import make_design
from search.objective import Outcome
from search.pareto import Point, front, hypervolume, minimized
from search.plots import reference_point
from search.space import Space
from search.space_file import load_space, space_path
from search.workers import Front, Processes, Values
from workloads.table import print_table


@dataclass(slots=True)
class Remembering:
    """Worker processes whose outcomes are kept for later runs; nothing is screened."""

    space: Space
    workers: Processes
    known: dict[str, Outcome] = field(default_factory=dict[str, Outcome])
    keys: dict[int, str] = field(default_factory=dict[int, str])
    ready: list[tuple[int, Outcome]] = field(default_factory=list[tuple[int, Outcome]])

    def submit(self, ticket: int, values: Values, front: Front) -> None:
        """Start an evaluation, unless it was done before."""
        key = make_design(self.space, values).key
        self.keys[ticket] = key
        if key in self.known:
            self.ready.append((ticket, self.known[key]))
        else:
            self.workers.submit(ticket, values, ())

    def done(self, timeout: float) -> list[tuple[int, Outcome]]:
        """What is known, or what the workers have finished."""
        found, self.ready = self.ready or self.workers.done(timeout), []
        for ticket, outcome in found:
            self.known[self.keys[ticket]] = outcome
        return found

    def close(self) -> None:
        """Nothing: the next run goes on with it."""


def runs(space_name: str, trials: int, seeds: int, samplers: Sequence[str]) -> dict[tuple[str, int], list[Point]]:
    """Feasible points of every run by sampler and seed."""
    file = str(space_path(space_name).resolve())
    space = load_space(space_name)
    pool = Remembering(space, Processes(file, 2))
    found: dict[tuple[str, int], list[Point]] = {}
    for seed in range(seeds):
        for name in samplers:
            cpu, wall = time.process_time(), time.monotonic()
            rows = search.run(
                space_name, trials, sampler=name, seed=seed, screen=False, watch=lambda _: None, pool=pool
            ).rows
            found[name, seed] = [point for row in rows if (point := minimized(space, row))]
            print(
                f"{name:8} seed {seed}: {len({row.key for row in rows})} designs of {len(rows)} trials,"
                f" {len(found[name, seed])} feasible, driver {time.process_time() - cpu:.1f} s CPU,"
                f" {time.monotonic() - wall:.0f} s wall; {len(pool.known)} designs known",
                flush=True,
            )
    pool.workers.close()
    print(f"{cpu_seconds():.0f} s CPU in all")
    return found


def main(trials: int, seeds: int, samplers: Sequence[str]) -> None:
    """Run all samplers and print the table."""
    found = runs("edge_npu", trials, seeds, samplers)
    every = [point for points in found.values() for point in points]
    reference = reference_point(every)
    best = hypervolume([every[place] for place in front(every)], reference)
    rows: list[tuple[str, ...]] = []
    for name in samplers:
        shares = [
            hypervolume([points[place] for place in front(points)], reference) / best
            for (sampler, _), points in found.items()
            if sampler == name
            for points in [points]
        ]
        fronts = [len(front(points)) for (sampler, _), points in found.items() if sampler == name]
        rows.append((name, *(f"{value:.4f}" for value in (statistics.median(shares), min(shares), max(shares))),
                     f"{statistics.median(fronts):g}"))  # fmt: skip
    caption = f"share of the hypervolume of all runs together after {trials} trials, {seeds} seeds"
    print_table(("sampler", "median", "worst", "best", "designs on the front"), rows, (1, 2, 3, 4), caption)


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 500,
        int(sys.argv[2]) if len(sys.argv) > 2 else 5,
        sys.argv[3].split(",") if len(sys.argv) > 3 else ("nsga2", "tpe", "random"),
    )
