"""``hwsim explain``: why a model is as slow as it is on a chip, or one of its operators."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from mapper.choices import RunOptions, read_choices, run_options

if TYPE_CHECKING:
    from mapper.estimate import Estimator
    from mapper.explain import Explanation
    from mapper.explain_op import OperatorDetail
    from workloads.graph import OperatorGraph


@click.command()
@click.argument("model")
@click.argument("chip_name", required=False, metavar="[CHIP]")
@click.option("--chip", help="The chip, if it is not the second argument.")
@click.option("--op", "op_name", metavar="NAME", help="Explain this operator in full (a part of its name will do).")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the chip: units.array.rows=64.")
@click.option("--phase", help="forward, prefill or decode. [default: decode for LMs, else forward]")
@run_options
@click.option("--allow-unknown", is_flag=True, help="Count unknown operators as traffic only, with a warning.")
@click.option("--plot", "plot_path", metavar="FILE", help="With --op: draw the loop nest (.png, .svg or .pdf).")
@click.option("--json", "json_path", metavar="FILE", help="Write the explanation as JSON; - is standard output.")
def explain(
    model: str,
    chip_name: str | None,
    chip: str | None,
    op_name: str | None,
    changes: tuple[str, ...],
    phase: str | None,
    options: RunOptions,
    allow_unknown: bool,
    plot_path: str | None,
    json_path: str | None,
) -> None:
    """Explain why MODEL takes as long as it does on CHIP.

    Splits the time into causes, shows which resource is busy when, names the operators that lose most time, and
    simulates the same schedule with each resource made faster. With --op: one operator's mapping as a loop nest.
    """
    from hwsim.config import load_chip
    from hwsim.output import SCHEMA, check_writable, json_text, write_outputs
    from hwsim.progress import waiting
    from mapper.estimate import bound_graph, estimator_for
    from workloads.user import open_model

    file_format = _picture_format(plot_path, op_name)
    check_writable([path for path in (json_path, plot_path) if path])
    choices = read_choices(options)
    if phase == "generate":
        raise click.UsageError("a generation is many runs; explain one of them with --phase prefill or --phase decode")
    if model.startswith("@"):
        raise click.UsageError(
            "a list of operators has no single explanation; explain one operator, such as matmul:..."
        )
    loaded = load_chip(_chosen(chip_name, chip), changes)
    with waiting(f"explaining {model}") as say:
        estimator = estimator_for(loaded, options.mapping, say)
        graph, warnings = bound_graph(estimator, open_model(model, allow_unknown), choices, phase)
        found = _explained(estimator, graph, warnings, op_name)
    contents: dict[str, str | bytes] = {}
    if json_path is not None:
        contents[json_path] = json_text({"schema": SCHEMA, **asdict(found)})
    if plot_path is not None:
        contents[plot_path] = _picture(found, file_format)
    if not write_outputs(contents):
        _print(found)


def _picture_format(plot_path: str | None, op_name: str | None) -> str:
    """The format of the picture that was asked for, checked before the long work starts."""
    from hwsim.plot import picture_format

    if plot_path is None:
        return ""
    if op_name is None:
        raise click.UsageError("--plot draws the loop nest of one operator; name it with --op")
    return picture_format(plot_path)


def _picture(found: Explanation | OperatorDetail, file_format: str) -> bytes:
    from mapper.explain_op import OperatorDetail
    from mapper.explain_plot import nest_picture

    if not isinstance(found, OperatorDetail):
        raise TypeError("only one operator has a loop nest")
    return nest_picture(found, file_format)


def _chosen(argument: str | None, option: str | None) -> str:
    if (argument is None) == (option is None):
        raise click.UsageError("name one chip, as in `hwsim explain resnet-50 eyeriss` or with --chip")
    return argument or option or ""


def _explained(
    estimator: Estimator, graph: OperatorGraph, warnings: tuple[str, ...], op_name: str | None
) -> Explanation | OperatorDetail:
    from hwsim.simulation import play_schedule
    from mapper.explain import explain_simulation
    from mapper.explain_op import explain_operator, find_operator
    from mapper.graph import map_with

    schedule = map_with(estimator.search, graph)
    simulation = play_schedule(graph, schedule, estimator.chip, estimator.search.machine)
    if op_name is not None:
        return explain_operator(graph, schedule, simulation, find_operator(simulation, op_name))
    found = explain_simulation(graph, schedule, simulation)
    return replace(found, warnings=(*found.warnings, *warnings))


def _print(found: Explanation | OperatorDetail) -> None:
    from rich.console import Console

    from mapper.explain_op import OperatorDetail
    from mapper.explain_show import show_detail, show_explanation

    console = Console(highlight=False)
    if isinstance(found, OperatorDetail):
        show_detail(found, console)
    else:
        show_explanation(found, console)
