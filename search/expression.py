"""Small arithmetic over the parameters of a space: ``rows * columns <= 1024``, ``max(1, pes - left)``.

Only numbers, text, names, ``+ - * / // % **``, comparisons, ``and``/``or``/``not``, ``x if c else y`` and the functions
of ``FUNCTIONS`` are known; nothing of Python can be reached from an expression.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

Scalar: TypeAlias = int | float | str | bool

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min, "max": max, "round": round, "floor": math.floor, "ceil": math.ceil, "log2": math.log2,
    "sqrt": math.sqrt,
}  # fmt: skip
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip
_MAX_LENGTH, _MAX_POWER = 500, 64


class ExpressionError(ValueError):
    """An expression that can't be read or computed."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression and the names it uses."""

    text: str
    names: tuple[str, ...]


def read_expression(text: str) -> Expression:
    """An expression, checked but not computed.

    Raises:
        ExpressionError: not an expression, or something of Python that is not arithmetic.
    """
    names = sorted({node.id for node in ast.walk(_tree(text)) if isinstance(node, ast.Name)} - set(FUNCTIONS))
    return Expression(text, tuple(names))


def compute(text: str, values: Mapping[str, Scalar]) -> Any:
    """The value of an expression.

    Raises:
        ExpressionError: an unknown name, a division by zero, an absurd power, or text used as a number.
    """
    try:
        return _value(_tree(text).body, values)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise error if isinstance(error, ExpressionError) else ExpressionError(f"{text!r}: {error}") from None


def shortfall(text: str, values: Mapping[str, Scalar]) -> float:
    """By how much a requirement is violated, relative to its right side; 0 where it holds, 1 where no amount exists."""
    if compute(text, values):
        return 0.0
    body = _tree(text).body
    if isinstance(body, ast.Compare) and len(body.ops) == 1:
        left, right = _value(body.left, values), _value(body.comparators[0], values)
        if isinstance(left, int | float) and isinstance(right, int | float):
            return max(abs(left - right) / max(abs(right), 1e-30), 1e-9)
    return 1.0


@lru_cache(maxsize=1024)
def _tree(text: str) -> ast.Expression:
    if len(text) > _MAX_LENGTH:
        raise ExpressionError(f"an expression may have {_MAX_LENGTH} characters, this has {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, RecursionError, MemoryError):
        raise ExpressionError(f"{text!r} is not an expression, expected for example rows * columns") from None
    for node in ast.walk(tree):
        if not isinstance(node, _KNOWN):
            raise ExpressionError(f"{text!r}: {type(node).__name__} is not allowed in an expression")
    return tree


_KNOWN = (
    ast.Expression, ast.Constant, ast.Name, ast.Load, ast.BinOp, ast.UnaryOp, ast.USub, ast.UAdd, ast.Not, ast.BoolOp,
    ast.And, ast.Or, ast.Compare, ast.Call, ast.IfExp, *_BINARY, *_COMPARE,
)  # fmt: skip


def _value(node: ast.expr, values: Mapping[str, Scalar]) -> Any:
    match node:
        case ast.Constant(value=value) if isinstance(value, int | float | str):
            return value
        case ast.Name(id=name):
            if name not in values:
                raise ExpressionError(f"no parameter is named {name!r}")
            return values[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(op, _value(left, values), _value(right, values))
        case ast.UnaryOp(op=op, operand=operand):
            inner = _value(operand, values)
            return not inner if isinstance(op, ast.Not) else -inner if isinstance(op, ast.USub) else inner
        case ast.BoolOp(op=op, values=parts):
            results = [bool(_value(part, values)) for part in parts]
            return all(results) if isinstance(op, ast.And) else any(results)
        case ast.IfExp(test=test, body=body, orelse=other):
            return _value(body if _value(test, values) else other, values)
        case _:
            return _compound(node, values)


def _compound(node: ast.expr, values: Mapping[str, Scalar]) -> Any:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=others):
            terms = [_value(term, values) for term in (left, *others)]
            pairs = zip(ops, terms, terms[1:], strict=False)
            return all(_COMPARE[type(op)](one, two) for op, one, two in pairs)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](*(_value(argument, values) for argument in arguments))
        case _:
            raise ExpressionError(f"{ast.unparse(node)!r} can't be computed; functions: {', '.join(FUNCTIONS)}")


def _binary(op: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(op, ast.Pow) and abs(right) > _MAX_POWER:
        raise ExpressionError(f"powers up to {_MAX_POWER} are allowed, got {right}")
    if isinstance(left, str) or isinstance(right, str):
        raise ExpressionError(f"text can only be compared, got {left!r} and {right!r}")
    return _BINARY[type(op)](left, right)
