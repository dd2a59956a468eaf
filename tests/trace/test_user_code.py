"""A user's own Python function is executed, traced, and its mistakes reported with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from workloads.errors import UserError
from workloads.graph import graph_macs
from workloads.model import Choices, bind_model
from workloads.user import open_model

MODEL = """
import torch
from torch import nn

def build():
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8)), (torch.randn(5, 64),)

def symbolic():
    module, inputs = build()
    return module, inputs, {0: {0: "B"}}

def huge():
    return nn.Linear(1_000_000, 1_000_000), torch.empty(1, 1_000_000)

def wrong():
    return nn.Linear(2, 2)

def named_inputs():
    return nn.Linear(2, 2), {"x": torch.empty(1, 2)}

def raising():
    value = {}
    return value["missing"]

def stopping():
    raise SystemExit(3)

def mismatched():
    return nn.Linear(2, 2), (torch.empty(1, 3),)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "own.py"
    file.write_text(MODEL)
    return file


def test_a_function_becomes_a_model(path: Path):
    model = open_model(f"{path}:build")
    assert model.name == "own"
    assert graph_macs(bind_model(model)) == 5 * (64 * 32 + 32 * 8)


def test_axes_that_the_function_names_are_symbols(path: Path):
    model = open_model(f"{path}:symbolic")
    assert graph_macs(bind_model(model, choices=Choices(batch=7))) == 7 * (64 * 32 + 32 * 8)


def test_a_model_larger_than_memory_is_no_problem(path: Path):
    assert open_model(f"{path}:huge").symbolic("forward").parameters == 10**12 + 10**6


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("raising", r"own\.py:23: raising: KeyError: 'missing'"),
        ("stopping", r"own\.py:26: stopping: SystemExit: 3"),
        ("wrong", "wrong returned Linear, expected"),
        ("named_inputs", "example inputs are dict, expected"),
        ("biuld", "no function 'biuld'; did you mean 'build'"),
        ("mismatched", "cannot be traced"),
    ],
)
def test_mistakes_are_reported_with_their_place(path: Path, function: str, expected: str):
    with pytest.raises(UserError, match=expected):
        open_model(f"{path}:{function}")


@pytest.mark.parametrize(
    ("content", "expected"), [("x = (", r"own\.py:1: .*SyntaxError"), ("\n1 / 0", r"own\.py:2: .*ZeroDivisionError")]
)
def test_a_file_that_cannot_be_executed_names_the_line(path: Path, content: str, expected: str):
    path.write_text(content)
    with pytest.raises(UserError, match=expected):
        open_model(f"{path}:build")
