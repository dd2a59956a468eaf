"""Validation errors of a file as lines a user can act on: place, key, what is wrong, what was expected."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from hwsim.chip import UnitSpec
from hwsim.units.registry import kinds, spec_class
from hwsim.yaml_text import Document, KeyPath, Problem
from workloads.errors import did_you_mean

_MESSAGES: dict[str, Callable[[dict[str, Any], str], str]] = {
    "missing": lambda context, got: "is missing",
    "greater_than_equal": lambda context, got: f"must be at least {context['ge']}, got {got}",
    "greater_than": lambda context, got: f"must be greater than {context['gt']}, got {got}",
    "less_than_equal": lambda context, got: f"must be at most {context['le']}, got {got}",
    "less_than": lambda context, got: f"must be less than {context['lt']}, got {got}",
    "int_type": lambda context, got: f"must be a whole number, got {got}",
    "float_type": lambda context, got: f"must be a number, got {got}",
    "bool_type": lambda context, got: f"must be true or false, got {got}",
    "string_type": lambda context, got: f"must be text, got {got}",
    "tuple_type": lambda context, got: f"must be a list, got {got}",
    "dict_type": lambda context, got: f"must be a mapping of keys to values, got {got}",
    "model_type": lambda context, got: f"must be a mapping of keys to values, got {got}",
    "too_short": lambda context, got: f"needs at least {context['min_length']} entries, has {context['actual_length']}",
}


def explain(error: ValidationError, document: Document, model: type[BaseModel]) -> tuple[Problem, ...]:
    """Every finding of pydantic as a problem with its place in the document.

    Args:
        error: raised when ``document.data`` was validated.
        document: where the data came from.
        model: what it was validated as; its fields are offered when a key is unknown.
    """
    problems: list[Problem] = []
    for finding in error.errors(include_url=False):
        path = tuple(part for part in finding["loc"] if part != "[key]")
        if finding["type"] == "value_error":
            problems.extend(_lines(path, str(finding["ctx"]["error"]), document))  # pyright: ignore[reportTypedDictNotRequiredAccess]
            continue
        unknown = finding["type"] == "extra_forbidden"
        message = _message(dict(finding), path, document, model)
        problems.append(Problem(document.mark(path, key=unknown), path, message))
    return tuple(problems)


def _lines(path: KeyPath, text: str, document: Document) -> list[Problem]:
    """A validator may report several lines, each ``key.path: message`` with the path from where it stands."""
    problems: list[Problem] = []
    for line in text.splitlines():
        head, colon, rest = line.partition(": ")
        inner = (*path, *head.split("."))
        while colon and len(inner) > len(path) + 1 and inner not in document.values:
            inner = inner[:-1]
        if colon and inner in document.values and " " not in head:
            problems.append(Problem(document.mark(inner), (*path, *head.split(".")), rest))
        else:
            problems.append(Problem(document.mark(path), path, line))
    return problems


def _message(finding: dict[str, Any], path: KeyPath, document: Document, model: type[BaseModel]) -> str:
    kind, got = finding["type"], _shown(finding["input"])
    if kind == "extra_forbidden":
        known = fields_at(model, path[:-1], document.data)
        return f"unknown key{did_you_mean(str(path[-1]), known) or '; known keys: ' + ', '.join(known)}"
    if kind == "literal_error":
        expected = str(finding["ctx"]["expected"])
        hint = did_you_mean(str(finding["input"]), expected.replace("'", "").replace(" or ", ", ").split(", "))
        return f"must be {expected}, got {got}{hint}"
    template = _MESSAGES.get(kind)
    return template(finding.get("ctx", {}), got) if template else f"{finding['msg']}, got {got}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, tuple):
        return "a list"
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def fields_at(model: type[BaseModel], path: KeyPath, data: Any) -> tuple[str, ...]:
    """Keys that a file may have at ``path``; empty where any name is allowed (names of memories, units, ...)."""
    current: Any = model
    for part in path:
        current = _child(_known_unit(current, data), part)
        data = data.get(part) if isinstance(data, dict) else None
    current = _known_unit(current, data)
    return tuple(current.model_fields) if _is_model(current) else ()


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _known_unit(annotation: Any, data: Any) -> Any:
    kind = data.get("kind") if isinstance(data, dict) else None
    return spec_class(str(kind)) if annotation is UnitSpec and kind in kinds() else annotation


def _child(annotation: Any, part: str | int) -> Any:
    if _is_model(annotation):
        found = annotation.model_fields.get(part)
        return _plain(found.annotation) if found else None
    arguments: Sequence[Any] = get_args(annotation)
    return _plain(arguments[1 if get_origin(annotation) is dict else 0]) if arguments else None


def _plain(annotation: Any) -> Any:
    """The annotation without Annotated and without ``| None``."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return _plain(next(part for part in get_args(annotation) if part is not type(None)))
    return annotation
