"""Where the numbers of a chip come from: which source covers which key, and which keys have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from hwsim.chip import Chip, Source, Status
from hwsim.report import Footnote

NO_SOURCE = "no source given"


def numeric_keys(chip: Chip) -> tuple[str, ...]:
    """Key paths of all numbers that the chip file states; defaults of the schema are not among them."""
    return tuple(key for part in _PARTS for key in _leaves(getattr(chip, part), part) if part in chip.model_fields_set)


_PARTS = ("technology", "clocks", "memories", "units", "links", "package", "cost")


def _leaves(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            if name in value.model_fields_set:
                yield from _leaves(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}")
    elif isinstance(value, tuple):
        if any(True for item in value for _ in _leaves(item, path)):
            yield path
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def source_of(chip: Chip, key: str) -> Source | None:
    """The source that covers a key path: the longest match wins, of equal ones the last.

    A path covers everything below it, and ``*`` in it stands for one component.
    """
    parts = key.split(".")
    best: tuple[int, Source | None] = (0, None)
    for source in chip.sources:
        for pattern in source.keys:
            length = _match(pattern.split("."), parts)
            if length and length >= best[0]:
                best = (length, source)
    return best[1]


def _match(pattern: list[str], parts: list[str]) -> int:
    """How specific a pattern is that covers a key (longer first, then without ``*``); 0 if it does not cover it."""
    if len(pattern) > len(parts) or any(a not in ("*", b) for a, b in zip(pattern, parts, strict=False)):
        return 0
    return 2 * len(pattern) + (0 if "*" in pattern else 1)


def uncovered_keys(chip: Chip) -> tuple[str, ...]:
    """Numbers of the chip file that no entry of ``sources`` covers."""
    return tuple(key for key in numeric_keys(chip) if source_of(chip, key) is None)


def status_of(chip: Chip, key: str) -> Status:
    """Status of one number; without a source it counts as assumed."""
    source = source_of(chip, key)
    return source.status if source else "assumed"


def status_counts(chip: Chip) -> dict[Status, int]:
    """How many numbers are published, secondary, derived and assumed."""
    counts = Counter(status_of(chip, key) for key in numeric_keys(chip))
    order: tuple[Status, ...] = ("published", "secondary", "derived", "assumed")
    return {status: counts[status] for status in order}


def footnotes(chip: Chip) -> tuple[Footnote, ...]:
    """The chip's sources for a report, and one more for the numbers that have none."""
    notes = tuple(Footnote(source.keys, source.cite, source.status) for source in chip.sources)
    missing = uncovered_keys(chip)
    return (*notes, Footnote(missing, NO_SOURCE, "assumed")) if missing else notes


def unused_source_keys(chip: Chip) -> tuple[str, ...]:
    """Key paths in ``sources`` that cover no number of the chip: misspelt, or left over."""
    keys = [key.split(".") for key in numeric_keys(chip)]
    patterns = [pattern for source in chip.sources for pattern in source.keys]
    return tuple(pattern for pattern in patterns if not any(_match(pattern.split("."), key) for key in keys))
