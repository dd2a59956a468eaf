"""A regressor in place of the simulator: fitted on a study, with its error on trials it has not seen and its speed-up.

It learns the logarithm of every objective from the places of the parameters; ``prescreen`` uses it to choose, from many
candidates, those worth simulating.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from search.design import axes
from search.expression import Scalar
from search.objective import signs
from search.pareto import minimized
from search.space import Space, split_quantity
from search.trials import Row
from workloads.errors import UserError

HELD_OUT = 0.2
LEAST_TRIALS = 20


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a proxy is.

    Attributes:
        rmse_percent: by objective, root mean square of the relative error on held-out trials.
        fitted, held_out: trials it learned from, and was judged on.
        speed_up: CPU time of a simulated trial over that of a predicted one, predicting many at once.
    """

    rmse_percent: Mapping[str, float]
    fitted: int
    held_out: int
    speed_up: float


@dataclass(frozen=True, slots=True)
class Proxy:
    """A fitted regressor per objective."""

    space: Space
    models: tuple[Any, ...]

    def predict(self, designs: Sequence[Mapping[str, Scalar]]) -> Any:
        """Objectives of designs (values of their parameters), one row each."""
        features = np.array([encode(self.space, values) for values in designs])
        return np.exp(np.column_stack([model.predict(features) for model in self.models]))


def encode(space: Space, values: Mapping[str, Scalar]) -> list[float]:
    """A design as numbers: the logarithm of what is positive, the place of a word, -1 for what does not exist."""
    features: list[float] = []
    for axis in axes(space):
        value = values.get(axis.name)
        if axis.kind == "categorical":
            features += [float(value == choice) for choice in axis.parameter.choices]
        elif value is None:
            features.append(-1.0)
        else:
            number = split_quantity(value)[0]
            features.append(float(np.log2(number)) if number > 0 else number)
    return features


def usable(space: Space, rows: Sequence[Row]) -> list[Row]:
    """Feasible trials that the event engine played, each design once."""
    return [row for row in rows if row.same_as < 0 and row.outcome.fidelity == "engine" and minimized(space, row)]


def fit(space: Space, rows: Sequence[Row]) -> Proxy:
    """A proxy learned from trials.

    Raises:
        UserError: scikit-learn is missing, or there are too few trials.
    """
    try:
        from sklearn.ensemble import ExtraTreesRegressor
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise UserError(f"a proxy needs scikit-learn: pip install 'hwsim[proxy]' ({error})") from None
    good = usable(space, rows)
    if len(good) < LEAST_TRIALS:
        raise UserError(f"{space.name}: a proxy needs {LEAST_TRIALS} feasible simulated trials, there are {len(good)}")
    features = np.array([encode(space, row.values) for row in good])
    targets = np.log([[row.outcome.quantities[one.quantity] for one in space.objectives] for row in good])
    lengths: Any = np.ones(features.shape[1])
    models: list[Any] = []
    for column in targets.T:
        if len(good) <= 1000:
            kernel = ConstantKernel(1.0) * RBF(lengths, (0.05, 1e4)) + WhiteKernel(1e-4, (1e-8, 1.0))
            regressor: Any = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
        else:
            regressor = ExtraTreesRegressor(300, random_state=0)
        models.append(_fitted(make_pipeline(StandardScaler(), regressor), features, column))
    return Proxy(space, tuple(models))


def _fitted(model: Any, features: Any, column: Any) -> Any:
    """A model fitted without warnings of kernels at the end of their range."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(features, column)


def quality(space: Space, rows: Sequence[Row]) -> Quality:
    """Error of a proxy on a fifth of the trials after learning from the others; raises what ``fit`` raises."""
    good = usable(space, rows)
    order = np.random.default_rng(0).permutation(len(good))
    count = max(1, int(HELD_OUT * len(good)))
    held, kept = [good[int(place)] for place in order[:count]], [good[int(place)] for place in order[count:]]
    proxy = fit(space, kept)
    started = time.process_time()
    many = [row.values for row in held] * max(1, 2000 // count)
    proxy.predict(many)
    each = (time.process_time() - started) / len(many)
    predicted = proxy.predict([row.values for row in held])
    truth = np.array([[row.outcome.quantities[one.quantity] for one in space.objectives] for row in held])
    errors = 100 * np.sqrt((((predicted - truth) / truth) ** 2).mean(axis=0))
    names = [one.quantity for one in space.objectives]
    simulated = float(np.mean([row.outcome.cpu_seconds for row in good]))
    return Quality(dict(zip(names, map(float, errors), strict=True)), len(kept), count, simulated / max(each, 1e-9))


def prescreen(proxy: Proxy, designs: Sequence[Mapping[str, Scalar]], keep: int) -> list[int]:
    """Places of the designs that the proxy thinks best: front after front until there are ``keep``."""
    from search.pareto import front

    points = [tuple(map(float, row)) for row in proxy.predict(designs) * np.array(signs(proxy.space))]
    left, chosen = list(range(len(points))), list[int]()
    while left and len(chosen) < keep:
        best = [left[place] for place in front([points[one] for one in left])]
        chosen += best
        left = [one for one in left if one not in set(best)]
    return chosen[:keep]


def print_quality(space: Space, rows: Sequence[Row]) -> None:
    """The error and the speed-up of a proxy in words."""
    import click

    found = quality(space, rows)
    for name, error in found.rmse_percent.items():
        click.echo(f"{name}: {error:.2f} % root mean square error on {found.held_out} held-out trials")
    click.echo(
        f"learned from {found.fitted} trials; predicts {found.speed_up:,.0f} times as fast as a trial is simulated"
    )
