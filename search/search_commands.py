"""``hwsim search`` and ``hwsim pareto``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from search.api import Result
    from search.space import Space
    from search.trials import Row


@click.command()
@click.argument("space")
@click.option("--trials", type=click.IntRange(1, 10**7), default=100, show_default=True, help="Finished trials in all.")
@click.option("--jobs", type=click.IntRange(1, 1024), default=1, show_default=True, help="Processes that evaluate.")
@click.option(
    "--sampler",
    default="nsga2",
    show_default=True,
    help="nsga2, nsga3, tpe, gp, cmaes, qmc, random, grid, aco or annealing.",
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Makes a study reproducible.")
@click.option("--study", "path", metavar="FILE", help="Where the study is kept. [default: SPACE.study in this folder]")
@click.option("--storage", metavar="URL", help="postgresql://... or sqlite:///FILE, for many workers on one study.")
@click.option("--resume", is_flag=True, help="Continue a study.")
@click.option("--worker", is_flag=True, help="Join a study that others work on, or begin it.")
@click.option("--dask", "dask_address", metavar="ADDRESS", help="Evaluate on a Dask cluster, as in tcp://host:8786.")
@click.option("--seconds", type=click.FloatRange(0), help="Propose no more trials after so long.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds after which a trial is given up.")
@click.option("--all-engine", is_flag=True, help="Play every design on the event engine, also hopeless ones.")
@click.option("--csv", "csv_path", metavar="FILE", help="Write all trials as CSV; - is standard output.")
@click.option("--parquet", "parquet_path", metavar="FILE", help="Write all trials as Parquet.")
@click.option("--compare", metavar="A,B,...", help="Compare samplers at --trials each instead of keeping a study.")
@click.option(
    "--seeds", type=click.IntRange(1, 1000), default=5, show_default=True, help="With --compare: runs of each."
)
@click.option("--plot", "plot_path", metavar="FILE", help="With --compare: draw the regret (.png, .svg or .pdf).")
def search(
    space: str,
    trials: int,
    jobs: int,
    sampler: str,
    seed: int,
    path: str | None,
    storage: str | None,
    resume: bool,
    worker: bool,
    dask_address: str | None,
    seconds: float | None,
    timeout: float | None,
    all_engine: bool,
    csv_path: str | None,
    parquet_path: str | None,
    compare: str | None,
    seeds: int,
    plot_path: str | None,
) -> None:
    """Search a space of designs for the best chips.

    SPACE is a shipped space's name or a YAML file (docs/search.md). The study is kept in a file and survives Ctrl-C and
    kills; `hwsim pareto` reads it.
    """
    from hwsim.output import check_writable
    from hwsim.plot import picture_format
    from search.api import run

    check_writable([one for one in (csv_path, parquet_path, plot_path) if one is not None], inputs=(space,))
    if plot_path is not None:
        picture_format(plot_path)
    if compare is not None:
        from search.compare_samplers import compare_command

        compare_command(space, compare, trials, seeds, jobs, csv_path, plot_path)
        return
    if worker and storage is None:
        raise click.UsageError("--worker needs --storage URL, which all workers share")
    where = storage or path or f"{Path(space).stem}.study"
    pool: Any = None
    if dask_address is not None:
        from search.dask_pool import DaskPool

        pool = DaskPool.connect(space, dask_address, timeout)
    result = run(
        space, trials, storage=where, sampler=sampler, seed=seed, jobs=jobs, resume=resume or worker, seconds=seconds,
        timeout=timeout, screen=not all_engine, pool=pool,
    )  # fmt: skip
    write_tables(result.space, result.rows, csv_path, parquet_path)
    if csv_path != "-":
        print_result(result)


def write_tables(space: Space, rows: Any, csv_path: str | None, parquet_path: str | None) -> None:
    """All trials as CSV and Parquet, whichever was asked for.

    Raises:
        UserError: a file can't be written, or Parquet needs a package that is missing.
    """
    from hwsim.output import csv_text, write_outputs
    from search.objective import quantity_names
    from search.trials import table

    header, lines = table(rows, list(space.parameters), quantity_names())
    contents: dict[str, str | bytes] = {}
    if csv_path is not None:
        contents[csv_path] = csv_text(header, lines)
    if parquet_path is not None:
        contents[parquet_path] = _parquet(header, lines)
    write_outputs(contents)


def _parquet(header: list[str], lines: list[list[Any]]) -> bytes:
    import io

    from workloads.errors import UserError

    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise UserError(f"Parquet needs pyarrow: pip install 'hwsim[search]' ({error})") from None
    columns: dict[str, Any] = {}
    for place, name in enumerate(header):
        column = [line[place] for line in lines]
        kinds = {type(value) for value in column if value is not None}
        columns[name] = [None if v is None else str(v) for v in column] if len(kinds) > 1 and str in kinds else column
    buffer = io.BytesIO()
    parquet.write_table(arrow.table(columns), buffer)
    return buffer.getvalue()


def print_result(result: Result) -> None:
    """How many trials ended how, and the front."""
    from collections import Counter

    counts = Counter(row.outcome.status for row in result.rows)
    screened = sum(row.outcome.fidelity == "closed form" for row in result.rows)
    same = sum(row.same_as >= 0 for row in result.rows)
    ends = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    click.echo(
        f"{len(result.rows)} trials: {ends}; {screened} judged by closed form alone, {same} equal to earlier ones"
    )
    print_front(result.space, result.front)
    if result.storage != "memory":
        click.echo(f"study: {result.storage}   next: hwsim pareto {result.storage} --plot front.png --export best/")


def print_front(space: Space, rows: list[Row], most: int = 20) -> None:
    """The front as a table, its knee marked."""
    from search.pareto import knee, minimized
    from workloads.table import print_table

    points = [point for row in rows if (point := minimized(space, row))]
    if not points:
        click.echo("no feasible design was found; loosen `constraints` or widen the parameters")
        return
    mark = knee(points)
    goals = [one.quantity for one in space.objectives]
    shown = sorted({0, mark, len(rows) - 1, *range(0, len(rows), max(1, -(-len(rows) // most)))})
    lines = [
        (
            f"{rows[place].number}{' knee' if place == mark else ''}",
            *(f"{rows[place].outcome.quantities[name]:.5g}" for name in goals),
            *(str(rows[place].values.get(name, "")) for name in space.parameters),
        )
        for place in shown
    ]
    print_table(
        ("trial", *goals, *space.parameters), lines, tuple(range(1, 1 + len(goals))), f"front of {len(rows)} designs"
    )


@click.command()
@click.argument("study")
@click.option("--space", "name", help="Which study of a database; needed where it holds several.")
@click.option("--plot", "plot_path", metavar="FILE", help="Draw a picture (.png, .svg or .pdf).")
@click.option(
    "--kind",
    type=click.Choice(["front", "history", "parallel", "importance"]),
    default="front",
    show_default=True,
    help="Which picture.",
)
@click.option("--export", "folder", metavar="FOLDER", help="Write the chips of the front, and knee.yaml.")
@click.option("--csv", "csv_path", metavar="FILE", help="Write all trials as CSV; - is standard output.")
@click.option("--parquet", "parquet_path", metavar="FILE", help="Write all trials as Parquet.")
@click.option("--proxy", is_flag=True, help="Fit a regressor to the study and report its error on held-out trials.")
def pareto(
    study: str,
    name: str | None,
    plot_path: str | None,
    kind: str,
    folder: str | None,
    csv_path: str | None,
    parquet_path: str | None,
    proxy: bool,
) -> None:
    """The front of a study: designs that nothing beats, as a table, a picture and chip files.

    STUDY is a file that `hwsim search` wrote, or the URL of a database.
    """
    from hwsim.output import check_writable, write_files
    from hwsim.plot import picture_format
    from search.export import export
    from search.pareto import front_rows, knee, minimized
    from search.reading import read_study

    check_writable([one for one in (csv_path, parquet_path, plot_path) if one is not None], inputs=(study,))
    file_format = picture_format(plot_path) if plot_path is not None else ""
    space, base, rows = read_study(study, name)
    best = front_rows(space, rows)
    if plot_path is not None:
        from search.plots import picture

        write_files({plot_path: picture(kind, space, rows, file_format)})
    write_tables(space, rows, csv_path, parquet_path)
    if folder is not None and best:
        files = export(space, base, best, knee([point for row in best if (point := minimized(space, row))]), folder)
        click.echo(f"wrote {len(files)} chip files to {folder}", err=True)
    if proxy:
        from search.proxy import print_quality

        print_quality(space, rows)
    elif csv_path != "-":
        print_front(space, best)
