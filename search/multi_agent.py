"""The same environment for several agents (PettingZoo's parallel API): one per group of parameters, one common reward.

Groups are those of the space file (``group:``), else the part of the chip that a parameter belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from search.design import Axis
from search.env import DesignEnv, choices

Step: TypeAlias = tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]


class DesignParallelEnv(ParallelEnv[str, Any, Any]):
    """See the module; takes the arguments of ``DesignEnv``."""

    metadata = {"name": "hwsim_design_v0", "render_modes": []}  # noqa: RUF012 - PettingZoo's own type

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        self.single = DesignEnv(*arguments, **settings)
        self.groups: dict[str, list[int]] = {}
        for place, axis in enumerate(self.single.axes):
            self.groups.setdefault(group_of(axis), []).append(place)
        self.possible_agents = list(self.groups)
        self.agents: list[str] = []
        self._actions = {
            agent: spaces.MultiDiscrete([len(choices(self.single.axes[place])) for place in places])
            for agent, places in self.groups.items()
        }

    def observation_space(self, agent: str) -> Any:
        """The same for all: what the simulator says."""
        return self.single.observation_space

    def action_space(self, agent: str) -> Any:
        """The values of the agent's own parameters."""
        return self._actions[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode."""
        observation, info = self.single.reset(seed=seed, options=options)
        self.agents = list(self.possible_agents)
        return self._all(observation), self._all(info)

    def step(self, actions: Mapping[str, Any]) -> Step:
        """Evaluate the design that all agents chose together."""
        whole = np.zeros(len(self.single.axes), dtype=np.int64)
        for agent, places in self.groups.items():
            whole[places] = actions[agent]
        observation, reward, solved, over, info = self.single.step(whole)
        result = (
            self._all(observation), self._all(reward), self._all(solved), self._all(over), self._all(info)
        )  # fmt: skip
        if solved or over:
            self.agents = []
        return result

    def _all(self, one: Any) -> dict[str, Any]:
        return {agent: one.copy() if isinstance(one, np.ndarray | dict) else one for agent in self.agents}


def group_of(axis: Axis) -> str:
    """The agent that owns a parameter."""
    parameter = axis.parameter
    if parameter.group:
        return parameter.group
    path = parameter.path if isinstance(parameter.path, str) else next(iter(parameter.path), "")
    return ".".join(path.split(".")[:2]) if path else "knobs"
