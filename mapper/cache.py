"""Mappings found in earlier runs, in the user's cache folder: a small JSON file per contraction, named by its content.

The name is a hash of all that a result depends on: the contraction, the part of the chip that the array sees, free
scratchpad, resident operands, mapper and objective; the folder's, one of every source and data file of the program, so
that a changed program finds nothing old. Files are written beside their place and renamed, so that readers and other
writers see whole entries only, also where a process is killed; what is not whole is treated as absent and rewritten.

Only results that do not depend on a time budget are kept. The fast mapper is not cached: a file is no quicker.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hwsim.machine import Machine
from hwsim.schedule import Level, TileLoop
from hwsim.technology import static_power_watts
from mapper.base import Found, Goal, Proof, Task

_SUFFIX = ".json"
_PACKAGES = ("hwsim", "mapper")
_ALL = ("workloads", *_PACKAGES, "search")
KINDS = {"mappings": _PACKAGES, "points": _ALL, "reproductions": (*_ALL, "hw_configs")}
"""What is kept between runs, and the folders of files that it depends on: mappings, points of comparisons, papers."""
_LIBRARIES = ("numba", "numpy")


def cache_folder(kind: str = "mappings") -> Path | None:
    """Where entries of one of the ``KINDS`` are kept, of all versions; None if the user has no home.

    Source: XDG base directory specification; the platform's own place on macOS and Windows.
    """
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not chosen.is_absolute():
        own = {"win32": "AppData/Local", "darwin": "Library/Caches"}
        try:
            chosen = Path.home() / own.get(sys.platform, ".cache")
        except RuntimeError:
            return None
    return chosen / "hwsim" / kind


@cache
def program_version(kind: str = "mappings") -> str:
    """Names the running program, as far as one of the ``KINDS`` depends on it: see ``files_version``."""
    return files_version(Path(__file__).resolve().parents[1], KINDS[kind])


def files_version(home: Path, packages: tuple[str, ...] = _PACKAGES) -> str:
    """A hash of every source and data file of the packages in a folder, and of the libraries that compute with them."""
    digest = hashlib.sha256(sys.version.encode())
    for name in _LIBRARIES:
        digest.update(f"\n{name} {version(name)}".encode())
    for package in packages:
        for path in sorted((home / package).rglob("*")):
            if path.suffix in (".py", ".yaml", ".json", ".gz"):
                digest.update(f"\n{path.relative_to(home).as_posix()}\n".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def chip_part(machine: Machine, unit: str) -> str:
    """All of a chip that the mapping of a contraction on a unit can depend on, as text; names of clocks do not matter.

    That is the unit, the memories of its path without their area, the links that end at one of them, clocks, node and
    static power; not package, price or sources.
    """
    chip = machine.chip
    spec = chip.units[unit]
    links = [link.model_dump(mode="json") for link in chip.links.values() if set(link.between) & set(spec.path)]
    part = {
        "unit": spec.model_dump(mode="json", exclude={"clock"}),
        "memories": {name: chip.memories[name].model_dump(mode="json", exclude={"area"}) for name in spec.path},
        "bits": {name: asdict(machine.bits[name]) for name in spec.path},
        "links": sorted(links, key=json.dumps),
        "clocks": [chip.clocks[spec.clock], chip.clock_hertz],
        "node": chip.technology.node,
        "static_watts": static_power_watts(chip),
    }
    return json.dumps(part, sort_keys=True)


def key_of(task: Task, part: str, mapper: str, goal: Goal) -> str:
    """The name of an entry; budget and jobs are not part of it, because only what they cannot change is kept."""
    nest, resident = repr(task.nest), sorted(task.resident)
    text = json.dumps([nest, task.capacity_bytes, resident, part, mapper, goal.objective])
    return hashlib.sha256(text.encode()).hexdigest()


def keepable(found: Found, goal: Goal) -> bool:
    """Whether a result would be the same under every budget: it is proven, or it was not cut short by one."""
    return goal.budget_seconds is None or (found.proof is not None and found.proof.gap == 0)


@dataclass(slots=True)
class Cache:
    """The entries of this version of the program, for the units of one machine.

    Attributes:
        machine: the chip made ready.
        folder: where entries are; None keeps nothing.
        failed: whether a file could not be written; nothing more is tried then.
        parts: ``chip_part`` of the units asked for so far.
    """

    machine: Machine
    folder: Path | None
    failed: bool = False
    parts: dict[str, str] = field(default_factory=dict)

    def get(self, task: Task, mapper: str, goal: Goal) -> Found | None:
        """The result kept for a task; None if there is none that is whole."""
        if self.folder is None:
            return None
        key = self._key(task, mapper, goal)
        try:
            return _decode(key, (self.folder / place_of(key)).read_bytes())
        except OSError:
            return None

    def put(self, task: Task, mapper: str, goal: Goal, found: Found) -> None:
        """Keep a result, if it is ``keepable``; a folder that cannot be written is reported once and does no harm."""
        if self.failed or not keepable(found, goal):
            return
        if self.folder is None:
            self._give_up("there is no home folder")
            return
        key = self._key(task, mapper, goal)
        try:
            write_whole(self.folder / place_of(key), _encode(key, found))
        except OSError as error:
            self._give_up(f"{self.folder}: {error.strerror}")

    def _key(self, task: Task, mapper: str, goal: Goal) -> str:
        unit = task.unit.name
        if unit not in self.parts:
            self.parts[unit] = chip_part(self.machine, unit)
        return key_of(task, self.parts[unit], mapper, goal)

    def _give_up(self, reason: str) -> None:
        self.failed = True
        say_once(f"mappings are not kept for later runs ({reason}); --no-cache says nothing")


@cache
def say_once(text: str) -> None:
    """Write a line to standard error, the first time only."""
    sys.stderr.write(f"{text}\n")


def open_cache(machine: Machine) -> Cache:
    """The cache of this user and this version of the program, for one machine; nothing is created yet."""
    folder = cache_folder()
    return Cache(machine, None if folder is None else folder / program_version())


def place_of(key: str) -> str:
    """Where in its version's folder the entry of a key is."""
    return f"{key[:2]}/{key[2:]}{_SUFFIX}"


