"""Small integer expressions over named symbols such as B (batch), S (new tokens) and T (context).

A ``Size`` is a plain ``int`` or an ``Expr``. Expressions stay symbolic until ``evaluate`` binds their symbols; symbols
may be bound to numpy integer arrays too, so that one expression yields a whole sweep. They print as ordinary infix text
(``B*S*4096``, ``min(T, 128)``) and ``parse`` reads that text back; nothing is ever passed to ``eval``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from workloads.errors import UserError


class SymbolError(UserError):
    """An expression that cannot be read, or a symbol that has no value."""


@dataclass(frozen=True, slots=True)
class Expr:
    """An operator applied to sizes; ``operator`` is "symbol" for a leaf, whose single argument is its name."""

    operator: str
    arguments: tuple[Any, ...]

    def __add__(self, other: Size) -> Size:
        return add(self, other)

    def __radd__(self, other: Size) -> Size:
        return add(other, self)

    def __sub__(self, other: Size) -> Size:
        return add(self, multiply(-1, other))

    def __rsub__(self, other: Size) -> Size:
        return add(other, multiply(-1, self))

    def __mul__(self, other: Size) -> Size:
        return multiply(self, other)

    def __rmul__(self, other: Size) -> Size:
        return multiply(other, self)

    def __floordiv__(self, other: Size) -> Size:
        return floor_divide(self, other)

    def __str__(self) -> str:
        return _to_text(self)


Size: TypeAlias = "int | Expr"


def symbol(name: str) -> Expr:
    """A free symbol."""
    return Expr("symbol", (name,))


def _terms(operator: str, sizes: tuple[Size, ...]) -> list[Size]:
    flat: list[Size] = []
    for size in sizes:
        if isinstance(size, Expr) and size.operator == operator:
            flat.extend(size.arguments)
        else:
            flat.append(size)
    return flat


def add(*sizes: Size) -> Size:
    """Sum; like terms are collected, so that equal sums are equal expressions."""
    constant = 0
    coefficients: dict[Size, int] = {}
    for term in _terms("+", sizes):
        if isinstance(term, int):
            constant += term
            continue
        factor, rest = _split_coefficient(term)
        coefficients[rest] = coefficients.get(rest, 0) + factor
    ordered = sorted((k for k, v in coefficients.items() if v), key=str)
    parts: list[Size] = [multiply(coefficients[k], k) for k in ordered]
    if constant or not parts:
        parts.append(constant)
    return parts[0] if len(parts) == 1 else Expr("+", tuple(parts))


def _split_coefficient(term: Expr) -> tuple[int, Size]:
    if term.operator == "*" and isinstance(term.arguments[0], int):
        return term.arguments[0], multiply(*term.arguments[1:])
    return 1, term


def multiply(*sizes: Size) -> Size:
    """Product; constants are folded to the front and the other factors sorted."""
    constant = 1
    factors: list[Size] = []
    for factor in _terms("*", sizes):
        if isinstance(factor, int):
            constant *= factor
        else:
            factors.append(factor)
    if constant == 0:
        return 0
    if len(factors) == 1 and isinstance(factors[0], Expr) and factors[0].operator == "+" and constant != 1:
        return add(*(multiply(constant, term) for term in factors[0].arguments))
    factors.sort(key=str)
    parts: list[Size] = ([constant] if constant != 1 or not factors else []) + factors
    return parts[0] if len(parts) == 1 else Expr("*", tuple(parts))


def _binary(operator: str, fold: Callable[[int, int], int]) -> Callable[[Size, Size], Size]:
    def build(left: Size, right: Size) -> Size:
        if isinstance(left, int) and isinstance(right, int):
            return fold(left, right)
        return Expr(operator, (left, right))

    return build


_FOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "//": lambda a, b: a // b,
    "ceildiv": lambda a, b: -(-a // b),
    "mod": lambda a, b: a % b,
    "min": lambda a, b: _elementwise(a, b, smaller=True),
    "max": lambda a, b: _elementwise(a, b, smaller=False),
}


def _elementwise(a: Any, b: Any, *, smaller: bool) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b) if smaller else max(a, b)
    import numpy

    return numpy.minimum(a, b) if smaller else numpy.maximum(a, b)


def floor_divide(left: Size, right: Size) -> Size:
    """Quotient left // right; a division by one vanishes."""
    return left if right == 1 else _binary("//", _FOLDS["//"])(left, right)


