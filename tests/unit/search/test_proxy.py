"""The proxy regressor is honest about trials it has not seen, and better than guessing the mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import search
from search.proxy import fit, prescreen, quality, usable
from tests.unit.search.tiny import write_tiny
from workloads.errors import UserError

pytest.importorskip("sklearn")


def test_a_proxy_beats_the_mean_on_held_out_trials_and_prescreens(tmp_path: Path) -> None:
    result = search.run(write_tiny(tmp_path), 96, sampler="grid", screen=False)
    good = usable(result.space, result.rows)
    found = quality(result.space, result.rows)
    seconds = np.array([row.outcome.quantities["seconds"] for row in good])
    guess = 100 * np.sqrt((((seconds.mean() - seconds) / seconds) ** 2).mean())
    assert found.rmse_percent["seconds"] < guess / 2
    assert found.speed_up > 10
    assert found.fitted + found.held_out == len(good)
    proxy = fit(result.space, good[::2])
    kept = prescreen(proxy, [row.values for row in good], len(good) // 4)
    assert seconds[kept].mean() < seconds.mean()


def test_too_few_trials_are_refused(tmp_path: Path) -> None:
    result = search.run(write_tiny(tmp_path), 5, sampler="random")
    with pytest.raises(UserError, match="a proxy needs 20 feasible simulated trials"):
        fit(result.space, result.rows)
