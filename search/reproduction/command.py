"""``hwsim reproduce``: published results of papers beside simulated ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from mapper.choices import MOST_JOBS, size_option

if TYPE_CHECKING:
    from search.reproduction.paper import Paper
    from search.reproduction.result import Reproduction

WIDE = 160
"""Columns where the tables are not read on a terminal."""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--all", "every", is_flag=True, help="All papers that come with the program, and a scoreboard.")
@click.option("--list", "listed", is_flag=True, help="Name the papers.")
@click.option("--full", is_flag=True, help="Also what takes long.")
@size_option("--jobs", text="Processes, for several papers. [default: processor cores]", most=MOST_JOBS)
@click.option("--cache/--no-cache", "cached", default=True, show_default=True, help="Whether results are kept.")
@click.option("--json", "json_path", metavar="FILE", help="Write rows and scoreboard as JSON; - is standard output.")
@click.option("--csv", "csv_path", metavar="FILE", help="Write the rows as CSV; - is standard output.")
def reproduce(
    names: tuple[str, ...],
    every: bool,
    listed: bool,
    full: bool,
    jobs: int | None,
    cached: bool,
    json_path: str | None,
    csv_path: str | None,
) -> None:
    """Compare results of papers (a NAME or a .yaml file) with simulated ones.

    With several papers, a scoreboard follows.
    """
    import os

    from hwsim import output
    from hwsim.progress import track
    from search.reproduction.many import reproductions

    papers = _papers(names, every, listed)
    if listed:
        _list(papers)
        return
    outputs = {kind: path for kind, path in (("json", json_path), ("csv", csv_path)) if path is not None}
    output.check_writable(outputs.values())
    processes = jobs or os.cpu_count() or 1
    found = list(track(reproductions(papers, full, processes, cached), "reproduce", len(papers)))
    if not output.write_outputs({path: _TEXTS[kind](found) for kind, path in outputs.items()}):
        _print(found)


def _papers(names: Sequence[str], every: bool, listed: bool) -> list[Paper]:
    from search.reproduction.paper_file import load_paper, paper_names

    if names and (every or listed):
        raise click.UsageError("give names, --all or --list")
    if not (names or every or listed):
        raise click.UsageError(f"which paper? {', '.join(paper_names())}; or --all")
    return [load_paper(name) for name in names or paper_names()]


def _json(found: Sequence[Reproduction]) -> str:
    from hwsim import output
    from search.reproduction.result import as_json

    return output.json_text({"schema": output.SCHEMA, **as_json(found)})


def _csv(found: Sequence[Reproduction]) -> str:
    from hwsim import output
    from search.reproduction.result import ROW_COLUMNS, cells

    return output.csv_text(ROW_COLUMNS, (cells(one.paper.name, row) for one in found for row in one.rows))


_TEXTS: dict[str, Callable[[Sequence[Reproduction]], str]] = {"json": _json, "csv": _csv}


def _list(papers: Sequence[Paper]) -> None:
    width = max(len(paper.name) for paper in papers)
    for paper in papers:
        click.echo(f"{paper.name:{width}}  {paper.title}")


def _print(found: Sequence[Reproduction]) -> None:
    from rich.console import Console

    from search.reproduction.result import scoreboard
    from search.reproduction.show import show, show_scores

    console = Console(highlight=False)
    console = console if console.is_terminal else Console(width=WIDE, highlight=False)
    for one in found:
        show(one, console)
    if len(found) > 1:
        show_scores(scoreboard(found), console)
