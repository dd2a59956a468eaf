"""Progress is for people who wait: only on a terminal, only when it takes long."""

from __future__ import annotations

import io
import time
from types import SimpleNamespace

import pytest

from hwsim import progress
from hwsim.progress import CLEAR_LINE, track, waiting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    stream = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stream))
    return stream


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.005)
    monkeypatch.setattr(progress, "INTERVAL_SECONDS", 0.0)


def slow(items: range) -> list[int]:
    found: list[int] = []
    for item in track(items, "rows", len(items)):
        time.sleep(0.01)
        found.append(item)
    return found


def test_long_work_on_a_terminal_counts_and_clears_its_line(terminal: Terminal, impatient: None) -> None:
    assert slow(range(4)) == [0, 1, 2, 3]
    assert "\rrows: 3/4" in terminal.getvalue()
    assert terminal.getvalue().endswith(CLEAR_LINE)


def test_short_work_shows_nothing(terminal: Terminal) -> None:
    assert slow(range(3)) == [0, 1, 2]
    with waiting("model"):
        pass
    assert terminal.getvalue() == ""


def test_waiting_says_how_far_it_is(terminal: Terminal, impatient: None) -> None:
    with waiting("estimating gpt2") as say:
        time.sleep(0.02)
        say("3 of 9 contractions mapped")
        time.sleep(0.03)
    assert "\restimating gpt2: 0 s, 3 of 9 contractions mapped" in terminal.getvalue()
    assert terminal.getvalue().endswith(CLEAR_LINE)


def test_a_pipe_shows_nothing(capsys: pytest.CaptureFixture[str], impatient: None) -> None:
    slow(range(3))
    with waiting("model"):
        time.sleep(0.02)
    assert capsys.readouterr().err == ""


def test_waiting_shows_seconds_and_clears_also_after_a_failure(terminal: Terminal, impatient: None) -> None:
    with pytest.raises(RuntimeError), waiting("tracing model.py"):
        time.sleep(0.05)
        raise RuntimeError
    assert "\rtracing model.py: 0 s" in terminal.getvalue()
    assert terminal.getvalue().endswith(CLEAR_LINE)
