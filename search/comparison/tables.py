"""A comparison as a table: in print, and as CSV, JSON and Parquet."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from hwsim import output
from search.comparison.metrics import RELATIVE, ratios
from search.comparison.run import Comparison
from search.sweep import COLUMNS, OK, Row, cells, precision, precision_note
from workloads.errors import UserError

WIDE = 180
"""Columns where the table is not read on a terminal."""


def as_table(comparison: Comparison, baseline: int | None = None) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Header and lines, one per point; with a baseline, the relative columns stand last."""
    lines = [cells(row) for row in comparison.rows]
    if baseline is None:
        return COLUMNS, lines
    joined = [(*line, *more) for line, more in zip(lines, ratios(comparison, baseline), strict=True)]
    return (*COLUMNS, *RELATIVE), joined


def as_json(comparison: Comparison, baseline: int | None = None) -> dict[str, Any]:
    """Everything about a comparison as plain data, schema 1; breakdowns are objects of name and amount."""
    plan = comparison.plan
    swept = plan.settings[0].swept
    values = {key: list(dict.fromkeys(dict(one.swept)[key] for one in plan.settings)) for key, _ in swept}
    relative: Iterable[Sequence[float | None]] = [()] * len(comparison.rows)
    if baseline is not None:
        relative = ratios(comparison, baseline)
    return {
        "schema": output.SCHEMA,
        "kind": "comparison",
        "baseline": None if baseline is None else plan.chips[baseline].name,
        "sweeps": [{"key": key, "values": found} for key, found in values.items()],
        "rows": [_row(row, more) for row, more in zip(comparison.rows, relative, strict=True)],
    }


def _row(row: Row, relative: Sequence[float | None]) -> dict[str, Any]:
    data = asdict(row)
    for name in ("time_by_kind", "time_by_bound", "energy_by_component"):
        data[name] = dict(data[name])
    return {**data, **dict(zip(RELATIVE, relative, strict=False))}


def parquet(header: Sequence[str], lines: Sequence[Sequence[Any]]) -> bytes:
    """A table as Parquet, a typed column each; None is null.

    Raises:
        UserError: pyarrow is not installed.
    """
    try:
        import pyarrow as arrow
        from pyarrow.parquet import write_table
    except ImportError as error:
        raise UserError(f"Parquet needs pyarrow: pip install 'hwsim[search]' ({error})") from None
    columns = {name: [line[place] for line in lines] for place, name in enumerate(header)}
    # Bounds of a column that is empty in this table would otherwise leave it without a type.
    typed = {
        name: arrow.array(column, type=arrow.float64() if all(value is None for value in column) else None)
        for name, column in columns.items()
    }
    buffer = io.BytesIO()
    write_table(arrow.table(typed), buffer)
    return buffer.getvalue()


def print_table(comparison: Comparison, baseline: int | None = None) -> None:
    """Write the table for people: the columns that differ, times and energies with their units."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = comparison.rows
    chosen = [name for name in ("prompt", "output", "zeros", "parallel") if any(getattr(r, name) for r in rows)]
    relative = ["rel. time", "rel. energy"] if baseline is not None else []
    priced = ["$/M"] if any(row.dollars_per_million is not None for row in rows) else []
    numbers = ["time", "per second", "energy", "per joule", *priced, "util %"]
    header = ["model", "chip", "phase", "batch", "context", *chosen, "bits", *numbers, *relative, "bound by / status"]
    table = Table(*header, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="cyan")
    for column in table.columns[3:-1]:
        column.justify = "right"
    more = ratios(comparison, baseline) if baseline is not None else [()] * len(rows)
    for row, ratio in zip(rows, more, strict=True):
        given = [_given(getattr(row, name)) for name in chosen]
        line = [row.model, row.chip, row.phase, f"{row.batch:,}", _given(row.context or None), *given, precision(row)]
        line += [*_numbers(row, bool(priced)), *([_times(ratio[0]), _times(ratio[2])] if relative else [])]
        table.add_row(*map(Text, line), Text(row.bound_by if row.status == OK else row.status))
    console = Console()
    console = console if console.is_terminal else Console(width=WIDE)
    console.print(table)
    note = precision_note(rows)
    if note:
        console.print(Text(note, style="yellow"))


def _given(found: object) -> str:
    return "" if found is None else f"{found:,}" if isinstance(found, int) else str(found)


def _times(ratio: float | None) -> str:
    from hwsim.summary import number

    return "" if ratio is None else f"{number(ratio)} x"


def _numbers(row: Row, priced: bool) -> list[str]:
    from hwsim.quantity import show
    from hwsim.summary import number

    if row.seconds is None or row.energy_joules is None:
        return [""] * (6 if priced else 5)
    unit = "inf" if row.tokens_per_second is None else "tok"
    rate = row.tokens_per_second or row.inferences_per_second or 0.0
    work = row.tokens_per_joule or row.inferences_per_joule
    cost = "" if row.dollars_per_million is None else number(row.dollars_per_million)
    return [
        show(row.seconds, "s"),
        f"{number(rate)} {unit}",
        show(row.energy_joules, "J"),
        "" if work is None else f"{number(work)} {unit}",
        *([cost] if priced else []),
        f"{100 * (row.utilization or 0.0):.1f}",
    ]
