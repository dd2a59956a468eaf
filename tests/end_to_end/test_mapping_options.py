"""The options about mapping: what they refuse, what they change, and that every output says what is proven."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from hwsim.config import load_chip
from hwsim.machine import Machine
from hwsim.output import OPS_COLUMNS
from mapper import base
from mapper.base import Found, Goal, Proof, Task, get_mapper
from mapper.choices import MappingChoiceError, MappingChoices
from mapper.estimate import estimate, estimator_for, make_estimator
from tests.end_to_end.conftest import Result, Run
from tests.end_to_end.small_chip import SMALL_CHIP
from workloads.inline import parse_inline

SMALL, OTHER = "matmul:m=12,n=10,k=8", "matmul:m=9,n=7,k=5"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "chip.yaml").write_text(SMALL_CHIP)
    return tmp_path


def good(result: Result) -> str:
    assert result.code == 0, result.err
    return result.out


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["--mapper", "exhaustiv"], ["'exhaustiv' is not one of fast,", "did you mean 'exhaustive'"]),
        (["--objective", "enery"], ["'enery' is not one of latency, energy, edp, traffic", "did you mean 'energy'"]),
        (["--mapper-budget", "2"], ["unit is missing", "2s"]),
        (["--mapper-budget", "0s"], ["greater than zero"]),
        (["--mapper-budget", "-1 s"], ["greater than zero"]),
        (["--mapper-budget", "2 m"], ["unknown unit 'm'"]),
        (["--mapper-budget", "2s"], ["--mapper-budget belongs to --mapper optimal, not to fast"]),
        (["--mapper-jobs", "0"], ["expected 1 to 1,024, got 0"]),
        (["--mapper-jobs", "2"], ["--mapper-jobs belongs to --mapper optimal, not to fast"]),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("--m") or value[0].startswith("--o") else "",
)
@pytest.mark.parametrize("command", ["estimate", "explain", "compare"])
def test_bad_choices_are_refused_by_every_command(
    hwsim: Run, folder: Path, command: str, arguments: list[str], fragments: list[str]
) -> None:
    target = ["--models", "gpt2", "--chips", "chip.yaml"] if command == "compare" else [SMALL, "--chip", "chip.yaml"]
    result = hwsim(command, *target, *arguments)
    assert (result.code, result.out) == (2, "")
    assert [text for text in fragments if text not in " ".join(result.err.split())] == []


def test_choices_that_contradict_are_refused_from_python_too() -> None:
    for bad in ({"budget_seconds": 1.0}, {"jobs": 2}, {"mapper": "exhaustive", "jobs": 2}):
        with pytest.raises(MappingChoiceError):
            MappingChoices(**bad)
    assert MappingChoices("optimal", "edp", 2.0, 2).goal == Goal("edp", 2.0, 2)


def test_each_objective_is_best_at_its_own_quantity(folder: Path) -> None:
    chip = load_chip("chip.yaml", ["memories.sram.size=1 KiB"])
    reports = {
        name: estimate("matmul:m=14,n=18,k=16", chip, mapper="exhaustive", objective=name) for name in base.OBJECTIVES
    }
    outer = {name: sum(row.read_bytes + row.write_bytes for row in report.traffic if row.memory == "dram")
             for name, report in reports.items()}  # fmt: skip
    assert outer["traffic"] == min(outer.values())
    assert reports["energy"].energy_joules <= reports["latency"].energy_joules * (1 + 1e-9)
    assert reports["latency"].seconds <= reports["traffic"].seconds
    assert reports["traffic"].mapper_note.startswith("for least traffic: heuristic, ")


def test_a_depthwise_convolution_goes_where_the_objective_is_least(folder: Path) -> None:
    chip = load_chip("eyeriss")
    text = "conv2d:n=1,c=32,h=28,w=28,k=32,r=3,s=3,padding=1,groups=32"
    energies = {name: estimate(text, chip, objective=name).energy_joules for name in ("latency", "energy")}
    assert energies["energy"] <= energies["latency"]


def test_the_report_its_files_and_explain_say_what_is_proven(hwsim: Run, folder: Path) -> None:
    base_arguments = (SMALL, "--chip", "chip.yaml", "--mapper", "exhaustive")
    out = " ".join(good(hwsim("estimate", *base_arguments)).split())
    assert "mapper exhaustive: heuristic, " in out
    data = json.loads(good(hwsim("estimate", *base_arguments, "--json", "-")))
    assert data["mapper"]["note"].startswith("heuristic, ")
    assert [row["proof"] for row in data["ops"]] == ["heuristic"]
    (row,) = csv.DictReader(io.StringIO(good(hwsim("estimate", *base_arguments, "--csv", "-"))))
    assert list(row) == [*OPS_COLUMNS, "proof"]
    assert row["proof"] == "heuristic"
    assert "mapping: heuristic" in good(hwsim("explain", *base_arguments, "--op", "matmul"))
    detail = json.loads(good(hwsim("explain", *base_arguments, "--op", "matmul", "--json", "-")))
    assert detail["proof"] == "heuristic"


def test_the_default_mapper_writes_the_plain_columns(hwsim: Run, folder: Path) -> None:
    table = good(hwsim("estimate", SMALL, "--chip", "chip.yaml", "--csv", "-"))
    assert table.splitlines()[0] == ",".join(OPS_COLUMNS)


def test_lists_and_sweeps_say_it_too(hwsim: Run, folder: Path) -> None:
    (folder / "ops.txt").write_text(f"{SMALL}\n{OTHER}\n")
    arguments = ("estimate", "@ops.txt", "--chip", "chip.yaml", "--mapper", "exhaustive")
    assert good(hwsim(*arguments)).splitlines()[1].endswith("heuristic")
    rows = list(csv.DictReader(io.StringIO(good(hwsim(*arguments, "--csv", "-")))))
    assert [row["proof"] for row in rows] == ["heuristic", "heuristic"]
    assert {row["proof"] for row in json.loads(good(hwsim(*arguments, "--json", "-")))["rows"]} == {"heuristic"}
    sweep = ("compare", "--models", SMALL, "--chips", "chip.yaml", "--mapper", "exhaustive", "--json", "-")
    (row,) = json.loads(good(hwsim(*sweep)))["rows"]
    assert row["mapper_note"].startswith("heuristic, ")


def _half_proven(task: Task, machine: Machine, goal: Goal) -> Found:
    """A stand-in for a mapper whose budget ran out for the larger contraction only."""
    found = get_mapper("exhaustive")(task, machine, Goal(goal.objective))
    gap = 0.031 if task.nest.full.get("m", 1) > 10 else 0.0
    return Found(found.levels, found.seconds, found.outer_bytes, found.energy_joules, 10, Proof(1e9, 0.9, gap))


def test_a_proof_reaches_the_report_and_a_gap_is_never_hidden(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(base._MAPPERS, "optimal", _half_proven)
    monkeypatch.setitem(base._MODULES, "optimal", "mapper.exhaustive")
    chip = load_chip("chip.yaml")
    proven = estimate(OTHER, chip, mapper="optimal")
    assert proven.mapper_note == "optimal, 10 of 1.0e9 mappings evaluated (1 distinct contraction)"
    assert proven.ops[0].proof == "optimal"
    cut = estimate(SMALL, chip, mapper="optimal", budget_seconds=1.0)
    assert cut.mapper_note == (
        "within 3.2 % of optimal (worst of 1 distinct contraction), 10 of 1.0e9 mappings evaluated"
    )
    assert cut.ops[0].proof == "within 3.2 % of optimal"


def test_who_waits_is_told_how_many_contractions_are_mapped(folder: Path) -> None:
    said: list[str] = []
    estimator = estimator_for(load_chip("chip.yaml"), say=said.append)
    estimator.report(parse_inline(SMALL))
    assert said == ["1 of 1 contractions mapped"]


def test_a_graph_speaks_only_of_its_own_contractions(folder: Path) -> None:
    estimator = make_estimator(load_chip("chip.yaml"))
    first = estimator.report(parse_inline(SMALL)).mapper_note
    estimator.report(parse_inline(OTHER))
    assert estimator.report(parse_inline(SMALL)).mapper_note == first


def test_kept_mappings_are_used_shown_and_cleared(hwsim: Run, folder: Path) -> None:
    arguments = ("estimate", SMALL, "--chip", "chip.yaml", "--mapper", "exhaustive", "--json", "-")
    first = good(hwsim(*arguments))
    state = json.loads(good(hwsim("cache", "--json")))
    assert state["entries"] == 1 and state["size_bytes"] > 0
    assert state["folder"] == str(folder / "cache" / "hwsim" / "mappings")
    assert good(hwsim(*arguments)) == first
    assert "mappings: 1 mapping, " in good(hwsim("cache"))
    assert "1 file removed" in good(hwsim("cache", "--clear"))
    assert json.loads(good(hwsim("cache", "--json")))["entries"] == 0
    assert good(hwsim(*arguments, "--no-cache")) == first
    assert json.loads(good(hwsim("cache", "--json")))["entries"] == 0


def test_a_plain_estimate_loads_neither_cache_nor_compiler(folder: Path) -> None:
    heavy = ("mapper.cache", "numba", "pulp", "highspy", "pandas", "torch")
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from hwsim.config import load_chip; from mapper.estimate import estimate\n"
        f"estimate({SMALL!r}, load_chip('chip.yaml'))\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
