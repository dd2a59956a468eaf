"""The host of the commands: what it lists, what it loads, and how it ends."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint
from pathlib import Path

import click
import pytest

from hwsim import cli
from hwsim.cli import GROUP, Host, run
from workloads.errors import UserError

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "numba", "pandas", "matplotlib", "optuna", "rich", "numpy")


@click.command()
def good() -> None:
    """Do something good."""
    click.echo("done")


@click.command()
def mistaken() -> None:
    """Make the user mend something."""
    raise UserError("chip.yaml:1:1: rows: must be at least 1")


@click.command()
def stopped() -> None:
    """Be interrupted."""
    raise KeyboardInterrupt


not_a_command = "text"


def entry(name: str, attribute: str | None = None, module: str = __name__) -> EntryPoint:
    return EntryPoint(name, f"{module}:{attribute or name}", GROUP)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


def test_a_package_can_add_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["good"], [entry("good")]) == 0
    assert capsys.readouterr().out == "done\n"


def test_help_lists_every_command_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"], [entry("good"), entry("mistaken")]) == 0
    out = capsys.readouterr().out
    assert "Do something good." in out
    assert "Make the user mend something." in out


def test_a_broken_command_is_listed_and_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    entries = [entry("good"), entry("broken", "x", "absent_module"), entry("odd", "not_a_command")]
    assert run(["--help"], entries) == 0
    assert "absent_module" in capsys.readouterr().out
    assert run(["broken", "--any", "option"], entries) == 2
    assert "No module named 'absent_module'" in capsys.readouterr().err
    assert run(["odd"], entries) == 2
    assert "not a click command" in capsys.readouterr().err


def test_a_package_cannot_replace_one_of_our_commands() -> None:
    ours = entry("estimate", module="mapper.commands")
    for order in ([ours, entry("estimate", "good")], [entry("estimate", "good"), ours]):
        assert Host(order).entries["estimate"] == ours


def test_something_to_mend_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mistaken"], [entry("mistaken")]) == 2
    assert capsys.readouterr().err == "error: chip.yaml:1:1: rows: must be at least 1\n"


def test_an_interrupt_is_exit_code_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stopped"], [entry("stopped")]) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


@pytest.mark.parametrize("arguments", [["nonsense"], ["good", "--nonsense"], ["good", "extra"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    assert run(arguments, [entry("good")]) == 2


def test_a_wrong_command_suggests_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["goud"], [entry("good")]) == 2
    assert "no command is named 'goud'; did you mean 'good'?" in capsys.readouterr().err


def test_version_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "version", lambda name: f"{name}-1.2.3")
    assert run(["--version"], []) == 0
    assert capsys.readouterr().out == "hwsim hwsim-1.2.3\n"


@pytest.mark.parametrize("name", ["search", "mapper"])
def test_a_hidden_package_is_named_with_the_file_that_hides_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    intruder = tmp_path / f"{name}.py"
    find = importlib.util.find_spec

    def found(wanted: str) -> ModuleSpec | None:
        return ModuleSpec(name, None, origin=str(intruder)) if wanted == name else find(wanted)

    monkeypatch.setattr(cli, "find_spec", found)
    assert run(["--help"], []) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"error: {intruder} hides hwsim's package {name!r}")
    assert message.count("\n") == 1


def _subprocess(code: str, *, cwd: Path, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{cwd}{os.pathsep}{path}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=60, check=False)


def test_a_users_own_search_file_gives_one_message_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "search.py").write_text("raise SystemExit('the user file was executed')\n")
    done = _subprocess("import sys; from hwsim.cli import run; sys.exit(run(['--help'], []))", cwd=tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path / 'search.py'} hides" in done.stderr
    assert done.stderr.count("\n") == 1


def test_help_imports_nothing_heavy(tmp_path: Path, entries: list[EntryPoint]) -> None:
    pairs = [(point.name, point.value) for point in entries]
    code = (
        "import sys; from importlib.metadata import EntryPoint; from hwsim.cli import run\n"
        f"code = run(['--help'], [EntryPoint(n, v, 'hwsim.commands') for n, v in {pairs!r}])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = _subprocess(code, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "[]"
    assert "cannot be loaded" not in done.stdout


def test_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from hwsim import cli\n"
        "read, write = os.pipe(); os.close(read); os.dup2(write, 1)\n"
        "sys.exit(cli.run(['--help'], []))\n"
    )
    done = _subprocess(code, cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_standard_output_is_one_message(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from hwsim import cli\n"
        "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)\n"
        "sys.exit(cli.run(['--help'], []))\n"
    )
    done = _subprocess(code, cwd=tmp_path)
    assert done.stderr == "error: standard output cannot be written: No space left on device\n"
    assert done.returncode == 2
