"""optuna-dashboard reads the studies that searches write."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import search
from tests.unit.search.tiny import write_tiny

pytest.importorskip("optuna_dashboard")
COMMAND = "import sys; from optuna_dashboard._cli import main; sys.argv[0] = 'optuna-dashboard'; main()"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def fetched(url: str, process: subprocess.Popen[bytes]) -> Any:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        assert process.poll() is None, "the dashboard ended"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise AssertionError("the dashboard does not answer")


@pytest.mark.parametrize("scheme", ["", "sqlite:///"])
def test_the_dashboard_shows_a_study(scheme: str, tmp_path: Path) -> None:
    storage = f"{scheme}{tmp_path / 'tiny.study'}"
    search.run(write_tiny(tmp_path), 8, storage=storage, sampler="random")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, storage, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        studies = fetched(f"http://127.0.0.1:{port}/api/studies", process)["study_summaries"]
        assert [one["study_name"] for one in studies] == ["tiny"]
        shown = fetched(f"http://127.0.0.1:{port}/api/studies/{studies[0]['study_id']}", process)
        assert len(shown["trials"]) == 8
    finally:
        process.kill()
        process.wait()
