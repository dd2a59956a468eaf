"""Studies: reproducible whatever the number of jobs, resumable after anything, no design evaluated twice."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

import search
from search.journal import JournalFile, StorageError
from search.objective import QUANTITIES
from search.reading import read_study
from search.study import Run
from search.trials import Row
from search.workers import Processes
from tests.unit.search.tiny import SPACE, write_tiny
from workloads.errors import UserError

TRIALS = 60


def facts(rows: tuple[Row, ...] | list[Row]) -> list[object]:
    """All of the rows that has to be reproducible."""
    return [(row.number, row.values, row.key, row.same_as, replace(row.outcome, cpu_seconds=0)) for row in rows]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny(tmp_path)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "nsga3", "random", "aco", "annealing", "grid"])
def test_a_study_interrupted_anywhere_equals_one_that_was_not(sampler: str, tiny: Path, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    whole = search.run(tiny, TRIALS, sampler=sampler, seed=3)
    assert [row.number for row in whole.rows] == list(range(TRIALS))
    storage, stops = str(tmp_path / "a.study"), [7, 20, 41]

    def stop(run: Run) -> None:
        if stops and len(run.rows) >= stops[0]:
            stops.pop(0)
            raise StoppedError

    while stops:
        with pytest.raises(StoppedError):
            search.run(tiny, TRIALS, sampler=sampler, seed=3, storage=storage, resume=True, watch=stop)
    parts = search.run(tiny, TRIALS, sampler=sampler, seed=3, storage=storage, resume=True)
    assert facts(parts.rows) == facts(whole.rows)
    assert facts(read_study(storage)[2]) == facts(whole.rows)


@pytest.mark.parametrize(("sampler", "package"), [("cmaes", "cmaes"), ("qmc", "scipy")])
def test_samplers_with_a_state_of_their_own_go_on_after_an_interruption(
    sampler: str, package: str, tmp_path: Path
) -> None:
    pytest.importorskip(package)
    one_objective = write_tiny(tmp_path, SPACE.replace("  - {quantity: energy_joules, goal: min}\n", ""))
    storage = str(tmp_path / "a.study")
    search.run(one_objective, 30, sampler=sampler, storage=storage)
    rows = search.run(one_objective, TRIALS, sampler=sampler, storage=storage, resume=True).rows
    assert [row.number for row in rows] == list(range(TRIALS))
    assert len({row.key for row in rows}) > 20
    drawn = search.run(one_objective, TRIALS, sampler="random").rows
    assert [row.values for row in rows] != [row.values for row in drawn]


def test_jobs_do_not_change_a_study(tiny: Path) -> None:
    alone = search.run(tiny, 30, sampler="nsga2", seed=1)
    together = search.run(tiny, 30, sampler="nsga2", seed=1, jobs=3)
    other = search.run(tiny, 30, sampler="nsga2", seed=2)
    assert facts(alone.rows) == facts(together.rows) != facts(other.rows)


def test_no_design_is_evaluated_twice(tiny: Path) -> None:
    rows = search.run(tiny, 120, sampler="nsga2").rows
    first = [row.key for row in rows if row.same_as < 0]
    again = [row for row in rows if row.same_as >= 0]
    assert len(set(first)) == len(first)
    assert again, "96 designs and 120 trials"
    assert all(rows[row.same_as].key == row.key and row.outcome.cpu_seconds == 0 for row in again)


def test_the_grid_lists_every_design_once_and_ends_and_samplers_find_its_optimum(tiny: Path, tmp_path: Path) -> None:
    one = write_tiny(tmp_path, SPACE.replace("  - {quantity: energy_joules, goal: min}\n", ""))
    rows = search.run(one, 1000, sampler="grid", screen=False).rows
    assert len(rows) == 96
    assert len({row.key for row in rows}) == 96
    best = min(row.outcome.quantities["seconds"] for row in rows if row.outcome.status == "ok")
    for sampler in ("tpe",):
        found = search.run(one, 80, sampler=sampler).front[0].outcome.quantities["seconds"]
        assert found == best, sampler


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[str]:
    """A quantity that crashes, hangs or kills its process for some designs."""
    (tmp_path / "nasty_plugin.py").write_text(
        "import os, time\nfrom search.objective import quantity\n"
        "@quantity('nasty')\n"
        "def nasty(totals):\n"
        "    if not totals.seconds: return None\n"
        "    which = int(totals.cycles if hasattr(totals, 'cycles') else totals.seconds * totals.clock_hertz) % 4\n"
        "    if which == 0: raise RuntimeError('a bug')\n"
        "    if which == 1: os._exit(9)\n"
        "    if which == 2: time.sleep(60)\n"
        "    return 1.0\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(__file__).parents[3])]))
    yield "plugins: [nasty_plugin]\n"
    # Whatever becomes of the test: the next ones evaluate in this process.
    QUANTITIES.pop("nasty", None)


def test_crashes_and_timeouts_are_recorded_and_end_nothing(plugins: str, tmp_path: Path) -> None:
    space = write_tiny(tmp_path, plugins + SPACE)
    rows = search.run(space, 12, sampler="random", jobs=2, timeout=2, screen=False).rows
    assert len(rows) == 12
    reasons = {row.outcome.status: row.outcome.reason for row in rows}
    assert {"failed", "timeout"} <= set(reasons)
    assert any("RuntimeError: a bug" in row.outcome.reason for row in rows) or any(
        "ended with code 9" in row.outcome.reason for row in rows
    )


def test_a_killed_worker_process_costs_one_trial(tiny: Path) -> None:
    pool = Processes(str(tiny), 2)
    killed: list[int] = []

    def kill(run: Run) -> None:
        if len(run.rows) >= 10 and not killed:
            killed.append(pool.workers[0].process.pid)
            os.kill(killed[0], signal.SIGKILL)

    rows = search.run(tiny, 30, sampler="random", pool=pool, watch=kill).rows
    assert killed
    assert len(rows) == 30
    assert sum(row.outcome.status == "failed" for row in rows) <= 1


def test_two_drivers_cannot_write_one_file(tiny: Path, tmp_path: Path) -> None:
    held = JournalFile(tmp_path / "b.study")
    with pytest.raises(StorageError, match="another `hwsim search` is running this study"):
        search.run(tiny, 1, storage=str(tmp_path / "b.study"))
    held.close()


def test_a_study_of_another_space_is_not_mixed_in(tiny: Path, tmp_path: Path) -> None:
    storage = str(tmp_path / "c.study")
    search.run(tiny, 3, storage=storage)
    with pytest.raises(UserError, match="add --resume"):
        search.run(tiny, 3, storage=storage)
    write_tiny(tmp_path, SPACE.replace("at_most: 0.4", "at_most: 0.5"))
    with pytest.raises(UserError, match="another version of the space file"):
        search.run(tiny, 3, storage=storage, resume=True)


def test_half_a_line_at_the_end_is_dropped(tiny: Path, tmp_path: Path) -> None:
    storage = tmp_path / "d.study"
    whole = search.run(tiny, 12, sampler="tpe", storage=str(storage)).rows
    data = storage.read_bytes()
    for cut in (1, 17, 300):
        storage.write_bytes(data[:-cut])
        assert facts(search.run(tiny, 12, sampler="tpe", storage=str(storage), resume=True).rows) == facts(whole)


def test_a_full_disk_is_one_message_and_nothing_is_lost(tiny: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: writing fails in the middle of a line."""
    storage = str(tmp_path / "e.study")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
        with pytest.raises(StorageError, match=r"e\.study: can't be written: File too large; finished trials are kept"):
            search.run(tiny, TRIALS, sampler="tpe", storage=storage)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    kept = len(read_study(storage)[2])
    assert kept > 3
    resumed = search.run(tiny, TRIALS, sampler="tpe", storage=storage, resume=True).rows
    assert facts(resumed) == facts(search.run(tiny, TRIALS, sampler="tpe").rows)
