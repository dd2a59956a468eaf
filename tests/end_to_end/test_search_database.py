"""Workers on one PostgreSQL study: nothing lost or doubled when they die, and a clear message when the server does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

import search
from search import api, study
from search.reading import read_study
from search.storage import StorageError, open_storage, quiet
from search.study import Pending, Run
from search.trials import Row
from tests.end_to_end.postgres import postgres
from tests.unit.search.tiny import write_tiny
from workloads.errors import UserError

pytest.importorskip("psycopg")
ROOT = Path(__file__).parents[2]
WORKER = """
import sys
from search import api, study
from search.storage import open_storage
if __name__ == "__main__":
    api.open_storage = lambda url: open_storage(url, heartbeat=1, grace=3)
    api.run(sys.argv[1], int(sys.argv[3]), storage=sys.argv[2], resume=True, sampler="random", seed=int(sys.argv[4]))
"""


@pytest.fixture
def server(tmp_path: Path) -> Generator[tuple[str, subprocess.Popen[bytes]]]:
    # Socket paths are short, and the server's account must be able to enter the folder.
    with tempfile.TemporaryDirectory(prefix="hwsim-pg-") as folder:
        os.chmod(folder, 0o755)
        with postgres(Path(folder) / "pg") as running:
            yield running


def worker(space: Path, url: str, trials: int, seed: int) -> subprocess.Popen[bytes]:
    script = space.parent / "worker.py"
    script.write_text(WORKER, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), str(space), url, str(trials), str(seed)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def test_workers_share_a_study_and_one_that_is_killed_costs_nothing(
    server: tuple[str, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    url, _ = server
    space = write_tiny(tmp_path)
    trials = 40
    workers = [worker(space, url, trials, seed) for seed in (1, 2)]
    until = time.monotonic() + 240
    while time.monotonic() < until:
        time.sleep(0.2)
        if len(_rows(url)) >= 4:
            break
    done = {row.number: row for row in _rows(url)}
    assert len(done) >= 4
    workers[0].send_signal(signal.SIGKILL)
    workers[0].wait()
    assert workers[1].wait(timeout=300) == 0
    # Trials of the dead worker are found by their missing heartbeats and tried again, by the one that is left.
    assert len(_rows(url)) == trials
    late = worker(space, url, trials + 4, 3)
    assert late.wait(timeout=300) == 0
    rows = _rows(url)
    assert len(rows) == trials + 4
    assert len({row.number for row in rows}) == len(rows)
    assert all(any(row == one for row in rows) for one in done.values()), "what was finished stays as it was"
    assert _running(url) == 0


def test_a_trial_whose_worker_never_gave_a_sign_of_life_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    monkeypatch.setattr(api, "open_storage", lambda text: open_storage(text, heartbeat=1, grace=2))
    space = write_tiny(tmp_path)
    search.run(space, 4, storage=url, sampler="random")
    store = open_storage(url)
    with quiet():
        optuna.load_study(study_name="tiny", storage=store.storage).ask()
    store.close()
    assert _running(url) == 1
    rows = search.run(space, 5, storage=url, sampler="random", resume=True).rows
    assert len(rows) == 5
    assert _running(url) == 0


def test_a_trial_that_others_took_over_is_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    tell = study._tell

    def late(run: Run, one: Pending) -> None:
        if one.trial.number == 2:
            run.store.storage.set_trial_state_values(one.trial._trial_id, TrialState.FAIL)
        tell(run, one)

    monkeypatch.setattr(study, "_tell", late)
    rows = search.run(write_tiny(tmp_path), 6, storage=url, sampler="random").rows
    assert sorted(row.number for row in rows) == [0, 1, 3, 4, 5, 6]


def test_a_server_that_goes_away_is_one_message_and_what_was_finished_is_there(
    server: tuple[str, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    url, process = server
    space = write_tiny(tmp_path)

    def stop(run: object) -> None:
        if len(getattr(run, "rows")) >= 3:  # noqa: B009
            process.send_signal(signal.SIGQUIT)
            process.wait(timeout=30)

    with pytest.raises(StorageError, match=r"the database does not answer: .*continue with --resume"):
        search.run(space, 20, storage=url, sampler="random", watch=stop)


def test_a_database_that_is_not_there_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="postgresql://me@localhost:1/x: the database can't be opened"):
        search.run(write_tiny(tmp_path), 1, storage="postgresql://me:secret@localhost:1/x")


def test_sqlite_keeps_a_study(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    space = write_tiny(tmp_path)
    search.run(space, 6, storage=url, sampler="tpe")
    rows = search.run(space, 12, storage=url, sampler="tpe", resume=True).rows
    assert [row.number for row in rows] == list(range(12))
    assert (tmp_path / "study.db-wal").exists() or (tmp_path / "study.db").stat().st_size


def _rows(url: str) -> list[Row]:
    try:
        return read_study(url)[2]
    except UserError:  # The study is only being created.
        return []


def _running(url: str) -> int:
    store = open_storage(url)
    study = optuna.load_study(study_name="tiny", storage=store.storage)
    found = len(study.get_trials(states=(TrialState.RUNNING,)))
    store.close()
    return found
