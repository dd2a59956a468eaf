"""Operators written as text for quick questions: ``matmul:m=196,n=192,k=384``, ``softmax:rows=4096,columns=1024``.

A kind, a colon, then ``key=number`` pairs. A file of them has one per line; ``#`` starts a comment. Each becomes a
bound graph of one operator. New kinds are added in ``inline_kinds``; this file reads text and refuses bad numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from workloads.bind import bind
from workloads.errors import UserError, did_you_mean
from workloads.graph import OperatorGraph, Segment, points
from workloads.inline_kinds import KINDS, InlineKind
from workloads.precision import FLOAT_BITS, MAX_BITS

MAX_POINTS = 10**18
_MAX_DIGITS = 18
_MAX_ERRORS = 20
_BITS = {"bits": FLOAT_BITS}


class InlineError(UserError):
    """An inline operator that cannot be read or is of an absurd size."""


def is_inline(text: str) -> bool:
    """Whether a text starts with the name of an inline kind and a colon."""
    kind, separator, _ = text.partition(":")
    return bool(separator) and kind.strip() in KINDS


def usage(kind: str) -> str:
    """One line with the keys of a kind, optional ones in brackets with their defaults."""
    spec = KINDS[kind]
    optional = "".join(f"[,{key}={value}]" for key, value in {**spec.optional, **_BITS}.items())
    return f"{kind}:{','.join(f'{key}=..' for key in spec.required)}{optional}"


def parse_inline(text: str) -> OperatorGraph:
    """The bound graph of one inline operator.

    Raises:
        InlineError: an unknown kind or key, a missing, repeated, zero or negative number, or a size above 10^18.
    """
    name, separator, rest = text.strip().partition(":")
    kind = name.strip()
    if kind not in KINDS or not separator:
        known = ", ".join(sorted(KINDS))
        raise InlineError(f"{text.strip()!r}: unknown operator {kind!r}, expected one of {known}"
                          f"{did_you_mean(kind, KINDS)}")  # fmt: skip
    values = _read_values(kind, KINDS[kind], rest)
    problem = KINDS[kind].problem(values)
    if problem:
        raise InlineError(f"{kind}: {problem}; {_rendered(values)}")
    op, tensors = KINDS[kind].build(values)
    largest = max(math.prod(int(str(size)) for size in tensor.shape) for tensor in tensors)
    graph = OperatorGraph(text.strip(), "forward", tensors, (Segment(kind, (op,)),))
    bound = bind(graph)
    work = max(points(part) for part in (*bound.segments[0].ops[0].parts, bound.segments[0].ops[0]))
    if max(largest, work) > MAX_POINTS:
        raise InlineError(f"{kind}: {max(largest, work):.2e} points or elements, at most 1e18 are allowed")
    return bound


def _rendered(values: Mapping[str, int]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())


def _read_values(kind: str, spec: InlineKind, text: str) -> dict[str, int]:
    known = (*spec.required, *spec.optional, "bits")
    values: dict[str, int] = {}
    for item in text.split(",") if text.strip() else ():
        key, separator, value = (part.strip() for part in item.partition("="))
        if not separator:
            raise InlineError(f"{kind}: cannot read {item.strip()!r}, expected key=number; usage: {usage(kind)}")
        if key not in known:
            raise InlineError(f"{kind}: unknown key {key!r}{did_you_mean(key, known)}; usage: {usage(kind)}")
        if key in values:
            raise InlineError(f"{kind}: key {key!r} occurs twice")
        values[key] = _read_number(kind, key, value, least=0 if key in spec.zero_allowed else 1)
    missing = [key for key in spec.required if key not in values]
    if missing:
        raise InlineError(f"{kind}: missing {', '.join(missing)}; usage: {usage(kind)}")
    if values.get("bits", FLOAT_BITS) > MAX_BITS:
        raise InlineError(f"{kind}: bits must be at most {MAX_BITS}, got {values['bits']}")
    return {**spec.optional, **_BITS, **values}


def _read_number(kind: str, key: str, text: str, least: int) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        raise InlineError(f"{kind}: {key} must be a whole number, got {text!r}")
    if len(digits) > _MAX_DIGITS:
        raise InlineError(f"{kind}: {key} is absurdly large ({len(digits)} digits), at most 1e18 points are allowed")
    if int(text) < least:
        raise InlineError(f"{kind}: {key} must be at least {least}, got {text}")
    return int(text)


def parse_ops_file(path: Path) -> list[tuple[str, OperatorGraph]]:
    """Every inline operator of a text file with the text it came from, in order.

    Raises:
        InlineError: the file cannot be read, has no operator, or has lines that cannot be read (all are listed, each
            as ``file:line: problem``).
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InlineError(f"{path}: cannot read it as a list of operators: {error}") from error
    found: list[tuple[str, OperatorGraph]] = []
    problems: list[str] = []
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            found.append((text, parse_inline(text)))
        except UserError as error:
            problems.append(f"{path}:{number}: {error}")
    if problems:
        more = [f"... and {len(problems) - _MAX_ERRORS} more"] if len(problems) > _MAX_ERRORS else []
        raise InlineError("\n".join([*problems[:_MAX_ERRORS], *more]))
    if not found:
        raise InlineError(f"{path}: no operator in it, expected one per line such as {usage('matmul')}")
    return found
