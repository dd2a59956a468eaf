"""Simulated annealing as an Optuna sampler (Kirkpatrick et al., Science 1983).

The walk is read back from the study: every finished trial was a step, taken if it was better or, with a probability
that falls with the temperature, if it was worse. A new trial changes one or two parameters of where the walk stands,
ordered ones mostly to a neighbour. Nothing is kept outside the study.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from search.samplers import sampler, trial_seed
from search.samplers.independent import IndependentSampler
from search.samplers.score import finished, options, score
from search.space import Space

START, COOLING, FLOOR = 1.0, 0.98, 0.02
"""Temperature in units of the logarithm of an objective: at the start, times per trial, and at least."""
RANDOM = 10
"""Trials before the walk begins at the best of them."""
FAR = 0.2
"""Probability that an ordered parameter jumps anywhere instead of to a neighbour."""


class AnnealingSampler(IndependentSampler):
    """See the module."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.here: FrozenTrial | None = None
        self.changed: frozenset[str] = frozenset()
        self.ready = False

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of the walk, or a changed one."""
        if not self.ready:
            self._stand(study)
        values = list(options(param_distribution))
        known = None if self.here is None else self.here.params.get(param_name)
        if known is None:
            return values[int(self.random.integers(len(values)))]
        if param_name not in self.changed:
            return known
        if isinstance(param_distribution, CategoricalDistribution) or self.random.random() < FAR:
            return values[int(self.random.integers(len(values)))]
        place = int(np.argmin([abs(float(str(one)) - float(known)) for one in values]))
        step = 1 if self.random.random() < 0.5 else -1
        return values[min(max(place + step, 0), len(values) - 1)]

    def _stand(self, study: optuna.Study) -> None:
        self.ready = True
        self.here = walk(study)
        if self.here is not None:
            names = list(self.here.params)
            count = 1 + int(self.random.random() < 0.5)
            chosen = self.random.choice(len(names), size=min(count, len(names)), replace=False)
            self.changed = frozenset(names[int(place)] for place in chosen)


def walk(study: optuna.Study) -> FrozenTrial | None:
    """Where the walk stands after all finished trials; None before it begins."""
    trials = finished(study)
    if len(trials) < RANDOM:
        return None
    here = min(trials[:RANDOM], key=lambda trial: score(study, trial))
    height, temperature = score(study, here), START
    for trial in trials[RANDOM:]:
        risen = score(study, trial) - height
        luck = trial_seed(0, trial.number) / 2**32
        if risen <= 0 or luck < math.exp(-risen / temperature):
            here, height = trial, height + risen
        temperature = max(FLOOR, temperature * COOLING)
    return here


@sampler("annealing")
def annealing(_space: Space, _study: int, seed: int) -> BaseSampler:
    """Simulated annealing, ours."""
    return AnnealingSampler(seed)
