"""Every point of a space once, in an order shuffled by the seed of the study; then the study ends."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from search.design import all_values, axes, count_points
from search.samplers import sampler
from search.samplers.independent import IndependentSampler
from search.space import Space
from workloads.errors import UserError

MOST_POINTS = 1_000_000
Point = dict[str, Any]


class GridSampler(IndependentSampler):
    """Proposes the first point that no trial has."""

    def __init__(self, points: tuple[Point, ...]) -> None:
        self.points = points
        self.point: Point | None = None

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of the trial's point."""
        if self.point is None:
            taken = proposed(study, trial.number)
            self.point = next((one for one in self.points if _identity(one) not in taken), self.points[-1])
        return self.point[param_name]

    def exhausted(self, study: optuna.Study) -> bool:
        """Whether every point was proposed."""
        return len(proposed(study, -1)) >= len(self.points)


def proposed(study: optuna.Study, but: int) -> set[frozenset[tuple[str, Any]]]:
    """The points of all trials except one."""
    return {_identity(one.params) for one in study.get_trials(deepcopy=False) if one.params and one.number != but}


def _identity(point: Point) -> frozenset[tuple[str, Any]]:
    return frozenset(point.items())


@lru_cache(maxsize=4)
def _points(text: str, seed: int) -> tuple[Point, ...]:
    space = Space.model_validate_json(text, strict=False)
    by_name = {axis.name: axis for axis in axes(space)}
    listed = [{name: by_name[name].raw(value) for name, value in point.items()} for point in all_values(space)]
    order = np.random.default_rng(seed).permutation(len(listed))
    return tuple(listed[int(place)] for place in order)


@sampler("grid")
def grid(space: Space, study: int, _trial: int) -> BaseSampler:
    """Every point once; raises UserError where there are too many."""
    if count_points(space) > MOST_POINTS:
        raise UserError(
            f"{space.name}: a grid has at most {MOST_POINTS:,} points, this space {count_points(space):,.0f}"
        )
    return GridSampler(_points(space.model_dump_json(), study))
