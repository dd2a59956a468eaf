"""Outcomes kept between runs: a JSON file per paper in the user's cache folder, named by its content.

The name hashes the paper's data and whether it was computed in full; its folder every source and data file of the
program, the shipped chips included. Papers from a user's file are not kept, because they may name chips and functions
outside. Files appear whole (see ``mapper.cache``), so that any number of runs may write at once.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mapper.cache import cache_folder, check_of, place_of, program_version, say_once, write_whole
from search.reproduction.paper import Paper
from search.reproduction.paper_file import load_paper, paper_names
from search.reproduction.run import Computed, Outcome

_KIND = "reproductions"


def keepable(paper: Paper) -> bool:
    """Whether a paper is one that comes with the program."""
    return paper.name in paper_names() and paper == load_paper(paper.name)


def kept(paper: Paper, full: bool) -> Computed | None:
    """The outcomes of an earlier run; None if there are none that are whole."""
    key, path = _place(paper, full)
    if path is None:
        return None
    try:
        entry: Any = json.loads(path.read_bytes())
        body = entry["computed"]
        if entry["check"] != check_of(key, body):
            return None
        # What passes this was written by this very version of the program, so that its form needs no further check.
        data = json.loads(body)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Computed(tuple(Outcome(**one) for one in data["outcomes"]), data["seconds"])


def keep(paper: Paper, full: bool, computed: Computed) -> None:
    """Keep outcomes for later runs; a folder that cannot be written is reported once and does no harm."""
    key, path = _place(paper, full)
    if path is None:
        return
    body = json.dumps(asdict(computed))
    try:
        write_whole(path, json.dumps({"check": check_of(key, body), "computed": body}).encode())
    except OSError as error:
        say_once(
            f"reproductions are not kept for later runs ({path.parent}: {error.strerror}); --no-cache says nothing"
        )


def _place(paper: Paper, full: bool) -> tuple[str, Path | None]:
    key = hashlib.sha256(paper.model_dump_json().encode() + bytes([full])).hexdigest()
    folder = cache_folder(_KIND)
    return key, None if folder is None else folder / program_version(_KIND) / place_of(key)
