"""``hwsim compare`` as a user meets it: tables that agree, figures, sweeps, and errors that leave nothing behind."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from search.comparison.figures import charts
from search.comparison.metrics import RELATIVE
from search.comparison.run import Comparison
from search.figures.charts import Chart
from search.sweep import COLUMNS
from tests.end_to_end.conftest import Result, Run
from tests.end_to_end.small_chip import SMALL_CHIP

ROOT = Path(__file__).parents[2]
PAIR = ("compare", "--models", "@ops.txt", "--chips", "chip.yaml,wide.yaml,tiny.yaml")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "chip.yaml").write_text(SMALL_CHIP)
    (tmp_path / "wide.yaml").write_text(SMALL_CHIP.replace("10 GB/s", "40 GB/s"))
    (tmp_path / "tiny.yaml").write_text(SMALL_CHIP.replace("1 GiB", "100 B"))
    (tmp_path / "ops.txt").write_text("matmul:m=12,n=10,k=8\nmatmul:m=64,n=64,k=64\n")
    return tmp_path


def good(result: Result) -> str:
    assert result.code == 0, result.err
    return result.out


def test_csv_json_and_parquet_hold_the_same_numbers(hwsim: Run, folder: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    files = ("--csv", "rows.csv", "--json", "rows.json", "--parquet", "rows.parquet")
    good(hwsim(*PAIR, "--baseline", "wide", "--sweep", "bits=8,16", *files))
    table = list(csv.DictReader(io.StringIO((folder / "rows.csv").read_text())))
    document = json.loads((folder / "rows.json").read_text())
    columns = parquet.read_table(folder / "rows.parquet").to_pylist()
    assert tuple(table[0]) == (*COLUMNS, *RELATIVE) == tuple(columns[0])
    assert len(table) == len(document["rows"]) == len(columns) == 12
    for line, row, column in zip(table, document["rows"], columns, strict=True):
        for name in (*COLUMNS, *RELATIVE):
            assert row[name] == column[name]
            assert line[name] == ("" if row[name] is None else str(row[name]))
    assert (document["kind"], document["baseline"]) == ("comparison", "wide")
    assert document["sweeps"] == [{"key": "bits", "values": ["8", "16"]}]
    assert {row["relative_latency"] for row in document["rows"] if row["chip"] == "wide"} == {1.0}
    assert [row["status"] for row in document["rows"] if row["chip"] == "tiny"] != ["ok"] * 4


def test_a_sweep_says_the_same_as_single_runs(hwsim: Run, folder: Path) -> None:
    swept = ("--models", "gpt2", "--chips", "tpu_v4i", "--sweep", "batch=1..4", "--sweep", "context=64,128")
    rows = json.loads(good(hwsim("compare", *swept, "--json", "-")))["rows"]
    assert [(row["batch"], row["context"]) for row in rows] == [(b, c) for b in (1, 2, 4) for c in (64, 128)]
    single = good(hwsim("estimate", "gpt2", "--chip", "tpu_v4i", "--batch", 2, "--context", 128, "--json", "-"))
    assert rows[3]["seconds"] == json.loads(single)["seconds"]
    assert rows[3]["energy_joules"] == json.loads(single)["energy_joules"]
    assert rows[3]["energy_delay_joule_seconds"] == rows[3]["seconds"] * rows[3]["energy_joules"]
    assert (rows[3]["weight_bits"], rows[3]["activation_bits"]) == (16, 16)


def test_generation_is_compared_too(hwsim: Run, folder: Path) -> None:
    pair = ("compare", "--models", "gpt2", "--chips", "tpu_v4i", "--prompt", 16)
    rows = json.loads(good(hwsim(*pair, "--sweep", "output=2,4", "--json", "-")))["rows"]
    assert [(row["phase"], row["prompt"], row["output"]) for row in rows] == [("generate", 16, 2), ("generate", 16, 4)]
    result = hwsim(*pair)
    assert result.code == 2 and "--prompt and --output" in result.err


def test_a_precision_that_nobody_chose_is_said(hwsim: Run, folder: Path) -> None:
    pair = ("--models", "llama-3-8b", "--chips", "tpu_v4i")
    out = good(hwsim("compare", *pair))
    assert "bits per element where 16 do not compute or do not fit: tpu_v4i 8" in out
    assert "do not fit" not in good(hwsim("compare", *pair, "--bits", "8"))


def test_figures_go_to_a_folder_or_into_one_file(hwsim: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def two(comparison: Comparison, baseline: int | None) -> dict[str, Chart]:
        return {name: chart for name, chart in charts(comparison, baseline).items() if name in ("latency", "energy")}

    monkeypatch.setattr("search.comparison.pictures.charts", two)
    result = hwsim(*PAIR, "--plot", "figures")
    assert result.code == 0 and "wrote 4 figures to figures" in result.err
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == {"latency.png", "latency.svg", "energy.png", "energy.svg"}
    good(hwsim(*PAIR, "--plot", "all.svg"))
    assert (folder / "all.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["--baseline", "wid"], "did you mean 'wide'"),
        (["--baseline", "h100_sxm"], "not among the chips compared; they are chip, wide, tiny"),
        (["--sweep", "batch=3..4"], "doubling from 3 does not end at 4"),
        (["--sweep", "bits=8,99"], "out of range, expected 1 to 64"),
        (["--sweep", "colour=1"], "unknown key 'colour'"),
        (["--plot", "figure.gif"], "must end in .png, .svg or .pdf"),
        (["--plot", "absent/figures"], "there is no folder"),
        (["--plot", "one.svg", "--json", "one.svg"], "another output goes to the same file"),
        (["--parquet", "absent/rows.parquet"], "there is no folder"),
        (["--jobs", "0"], "expected 1 to 1,024, got 0"),
        (["--vary", "units.array.rows"], "--vary: expected KEY=A,B"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_answered_and_leave_nothing_behind(
    hwsim: Run, folder: Path, arguments: list[str], fragment: str
) -> None:
    before = sorted(folder.rglob("*"))
    result = hwsim(*PAIR, "--csv", "rows.csv", *arguments)
    assert (result.code, result.out) == (2, "")
    assert fragment in " ".join(result.err.split())
    assert sorted(folder.rglob("*")) == before


def test_nothing_to_draw_is_said_and_nothing_is_written(hwsim: Run, folder: Path) -> None:
    arguments = ("compare", "--models", "gpt2", "--chips", "tiny.yaml", "--csv", "rows.csv")
    result = hwsim(*arguments, "--plot", "figures")
    assert result.code == 2 and "nothing to draw" in result.err
    assert not (folder / "rows.csv").exists() and not (folder / "figures").exists()
    assert hwsim(*arguments).code == 0


def test_a_killed_run_goes_on_where_it_was(folder: Path) -> None:
    program = [sys.executable, "-c", "from search.commands import compare; compare()"]
    arguments = ["--models", "gpt2", "--chips", "eyeriss,tpu_v4i", "--sweep", "context=16..1024", "--jobs", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    points = folder / "cache" / "hwsim" / "points"
    first = subprocess.Popen([*program, *arguments], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list(points.rglob("*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = {path: path.stat().st_mtime_ns for path in points.rglob("*.json")}
    assert len(kept) >= 2
    again = subprocess.run([*program, *arguments, "--json", "-"], cwd=folder, env=environment, capture_output=True)
    assert len(json.loads(again.stdout)["rows"]) == 14
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(list(points.rglob("*.json"))) == 14


def test_the_cache_command_knows_kept_points(hwsim: Run, folder: Path) -> None:
    good(hwsim(*PAIR))
    assert json.loads(good(hwsim("cache", "--json")))["points"]["entries"] == 6
    assert "points: 6 points, " in good(hwsim("cache"))
    good(hwsim("cache", "--clear"))
    assert json.loads(good(hwsim("cache", "--json")))["points"]["entries"] == 0
    good(hwsim(*PAIR, "--no-cache"))
    assert json.loads(good(hwsim("cache", "--json")))["points"]["entries"] == 0


def test_the_document_shows_what_is_printed(hwsim: Run, folder: Path, update_golden: bool) -> None:
    document = ROOT / "docs" / "compare.md"
    text = document.read_text(encoding="utf-8")
    (command,) = re.findall(r"^    hwsim (compare .*--baseline.*)$", text, re.MULTILINE)
    printed = [f"    {line.strip()}" for line in good(hwsim(*command.split())).splitlines() if line.strip()]
    head, _, rest = text.partition("<!-- printed -->\n")
    shown, end, tail = rest.partition("<!-- end -->")
    wanted = "\n" + "\n".join(printed) + "\n\n"
    if update_golden:
        document.write_text(f"{head}<!-- printed -->\n{wanted}{end}{tail}", encoding="utf-8")
    else:
        assert shown == wanted


def test_the_lines_of_python_in_the_document_run(folder: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "compare.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, "compare.md", "exec"), names)
    assert bytes(names["throughput"]).startswith(b"<?xml")  # type: ignore[arg-type]
