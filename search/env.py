"""A Gymnasium environment over a space, as ArchGym has it: an action chooses every parameter, the observation is what
the simulator says, the reward how near that is to a target.

env = DesignEnv("edge_npu", targets={"seconds": 2e-3, "energy_joules": 5e-3}, reward="product")
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces

from search.design import Axis, axes, exists
from search.evaluate import evaluate, make_evaluator
from search.expression import Scalar
from search.objective import Outcome, objective_values

Reward: TypeAlias = Literal["target", "product", "sum"]
STEPS = 100
"""Designs per episode, as in ArchGym's DRAM environment."""
LEAST = 1e-3
"""Nearest that an observation may come to its target: rewards stay at or below its inverse."""
VALUES = 64
"""Values of a continuous range that an action can choose from."""


class DesignEnv(gymnasium.Env[Any, Any]):
    """See the module.

    Observations are the objectives in order, as the logarithm (base 10) of observed / target, and the violation;
    an infeasible design has ``FAR`` for objectives that it lacks, and minus its violation (at most 1) as reward.

    Args:
        space: a shipped space or a file.
        targets: value to be reached per objective; by default the first feasible design's of ``reset``.
        reward: target: target / |target - observed| of the first objective; product, sum: of all objectives.
        steps: designs per episode.
        stop_at: reward at which an episode ends as solved; None is never.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own type
    FAR = 10.0

    def __init__(
        self,
        space: str,
        targets: Mapping[str, float] | None = None,
        reward: Reward = "product",
        steps: int = STEPS,
        stop_at: float | None = None,
    ) -> None:
        self.evaluator = make_evaluator(space)
        self.axes = axes(self.evaluator.space)
        self.names = tuple(one.quantity for one in self.evaluator.space.objectives)
        self.targets = dict(targets or {})
        self.reward, self.steps, self.stop_at = reward, steps, stop_at
        self.taken = 0
        sizes = [len(choices(axis)) for axis in self.axes]
        self.action_space = spaces.MultiDiscrete(sizes)
        self.observation_space = spaces.Box(-self.FAR, self.FAR, (len(self.names) + 1,), np.float32)

    def values(self, action: Any) -> dict[str, Scalar]:
        """The design that an action chooses; parameters that do not exist beside the others are left out."""
        found: dict[str, Scalar] = {}
        for axis, place in zip(self.axes, action, strict=True):
            if exists(axis.parameter, found):
                found[axis.name] = choices(axis)[int(place)]
        return found

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode at a random design."""
        super().reset(seed=seed)
        self.taken = 0
        return self._look([int(self.np_random.integers(len(choices(axis)))) for axis in self.axes])

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Evaluate one design."""
        observation, info = self._look(action)
        self.taken += 1
        reward = self._reward(info["outcome"])
        solved = self.stop_at is not None and reward >= self.stop_at
        return observation, reward, solved, self.taken >= self.steps, info

    def _look(self, action: Any) -> tuple[Any, dict[str, Any]]:
        values = self.values(action)
        outcome = evaluate(self.evaluator, values)
        if outcome.status == "ok":
            for name in self.names:
                self.targets.setdefault(name, outcome.quantities[name] / 2)
        outcome = replace(outcome, cpu_seconds=0.0)
        info = {"values": values, "outcome": outcome, "quantities": dict(outcome.quantities)}
        return self._observation(outcome), info

    def _observation(self, outcome: Outcome) -> Any:
        seen = [self._relative(name, outcome.quantities.get(name)) for name in self.names]
        return np.array([*seen, min(outcome.violation, self.FAR)], dtype=np.float32)

    def _relative(self, name: str, value: float | None) -> float:
        target = self.targets.get(name)
        if value is None or not target:
            return self.FAR
        return min(max(math.log10(max(abs(value), 1e-300) / abs(target)), -self.FAR), self.FAR)

    def _reward(self, outcome: Outcome) -> float:
        """ArchGym: target / |target - observed|, of one objective or multiplied over all (or added up)."""
        observed = objective_values(self.evaluator.space.objectives, outcome.quantities)
        if outcome.status != "ok" or observed is None:
            return -min(1.0, outcome.violation or 1.0)
        near = [
            1 / max(abs(self.targets[name] - value) / abs(self.targets[name]), LEAST)
            for name, value in zip(self.names, observed, strict=True)
        ]
        if self.reward == "target":
            return near[0]
        return math.prod(near) if self.reward == "product" else sum(near)


def choices(axis: Axis) -> tuple[Scalar, ...]:
    """The values of a parameter that an action can choose: all, or an even selection of a continuous range."""
    if axis.values:
        return axis.values
    span, log = axis.span, axis.parameter.log
    parts = [place / (VALUES - 1) for place in range(VALUES)]
    if log:
        return tuple(axis.value(span.low * (span.high / span.low) ** part) for part in parts)
    return tuple(axis.value(span.low + (span.high - span.low) * part) for part in parts)
