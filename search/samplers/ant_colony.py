"""Ant colony optimization as an Optuna sampler (an agent of ArchGym, ISCA 2023; Dorigo and Stuetzle, 2004).

Every value of every parameter has pheromone. Each finished trial is an ant: the better half leaves pheromone on its
values, by rank, and pheromone evaporates with every generation of ``ANTS`` trials. A new trial takes the strongest
value with probability ``GREEDY``, else one in proportion to its pheromone. Nothing is kept outside the study.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from search.samplers import sampler
from search.samplers.independent import IndependentSampler
from search.samplers.score import finished, options, score
from search.space import Space

ANTS = 16
EVAPORATION = 0.25
GREEDY = 0.25
BASE = 0.05
"""Pheromone of every value before any ant passed; keeps all values possible."""


class AntColonySampler(IndependentSampler):
    """See the module."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.trails: list[tuple[FrozenTrial, float]] | None = None

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value by its pheromone."""
        if self.trails is None:
            self.trails = trails(study)
        values = options(param_distribution)
        pheromone = np.full(len(values), BASE)
        for ant, amount in self.trails:
            if param_name in ant.params:
                pheromone[_place(values, ant.params[param_name])] += amount
        if self.trails and self.random.random() < GREEDY:
            return values[int(np.argmax(pheromone))]
        return values[int(self.random.choice(len(values), p=pheromone / pheromone.sum()))]


def trails(study: optuna.Study) -> list[tuple[FrozenTrial, float]]:
    """The better half of the trials with the pheromone that each has left by now."""
    ants = finished(study)
    ranked = sorted(ants, key=lambda ant: (score(study, ant), ant.number))[: max(1, len(ants) // 2)]
    newest = ants[-1].number if ants else 0
    return [
        (ant, (1 - EVAPORATION) ** ((newest - ant.number) // ANTS) / (1 + place)) for place, ant in enumerate(ranked)
    ]


def _place(values: Sequence[Any], value: Any) -> int:
    if value in values:
        return values.index(value)
    return int(np.argmin([abs(one - value) for one in values]))


@sampler("aco")
def ant_colony(_space: Space, _study: int, seed: int) -> BaseSampler:
    """Ant colony optimization, ours."""
    return AntColonySampler(seed)