def ceil_divide(left: Size, right: Size) -> Size:
    """The smallest integer at least left / right."""
    return left if right == 1 else _binary("ceildiv", _FOLDS["ceildiv"])(left, right)


def modulo(left: Size, right: Size) -> Size:
    """Remainder of left by right."""
    return _binary("mod", _FOLDS["mod"])(left, right)


def minimum(left: Size, right: Size) -> Size:
    """The smaller of two sizes."""
    return left if left == right else _binary("min", _FOLDS["min"])(left, right)


def maximum(left: Size, right: Size) -> Size:
    """The larger of two sizes."""
    return left if left == right else _binary("max", _FOLDS["max"])(left, right)


def evaluate(size: Size, values: Mapping[str, Any]) -> Any:
    """The number (or numpy array) that a size stands for.

    Raises:
        SymbolError: a symbol has no value.
    """
    if isinstance(size, int):
        return size
    if size.operator == "symbol":
        name = size.arguments[0]
        if name not in values:
            raise SymbolError(f"symbol {name!r} has no value; known: {', '.join(sorted(values)) or 'none'}")
        return values[name]
    arguments = [evaluate(argument, values) for argument in size.arguments]
    if size.operator in _FOLDS:
        return _FOLDS[size.operator](*arguments)
    result = arguments[0]
    for argument in arguments[1:]:
        result = result + argument if size.operator == "+" else result * argument
    return result


def symbols_of(size: Size) -> frozenset[str]:
    """Names of the free symbols."""
    if isinstance(size, int):
        return frozenset()
    if size.operator == "symbol":
        return frozenset(size.arguments)
    return frozenset().union(*(symbols_of(argument) for argument in size.arguments))


def _to_text(size: Size, tight: bool = False) -> str:
    if isinstance(size, int):
        return str(size)
    if size.operator == "symbol":
        return size.arguments[0]
    if size.operator in ("ceildiv", "min", "max"):
        return f"{size.operator}({', '.join(_to_text(a) for a in size.arguments)})"
    joiner = {"+": " + ", "*": "*", "//": "//", "mod": " % "}[size.operator]
    text = joiner.join(_to_text(a, tight=size.operator != "+") for a in size.arguments)
    return f"({text})" if tight else text


_NODES: dict[type[ast.operator], Callable[[Size, Size], Size]] = {
    ast.Add: lambda a, b: add(a, b),
    ast.Sub: lambda a, b: add(a, multiply(-1, b)),
    ast.Mult: lambda a, b: multiply(a, b),
    ast.FloorDiv: floor_divide,
    ast.Mod: modulo,
}
_CALLS: dict[str, Callable[[Size, Size], Size]] = {"ceildiv": ceil_divide, "min": minimum, "max": maximum}


def parse(text: str | int) -> Size:
    """Read the text form of a size.

    Raises:
        SymbolError: anything but integers, names, ``+ - * // %``, ``ceildiv``, ``min`` and ``max``.
    """
    if isinstance(text, int):
        return text
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SymbolError(f"not a size expression: {text!r}") from error
    return _parse_node(tree.body, text)


def _parse_node(node: ast.expr, text: str) -> Size:
    match node:
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            return value
        case ast.Name(id=name):
            return symbol(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return multiply(-1, _parse_node(operand, text))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _NODES:
            return _NODES[type(operator)](_parse_node(left, text), _parse_node(right, text))
        case ast.Call(func=ast.Name(id=name), args=[left, right], keywords=[]) if name in _CALLS:
            return _CALLS[name](_parse_node(left, text), _parse_node(right, text))
        case _:
            raise SymbolError(f"not a size expression: {text!r}")
