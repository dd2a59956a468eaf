"""The command of this package: ``hwsim compare`` estimates every named model on every named chip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mapper.choices import RunOptions, read_choices, run_options

if TYPE_CHECKING:
    from hwsim.chip import Chip
    from search.sweep import Row
    from workloads.model import Model

ALL = "all"
WIDE = 160
"""Columns where the table is not read on a terminal."""


@click.command()
@click.option("--models", required=True, metavar="A,B", help="Models as for `hwsim estimate`, or: all.")
@click.option("--chips", required=True, metavar="X,Y", help="Shipped chips or YAML files, or: all.")
@click.option("--phase", help="forward, prefill or decode. [default: decode for LMs, else forward]")
@click.option("--vary", metavar="KEY=A,B", help="Every chip once per value of a key, as for --set of `hwsim estimate`.")
@run_options
@click.option("--csv", "csv_path", metavar="FILE", help="Write the table as CSV; - is standard output.")
@click.option("--json", "json_path", metavar="FILE", help="Write the table as JSON; - is standard output.")
def compare(
    models: str,
    chips: str,
    phase: str | None,
    vary: str | None,
    options: RunOptions,
    csv_path: str | None,
    json_path: str | None,
) -> None:
    """Compare models on chips, a row per pair.

    Pairs that do not fit or cannot run have a row that says so.
    """
    from hwsim import output
    from hwsim.config import chip_names
    from hwsim.progress import track
    from mapper.estimate import estimator_for
    from search.sweep import COLUMNS, cells
    from search.sweep import compare as sweep

    outputs = {kind: path for kind, path in (("csv", csv_path), ("json", json_path)) if path is not None}
    output.check_writable(outputs.values())
    choices = read_choices(options)
    loaded = [chip for name in (chip_names() if chips == ALL else split_names(chips)) for chip in _variants(name, vary)]
    estimators = [estimator_for(chip, options.mapping, advise=False) for chip in loaded]
    opened = open_listed(models)
    rows = list(track(sweep(opened, estimators, choices, phase), "compare", len(opened) * len(estimators)))
    texts = {
        "csv": lambda: output.csv_text(COLUMNS, map(cells, rows)),
        "json": lambda: output.json_text({"schema": output.SCHEMA, "rows": [asdict(row) for row in rows]}),
    }
    if not output.write_outputs({path: texts[kind]() for kind, path in outputs.items()}):
        _print(rows)


def split_names(texts: str) -> list[str]:
    """Names with commas between them; ``click.UsageError`` where there is none."""
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
    changed = [(text, load_chip(name, [f"{key}={text}"])) for text in split_names(values)]
    return [chip.model_copy(update={"name": f"{chip.name} {key}={text}"}) for text, chip in changed]


def open_listed(texts: str) -> list[Model]:
    """The models of a comma-separated list, or all shipped ones; a single inline operator keeps its commas."""
    from workloads.catalog import names
    from workloads.inline import is_inline
    from workloads.user import open_models

    listed = names() if texts == ALL else [texts] if is_inline(texts) else split_names(texts)
    return [model for text in listed for model in open_models(text)]


def _print(rows: Sequence[Row]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    names = ("model", "chip", "phase", "batch", "context")
    numbers = ("time", "per second", "energy", "util %", "bound by / status")
    table = Table(*names, *numbers, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="cyan")
    for column in table.columns[3:9]:
        column.justify = "right"
    for row in rows:
        table.add_row(*map(Text, (row.model, row.chip, row.phase, f"{row.batch:,}", *_numbers(row))))
    console = Console()
    console.print(table) if console.is_terminal else Console(width=WIDE).print(table)


def _numbers(row: Row) -> tuple[str, ...]:
    from hwsim.quantity import show
    from hwsim.summary import number

    if row.seconds is None or row.energy_joules is None:
        return ("", "", "", "", "", row.status)
    rate = row.tokens_per_second or row.inferences_per_second or 0.0
    unit = "inf" if row.tokens_per_second is None else "tok"
    used = f"{100 * (row.utilization or 0.0):.1f}"
    context = f"{row.context:,}" if row.context else ""
    energy = show(row.energy_joules, "J")
    return (context, show(row.seconds, "s"), f"{number(rate)} {unit}", energy, used, row.bound_by)
