"""The Gaussian-process sampler, which needs torch."""

from __future__ import annotations

from pathlib import Path

import pytest

import search
from search.samplers import POPULATION
from search.study import Run
from tests.unit.search.tiny import write_tiny

pytest.importorskip("scipy")
TRIALS = POPULATION + 10


def test_a_gaussian_process_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(run: Run) -> None:
        if len(run.rows) == TRIALS - 1:
            raise StoppedError

    space, storage = write_tiny(tmp_path), str(tmp_path / "a.study")
    whole = search.run(space, TRIALS, sampler="gp", seed=2).rows
    with pytest.raises(StoppedError):
        search.run(space, TRIALS, sampler="gp", seed=2, storage=storage, watch=stop)
    parts = search.run(space, TRIALS, sampler="gp", seed=2, storage=storage, resume=True).rows
    assert [row.values for row in parts] == [row.values for row in whole]
    drawn = search.run(space, TRIALS, sampler="random", seed=2).rows
    assert [row.values for row in drawn[-2:]] != [row.values for row in whole[-2:]]
