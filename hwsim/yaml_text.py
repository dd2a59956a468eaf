"""YAML text as plain data, with the line and column of every key and value.

Scalars are typed here and not by YAML 1.1, which reads ``no`` as False, ``12:30:00`` as 45000 and ``1e9`` as text: a
whole number, a decimal number, ``true``/``false`` and ``null`` are what they look like, everything else is text. Lists
become tuples. Equal keys, anchors, aliases, tags and second documents are problems; all of a text's are collected.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from workloads.errors import UserError

KeyPath: TypeAlias = tuple[str | int, ...]
Mark: TypeAlias = tuple[int, int]

MAX_BYTES = 1_000_000
_MAX_DEPTH = 40
_INTEGER = re.compile(r"[-+]?(?:0|[1-9]\d{0,29})")
_DECIMAL = re.compile(r"[-+]?(?:(?:0|[1-9]\d{0,29})(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][-+]?\d{1,4})?")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at one place of a file (line and column count from 1)."""

    mark: Mark
    path: KeyPath
    message: str


class FileProblems(UserError):
    """All problems of one file, one line each."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML text as dicts, tuples and scalars.

    Attributes:
        file: name used in messages.
        data: the value of the only document; None when the text is empty.
        keys, values: where each key and each value starts.
        problems: what the reader itself has to complain about.
    """

    file: str
    data: Any
    keys: dict[KeyPath, Mark]
    values: dict[KeyPath, Mark]
    problems: tuple[Problem, ...]

    def line(self, problem: Problem) -> str:
        """A problem as ``file:line:col: key.path: message``."""
        key = f"{show_path(problem.path)}: " if problem.path else ""
        return f"{self.file}:{problem.mark[0]}:{problem.mark[1]}: {key}{problem.message}"

    def mark(self, path: KeyPath, key: bool = False) -> Mark:
        """Where a value (or, on demand, its key) starts; for a missing one, the nearest enclosing place."""
        if key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.keys.get(path, self.values.get(path, (1, 1))) if key else self.values.get(path, (1, 1))


def show_path(path: KeyPath) -> str:
    """``units.array.rows``."""
    return ".".join(str(part) for part in path)


@dataclass(slots=True)
class _Frame:
    """An open mapping (``key`` is the one whose value comes next) or list; ``is_key`` if it is wrongly a key itself."""

    path: KeyPath
    mapping: dict[str | int, Any] | None
    items: list[Any] = field(default_factory=list[Any])
    key: str | int | None = None
    is_key: bool = False


class _Builder:
    """Turns parser events into data without recursion, so that no nesting can exhaust the stack."""

    def __init__(self) -> None:
        self.keys: dict[KeyPath, Mark] = {}
        self.values: dict[KeyPath, Mark] = {}
        self.problems: list[Problem] = []
        self.data: Any = None
        self.documents = 0
        self.stack: list[_Frame] = []

    def next_path(self) -> KeyPath:
        """Path of the value that comes next."""
        if not self.stack:
            return ()
        top = self.stack[-1]
        if top.mapping is None:
            return (*top.path, len(top.items))
        return (*top.path, top.key) if top.key is not None else top.path

    def complain(self, mark: Mark, message: str) -> None:
        self.problems.append(Problem(mark, self.next_path(), message))

    def take(self, event: yaml.Event) -> None:
        mark = (event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents == 2:
                self.complain(mark, "a second document starts here; expected one document per file")
        elif isinstance(event, yaml.AliasEvent):
            self.complain(mark, "anchors and aliases are not supported; write the value out")
            self.put(None, mark)
        elif isinstance(event, yaml.NodeEvent):
            self.node(event, mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            frame = self.stack.pop()
            if frame.is_key:
                self.stack[-1].key = "?"
            else:
                self.put(frame.mapping if frame.mapping is not None else tuple(frame.items), self.values[frame.path])

    def node(self, event: yaml.NodeEvent, mark: Mark) -> None:
        if event.anchor:
            self.complain(mark, "anchors and aliases are not supported; write the value out")
        is_key = bool(self.stack) and self.stack[-1].mapping is not None and self.stack[-1].key is None
        tag = getattr(event, "tag", None)
        if tag:
            self.complain(mark, f"tags such as {tag} are not supported")
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style is None or event.style == ""
            if is_key:
                self.put_key(event.value, plain, mark)
            else:
                self.put(scalar(event.value) if plain else event.value, mark)
            return
        if is_key:
            self.complain(mark, "a key must be text, not a list or mapping")
        path = (*self.next_path(), "?") if is_key else self.next_path()
        self.values.setdefault(path, mark)
        self.stack.append(_Frame(path, {} if isinstance(event, yaml.MappingStartEvent) else None, is_key=is_key))

    def put_key(self, text: str, plain: bool, mark: Mark) -> None:
        top = self.stack[-1]
        assert top.mapping is not None
        key = int(text) if plain and _INTEGER.fullmatch(text) else text
        top.key = key
        path = (*top.path, key)
        if str(key) in {str(known) for known in top.mapping}:
            first = self.keys.get(path, mark)
            self.complain(mark, f"duplicate key; it already stands in line {first[0]}")
        else:
            self.keys[path] = mark

    def put(self, value: Any, mark: Mark) -> None:
        if not self.stack:
            self.data = value
            self.values.setdefault((), mark)
            return
        top = self.stack[-1]
        if top.mapping is None:
            self.values.setdefault((*top.path, len(top.items)), mark)
            top.items.append(value)
        elif top.key is None:
            top.key = "?"
        else:
            self.values.setdefault((*top.path, top.key), mark)
            top.mapping.setdefault(top.key, value)
            top.key = None


def scalar(text: str) -> Any:
    """The value of an unquoted scalar: int, finite float, bool, None or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text


def read_yaml(text: str, file: str) -> Document:
    """Read one YAML document.

    Args:
        text: at most ``MAX_BYTES`` characters, nested at most 40 deep.
        file: name for messages.

    Raises:
        FileProblems: the text is not YAML (other problems are collected in the result).
    """
    if len(text) > MAX_BYTES:
        raise FileProblems((f"{file}: too large: expected at most {MAX_BYTES} characters, got {len(text)}",))
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
            if builder.documents > 1:
                break
            if len(builder.stack) > _MAX_DEPTH:
                raise FileProblems((f"{file}: nested more than {_MAX_DEPTH} levels deep",))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        raise FileProblems((f"{where}: not valid YAML: {error.problem or error.context}",)) from None
    except yaml.YAMLError as error:
        raise FileProblems((f"{file}: not valid YAML: {str(error).splitlines()[0]}",)) from None
    return Document(file, builder.data, builder.keys, builder.values, tuple(builder.problems))
