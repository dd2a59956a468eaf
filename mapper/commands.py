"""The command of this package: ``hwsim estimate`` maps and simulates one model, or a list of operators, on one chip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from hwsim.chip import Chip
    from hwsim.report import Report
    from workloads.model import Choices

MAX_SIZE = 10**9
F = TypeVar("F", bound=Callable[..., Any])


def _in_range(_: click.Context, __: click.Parameter, number: int | None) -> int | None:
    if number is not None and not 1 <= number <= MAX_SIZE:
        raise click.BadParameter(f"expected 1 to {MAX_SIZE:,}, got {number}")
    return number


def size_option(name: str, text: str, default: int | None = None) -> Callable[[F], F]:
    """An option for a whole number up to ``MAX_SIZE``; without a default, leaving it out means the model's own."""
    shown = default is not None
    return click.option(name, type=int, callback=_in_range, metavar="N", default=default, show_default=shown, help=text)


def choice_options(command: F) -> F:
    """Add the options that decide how a model runs; ``estimate`` and the sweeps share them."""
    options = (
        size_option("--batch", "Independent sequences or images.", default=1),
        size_option("--context", "Tokens attended; in decode the new one included. [default: 2048 for LMs]"),
        click.option("--bits", metavar="ROLE=N,...", help="Precision by role, as in weight=4,activation=8."),
        click.option("--zeros", metavar="NAME=F,...", help="Zeros in the data by role or tensor: activation=0.5."),
        click.option("--mla", type=click.Choice(["absorbed", "expanded"]), default="absorbed", show_default=True,
                     help="How multi-head latent attention runs."),
        click.option("--experts", type=click.Choice(["balanced", "uniform"]), default="balanced", show_default=True,
                     help="How tokens spread over experts."),
        click.option("--fold-batchnorms/--keep-batchnorms", "fold", default=True, show_default=True,
                     help="Whether batch norms become part of the convolutions before them."),
        click.option("--mapper", default="fast", show_default=True, help="How mappings are found."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def read_choices(
    batch: int, context: int | None, bits: str | None, zeros: str | None, mla: str, experts: str, fold: bool
) -> Choices:
    """The options of ``choice_options`` as the model understands them.

    Raises:
        PrecisionError: ``bits`` cannot be read.
        SparsityError: ``zeros`` cannot be read.
    """
    from workloads.model import Choices
    from workloads.precision import parse_bits
    from workloads.sparsity import parse_zeros

    widths = None if bits is None else parse_bits(bits)
    return Choices(batch, context, widths, mla, experts, fold, None if zeros is None else parse_zeros(zeros))


@click.command()
@click.argument("model")
@click.option("--chip", required=True, help="A shipped chip's name (see `hwsim chips`) or a YAML file.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the chip: units.array.rows=64.")
@click.option("--phase", help="forward, prefill, decode, generate or train. [default: decode for LMs, else forward]")
@size_option("--prompt", "With phase generate: tokens of the prompt.")
@size_option("--output", "With phase generate: tokens to generate.")
@choice_options
@click.option("--allow-unknown", is_flag=True, help="Count unknown operators as traffic only, with a warning.")
@click.option("--json", "json_path", metavar="FILE", help="Write the report as JSON; - is standard output.")
@click.option("--csv", "csv_path", metavar="FILE", help="Write the operators as CSV; - is standard output.")
@click.option("--timeline", "timeline_path", metavar="FILE", help="Write a trace for ui.perfetto.dev.")
@click.option("--plot", "plot_path", metavar="FILE", help="Draw a picture (.png, .svg or .pdf).")
@size_option("--top", "Operators to list, the slowest first.", default=10)
@click.option("--sources", is_flag=True, help="List where every number of the chip comes from.")
def estimate(
    model: str,
    chip: str,
    changes: tuple[str, ...],
    phase: str | None,
    prompt: int | None,
    output: int | None,
    batch: int,
    context: int | None,
    bits: str | None,
    zeros: str | None,
    mla: str,
    experts: str,
    fold: bool,
    mapper: str,
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
    from mapper.estimate import estimate_model, make_estimator
    from workloads.user import open_model

    wanted = {"json": json_path, "csv": csv_path, "timeline": timeline_path, "plot": plot_path}
    outputs = {kind: path for kind, path in wanted.items() if path is not None}
    _check_outputs(outputs, model, chip)
    choices = read_choices(batch, context, bits, zeros, mla, experts, fold)
    chosen_phase = _phase(phase, prompt, output)
    loaded = load_chip(chip, changes)
    if model.startswith("@"):
        _estimate_list(model, loaded, mapper, outputs)
        return
    with waiting(f"estimating {model}"):
        opened = open_model(model, allow_unknown)
        report = estimate_model(make_estimator(loaded, mapper), opened, choices, chosen_phase, prompt, output)
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


def _phase(phase: str | None, prompt: int | None, output: int | None) -> str | None:
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


def _estimate_list(model: str, chip: Chip, mapper: str, outputs: dict[str, str]) -> None:
    from hwsim import output
    from mapper.estimate import make_estimator
    from mapper.operators import as_json, estimate_operators, table_lines

    rows = estimate_operators(Path(model[1:]), make_estimator(chip, mapper))
    texts = {
        "csv": lambda: output.csv_text(output.OPS_COLUMNS, rows),
        "json": lambda: output.json_text(as_json(model, chip, rows)),
    }
    if not output.write_outputs({path: texts[kind]() for kind, path in outputs.items()}):
        for line in table_lines(rows):
            click.echo(line)
