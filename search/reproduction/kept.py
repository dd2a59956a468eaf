"""Outcomes kept between runs: a JSON file per paper in the user's cache folder, named by all that they depend on.

That is the paper's data, whether it was computed in full, and every source and data file of the program. Files are
written beside their place and renamed, so that readers see whole ones only; what can't be read is computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from dataclasses import asdict
from functools import cache
from pathlib import Path

from mapper.cache import cache_folder
from search.reproduction.paper import Paper
from search.reproduction.run import Computed, Outcome

_PARTS = ("hwsim", "mapper", "workloads", "search", "hw_configs")
_SUFFIXES = (".py", ".yaml", ".json", ".gz")


@cache
def _program() -> bytes:
    """A hash of everything that a simulated value can depend on beside the paper's own data."""
    home = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256(sys.version.encode())
    for part in _PARTS:
        for path in sorted((home / part).rglob("*")):
            if path.suffix in _SUFFIXES:
                digest.update(f"\n{path.relative_to(home).as_posix()}\n".encode())
                digest.update(path.read_bytes())
    return digest.digest()


def kept_path(paper: Paper, full: bool) -> Path | None:
    """Where the outcomes of a paper are kept; None if the user has no cache folder."""
    folder = cache_folder()
    if folder is None:
        return None
    key = hashlib.sha256(_program() + paper.model_dump_json().encode() + bytes([full])).hexdigest()
    return folder.parent / "reproductions" / f"{key[:40]}.json"


def kept(paper: Paper, full: bool) -> Computed | None:
    """The outcomes of an earlier run; None if there are none that can be read."""
    path = kept_path(paper, full)
    if path is None:
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Computed(tuple(Outcome(**one) for one in data["outcomes"]), data["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(paper: Paper, full: bool, computed: Computed) -> None:
    """Keep outcomes for later runs; where nothing can be written, nothing is kept."""
    path = kept_path(paper, full)
    if path is None:
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(asdict(computed), stream)
            os.replace(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)
