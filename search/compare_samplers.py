"""Samplers at equal budgets over several seeds: how much of the best known front each has found after every trial.

Regret is 1 - hypervolume / hypervolume of the front of all runs together. Every run has its own study in memory and
its own caches, so that no sampler profits from another's work; equal designs of different runs have equal results.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from search.api import run
from search.pareto import front, hypervolume, minimized
from search.plots import growth, reference_point
from search.space import Space
from search.space_file import load_space, space_path
from search.trials import Row
from search.workers import Pool, Processes
from workloads.errors import UserError


@dataclass(frozen=True, slots=True)
class Comparison:
    """Regrets of samplers.

    Attributes:
        regrets: by sampler, an array of one row per seed and one column per trial.
        reference: point from which volumes are measured (objectives times their signs).
    """

    space: Space
    regrets: dict[str, Any]
    reference: tuple[float, ...]


def compare_samplers(
    space_file: str, samplers: Sequence[str], trials: int, seeds: int, jobs: int = 0, pool: Pool | None = None
) -> Comparison:
    """Run every sampler with every seed.

    Args:
        space_file: a shipped space or a file.
        samplers: names.
        trials: of each run.
        seeds: runs of each sampler, with the seeds 0, 1, ...
        jobs: worker processes of each run; 0 evaluates in this process.
        pool: evaluates instead, and is kept open; screening is off, so that all samplers see one fidelity.

    Raises:
        UserError: a sampler does not exist, or no run found a feasible design.
    """
    space = load_space(space_file)
    found: dict[tuple[str, int], Sequence[Row]] = {}
    for name in samplers:
        for seed in range(seeds):
            evaluators = pool or (Processes(str(space_path(space_file).resolve()), jobs) if jobs else None)
            found[name, seed] = run(
                space_file, trials, sampler=name, seed=seed, screen=False, watch=lambda _: None, pool=evaluators
            ).rows
    points = [point for rows in found.values() for row in rows if (point := minimized(space, row))]
    if not points:
        raise UserError(f"{space.name}: no run found a feasible design, nothing to compare")
    reference = reference_point(points)
    best = hypervolume([points[place] for place in front(points)], reference)
    regrets = {
        name: np.array([1 - np.array(_filled(growth(space, found[name, seed], reference), trials)) / best
                        for seed in range(seeds)])
        for name in samplers
    }  # fmt: skip
    return Comparison(space, regrets, reference)


def _filled(volumes: list[float], trials: int) -> list[float]:
    """A run that ended early (a grid) stays where it ended."""
    return volumes + volumes[-1:] * (trials - len(volumes))


def regret_picture(comparison: Comparison, file_format: str) -> bytes:
    """Median regret of every sampler with the range over its seeds."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    plot = figure.add_subplot()
    for name, regrets in comparison.regrets.items():
        steps = range(1, regrets.shape[1] + 1)
        (line,) = plot.step(steps, np.median(regrets, axis=0), where="post", label=f"{name} ({len(regrets)} seeds)")
        plot.fill_between(steps, regrets.min(0), regrets.max(0), step="post", alpha=0.15, color=line.get_color())
    plot.set(xlabel="trial", ylabel="regret (share of hypervolume missing)", title=comparison.space.name)
    plot.set_yscale("log")
    plot.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format=file_format)
    return buffer.getvalue()


def compare_command(
    space: str, names: str, trials: int, seeds: int, jobs: int, csv_path: str | None, plot_path: str | None
) -> None:
    """``hwsim search --compare``: a table of regrets, and on demand a picture and the curves as CSV."""
    from hwsim.output import csv_text, write_outputs
    from hwsim.plot import picture_format
    from search.samplers import check_sampler
    from workloads.table import print_table

    samplers = [name.strip() for name in names.split(",") if name.strip()]
    for name in samplers:
        check_sampler(name)
    compared = compare_samplers(space, samplers, trials, seeds, jobs if jobs > 1 else 0)
    contents: dict[str, str | bytes] = {}
    if csv_path is not None:
        lines = [
            [name, seed, trial + 1, float(regret)]
            for name, regrets in compared.regrets.items()
            for seed, curve in enumerate(regrets)
            for trial, regret in enumerate(curve)
        ]
        contents[csv_path] = csv_text(["sampler", "seed", "trial", "regret"], lines)
    if plot_path is not None:
        contents[plot_path] = regret_picture(compared, picture_format(plot_path))
    if write_outputs(contents):
        return
    rows = [
        (name, *(f"{value:.4f}" for value in (np.median(last), last.min(), last.max())))
        for name, last in ((name, regrets[:, -1]) for name, regrets in compared.regrets.items())
    ]
    caption = f"regret after {trials} trials over {seeds} seeds: share of the hypervolume of all runs that is missing"
    print_table(("sampler", "median", "best", "worst"), rows, (1, 2, 3), caption)
