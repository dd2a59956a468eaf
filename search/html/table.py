"""Tables of the page: plain HTML that reads without scripts; with them, columns sort and rows are filtered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hwsim.quantity import show
from search.html.tags import Child, Markup, joined, tag

SHORT = 24
"""Letters up to which a text stays on one line."""
Value: TypeAlias = str | int | float | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        title: its heading.
        unit: of its numbers, which are shown with a prefix; "%" of fractions; "#" of counts; empty for text.
        meaning: what it is, shown on the heading.
        long: whether its text is long, so that it gets a width of its own.
        bar: whether a bar behind each number shows its share of the largest.
    """

    title: str
    unit: str = ""
    meaning: str = ""
    bar: bool = False
    long: bool = False


def table(caption: str, columns: Sequence[Column], rows: Sequence[Sequence[Value]], *, filtered: bool = True) -> Markup:
    """A table in a region that scrolls by itself.

    Args:
        caption: says what the rows are.
        columns: one per value of a row.
        rows: numbers in base units; None is an empty cell, which sorts last.
        filtered: whether the rows can be filtered by words.
    """
    largest = [_largest(column, [row[place] for row in rows]) for place, column in enumerate(columns)]
    head = tag("tr", *(_heading(column) for column in columns))
    body = [tag("tr", *map(_cell, columns, row, largest)) for row in rows]
    inner = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body), class_="data")
    region = tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)
    return tag("div", region, class_="filtered" if filtered else "sorted")


def _largest(column: Column, values: Sequence[Value]) -> float:
    numbers = [abs(value) for value in values if isinstance(value, int | float)] if column.bar else []
    return max(numbers, default=0.0)


def _heading(column: Column) -> Markup:
    if column.meaning:
        return tag("th", column.title, scope="col", class_="number" if column.unit else "text", title=column.meaning)
    return tag("th", column.title, scope="col", class_="number" if column.unit else "text")


def _cell(column: Column, value: Value, largest: float) -> Markup:
    if not column.unit:
        text = "" if value is None else str(value)
        kind = "long" if column.long else "short" if len(text) <= SHORT else "text"
        return tag("td", text, class_=kind)
    if value is None or isinstance(value, str):
        return tag("td", value or "", class_="number")
    content: Child = number_text(value, column.unit)
    if largest:
        width = f"{100 * abs(value) / largest:.4g}%"
        content = joined((tag("i", style=f"width:{width}", class_="bar"), tag("b", content)))
    return tag("td", content, class_="number", data_v=repr(value))


def number_text(value: float, unit: str) -> str:
    """A number as it is read: with a prefix, as a percentage or as a count."""
    if not math.isfinite(value):
        return str(value)
    if unit == "%":
        return f"{100 * value:.1f} %"
    if unit == "#":
        return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
    return show(value, unit)
