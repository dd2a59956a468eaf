"""Tables for the terminal: every column at its full width except the last, which is cut to what is left."""

from __future__ import annotations

from collections.abc import Sequence

GAP = 2


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int], caption: str) -> None:
    """Print rows of text in columns.

    Args:
        header: names of the columns.
        rows: cells as text, as many per row as there are columns.
        right: numbers of the columns to align to the right.
        caption: printed below, wrapped.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    columns = range(len(header) - 1)
    widths = [max(len(row[column]) for row in (header, *rows)) for column in columns]
    room = max(8, console.width - sum(widths) - GAP * len(widths))
    for row in (header, *rows):
        cells = [row[c].rjust(widths[c]) if c in right else row[c].ljust(widths[c]) for c in columns]
        last = row[-1] if len(row[-1]) <= room else row[-1][: room - 1] + "…"
        console.print(Text((" " * GAP).join([*cells, last])), soft_wrap=True, style="bold" if row is header else "")
    console.print(Text(caption), style="dim")
