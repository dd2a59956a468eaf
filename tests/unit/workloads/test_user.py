from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from workloads import catalog, commands, serialize, user
from workloads.catalog import UnknownModelError
from workloads.errors import UserError, UserModelError
from workloads.graph import graph_macs
from workloads.inline import parse_inline
from workloads.model import bind_model
from workloads.user import MissingExtraError, open_model, open_models


def test_inline_operators_files_of_them_and_saved_graphs_open(tmp_path: Path):
    text = "matmul:m=4,n=5,k=6"
    ops, saved = tmp_path / "ops.txt", tmp_path / "g.json.gz"
    ops.write_text(f"{text}\n{text}\n")
    saved.write_bytes(serialize.save(parse_inline(text)))
    for model in (open_model(text), *open_models(f"@{ops}"), open_model(str(saved))):
        assert graph_macs(bind_model(model)) == 120
    assert len(open_models(f"@{ops}")) == 2


def test_plain_json_graphs_open(tmp_path: Path):
    path = tmp_path / "g.json"
    path.write_text(json.dumps(serialize.to_document(parse_inline("relu:elements=8"))))
    assert open_model(str(path)).phases == ("forward",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("resnet50", "did you mean 'resnet-50'"),
        ("matmull:m=1", "did you mean 'matmul'"),
        ("model.py", "name the function"),
        ("absent.py:build", "no such file"),
        ("absent.json", "cannot read"),
        ("@absent.txt", "cannot read"),
        ("", "unknown model"),
    ],
)
def test_texts_that_are_no_model_are_refused(text: str, expected: str):
    with pytest.raises(UserError, match=expected):
        open_models(text)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema": 99}', "[" * 100_000])
def test_json_that_is_no_model_is_refused(tmp_path: Path, content: str):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"x\.json"):
        open_model(str(path))


def test_bytes_that_are_no_graph_are_refused(tmp_path: Path):
    path = tmp_path / "x.json.gz"
    path.write_bytes(b"\x1f\x8bnot gzip at all")
    with pytest.raises(UserError, match=r"x\.json\.gz"):
        open_model(str(path))


def test_without_torch_tracing_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(user.importlib.util, "find_spec", lambda name: None)
    path = tmp_path / "own.py"
    path.write_text("raise SystemError('must not run')")
    with pytest.raises(MissingExtraError, match=r'pip install "hwsim\[trace\]"'):
        open_model(f"{path}:build")


def test_a_wrong_catalog_name_is_not_taken_for_an_error_of_the_user_model():
    with pytest.raises(UnknownModelError):
        catalog.find("no-such-model")
    assert not issubclass(UnknownModelError, UserModelError)


def test_models_command_lists_every_name_as_table_and_json():
    table = CliRunner().invoke(commands.models, [], env={"COLUMNS": "200"})
    rows = json.loads(CliRunner().invoke(commands.models, ["--json"]).output)
    assert [row["name"] for row in rows] == list(catalog.names())
    assert all(name in table.output for name in catalog.names())


def test_trace_command_saves_what_opens_again(tmp_path: Path):
    path = tmp_path / "copy.json.gz"
    result = CliRunner().invoke(commands.trace, ["alexnet", "-o", str(path)])
    assert result.exit_code == 0, result.output
    assert open_model(str(path)).symbolic("forward") == catalog.find("alexnet").symbolic("forward")
    assert [p.name for p in tmp_path.iterdir()] == ["copy.json.gz"]


def test_an_output_folder_that_does_not_exist_is_a_user_error(tmp_path: Path):
    with pytest.raises(UserError, match="cannot write"):
        commands.write_atomically(tmp_path / "absent" / "x.json.gz", b"")


@pytest.mark.parametrize("phase", ["decode", "generate"])
def test_trace_command_refuses_a_phase_the_model_does_not_have(phase: str):
    result = CliRunner().invoke(commands.trace, ["alexnet", "--phase", phase])
    assert isinstance(result.exception, UserError)
