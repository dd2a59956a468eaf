"""The main job from the command line: what is printed, what is written, and that both agree."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hwsim.output import OPS_COLUMNS
from tests.end_to_end.conftest import Result, Run
from tests.end_to_end.small_chip import SMALL_CHIP

MATMUL = "matmul:m=64,n=96,k=128"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chip.yaml").write_text(SMALL_CHIP)
    return tmp_path


def good(result: Result) -> Result:
    assert result.code == 0, result.err
    return result


def as_data(result: Result) -> dict[str, Any]:
    return json.loads(good(result).out)


def numbers(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def test_a_catalog_model_on_a_shipped_chip_is_reported(hwsim: Run) -> None:
    out = good(hwsim("estimate", "gpt2", "--chip", "tpu_v4i", "--batch", 2, "--context", 512)).out
    for fact in ("gpt2 on tpu_v4i", "decode, batch 2, context 512", "tokens/s", "lower bounds", "bound by", "slowest"):
        assert fact in out
    assert max(map(len, out.splitlines())) <= 80


def test_json_on_standard_output_is_nothing_but_json(hwsim: Run, folder: Path) -> None:
    result = good(hwsim("estimate", MATMUL, "--chip", "chip.yaml", "--json", "-"))
    assert result.err == ""
    data = json.loads(result.out)
    assert data["schema"] == 1
    assert data["chip"] == "chip"
    assert data["macs"] == 64 * 96 * 128
    assert all(number >= 0 for number in numbers(data))


def test_every_output_is_written_and_the_report_is_still_printed(hwsim: Run, folder: Path) -> None:
    files = {"--json": "r.json", "--csv": "o.csv", "--timeline": "t.json", "--plot": "p.svg"}
    result = good(hwsim("estimate", MATMUL, "--chip", "chip.yaml", *(part for pair in files.items() for part in pair)))
    assert "latency" in result.out
    assert sorted(path.name for path in folder.iterdir()) == sorted(["chip.yaml", *files.values()])
    data = json.loads((folder / "r.json").read_text())
    (row,) = csv.DictReader(io.StringIO((folder / "o.csv").read_text()))
    assert float(row["seconds"]) == data["ops"][0]["seconds"]
    assert {event["ph"] for event in json.loads((folder / "t.json").read_text())["traceEvents"]} == {"M", "X"}
    assert (folder / "p.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize("option", ["--json", "--csv", "--timeline", "--plot"])
def test_the_same_command_gives_the_same_bytes(hwsim: Run, folder: Path, option: str) -> None:
    for name in ("a.svg", "b.svg"):
        good(hwsim("estimate", MATMUL, "--chip", "chip.yaml", option, name))
    assert (folder / "a.svg").read_bytes() == (folder / "b.svg").read_bytes()


def test_totals_agree_with_their_rows(hwsim: Run) -> None:
    data = as_data(hwsim("estimate", "gpt2", "--chip", "tpu_v4i", "--json", "-"))
    assert data["energy_joules"] == sum(row["energy_joules"] for row in data["components"])
    assert data["energy_joules"] == pytest.approx(sum(row["energy_joules"] for row in data["ops"]))
    assert data["seconds"] == pytest.approx(sum(row["seconds"] for row in data["ops"]))
    assert data["seconds"] == pytest.approx(data["cycles"] / data["clock_hertz"], abs=1 / data["clock_hertz"])
    assert data["tokens_per_second"] == pytest.approx(1 / data["seconds"])
    assert data["inferences_per_second"] is None
    assert data["seconds"] >= max(data["bounds"]["compute_seconds"], data["bounds"]["memory_seconds"])


def test_language_models_decode_and_others_run_forward_by_default(hwsim: Run) -> None:
    language = as_data(hwsim("estimate", "gpt2", "--chip", "tpu_v4i", "--json", "-"))
    assert (language["phase"], language["batch"], language["context"]) == ("decode", 1, 2048)
    image = as_data(hwsim("estimate", "alexnet", "--chip", "tpu_v4i", "--json", "-"))
    assert (image["phase"], image["batch"], image["tokens_per_second"]) == ("forward", 1, None)
    assert image["inferences_per_second"] == pytest.approx(1 / image["seconds"])


def test_prompt_and_output_mean_generate(hwsim: Run) -> None:
    data = as_data(hwsim("estimate", "gpt2", "--chip", "tpu_v4i", "--prompt", 64, "--output", 16, "--json", "-"))
    assert data["phase"] == "generate"
    assert data["tokens_per_second"] == pytest.approx(16 / data["seconds"])


def test_set_changes_the_chip_and_is_listed_among_the_sources(hwsim: Run, folder: Path) -> None:
    base = ("estimate", MATMUL, "--chip", "chip.yaml", "--json", "-")
    small, large = as_data(hwsim(*base)), as_data(hwsim(*base, "--set", "units.array.rows=32"))
    assert large["bounds"]["compute_seconds"] == pytest.approx(small["bounds"]["compute_seconds"] / 4)
    assert any("units.array.rows" in note["keys"] for note in large["footnotes"] if "command line" in note["cite"])


def test_bits_shrink_the_traffic(hwsim: Run) -> None:
    base = ("estimate", "gpt2", "--chip", "tpu_v4i", "--json", "-")
    wide, narrow = as_data(hwsim(*base)), as_data(hwsim(*base, "--bits", "weight=8,activation=8,state=8"))
    assert narrow["weight_bytes"] * 2 == wide["weight_bytes"]
    assert narrow["seconds"] < wide["seconds"]


def test_a_list_of_operators_gives_a_row_each(hwsim: Run, folder: Path) -> None:
    lines = [MATMUL, "matmul:m=8,n=8,k=8", MATMUL]
    (folder / "ops.txt").write_text("# three\n" + "\n".join(lines) + "\n")
    out = good(hwsim("estimate", "@ops.txt", "--chip", "chip.yaml", "--csv", "-")).out
    assert out.splitlines()[0] == ",".join(OPS_COLUMNS) == "op,cycles,seconds,energy_joules,bound_by"
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["op"] for row in rows] == lines
    assert rows[0] == rows[2]
    single = as_data(hwsim("estimate", MATMUL, "--chip", "chip.yaml", "--json", "-"))
    assert int(rows[0]["cycles"]) == single["cycles"]
    assert float(rows[0]["energy_joules"]) == single["energy_joules"]


def test_a_list_of_operators_is_printed_and_written_as_json(hwsim: Run, folder: Path) -> None:
    (folder / "ops.txt").write_text(f"{MATMUL}\nmatmul:m=65536,n=65536,k=65536\n")
    out = good(hwsim("estimate", "@ops.txt", "--chip", "chip.yaml", "--json", "rows.json")).out
    assert len(out.splitlines()) == 3
    rows = json.loads((folder / "rows.json").read_text())["rows"]
    assert rows[0]["cycles"] > 0
    assert rows[1]["cycles"] is None
    assert "does not fit" in rows[1]["bound_by"]


def test_zeros_save_bytes_and_energy_where_a_chip_uses_them(hwsim: Run) -> None:
    conv = "conv2d:n=1,c=32,h=14,w=14,k=32,r=3,s=3"
    plain, sparse = (
        as_data(hwsim("estimate", conv, "--chip", "eyeriss", "--json", "-", *more))
        for more in ((), ("--zeros", "activation=0.75"))
    )
    assert sparse["energy_joules"] < plain["energy_joules"]
    assert sparse["traffic_bytes"]["dram"]["write"] == pytest.approx(
        plain["traffic_bytes"]["dram"]["write"] / 3, rel=1e-3
    )
    assert 0 < sparse["ops"][0]["busy_seconds"] < sparse["ops"][0]["seconds"]


def test_zeros_that_cannot_be_read_are_refused(hwsim: Run) -> None:
    for text, message in (
        ("activation=2", "0 to 1"),
        ("conv9=0.5", "no role or tensor 'conv9'"),
        ("x", "name=fraction"),
    ):
        ran = hwsim("estimate", "alexnet", "--chip", "eyeriss", "--zeros", text)
        assert ran.code != 0 and message in ran.err and "Traceback" not in ran.err


def test_compare_has_a_row_per_pair_also_for_what_does_not_fit(hwsim: Run, folder: Path) -> None:
    pairs = ("--models", "gpt2,alexnet,llama-3-8b", "--chips", "tpu_v4i,eyeriss")
    rows = list(csv.DictReader(io.StringIO(good(hwsim("compare", *pairs, "--csv", "-")).out)))
    assert [(row["model"], row["chip"]) for row in rows] == [
        (model, chip) for model in ("gpt2", "alexnet", "llama-3-8b") for chip in ("tpu_v4i", "eyeriss")
    ]
    assert [row["status"] == "ok" for row in rows] == [True, True, True, True, True, False]
    assert "does not fit: needs 16.3 GB, has" in rows[-1]["status"]
    assert rows[-1]["seconds"] == ""
    single = as_data(hwsim("estimate", "gpt2", "--chip", "tpu_v4i", "--json", "-"))
    assert float(rows[0]["seconds"]) == single["seconds"]


def test_compare_says_why_a_chip_cannot_run_a_model(hwsim: Run, folder: Path) -> None:
    out = good(hwsim("compare", "--models", "alexnet", "--chips", "chip.yaml", "--csv", "-")).out
    (row,) = csv.DictReader(io.StringIO(out))
    assert "relu" in row["status"]
    assert row["energy_joules"] == ""


def test_compare_prints_a_table_and_writes_json(hwsim: Run, folder: Path) -> None:
    out = good(hwsim("compare", "--models", "gpt2", "--chips", "tpu_v4i", "--batch", 4, "--json", "rows.json")).out
    assert "gpt2" in out
    (row,) = json.loads((folder / "rows.json").read_text())["rows"]
    assert (row["batch"], row["phase"], row["status"]) == (4, "decode", "ok")
    assert row["tokens_per_second"] == pytest.approx(4 / row["seconds"])


def test_models_and_chips_are_listed(hwsim: Run) -> None:
    assert "llama-3-8b" in good(hwsim("models")).out
    assert {"tpu_v4i", "eyeriss"} <= {row["name"] for row in json.loads(good(hwsim("chips", "--json")).out)}