def write_whole(target: Path, data: bytes) -> None:
    """Write a file so that readers and other writers see all of it or nothing; raises OSError where that fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem[:8]}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.replace(temporary, target)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _encode(key: str, found: Found) -> bytes:
    body = json.dumps(asdict(found), sort_keys=True)
    return json.dumps({"key": key, "check": check_of(key, body), "found": body}).encode()


def check_of(key: str, body: str) -> str:
    """What an entry carries to show that it is whole."""
    return hashlib.sha256(f"{key}\n{body}".encode()).hexdigest()


def _decode(key: str, data: bytes) -> Found | None:
    """The result in an entry, or None where it is cut off or damaged in any way."""
    try:
        entry = json.loads(data)
    except ValueError:
        return None
    if not isinstance(entry, dict) or entry.get("key") != key or not isinstance(entry.get("found"), str):
        return None
    # What passes this was written by this very version of the program, so that its form needs no further check.
    if entry.get("check") != check_of(key, entry["found"]):
        return None
    return _found(json.loads(entry["found"]))


def _found(data: Mapping[str, Any]) -> Found:
    levels = tuple(
        Level(level["memory"], tuple(TileLoop(**loop) for loop in level["loops"]), tuple(level["keeps"]))
        for level in data["levels"]
    )
    proof = None if data["proof"] is None else Proof(**data["proof"])
    plain = {one.name: data[one.name] for one in fields(Found) if one.name not in ("levels", "proof")}
    return Found(levels=levels, proof=proof, **plain)


@dataclass(frozen=True, slots=True)
class CacheState:
    """What the cache folder holds.

    Attributes:
        folder: of all versions.
        entries, size_bytes: of this version of the program.
        other_entries, other_bytes: of other versions, and what killed processes left.
    """

    folder: str
    entries: int
    size_bytes: int
    other_entries: int
    other_bytes: int


def cache_state(folder: Path, kind: str = "mappings") -> CacheState:
    """What the cache folder of one of the ``KINDS`` holds; nothing if there is none."""
    counts = {True: 0, False: 0}
    sizes = {True: 0, False: 0}
    own = folder / program_version(kind)
    for path in _files(folder):
        current = path.suffix == _SUFFIX and own in path.parents
        try:
            sizes[current] += path.stat().st_size
        except FileNotFoundError:
            continue
        counts[current] += 1
    return CacheState(str(folder), counts[True], sizes[True], counts[False], sizes[False])


def clear_cache(folder: Path) -> int:
    """Remove every entry of every version, and their folders; how many files that were.

    Only files that the cache itself writes are touched. Raises OSError where one cannot be removed.
    """
    removed = 0
    for path in _files(folder):
        path.unlink(missing_ok=True)
        removed += 1
    for path in (*folder.glob("*/??"), *folder.glob("*"), folder):
        with contextlib.suppress(OSError):  # not empty: another process writes there
            path.rmdir()
    return removed


def _files(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.glob("*/??/*")) if path.suffix in (_SUFFIX, ".tmp"))
