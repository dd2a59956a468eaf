"""Bad input: one clear message with place and remedy, exit code 2, and no file left behind."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Result, Run
from tests.end_to_end.small_chip import SMALL_CHIP

MATMUL = "matmul:m=64,n=64,k=64"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with one good chip in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chip.yaml").write_text(SMALL_CHIP)
    return tmp_path


def refused(result: Result, *fragments: str) -> None:
    """The result of a command that must have refused its input."""
    assert result.code == 2
    assert result.out == ""
    assert "Traceback" not in result.err
    for fragment in fragments:
        assert fragment in result.err


def test_the_small_chip_itself_is_good(hwsim: Run, folder: Path) -> None:
    result = hwsim("estimate", MATMUL, "--chip", "chip.yaml", "--json", "out.json", "--csv", "ops.csv")
    assert result.code == 0, result.err
    assert sorted(path.name for path in folder.iterdir()) == ["chip.yaml", "ops.csv", "out.json"]


@pytest.mark.parametrize(
    ("old", "new", "fragments"),
    [
        ("path: [dram, sram]", "path: [dram, sram", ["bad.yaml:9:"]),
        ("rows: 8", "rows: 8, rows: 16", ["bad.yaml:9:", "rows", "duplicate key"]),
        ("rows: 8", "rowz: 8", ["bad.yaml:9:", "units.array.rowz", "did you mean 'rows'"]),
        ("size: 64 KiB", "size: 65536", ["bad.yaml:7:", "memories.sram.size", "unit is missing", "512 KiB"]),
        ("size: 64 KiB", "size: -1 KiB", ["bad.yaml:7:", "memories.sram.size", "greater than zero"]),
        ("size: 64 KiB", "size: 0 KiB", ["bad.yaml:7:", "memories.sram.size", "greater than zero"]),
        ("rows: 8", "rows: 0", ["bad.yaml:9:", "units.array.rows", "at least 1"]),
        ("rows: 8", "rows: -4", ["bad.yaml:9:", "units.array.rows", "at least 1"]),
        ("rows: 8", "rows: 1000000000000000000", ["bad.yaml:9:", "units.array.rows", "at most"]),
        ("clock: core, path", "clock: cor, path", ["bad.yaml:9:", "units.array.clock", "cor"]),
        ("[dram, sram]", "[dram, smem]", ["bad.yaml:9:", "units.array.path", "smem"]),
        ("kind: systolic_array", "kind: systolic_aray", ["bad.yaml:9:", "did you mean 'systolic_array'"]),
        (SMALL_CHIP, "", ["bad.yaml", "expected a mapping"]),
        (SMALL_CHIP, "- a\n- b\n", ["bad.yaml", "expected a mapping"]),
    ],
)  # fmt: skip
def test_a_bad_chip_file_names_line_and_key(hwsim: Run, folder: Path, old: str, new: str, fragments: list[str]) -> None:
    (folder / "bad.yaml").write_text(SMALL_CHIP.replace(old, new, 1))
    refused(hwsim("estimate", MATMUL, "--chip", "bad.yaml", "--json", "out.json"), *fragments)
    assert not (folder / "out.json").exists()


@pytest.mark.parametrize(
    ("content", "fragment"),
    [(b"\xff\xfe\x00", "not UTF-8"), (b"a: &x [1, 2]\nb: *x\n", "bad.yaml:1:"), (b"[" * 100_000, "nested more than")],
    ids=["binary", "alias", "deep"],
)
def test_a_file_that_is_no_chip_at_all_is_refused(hwsim: Run, folder: Path, content: bytes, fragment: str) -> None:
    (folder / "bad.yaml").write_bytes(content)
    refused(hwsim("estimate", MATMUL, "--chip", "bad.yaml"), "bad.yaml", fragment)


def test_all_problems_of_a_chip_file_are_reported_at_once(hwsim: Run, folder: Path) -> None:
    (folder / "bad.yaml").write_text(SMALL_CHIP.replace("rows: 8", "rows: 0").replace("1 GHz", "1"))
    refused(hwsim("estimate", MATMUL, "--chip", "bad.yaml"), "bad.yaml:4:", "bad.yaml:9:")


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["lama-3-8b"], ["unknown model 'lama-3-8b'", "did you mean 'llama-3-8b'", "hwsim models"]),
        (["matmull:m=1,n=1,k=1"], ["matmull", "did you mean 'matmul'"]),
        (["matmul:m=1,n=1"], ["missing k", "usage: matmul:"]),
        (["matmul:m=0,n=1,k=1"], ["m must be at least 1, got 0"]),
        (["matmul:m=-3,n=1,k=1"], ["m must be at least 1, got -3"]),
        (["matmul:m=1000000000,n=1000000000,k=1000000000"], ["1e18"]),
        (["matmul:m=1,n=1,k=1000000000000000000000"], ["absurdly large"]),
        (["matmul:m=1,m=2,n=1,k=1"], ["'m' occurs twice"]),
        (["absent.py:build"], ["absent.py"]),
        (["absent.json"], ["absent.json", "No such file"]),
        (["model.py"], ["name the function"]),
        (["@absent.txt"], ["absent.txt"]),
        ([MATMUL, "--phase", "decod"], ["no phase 'decod'"]),
        ([MATMUL, "--phase", "generate"], ["--prompt and --output"]),
        ([MATMUL, "--prompt", "0", "--output", "5"], ["--prompt", "0"]),
        ([MATMUL, "--batch", "0"], ["--batch", "0"]),
        ([MATMUL, "--batch", "-1"], ["--batch", "-1"]),
        ([MATMUL, "--batch", "1000000000000000000"], ["--batch", "1,000,000,000"]),
        ([MATMUL, "--context", "many"], ["--context", "many"]),
        ([MATMUL, "--bits", "weights=4"], ["unknown role 'weights'", "did you mean 'weight'"]),
        ([MATMUL, "--bits", "weight=0"], ["weight=0", "1 to 64"]),
        ([MATMUL, "--mapper", "fastt"], ["fastt", "fast"]),
        ([MATMUL, "--set", "units.array.rowz=4"], ["--set units.array.rowz=4", "did you mean 'rows'"]),
        ([MATMUL, "--set", "units.array.rows"], ["expected key.path=value"]),
        ([MATMUL, "--set", "memories.sram.size=64"], ["--set memories.sram.size=64", "unit is missing"]),
    ],
)  # fmt: skip
def test_bad_arguments_are_named_with_a_remedy(
    hwsim: Run, folder: Path, arguments: list[str], fragments: list[str]
) -> None:
    refused(hwsim("estimate", *arguments, "--chip", "chip.yaml", "--json", "out.json"), *fragments)
    assert [path.name for path in folder.iterdir()] == ["chip.yaml"]


def test_a_wrong_chip_name_suggests_the_right_one(hwsim: Run, folder: Path) -> None:
    refused(hwsim("estimate", MATMUL, "--chip", "tpu_v4"), "no chip is named 'tpu_v4'", "did you mean 'tpu_v4i'")
    refused(hwsim("estimate", MATMUL, "--chip", "absent.yaml"), "absent.yaml")


def test_a_chip_without_a_unit_for_an_operator_names_both(hwsim: Run, folder: Path) -> None:
    refused(hwsim("estimate", "softmax:rows=8,columns=8", "--chip", "chip.yaml"), "softmax", "array")


def test_the_smallest_tile_must_fit_the_memory(hwsim: Run, folder: Path) -> None:
    result = hwsim("estimate", MATMUL, "--chip", "chip.yaml", "--set", "memories.sram.size=4 B")
    refused(result, "matmul", "memories.sram.size", "needs 16 B", "has 4 B", "--set memories.sram.size='16 B' would do")
    assert hwsim("estimate", MATMUL, "--chip", "chip.yaml", "--set", "memories.sram.size=16 B").code == 0


def test_a_model_that_does_not_fit_says_what_it_needs_and_has(hwsim: Run, folder: Path) -> None:
    huge = "matmul:m=65536,n=65536,k=65536"
    refused(hwsim("estimate", huge, "--chip", "chip.yaml"), "does not fit", "needs", "has")


@pytest.mark.parametrize(
    ("content", "fragments"),
    [
        ("{", ["not valid JSON"]),
        ("[1, 2]", ["expected a saved graph"]),
        ('{"a": 1}', ["expected a saved graph"]),
    ],
)
def test_a_malformed_json_model_is_named(hwsim: Run, folder: Path, content: str, fragments: list[str]) -> None:
    (folder / "model.json").write_text(content)
    refused(hwsim("estimate", "model.json", "--chip", "chip.yaml"), "model.json", *fragments)


def test_a_damaged_saved_graph_is_named(hwsim: Run, folder: Path) -> None:
    (folder / "graph.json.gz").write_bytes(b"not gzip at all")
    refused(hwsim("estimate", "graph.json.gz", "--chip", "chip.yaml"), "graph.json.gz")
    (folder / "graph.json.gz").write_bytes(gzip.compress(json.dumps({"schema": 99}).encode()))
    refused(hwsim("estimate", "graph.json.gz", "--chip", "chip.yaml"), "graph.json.gz")


def test_every_bad_line_of_a_list_of_operators_is_named(hwsim: Run, folder: Path) -> None:
    (folder / "ops.txt").write_text(f"{MATMUL}\nmatmul:m=0,n=1,k=1\n# fine\nsoftmaxx:rows=1,columns=1\n")
    result = hwsim("estimate", "@ops.txt", "--chip", "chip.yaml", "--csv", "ops.csv")
    refused(result, "ops.txt:2:", "ops.txt:4:")
    assert not (folder / "ops.csv").exists()


@pytest.mark.parametrize(
    ("option", "path", "message"),
    [
        ("--json", "absent/out.json", "there is no folder"),
        ("--csv", ".", "is a folder"),
        ("--plot", "out.bmp", ".png, .svg or .pdf"),
        ("--plot", "-", ".png, .svg or .pdf"),
        ("--json", "chip.yaml", "it is the input chip.yaml"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(
    hwsim: Run, folder: Path, option: str, path: str, message: str
) -> None:
    refused(hwsim("estimate", MATMUL, "--chip", "chip.yaml", "--timeline", "t.json", option, path), message)
    assert [found.name for found in folder.iterdir()] == ["chip.yaml"]
    assert (folder / "chip.yaml").read_text() == SMALL_CHIP


def test_two_outputs_cannot_share_a_file_or_standard_output(hwsim: Run, folder: Path) -> None:
    base = ("estimate", MATMUL, "--chip", "chip.yaml")
    refused(hwsim(*base, "--json", "x", "--csv", "./x"), "another output goes to the same file")
    refused(hwsim(*base, "--json", "-", "--csv", "-"), "only one output can go to standard output")
    (folder / "ops.txt").write_text(MATMUL)
    refused(hwsim("estimate", "@ops.txt", "--chip", "chip.yaml", "--plot", "x.png"), "no timeline and no picture")


def test_compare_refuses_unknown_names(hwsim: Run, folder: Path) -> None:
    refused(hwsim("compare", "--models", "resnet-5", "--chips", "chip.yaml"), "unknown model 'resnet-5'")
    refused(hwsim("compare", "--models", "resnet-50", "--chips", "absent"), "no chip is named 'absent'")
    refused(hwsim("compare", "--models", ",", "--chips", "chip.yaml"), "expected names with commas")


def test_check_reports_the_same_problems_as_estimate(hwsim: Run, folder: Path) -> None:
    (folder / "bad.yaml").write_text(SMALL_CHIP.replace("rows: 8", "rows: 0"))
    refused(hwsim("check", "bad.yaml"), "bad.yaml:9:", "units.array.rows")
    assert hwsim("check", "chip.yaml").code == 0
