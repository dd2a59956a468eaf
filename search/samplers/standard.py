"""The samplers that Optuna brings."""

from __future__ import annotations

from optuna import samplers
from optuna.samplers import BaseSampler

from search.samplers import POPULATION, sampler, violations_of
from search.space import Space


@sampler("tpe")
def tpe(_space: Space, _study: int, seed: int) -> BaseSampler:
    """Tree-structured Parzen estimator."""
    return samplers.TPESampler(seed=seed, n_startup_trials=POPULATION, constraints_func=violations_of)


@sampler("gp")
def gaussian_process(_space: Space, _study: int, seed: int) -> BaseSampler:
    """Gaussian process; needs torch and scipy."""
    import scipy  # noqa: F401  # pyright: ignore
    import torch  # noqa: F401  # pyright: ignore

    return samplers.GPSampler(seed=seed, n_startup_trials=POPULATION, constraints_func=violations_of)


@sampler("nsga2")
def nsga2(_space: Space, _study: int, seed: int) -> BaseSampler:
    """Genetic algorithm with non-dominated sorting and crowding distance."""
    return samplers.NSGAIISampler(seed=seed, population_size=POPULATION, constraints_func=violations_of)


@sampler("nsga3")
def nsga3(_space: Space, _study: int, seed: int) -> BaseSampler:
    """The same with reference points, for three objectives or more."""
    return samplers.NSGAIIISampler(seed=seed, population_size=POPULATION, constraints_func=violations_of)


@sampler("cmaes")
def cmaes(_space: Space, _study: int, seed: int) -> BaseSampler:
    """Covariance matrix adaptation; one objective, and needs cmaes. Categorical parameters are drawn at random."""
    import cmaes as _package  # noqa: F401  # pyright: ignore

    return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)


@sampler("qmc")
def quasi_random(_space: Space, study: int, _trial: int) -> BaseSampler:
    """A scrambled Sobol sequence, which is one sequence for the whole study; needs scipy."""
    import scipy  # noqa: F401  # pyright: ignore

    return samplers.QMCSampler(seed=study, scramble=True, warn_independent_sampling=False)


@sampler("random")
def uniform(_space: Space, _study: int, seed: int) -> BaseSampler:
    """Every value alike."""
    return samplers.RandomSampler(seed=seed)
