"""Chip files: YAML with units of measure into a validated `Chip`, with every problem named by line and column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hwsim.chip import Chip
from hwsim.problems import explain
from hwsim.yaml_text import MAX_BYTES, Document, FileProblems, KeyPath, Problem, read_yaml, show_path
from workloads.errors import UserError, did_you_mean

FOLDER = Path(__file__).resolve().parent.parent / "hw_configs"
_NAMED_PARTS = frozenset({"clocks", "memories", "units", "links"})


class ChipFileError(FileProblems):
    """All problems of a chip file, one line each as ``file:line:col: key.path: what is wrong``."""


def chip_names() -> tuple[str, ...]:
    """Names of the chips that come with the program."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def load_chip(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Chip:
    """A chip by its name ("tpu_v4i"; "-" and "_" are the same) or from a file.

    Args:
        name_or_path: text that ends in .yaml or .yml or has a path separator is a file.
        overrides: ``key.path=value`` texts that replace values of the file.

    Raises:
        UserError: no chip has this name.
        ChipFileError: the file or an override is wrong; all problems at once.
    """
    path = chip_path(name_or_path)
    shown = f"{FOLDER.name}/{path.name}" if path.parent == FOLDER else str(name_or_path)
    text = _read_text(path)
    try:
        changed = _Overridden(read_yaml(text, shown))
    except FileProblems as error:
        raise ChipFileError(error.lines) from None
    for override in overrides:
        changed.apply(override)
    return changed.chip(path.stem)


def chip_path(name_or_path: str | Path) -> Path:
    """The file that a chip's name or path stands for.

    Raises:
        UserError: it is neither; the message lists the known names.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".yaml", ".yml")) or "/" in text or "\\" in text:
        return Path(name_or_path)
    name = text.replace("-", "_")
    if name not in chip_names():
        hint = did_you_mean(name, chip_names())
        raise UserError(f"no chip is named {text!r}{hint}; chips: {', '.join(chip_names())}; or give a path to a .yaml")
    return FOLDER / f"{name}.yaml"


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > 4 * MAX_BYTES:
            raise ChipFileError((f"{path}: too large for a chip file",))
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ChipFileError((f"{path}: can't be read: {error.strerror}",)) from None
    except UnicodeDecodeError as error:
        raise ChipFileError((f"{path}: not UTF-8 text (byte {error.start})",)) from None


class _Overridden:
    """A document with values replaced from the command line, and who is to blame for what."""

    def __init__(self, document: Document) -> None:
        if not isinstance(document.data, dict):
            found = "an empty file" if document.data is None else "something else"
            raise ChipFileError((f"{document.file}: expected a mapping of keys to values, found {found}",))
        self.document = document
        self.data: dict[str, Any] = document.data
        self.given: dict[KeyPath, str] = {}
        self.lines: list[str] = []

    def apply(self, text: str) -> None:
        """Replace one value; problems are collected."""
        key, equals, value_text = text.partition("=")
        path: KeyPath = tuple(key.strip().split("."))
        if not equals or not value_text.strip() or not all(path):
            self.lines.append(f"--set {text}: expected key.path=value, for example units.array.rows=64")
            return
        try:
            value = read_yaml(value_text.strip(), "value").data
        except FileProblems as error:
            self.lines.append(f"--set {text}: {error.lines[0]}")
            return
        trouble = self._put(path, value)
        if trouble:
            self.lines.append(f"--set {text}: {trouble}")
        else:
            self.given[path] = f"--set {text}"

    def _put(self, path: KeyPath, value: Any) -> str | None:
        target: Any = self.data
        for depth, part in enumerate(path[:-1]):
            part = _existing(target, part)
            if part not in target:
                if depth or part not in Chip.model_fields or part in _NAMED_PARTS:
                    return f"{show_path(path[: depth + 1])}: no such key{did_you_mean(str(part), map(str, target))}"
                target[part] = {}
            target = target[part]
            if not isinstance(target, dict):
                inside = show_path(path[: depth + 1])
                return f"{inside} is not a mapping; set it as a whole, for example --set {inside}=..."
        last = _existing(target, path[-1])
        if last not in target and len(path) == 2 and path[0] in _NAMED_PARTS:
            return f"no such key{did_you_mean(str(last), map(str, target))}"
        target[last] = value
        return None

    def chip(self, name: str) -> Chip:
        """The validated chip."""
        self.data.setdefault("name", name)
        try:
            chip = Chip.model_validate(self._data_with_sources())
        except ValidationError as error:
            found = (*self.document.problems, *explain(error, replace(self.document, data=self.data), Chip))
            raise ChipFileError(self._lines(found)) from None
        if self.document.problems or self.lines:
            raise ChipFileError(self._lines(self.document.problems))
        return chip

    def _data_with_sources(self) -> dict[str, Any]:
        sources = self.data.get("sources", ())
        if not self.given or not isinstance(sources, tuple):
            return self.data
        keys = tuple(show_path(path) for path in self.given)
        mine = {"cite": "set on the command line", "status": "assumed", "keys": keys}
        return {**self.data, "sources": (*sources, mine)}

    def _lines(self, problems: Sequence[Problem]) -> tuple[str, ...]:
        in_file: list[Problem] = []
        lines: list[str] = list(self.lines)
        for problem in problems:
            blame = next((path for path in self.given if tuple(map(str, problem.path[: len(path)])) == path), None)
            if blame is None:
                in_file.append(problem)
            elif len(problem.path) == len(blame):
                lines.append(f"{self.given[blame]}: {problem.message}")
            else:
                lines.append(f"{self.given[blame]}: {show_path(problem.path)}: {problem.message}")
        return (*(self.document.line(problem) for problem in sorted(in_file, key=lambda p: p.mark)), *lines)


def _existing(mapping: dict[Any, Any], part: str | int) -> str | int:
    """The key as the file spells it: ``8`` may be a number there."""
    return next((key for key in mapping if str(key) == part), part)
