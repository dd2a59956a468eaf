"""One number per finished trial, for samplers that know only better and worse: smaller is better."""

from __future__ import annotations

import math
from collections.abc import Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.samplers import violations_of

PENALTY = 100.0
"""What the first violation costs; more than any sum of logarithms of real objectives differs."""


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that have values, in the order in which they were proposed."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def score(study: optuna.Study, trial: FrozenTrial) -> float:
    """Sum of the logarithms of the objectives (their product), plus a penalty that grows with the violation."""
    missed = sum(max(0.0, amount) for amount in violations_of(trial))
    if missed:
        return PENALTY * (1 + math.log1p(missed))
    signs = [-1 if direction == StudyDirection.MAXIMIZE else 1 for direction in study.directions]
    return sum(sign * math.log(max(abs(value), 1e-300)) for sign, value in zip(signs, trial.values, strict=True))


def options(distribution: BaseDistribution, most: int = 64) -> Sequence[object]:
    """The values of a distribution, or at most so many of a range, evenly placed (by logarithm where it says so)."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    count = int((high - low) / step + 1e-9) + 1 if step and not distribution.log else most
    if count <= most and step:
        return [low + place * step for place in range(count)]
    parts = [place / (most - 1) for place in range(most)]
    if distribution.log:
        spread = [low * (high / low) ** part for part in parts]
    else:
        spread = [low + (high - low) * part for part in parts]
    if isinstance(distribution, IntDistribution):
        return sorted({low + round((value - low) / distribution.step) * distribution.step for value in spread})
    return [distribution.low + round((v - low) / step) * step for v in spread] if step else spread
