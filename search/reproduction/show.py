"""A reproduction and the scoreboard as tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from search.reproduction.paper import Basis
from search.reproduction.result import PanelResult, Reproduction, Row, Score, scoreboard
from search.tables import text_table
from search.validation.show import number, percent

if TYPE_CHECKING:
    from rich.console import Console

RIGHT = frozenset({
    "published", "simulated", "error %", "tolerance %", "papers", "rows", "predicted", "mean error %", "median %",
    "worst %", "within tolerance", "seconds",
})  # fmt: skip
BASIS: dict[Basis, str] = {
    "predicted": "predicted",
    "fitted": "fitted",
    "matched": "assumption chosen to match",
    "alternative": "alternative, not claimed",
}
"""How a basis is printed."""

LEGEND = (
    "Errors are relative to the published value, of the rows that are claimed to be it; within tolerance: of the rows "
    "for which one is stated. Predicted: nothing was chosen with the value in view."
)

SCORES = (
    "paper", "rows", "predicted", "mean error %", "median %", "worst %", "within tolerance", "not simulated", "seconds",
)  # fmt: skip


def show(one: Reproduction, console: Console) -> None:
    """Print the tables and the paragraph of a paper."""
    from rich.text import Text

    paper = one.paper
    console.print(Text.assemble((paper.name, "bold cyan"), "  ", (paper.title, "bold")))
    console.print(Text(paper.citation))
    console.print()
    for panel in one.panels:
        show_panel(panel, console)
    console.print(Text(paper.paragraph))
    console.print()


def show_panel(panel: PanelResult, console: Console) -> None:
    """Print one table, with what its rows have in common above it."""
    from rich.text import Text

    shared, words = _in_common(panel)
    console.print(Text.assemble((panel.title, "bold"), f"  ({words})" if words else ""))
    console.print(_table(*panel_rows(panel, shared)))
    if panel.note:
        console.print(Text(panel.note))
    console.print()


def _in_common(panel: PanelResult) -> tuple[tuple[str, ...], str]:
    """Descriptions that are the same for all rows of a panel: their names, and all in a few words."""
    shared = {name: value[0] for name, value in _descriptions(panel.rows).items() if len(set(value)) == 1}
    return tuple(shared), "; ".join(filter(None, shared.values()))


def _descriptions(rows: Sequence[Row]) -> dict[str, list[str]]:
    return {
        "source": [row.source for row in rows],
        "value is": [row.status if row.published is not None else "" for row in rows],
        "simulated is": [BASIS[row.basis] for row in rows],
        "tolerance %": ["" if row.tolerance is None else f"tolerance {percent(row.tolerance)} %" for row in rows],
    }


def panel_rows(panel: PanelResult, shared: Sequence[str] = ()) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and cells of a panel; the columns in ``shared`` are left out. Predictions have a column per series."""
    predictions = all(row.published is None and not row.problem for row in panel.rows)
    if predictions and len({row.series for row in panel.rows}) > 1:
        return _by_series(panel)
    columns: dict[str, list[str]] = {panel.axis or "what": [_place(row.at) for row in panel.rows]}
    columns["series"] = [row.series for row in panel.rows]
    columns["published"] = ["-" if row.published is None else number(row.published) for row in panel.rows]
    columns["simulated"] = ["-" if row.simulated is None else number(row.simulated) for row in panel.rows]
    columns["unit"] = [row.unit for row in panel.rows]
    columns["error %"] = ["" if row.error is None else percent(row.error, "+") for row in panel.rows]
    columns |= {name: value for name, value in _descriptions(panel.rows).items() if name not in shared}
    columns["problem"] = [row.problem for row in panel.rows]
    kept = {name: cells for name, cells in columns.items() if any(cells)}
    return tuple(kept), list(zip(*kept.values(), strict=True))


def _by_series(panel: PanelResult) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    series = dict.fromkeys(row.series for row in panel.rows)
    values = {(row.at, row.series): number(row.simulated) for row in panel.rows if row.simulated is not None}
    places = dict.fromkeys(row.at for row in panel.rows)
    cells = [(_place(at), *(values.get((at, name), "") for name in series)) for at in places]
    return (panel.axis or "what", *(f"{name}, {panel.unit}" if panel.unit else name for name in series)), cells


def _place(at: str | int | float) -> str:
    return at if isinstance(at, str) else number(float(at))


def show_scores(scores: Iterable[Score], console: Console) -> None:
    """Print the scoreboard."""
    from rich.text import Text

    console.print(_table(SCORES, [score_row(one) for one in scores]))
    console.print(Text(f"{LEGEND} Seconds of CPU, of the run that computed the rows."))


def score_row(one: Score) -> tuple[str, ...]:
    """The cells of a score."""
    errors = ("-" if value is None else percent(value) for value in (one.mean, one.middle, one.worst))
    name = f"{one.papers} papers" if one.papers != 1 else one.name
    within = f"{one.within} of {one.claimed}"
    return (name, f"{one.rows:,}", f"{one.predicted:,}", *errors, within, str(one.failed or ""), f"{one.seconds:.1f}")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Any:
    return text_table(header, rows, RIGHT)


def markdown(found: Sequence[Reproduction]) -> str:
    """All papers and the scoreboard as a document; without times, so that equal results are equal bytes."""
    return "\n".join(_document(found))


def _document(found: Sequence[Reproduction]) -> Iterator[str]:
    yield from (
        "# Reproductions",
        "",
        "Written by `hwsim reproduce --markdown`; docs/reproduce.md says how to read it.",
    )
    yield from ("", *markdown_table(SCORES[:-1], [score_row(one)[:-1] for one in scoreboard(found)]), "", LEGEND, "")
    for one in found:
        yield from section(one)


def section(one: Reproduction) -> Iterator[str]:
    """The tables and the paragraph of a paper as lines of Markdown."""
    yield from (f"## {one.paper.name}", "", f"{one.paper.title}. {one.paper.citation}.", "")
    for panel in one.panels:
        shared, words = _in_common(panel)
        yield from (f"### {panel.title}", "")
        if words:
            yield from (f"{words}.", "")
        yield from (*markdown_table(*panel_rows(panel, shared)), "")
        if panel.note:
            yield from (panel.note, "")
    yield from (one.paper.paragraph, "")


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table as lines of Markdown."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'|'.join('---:' if name in RIGHT else '---' for name in header)}|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
