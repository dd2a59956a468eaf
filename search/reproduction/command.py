"""``hwsim reproduce``: published results of papers beside simulated ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
@click.option("--plot", metavar="FILE|DIR", help="Draw .png, .svg or .pdf; in a folder, a .png named after each paper.")
@click.option("--json", "json_path", metavar="FILE", help="Write rows and scoreboard as JSON; - is standard output.")
@click.option("--markdown", "markdown_path", metavar="FILE", help="Write the tables as a document; - as above.")
@click.option("--csv", "csv_path", metavar="FILE", help="Write the rows as CSV; - as above.")
def reproduce(
    names: tuple[str, ...],
    every: bool,
    listed: bool,
    full: bool,
    jobs: int | None,
    cached: bool,
    plot: str | None,
    json_path: str | None,
    markdown_path: str | None,
    csv_path: str | None,
) -> None:
    """Compare results of papers (a NAME or a .yaml file) with simulated ones.

    With several papers, a scoreboard follows.
    """
    from hwsim import output
    from hwsim.progress import track
    from search.parallel import cores
    from search.reproduction.many import reproductions

    papers = _papers(names, every, listed)
    if listed:
        _list(papers)
        return
    asked = {"json": json_path, "markdown": markdown_path, "csv": csv_path}
    outputs = {kind: path for kind, path in asked.items() if path is not None}
    pictures = _pictures(plot, papers)
    output.check_writable((*outputs.values(), *pictures.values()))
    found = list(track(reproductions(papers, full, jobs or cores(), cached), "reproduce", len(papers)))
    contents: dict[str, str | bytes] = {path: _TEXTS[kind](found) for kind, path in outputs.items()}
    if not output.write_outputs(contents | _drawn(found, pictures)):
        _print(found)


def _papers(names: Sequence[str], every: bool, listed: bool) -> list[Paper]:
    from search.reproduction.paper_file import load_paper, paper_names

    if names and (every or listed):
        raise click.UsageError("give names, --all or --list")
    if not (names or every or listed):
        raise click.UsageError(f"which paper? {', '.join(paper_names())}; or --all")
    return [load_paper(name) for name in names or paper_names()]


def _pictures(plot: str | None, papers: Sequence[Paper]) -> dict[str, str]:
    """The picture of each paper by its name."""
    from pathlib import Path

    from hwsim.plot import picture_format

    if plot is None:
        return {}
    if Path(plot).is_dir():
        return {paper.name: str(Path(plot) / f"{paper.name}.png") for paper in papers}
    if len(papers) > 1:
        raise click.UsageError(f"--plot: several papers need a folder that exists, got {plot!r}")
    picture_format(plot)
    return {papers[0].name: plot}


def _drawn(found: Sequence[Reproduction], pictures: Mapping[str, str]) -> dict[str, bytes]:
    if not pictures:
        return {}
    from hwsim.plot import picture_format
    from search.reproduction.draw import picture

    paths = [(one, pictures[one.paper.name]) for one in found]
    return {path: picture(one, picture_format(path)) for one, path in paths}


def _json(found: Sequence[Reproduction]) -> str:
    from hwsim import output
    from search.reproduction.result import as_json

    return output.json_text({"schema": output.SCHEMA, **as_json(found)})


def _csv(found: Sequence[Reproduction]) -> str:
    from hwsim import output
    from search.reproduction.result import ROW_COLUMNS, cells

    return output.csv_text(ROW_COLUMNS, (cells(one.paper.name, row) for one in found for row in one.rows))


def _markdown(found: Sequence[Reproduction]) -> str:
    from search.reproduction.show import markdown

    return markdown(found)


_TEXTS: dict[str, Callable[[Sequence[Reproduction]], str]] = {"json": _json, "markdown": _markdown, "csv": _csv}


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
