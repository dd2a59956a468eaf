"""The command of this package: ``hwsim estimate`` maps and simulates one model, or a list of operators, on one chip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mapper.choices import MappingChoices, RunOptions, read_choices, run_options, size_option

if TYPE_CHECKING:
    from hwsim.chip import Chip
    from hwsim.report import Report


@click.command()
@click.argument("model")
@click.option("--chip", required=True, help="A shipped chip's name (see `hwsim chips`) or a YAML file.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the chip: units.array.rows=64.")
@click.option("--phase", help="forward, prefill, decode, generate or train. [default: decode for LMs, else forward]")
@size_option("--prompt", text="With phase generate: tokens of the prompt.")
@size_option("--output", text="With phase generate: tokens to generate.")
@run_options
@click.option("--allow-unknown", is_flag=True, help="Count unknown operators as traffic only, with a warning.")
@click.option("--json", "json_path", metavar="FILE", help="Write the report as JSON; - is standard output.")
@click.option("--csv", "csv_path", metavar="FILE", help="Write the operators as CSV; - is standard output.")
@click.option("--timeline", "timeline_path", metavar="FILE", help="Write a trace for ui.perfetto.dev.")
@click.option("--plot", "plot_path", metavar="FILE", help="Draw a picture (.png, .svg or .pdf).")
@size_option("--top", text="Operators to list, the slowest first.", default=10)
@click.option("--sources", is_flag=True, help="List where every number of the chip comes from.")
def estimate(
    model: str,
    chip: str,
    changes: tuple[str, ...],
    phase: str | None,
    prompt: int | None,
    output: int | None,
    options: RunOptions,
    allow_unknown: bool,
    json_path: str | None,
    csv_path: str | None,
    timeline_path: str | None,
    plot_path: str | None,
    top: int,
    sources: bool,
) -> None:
    """Estimate latency, energy and traffic of MODEL on a chip.

    MODEL is a shipped model (see `hwsim models`), an operator such as matmul:m=196,n=192,k=384, @FILE with one
    operator per line, file.py:function returning (module, example inputs), a Hugging Face config.json, or a graph
    saved by `hwsim trace`.
    """
    from hwsim.config import load_chip
    from hwsim.output import write_outputs
    from hwsim.progress import waiting
    from mapper.estimate import estimate_model, estimator_for
    from workloads.user import open_model

    wanted = {"json": json_path, "csv": csv_path, "timeline": timeline_path, "plot": plot_path}
    outputs = {kind: path for kind, path in wanted.items() if path is not None}
    _check_outputs(outputs, model, chip)
    choices = read_choices(options)
    chosen_phase = generated_phase(phase, prompt, output)
    loaded = load_chip(chip, changes)
    if model.startswith("@"):
        _estimate_list(model, loaded, options.mapping, outputs)
        return
    with waiting(f"estimating {model}") as say:
        opened = open_model(model, allow_unknown)
        estimator = estimator_for(loaded, options.mapping, say)
        report = estimate_model(estimator, opened, choices, chosen_phase, prompt, output)
    contents = {path: _content(kind, path, report, loaded) for kind, path in outputs.items()}
    if not write_outputs(contents):
        _print(report, loaded, top, sources)


def _check_outputs(outputs: dict[str, str], model: str, chip: str) -> None:
    from hwsim.output import check_writable
    from hwsim.plot import picture_format

    if model.startswith("@") and (outputs.keys() & {"timeline", "plot"}):
        raise click.UsageError("a list of operators has no timeline and no picture; use --csv or --json")
    if "plot" in outputs:
        picture_format(outputs["plot"])
    check_writable(outputs.values(), inputs=(model.partition(":")[0].removeprefix("@"), chip))


def generated_phase(phase: str | None, prompt: int | None, output: int | None) -> str | None:
    """The phase, generate where a prompt or an output is given; a UsageError where these do not go together."""
    if phase is None and (prompt or output):
        phase = "generate"
    if phase == "generate" and not (prompt and output):
        raise click.UsageError("phase generate needs --prompt and --output, for example --prompt 512 --output 128")
    if phase != "generate" and (prompt or output):
        raise click.UsageError(f"--prompt and --output belong to phase generate, not to {phase}")
    return phase


def _content(kind: str, path: str, report: Report, chip: Chip) -> str | bytes:
    from hwsim import output
    from hwsim.plot import draw, picture_format

    if kind == "plot":
        outer = next(iter(chip.units.values())).path[0]
        return draw(report, picture_format(path), outer_memory=outer)
    if kind == "json":
        return output.json_text(output.as_json(report))
    return output.ops_csv(report) if kind == "csv" else output.trace_text(report)


def _print(report: Report, chip: Chip, top: int, sources: bool) -> None:
    from rich.console import Console

    from hwsim.show import show

    show(report, Console(), tdp_watts=chip.package.tdp, top=top, sources=sources)


def _estimate_list(model: str, chip: Chip, mapping: MappingChoices, outputs: dict[str, str]) -> None:
    from hwsim import output
    from mapper.estimate import estimator_for
    from mapper.operators import as_json, estimate_operators, table_lines

    rows = estimate_operators(Path(model[1:]), estimator_for(chip, mapping))
    texts = {
        "csv": lambda: output.ops_table(rows, mapping.mapper),
        "json": lambda: output.json_text(as_json(model, chip, rows)),
    }
    if not output.write_outputs({path: texts[kind]() for kind, path in outputs.items()}):
        for line in table_lines(rows, mapping.mapper):
            click.echo(line)
