"""Expressions of space files: arithmetic, and nothing of Python."""

from __future__ import annotations

import pytest

from search.expression import ExpressionError, compute, read_expression, shortfall


@pytest.mark.parametrize(
    ("text", "value"),
    [("rows * columns // 3", 42), ("max(rows, columns) - 1", 15),
     ("2 ** 3 + 1.5", 9.5),
     ("rows if columns > 8 else 0", 8),
     ("-rows + 4 * (1 - 3)", -16), ("rows == 8 and not columns < 3", True), ("kind == 'ws'", True)],
)  # fmt: skip
def test_arithmetic_is_computed(text: str, value: object) -> None:
    assert compute(text, {"rows": 8, "columns": 16, "kind": "ws"}) == value


@pytest.mark.parametrize(
    "text",
    ["__import__('os')", "rows.real", "[1]", "lambda: 1", "rows[0]", "f'{rows}'", "10 ** 10 ** 10",
     "1 / 0", "kind * 10",
     "rows(1)", "open('x')", "x" * 600, "min(rows", "sqrt(-1)"],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        read_expression(text)
        compute(text, {"rows": 8, "kind": "ws"})


def test_a_violated_requirement_says_by_how_much() -> None:
    assert shortfall("rows <= 10", {"rows": 8}) == 0
    assert shortfall("rows <= 10", {"rows": 15}) == pytest.approx(0.5)
    assert shortfall("a == 1 or a == 2", {"a": 3}) == 1.0
