"""A real Dask cluster evaluates a study exactly as this process would."""

from __future__ import annotations

from pathlib import Path

import pytest

import search
from tests.unit.search.test_study import facts
from tests.unit.search.tiny import write_tiny
from workloads.errors import UserError

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_cluster_gives_the_same_study(tmp_path: Path) -> None:
    from search.dask_pool import DaskPool

    space = write_tiny(tmp_path)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        pool = DaskPool.connect(str(space), cluster.scheduler_address)
        there = search.run(space, 24, sampler="nsga2", pool=pool).rows
    assert facts(there) == facts(search.run(space, 24, sampler="nsga2").rows)
    with pytest.raises(UserError, match="no Dask scheduler answers"):
        DaskPool.connect(str(space), "tcp://127.0.0.1:1")
