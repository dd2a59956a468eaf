"""The user's own Python file on the command line: it runs when named, and its failures are explained."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOOD = """
import torch

def build():
    return torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.ReLU(), torch.nn.Linear(64, 8)), (torch.zeros(4, 32),)
"""


def estimate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; from importlib.metadata import EntryPoint; from hwsim.cli import run\n"
        "sys.exit(run(sys.argv[1:], [EntryPoint('estimate', 'mapper.commands:estimate', 'hwsim.commands')]))"
    )
    command = [sys.executable, "-c", code, "estimate", *arguments, "--chip", "tpu_v4i"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(folder)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_a_function_that_returns_a_module_is_estimated(tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text(GOOD)
    done = estimate(tmp_path, "my_model.py:build", "--json", "-")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["macs"] == 4 * (32 * 64 + 64 * 8)
    assert data["parameters"] == 32 * 64 + 64 + 64 * 8 + 8


@pytest.mark.parametrize(
    ("source", "fragments"),
    [
        ("def build():\n    raise RuntimeError('the disk is on fire')\n", ["my_model.py:2", "the disk is on fire"]),
        ("raise ValueError('at import')\n\ndef build(): ...\n", ["my_model.py:1", "at import"]),
        ("def built():\n    return 1\n", ["my_model.py", "build"]),
        ("def build(:\n", ["my_model.py:1"]),
        ("def build():\n    return 1\n", ["my_model.py", "build returned int"]),
    ],
    ids=["raises", "raises at import", "no such function", "syntax", "wrong result"],
)
def test_a_python_file_that_fails_gives_one_message_and_no_output(
    tmp_path: Path, source: str, fragments: list[str]
) -> None:
    (tmp_path / "my_model.py").write_text(source)
    done = estimate(tmp_path, "my_model.py:build", "--json", "out.json")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    for fragment in fragments:
        assert fragment in done.stderr
    assert not (tmp_path / "out.json").exists()
