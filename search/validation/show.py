"""Results as tables, on the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from search.tables import text_table
from search.validation.case import Errors
from search.validation.result import Result

if TYPE_CHECKING:
    from rich.console import Console

Rows: TypeAlias = list[tuple[str, ...]]

MOST_CASES = 40
"""Groups of more cases are shown by parts."""

CASES = ("source", "quantity", "expected", "simulated", "unit", "error %", "value is")
PARTS = ("part", "rows", "mean %", "worst %", "bias %")
SUMMARY = ("group", "rows", "mean %", "bound", "worst %", "bound", "bias %", "computed", "")
RIGHT = frozenset({"expected", "simulated", "rows", "mean %", "worst %", "bias %", "error %", "bound"})

LEGEND = (
    "Errors are relative to the expected (published or measured) value: mean and worst of their absolute values, and "
    "the bias, their mean with its sign. The bounds are what the errors may not grow past; they are recorded, not "
    "wished for."
)


NOT_COVERED = (
    "Not compared with any measurement yet: GPUs newer than the A100 and A40, fused attention, the norms, rotations "
    "and gated activations of serving frameworks, whole networks on a GPU, and the energy of GPUs and TPUs."
)


def number(value: float) -> str:
    """A whole number in full, any other with four digits."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def percent(fraction: float, sign: str = "") -> str:
    """A fraction as percent with one decimal, two where it is small."""
    value = 100 * fraction
    if abs(value) < 0.005:
        return "0.00" if value else "0"
    return f"{value:{sign}.{2 if abs(value) < 1 else 1}f}"


def case_rows(result: Result) -> tuple[tuple[str, ...], Rows]:
    """Header and rows of a group: its cases, or its parts where there are many cases or recorded errors only."""
    if result.cases and len(result.cases) <= MOST_CASES:
        rows = [
            (c.source, c.quantity, number(c.expected), number(c.simulated), c.unit, percent(c.error, "+"), c.status)
            for c in result.cases
        ]
        return CASES, rows
    return PARTS, [(name, *_errors(errors)) for name, errors in result.parts.items()]


def _errors(errors: Errors) -> tuple[str, str, str, str]:
    return f"{errors.rows:,}", percent(errors.mean), percent(errors.worst), percent(errors.bias, "+")


def summary_rows(results: Sequence[Result]) -> Rows:
    """One row per group: errors, bounds, when they were computed, whether they are within the bounds."""
    rows: Rows = []
    for result in results:
        count, mean, worst, bias = _errors(result.errors)
        bound = (percent(result.bound.mean), percent(result.bound.worst))
        when = f"recorded {result.recorded}" if result.recorded else "now"
        verdict = "ok" if result.within else "PAST ITS BOUND"
        rows.append((result.group.name, count, mean, bound[0], worst, bound[1], bias, when, verdict))
    return rows


def total_line(result: Result) -> str:
    """The errors of a group in a sentence."""
    count, mean, worst, bias = _errors(result.errors)
    remark = f"; {result.remark}" if result.remark else ""
    when = f"; recorded {result.recorded}, the measurements do not come with the program" if result.recorded else ""
    bound = f"bounds {percent(result.bound.mean)} % and {percent(result.bound.worst)} % of {result.bound.measured}"
    return f"{count} rows: mean error {mean} %, worst {worst} %, bias {bias} % ({bound}){when}{remark}"


def show(results: Sequence[Result], console: Console) -> None:
    """Print a table per group and one of all groups."""
    from rich.text import Text

    for result in results:
        console.print(Text.assemble((f"{result.group.name}  ", "bold cyan"), (result.group.title, "bold")))
        header, rows = case_rows(result)
        if rows:
            console.print(_table(header, rows))
        console.print(Text(total_line(result), style="" if result.within else "bold red"))
        console.print()
    console.print(_table(SUMMARY, summary_rows(results)))
    console.print(Text(f"{LEGEND} Notes on every group: docs/validation.md."))


def _table(header: Sequence[str], rows: Rows) -> object:
    return text_table(header, rows, RIGHT)


def markdown(results: Sequence[Result]) -> str:
    """The whole table as a document."""
    return "\n".join(_document(results))


def _document(results: Sequence[Result]) -> Iterator[str]:
    yield from ("# Validation", "", "Written by `hwsim validate --markdown docs/validation.md`; a test compares.", "")
    yield from (LEGEND, "")
    yield from (
        "Rows marked `recorded` were computed on measurements that do not come with the program; "
        "`hwsim validate --data FOLDER` computes them again where the files are at hand, and docs/conventions.md "
        "says how things are counted.",
        "",
    )
    yield from (NOT_COVERED, "")
    yield from _markdown_table(SUMMARY[:-1], [row[:-1] for row in summary_rows(results)])
    for result in results:
        yield from ("", f"## {result.group.title}", "", f"`{result.group.name}`: {total_line(result)}.", "")
        if result.group.note:
            yield from (result.group.note, "")
        header, rows = case_rows(result)
        if rows:
            yield from _markdown_table(header, rows)
    yield ""


def _markdown_table(header: Sequence[str], rows: Rows) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'|'.join('---:' if name in RIGHT else '---' for name in header)}|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
