"""Running the command line as a user does, without needing the project to be installed."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from hwsim.cli import GROUP, run

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Lines of standard error."""
        return self.err.splitlines()


Run = Callable[..., Result]


@pytest.fixture(scope="session")
def entries() -> list[EntryPoint]:
    """The commands as pyproject.toml declares them."""
    declared = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["entry-points"][GROUP]
    return [EntryPoint(name, value, GROUP) for name, value in declared.items()]


@pytest.fixture
def hwsim(entries: list[EntryPoint], capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``hwsim ARGUMENTS...`` in this process."""

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments], entries)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call
