"""kill -9 at random moments, twenty times each: no finished trial is lost, none counted twice, the study goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import search
from search.reading import read_study
from search.study import Run
from search.trials import Row
from search.workers import Processes
from tests.unit.search.test_study import facts
from tests.unit.search.tiny import write_tiny

ROOT = Path(__file__).parents[2]
KILLS, TRIALS = 20, 90
COMMAND = """
import search, sys
if __name__ == "__main__":
    search.run(sys.argv[1], int(sys.argv[2]), storage=sys.argv[3], resume=True, sampler="tpe", jobs=int(sys.argv[4]))
"""


def start(space: Path, trials: int, storage: str, jobs: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{space.parent}", "OMP_NUM_THREADS": "1"}
    script = space.parent / "drive.py"
    script.write_text(COMMAND, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, str(script), str(space), str(trials), storage, str(jobs)],
        env=environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def finished(storage: str) -> list[Row]:
    return read_study(storage)[2] if os.path.exists(storage) and os.path.getsize(storage) else []


def test_twenty_kills_of_the_driver_lose_and_double_nothing(tmp_path: Path) -> None:
    space = write_tiny(tmp_path)
    storage = str(tmp_path / "killed.study")
    draw = random.Random(0)
    before: list[object] = []
    kills = 0
    while kills < KILLS:
        driver = start(space, TRIALS, storage, jobs=0)
        # Wait until this driver has told something, then a random moment more, so that kills fall into the work.
        known, until = len(before), time.monotonic() + 240
        size = os.path.getsize(storage) if os.path.exists(storage) else 0
        while driver.poll() is None and time.monotonic() < until:
            if os.path.exists(storage) and os.path.getsize(storage) > size + 500:
                break
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.03))
        ended = driver.poll() is not None
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        assert not ended or kills, "the study was over before the first kill"
        if ended:
            break
        kills += 1
        rows = finished(storage)
        assert [row.number for row in rows] == sorted({row.number for row in rows})
        assert facts(rows)[:known] == before[:known], "what was finished stays as it was"
        before = facts(rows)
    assert kills == KILLS, f"the study was over after {kills} kills; give it more trials"
    driver = start(space, TRIALS, storage, jobs=0)
    assert driver.wait(timeout=300) == 0
    rows = finished(storage)
    assert [row.number for row in rows] == list(range(TRIALS))
    assert facts(rows) == facts(search.run(space, TRIALS, sampler="tpe").rows), "as if nobody had killed anything"


def test_twenty_kills_of_workers_cost_a_trial_each_at_most(tmp_path: Path) -> None:
    space, storage = write_tiny(tmp_path), str(tmp_path / "killed.study")
    draw = random.Random(1)
    killed: list[int] = []

    def kill(run: Run) -> None:
        assert isinstance(run.pool, Processes)
        alive = [worker.process for worker in run.pool.workers if worker.process.is_alive()]
        if alive and len(killed) < KILLS and draw.random() < 0.5:
            time.sleep(draw.uniform(0, 0.05))
            victim = draw.choice(alive)
            victim.kill()
            killed.append(victim.pid)

    rows = search.run(space, TRIALS, storage=storage, sampler="random", seed=5, jobs=2, watch=kill).rows
    assert len(killed) == KILLS
    assert [row.number for row in rows] == list(range(TRIALS))
    assert facts(finished(storage)) == facts(rows)
    failed = [row for row in rows if row.outcome.status == "failed"]
    assert len([row for row in failed if row.same_as < 0]) <= KILLS
    assert all("ended with code -9" in row.outcome.reason for row in failed)
    calm = {row.number: row for row in search.run(space, TRIALS, sampler="random", seed=5).rows}
    for row in rows:
        if row.outcome.status == "ok" and row.outcome.fidelity == calm[row.number].outcome.fidelity:
            assert row.outcome.quantities == calm[row.number].outcome.quantities
