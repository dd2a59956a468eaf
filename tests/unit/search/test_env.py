"""The environments pass the checkers of their libraries, and rewards are ArchGym's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.search.tiny import write_tiny

pytest.importorskip("gymnasium")
pytest.importorskip("pettingzoo")


def test_gymnasiums_own_checker_passes(tmp_path: Path) -> None:
    from gymnasium.utils.env_checker import check_env

    from search.env import DesignEnv

    check_env(DesignEnv(str(write_tiny(tmp_path)), steps=5), skip_render_check=True)


def test_rewards_are_those_of_archgym(tmp_path: Path) -> None:
    from search.env import DesignEnv

    targets = {"seconds": 1e-6, "energy_joules": 1e-6}
    action = [1, 1, 0, 1]
    rewards = {
        kind: DesignEnv(str(write_tiny(tmp_path)), targets, reward=kind).step(action)
        for kind in ("target", "product", "sum")
    }
    seen = rewards["target"][4]["quantities"]
    near = [1e-6 / abs(1e-6 - seen[name]) for name in targets]
    assert rewards["target"][1] == pytest.approx(near[0])
    assert rewards["product"][1] == pytest.approx(near[0] * near[1])
    assert rewards["sum"][1] == pytest.approx(sum(near))
    over = DesignEnv(str(write_tiny(tmp_path)), targets).step([3, 3, 0, 1])
    assert -1 <= over[1] < 0
    assert over[0][-1] > 0


def test_pettingzoos_own_test_passes(tmp_path: Path) -> None:
    from pettingzoo.test import parallel_api_test

    from search.multi_agent import DesignParallelEnv

    env = DesignParallelEnv(str(write_tiny(tmp_path)), steps=3)
    assert env.possible_agents == ["units.array", "memories.sram"]
    parallel_api_test(env, num_cycles=5)
