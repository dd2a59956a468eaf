"""Points of earlier comparisons, in the user's cache folder: a small JSON file per point, named by its content.

The name hashes the model's graphs, the whole chip, the setting and the mapping choices; its folder every source and
data file of the program. Files appear whole (see ``mapper.cache``), so that any number of runs may write at once, and
an interrupted run finds what it had finished.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from hwsim.chip import Chip
from mapper.cache import cache_folder, check_of, place_of, program_version, say_once, write_whole
from search.comparison.plan import Plan, Point
from search.sweep import NESTED, Row
from workloads.model import Model

_KIND = "points"


@dataclass(slots=True)
class Store:
    """The rows kept for the points of one plan.

    Attributes:
        folder: of this version of the program; None keeps nothing.
        models, chips, settings: digests of the plan's, in its order.
        rest: digest of phase and mapping choices.
        failed: whether a file could not be written; nothing more is tried then.
    """

    folder: Path | None
    models: tuple[str, ...]
    chips: tuple[str, ...]
    settings: tuple[str, ...]
    rest: str
    failed: bool = field(default=False)

    def get(self, point: Point) -> Row | None:
        """The row of a point; None if there is none that is whole."""
        if self.folder is None:
            return None
        key = self._key(point)
        try:
            return _decode(key, (self.folder / place_of(key)).read_bytes())
        except OSError:
            return None

    def put(self, point: Point, row: Row) -> None:
        """Keep a row; a folder that cannot be written is reported once and does no harm."""
        if self.folder is None or self.failed:
            return
        key = self._key(point)
        body = json.dumps(asdict(row))
        data = json.dumps({"key": key, "check": check_of(key, body), "row": body}).encode()
        try:
            write_whole(self.folder / place_of(key), data)
        except OSError as error:
            self.failed = True
            say_once(f"points are not kept for later runs ({self.folder}: {error.strerror}); --no-cache says nothing")

    def _key(self, point: Point) -> str:
        return _digest(self.models[point.model] + self.chips[point.chip] + self.settings[point.setting] + self.rest)


def open_store(plan: Plan) -> Store:
    """What is kept for a plan. Nothing is where the user wants no cache, or where a budget in seconds decides."""
    folder = cache_folder(_KIND)
    mapping = plan.mapping
    usable = folder is not None and mapping.cached and mapping.budget_seconds is None
    rest = [plan.phase, mapping.mapper, mapping.objective, mapping.residency, mapping.placement, mapping.fusion]
    return Store(
        folder / program_version(_KIND) if usable and folder is not None else None,
        tuple(map(_model_digest, plan.models)),
        tuple(map(chip_digest, plan.chips)),
        tuple(_digest(repr(setting)) for setting in plan.settings),
        _digest(json.dumps(rest)),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _model_digest(model: Model) -> str:
    # Graphs are frozen dataclasses of tuples all the way down, so that equal ones read alike.
    return _digest(repr((model.name, model.phases, model.symbolic)))


def chip_digest(chip: Chip) -> str:
    """A hash of all of a chip, sources included."""
    units = {name: unit.model_dump(mode="json") for name, unit in chip.units.items()}
    return _digest(json.dumps({**chip.model_dump(mode="json", exclude={"units"}), "units": units}))


def _decode(key: str, data: bytes) -> Row | None:
    """The row in an entry, or None where it is cut off or damaged in any way."""
    try:
        entry: Any = json.loads(data)
    except ValueError:
        return None
    if not isinstance(entry, dict):
        return None
    found = cast("dict[str, Any]", entry)
    body = found.get("row")
    if found.get("key") != key or not isinstance(body, str) or found.get("check") != check_of(key, body):
        return None
    # What passes this was written by this very version of the program, so that its form needs no further check.
    values: dict[str, Any] = json.loads(body)
    nested = {name: _tuples(values.pop(name)) for name in NESTED}
    return Row(**values, **nested)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
