"""``hwsim compare``: every named model on every named chip, under swept settings; tables and figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from mapper.choices import MOST_JOBS, RunOptions, run_options, size_option

if TYPE_CHECKING:
    from hwsim.chip import Chip
    from search.comparison.plan import Plan
    from search.comparison.run import Comparison
    from workloads.model import Model

ALL = "all"


@click.command()
@click.option("--models", required=True, metavar="A,B", help="Models as for `hwsim estimate`, or: all.")
@click.option("--chips", required=True, metavar="X,Y", help="Shipped chips or YAML files, or: all.")
@click.option("--phase", help="forward, prefill, decode, generate or train. [default: decode for LMs, else forward]")
@size_option("--prompt", text="With phase generate: tokens of the prompt.")
@size_option("--output", text="With phase generate: tokens to generate.")
@click.option("--vary", metavar="KEY=A,B", help="Every chip once per value of a key, as for --set of `hwsim estimate`.")
@click.option("--sweep", "sweeps", multiple=True, metavar="KEY=VALUES",
              help="Every value of batch, context, prompt, output, bits, bits.ROLE, zeros.NAME or parallel.HOW;"
              " 4..64 doubles. Repeat for all combinations.")  # fmt: skip
@click.option("--baseline", metavar="CHIP", help="Also show everything relative to this one of the chips.")
@run_options
@click.option("--plot", metavar="FILE|DIR", help="Draw figures: all in one (.png, .svg or .pdf), or each in a folder.")
@click.option("--csv", "csv_path", metavar="FILE", help="Write the table as CSV; - is standard output.")
@click.option("--json", "json_path", metavar="FILE", help="Write rows and breakdowns as JSON; - is standard output.")
@click.option("--parquet", "parquet_path", metavar="FILE", help="Write the table as Parquet.")
@size_option("--jobs", "processes", text="Processes at most. [default: one per core]", most=MOST_JOBS)
def compare(
    models: str,
    chips: str,
    phase: str | None,
    prompt: int | None,
    output: int | None,
    vary: str | None,
    sweeps: tuple[str, ...],
    baseline: str | None,
    options: RunOptions,
    plot: str | None,
    csv_path: str | None,
    json_path: str | None,
    parquet_path: str | None,
    processes: int | None,
) -> None:
    """Compare models on chips, a row per pair and setting.

    What does not fit or cannot run has a row that says so. Points are computed in parallel and kept for later runs (see
    `hwsim cache`), so that an interrupted comparison goes on where it was.
    """
    from hwsim.config import chip_names
    from hwsim.progress import track
    from search.comparison.metrics import find_baseline
    from search.comparison.pictures import check_outputs
    from search.comparison.plan import make_plan
    from search.comparison.run import run
    from search.comparison.sweeps import parse_sweeps, settings_of

    wanted = {"csv": csv_path, "json": json_path, "parquet": parquet_path}
    files = {kind: path for kind, path in wanted.items() if path is not None}
    check_outputs(files.values(), plot)
    parsed = parse_sweeps(sweeps)
    keys = {sweep.key: int(sweep.values[0]) for sweep in parsed if sweep.key in ("prompt", "output")}
    chosen = _phase(phase, keys.get("prompt", prompt), keys.get("output", output))
    settings = settings_of(parsed, options, prompt, output)
    loaded = [chip for name in (chip_names() if chips == ALL else _split(chips)) for chip in _variants(name, vary)]
    base = None if baseline is None else find_baseline([chip.name for chip in loaded], baseline)
    plan = make_plan(_open(models), loaded, settings, chosen, options.mapping)
    comparison = run(plan, processes, lambda finished, total: track(finished, "compare", total))
    _write(comparison, base, files, plot)


def _phase(phase: str | None, prompt: int | None, output: int | None) -> str | None:
    from mapper.commands import generated_phase

    return generated_phase(phase, prompt, output)


def _write(comparison: Comparison, baseline: int | None, files: dict[str, str], plot: str | None) -> None:
    """Write what was asked for, all or nothing; print the table unless another goes to standard output."""
    from pathlib import Path

    from hwsim.output import csv_text, json_text, write_files, write_outputs
    from search.comparison import tables
    from search.comparison.pictures import is_folder, pictures

    header, lines = tables.as_table(comparison, baseline)
    make: dict[str, Callable[[], str | bytes]] = {
        "csv": lambda: csv_text(header, lines),
        "json": lambda: json_text(tables.as_json(comparison, baseline)),
        "parquet": lambda: tables.parquet(header, lines),
    }
    contents = {path: make[kind]() for kind, path in files.items()}
    if plot is not None:
        drawn = pictures(comparison, plot, baseline, _title(comparison.plan))
        if is_folder(plot):
            Path(plot).mkdir(exist_ok=True)
            write_files(drawn)
            click.echo(f"wrote {len(drawn)} figures to {plot}", err=True)
        else:
            contents.update(drawn)
    if not write_outputs(contents):
        tables.print_table(comparison, baseline)


def _title(plan: Plan) -> str:
    models = ", ".join(dict.fromkeys(model.name for model in plan.models))
    chips = ", ".join(dict.fromkeys(chip.name for chip in plan.chips))
    return f"{models if len(models) < 60 else f'{len(plan.models)} models'} on " + (
        chips if len(chips) < 60 else f"{len(plan.chips)} chips"
    )


def _split(texts: str) -> list[str]:
    found = [text.strip() for text in texts.split(",") if text.strip()]
    if not found:
        raise click.UsageError(f"expected names with commas between them, or {ALL}, got {texts!r}")
    return found


def _variants(name: str, vary: str | None) -> list[Chip]:
    """A chip, or one per value of the key that varies, named after it."""
    from hwsim.config import load_chip

    if vary is None:
        return [load_chip(name)]
    key, equals, values = vary.partition("=")
    if not equals:
        raise click.UsageError(f"--vary: expected KEY=A,B, got {vary!r}")
    changed = [(text, load_chip(name, [f"{key}={text}"])) for text in _split(values)]
    return [chip.model_copy(update={"name": f"{chip.name} {key}={text}"}) for text, chip in changed]


def _open(texts: str) -> list[Model]:
    """The models of a comma-separated list; a single inline operator keeps its commas."""
    from workloads.catalog import names
    from workloads.inline import is_inline
    from workloads.user import open_models

    listed = names() if texts == ALL else [texts] if is_inline(texts) else _split(texts)
    return [model for text in listed for model in open_models(text)]
