"""Samplers by name. Each is made anew for every trial from (seed, trial number), so that a study that was killed and
resumed proposes exactly what an uninterrupted one would have; all their memory is in the study itself.
"""

from __future__ import annotations

import hashlib
import importlib
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from workloads.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from search.space import Space

CONSTRAINTS = "hwsim:constraints"
POPULATION = 24
Make: TypeAlias = "Callable[[Space, int, int], BaseSampler]"

_SAMPLERS: dict[str, Make] = {}
_MODULES = ("search.samplers.standard", "search.samplers.ant_colony", "search.samplers.annealing",
            "search.samplers.grid")  # fmt: skip


def sampler(name: str) -> Callable[[Make], Make]:
    """Register a function from (space, seed of the study, seed of the trial) to a sampler."""

    def add(make: Make) -> Make:
        _SAMPLERS[name] = make
        return make

    return add


def sampler_names() -> tuple[str, ...]:
    """Names of all samplers."""
    for module in _MODULES:
        importlib.import_module(module)
    return tuple(_SAMPLERS)


def make_sampler(name: str, space: Space, seed: int, trial: int) -> BaseSampler:
    """The sampler for one trial of a study.

    Raises:
        UserError: no sampler has that name, or a package it needs is missing.
    """
    check_sampler(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _SAMPLERS[name](space, seed, trial_seed(seed, trial))
        except ImportError as error:
            raise UserError(f"the sampler {name} needs a package: {error}; pip install 'hwsim[search]'") from error


def trial_seed(seed: int, trial: int) -> int:
    """A seed of 32 bits for one trial."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{trial}".encode()).digest()[:4])


def violations_of(trial: FrozenTrial) -> Sequence[float]:
    """Amounts by which a trial misses its limits, as Optuna wants them: above zero is infeasible."""
    return trial.user_attrs.get(CONSTRAINTS, (0.0,))


def check_sampler(name: str) -> None:
    """Raise UserError unless a sampler has this name."""
    if name not in sampler_names():
        known = ", ".join(_SAMPLERS)
        raise UserError(f"no sampler is named {name!r}{did_you_mean(name, _SAMPLERS)}; samplers: {known}")
