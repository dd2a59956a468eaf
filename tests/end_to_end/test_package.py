"""The wheel holds exactly the four packages and the chip files, and works alone in a clean environment."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return next(out.glob("*.whl"))


def test_the_wheel_has_only_the_four_packages_and_the_chip_files(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top == {"hwsim", "mapper", "workloads", "search", "hw_configs"}
    assert "hw_configs/tpu_v4i.yaml" in names
    assert {f"search/validation/{name}.yaml" for name in ("bounds", "recorded", "held_out")} <= set(names)
    assert {"search/html/page.css", "search/html/page.js"} <= set(names)
    assert any(name.startswith("workloads/catalog/") and name.endswith(".json.gz") for name in names)
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in names)


@pytest.mark.slow
def test_the_wheel_estimates_in_a_clean_environment_without_torch(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, text=True, cwd=tmp_path)
    command = [str(home / "bin" / "hwsim"), "estimate", "llama-3-8b", "--chip", "tpu_v4i", "--json", "-"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    report = json.loads(done.stdout)
    assert report["model"] == "llama-3-8b"
    assert report["seconds"] > report["bounds"]["memory_seconds"] > 0
    modules = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is not None)"
    subprocess.run([str(python), "-c", modules], check=True)
