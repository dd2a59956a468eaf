"""Mappings kept between runs: whole or absent, right or not found, whatever else writes, dies or breaks."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.machine import Machine, make_machine
from mapper import cache as cache_module
from mapper.base import Found, Goal, Proof, Task
from mapper.cache import (
    Cache,
    cache_folder,
    cache_state,
    chip_part,
    clear_cache,
    files_version,
    key_of,
    open_cache,
    program_version,
)
from mapper.estimate import make_estimator
from mapper.graph import Search, map_with
from tests.end_to_end.small_chip import SMALL_CHIP
from tests.unit.mapper.cache_writer import PROVEN, numbered_task, result
from tests.unit.mapper.test_mappers import task_of
from workloads.inline import parse_inline

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def chip(tmp_path_factory: pytest.TempPathFactory) -> Chip:
    path = tmp_path_factory.mktemp("chip") / "small.yaml"
    path.write_text(SMALL_CHIP)
    return load_chip(path)


@pytest.fixture(scope="module")
def machine(chip: Chip) -> Machine:
    return make_machine(chip)


@pytest.fixture
def task(machine: Machine) -> Task:
    return task_of(machine, "matmul:m=8,n=8,k=8")


def entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_result_comes_back_as_it_was_to_the_last_bit(machine: Machine, task: Task, tmp_path: Path) -> None:
    for number, proof in ((1, PROVEN), (2, None), (3, Proof(float("inf"), 0.0, 0.0))):
        Cache(machine, tmp_path).put(task, "optimal", Goal(), result(number, proof))
        assert Cache(machine, tmp_path).get(task, "optimal", Goal()) == result(number, proof)
    assert len(entries(tmp_path)) == 1


def test_every_part_of_a_question_has_its_own_answer(machine: Machine, task: Task, tmp_path: Path) -> None:
    cache = Cache(machine, tmp_path)
    cache.put(task, "optimal", Goal(), result(1))
    others: list[tuple[Task, str, Goal]] = [
        (task_of(machine, "matmul:m=8,n=8,k=9"), "optimal", Goal()),
        (replace(task, capacity_bytes=4096), "optimal", Goal()),
        (replace(task, resident=frozenset({"input"})), "optimal", Goal()),
        (task, "exhaustive", Goal()),
        (task, "optimal", Goal("energy")),
    ]
    assert [cache.get(*other) for other in others] == [None] * len(others)
    assert cache.get(task, "optimal", Goal(jobs=2, budget_seconds=5.0)) == result(1)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        (["package.tdp=9 W", "cost.price=1 USD", "title=other"], True),
        (["memories.dram.bandwidth=11 GB/s"], False),
        (["memories.sram.read_energy=1 pJ/bit"], False),
        (["memories.sram.double_buffered=false"], False),
        (["units.array.rows=9"], False),
        (["clocks.core=2 GHz"], False),
        (["technology.node=7 nm"], False),
        (["package.idle_power=3 W"], False),
    ],
    ids=lambda value: value[0].partition("=")[0] if isinstance(value, list) else None,
)
def test_only_what_an_array_depends_on_makes_another_key(
    machine: Machine, task: Task, tmp_path: Path, changes: list[str], same: bool
) -> None:
    (tmp_path / "small.yaml").write_text(SMALL_CHIP)
    other = make_machine(load_chip(tmp_path / "small.yaml", changes))
    keys = [key_of(task, chip_part(one, "array"), "optimal", Goal()) for one in (machine, other)]
    assert (keys[0] == keys[1]) == same


def test_what_a_budget_cut_short_is_not_kept_for_others(machine: Machine, task: Task, tmp_path: Path) -> None:
    cache = Cache(machine, tmp_path)
    hurried = Goal(budget_seconds=0.5)
    cache.put(task, "optimal", hurried, result(1, Proof(9.0, 0.5, 0.2)))
    cache.put(task, "optimal", hurried, result(2, None))
    assert cache.get(task, "optimal", hurried) is None
    cache.put(task, "optimal", hurried, result(3))
    assert cache.get(task, "optimal", Goal()) == result(3)


def _truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _bit_flipped(data: bytes) -> bytes:
    place = data.index(b"evaluated") + len(b'evaluated\\": ')
    return data[:place] + b"7" + data[place + 1 :]


def _of_another_key(data: bytes) -> bytes:
    return json.dumps({**json.loads(data), "key": "0" * 64}).encode()


@pytest.mark.parametrize(
    "damage",
    [_truncated, _bit_flipped, _of_another_key, *(lambda _, text=text: text for text in (b"", b"\xff", b"[1]", b"{}"))],
    ids=["truncated", "bit flipped", "another key", "empty", "binary", "a list", "fields missing"],
)  # fmt: skip
def test_a_damaged_entry_is_ignored_and_rewritten(
    machine: Machine, task: Task, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    cache = Cache(machine, tmp_path)
    cache.put(task, "optimal", Goal(), result(1))
    (path,) = entries(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert path.read_bytes() != whole
    assert cache.get(task, "optimal", Goal()) is None
    cache.put(task, "optimal", Goal(), result(1))
    assert path.read_bytes() == whole


def test_a_folder_that_can_not_be_written_is_said_once(
    machine: Machine, task: Task, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    for _ in range(2):
        cache = Cache(machine, blocked / "mappings")
        for number in range(3):
            cache.put(task, "optimal", Goal(), result(number))
            assert cache.get(task, "optimal", Goal()) is None
    assert capsys.readouterr().err.count("mappings are not kept for later runs") == 1


def test_a_full_disk_leaves_no_half_entry(
    machine: Machine, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_module.os, "replace", full)
    cache = Cache(machine, tmp_path)
    cache.put(task, "optimal", Goal(), result(1))
    assert "No space left on device" in capsys.readouterr().err
    assert entries(tmp_path) == []
    assert cache.get(task, "optimal", Goal()) is None


def writer(chip_file: Path, folder: Path, first: int, last: int) -> subprocess.Popen[str]:
    arguments = [str(chip_file), str(folder), str(first), str(last)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.unit.mapper.cache_writer", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed with SIGKILL")
def test_writers_that_share_keys_and_are_killed_leave_whole_and_right_entries(machine: Machine, tmp_path: Path) -> None:
    chip_file, folder = tmp_path / "small.yaml", tmp_path / "cache"
    chip_file.write_text(SMALL_CHIP)
    writers = [writer(chip_file, folder, first, last) for first, last in ((0, 12), (0, 12), (8, 20))]
    for process in writers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    deadline = time.monotonic() + 5
    while len(list(folder.rglob("*.json"))) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [process.poll() for process in writers] == [None] * 3  # none has met a wrong entry
    for process in writers:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert process.stdout is not None
        process.stdout.close()
    cache = Cache(machine, folder)
    found = [cache.get(numbered_task(machine, number), "optimal", Goal()) for number in range(20)]
    assert found == [result(number) for number in range(20)]


def test_the_folder_follows_the_conventions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "hwsim" / "mappings"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    home = cache_folder()
    assert home is not None and home.is_absolute() and home.parts[-2:] == ("hwsim", "mappings")


def test_another_version_of_the_program_finds_nothing(
    machine: Machine, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_cache(machine).put(task, "optimal", Goal(), result(1))
    assert open_cache(machine).get(task, "optimal", Goal()) == result(1)
    monkeypatch.setattr(cache_module, "program_version", lambda: "another")
    assert open_cache(machine).get(task, "optimal", Goal()) is None


def test_a_change_of_any_source_or_data_file_is_another_version(tmp_path: Path) -> None:
    for name in ("mapper/a.py", "hwsim/data/b.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    versions = [files_version(tmp_path)]
    for name, text in (("mapper/a.py", "two"), ("hwsim/data/b.yaml", "two"), ("mapper/c.py", "")):
        (tmp_path / name).write_text(text)
        versions.append(files_version(tmp_path))
    (tmp_path / "mapper" / "kernel.nbc").write_text("compiled")
    assert len(set(versions)) == 4
    assert files_version(tmp_path) == versions[-1]


def test_state_and_clearing_touch_only_what_the_cache_wrote(
    machine: Machine, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "hwsim" / "mappings"
    assert cache_state(folder).entries == 0
    assert clear_cache(folder) == 0
    open_cache(machine).put(task, "optimal", Goal(), result(1))
    Cache(machine, folder / "older").put(task, "optimal", Goal(), result(1))
    (entries(folder)[0].parent / ".left.tmp").write_text("of a killed process")
    (folder / "notes.txt").write_text("mine")
    state = cache_state(folder)
    assert (state.entries, state.other_entries) == (1, 2)
    assert state.size_bytes == len(open_entry(folder).read_bytes())
    assert clear_cache(folder) == 3
    assert entries(tmp_path) == [folder / "notes.txt"]


def open_entry(folder: Path) -> Path:
    (path,) = (folder / program_version()).rglob("*.json")
    return path


def test_a_second_run_searches_nothing_and_reports_the_same(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    graph = parse_inline("matmul:m=12,n=10,k=8")
    first = make_estimator(chip, "exhaustive").report(graph)

    def searched(*_: object) -> Found:
        raise AssertionError("a kept mapping was searched again")

    kept, fresh = make_estimator(chip, "exhaustive"), make_estimator(chip, "exhaustive", cached=False)
    kept.search.mapper_of = fresh.search.mapper_of = lambda _: searched
    assert kept.report(graph) == first
    with pytest.raises(AssertionError):
        fresh.report(graph)


def test_the_fast_mapper_keeps_nothing(chip: Chip, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    make_estimator(chip).report(parse_inline("matmul:m=12,n=10,k=8"))
    assert entries(tmp_path) == []


@dataclass
class Counting:
    """A store that finds nothing."""

    puts: int = 0

    def get(self, task: Task, mapper: str, goal: Goal) -> Found | None:
        return None

    def put(self, task: Task, mapper: str, goal: Goal, found: Found) -> None:
        self.puts += 1


def test_equal_contractions_are_solved_once_in_a_run(machine: Machine) -> None:
    store = Counting()
    search = Search(machine, "exhaustive", store=store)
    for _ in range(3):
        map_with(search, parse_inline("matmul:m=12,n=10,k=8"))
    assert store.puts == 1
