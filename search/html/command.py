"""``hwsim report``: one HTML page of an estimate, a comparison, a study or a file that another command wrote."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from mapper.choices import RunOptions, read_choices, run_options, size_option

if TYPE_CHECKING:
    from search.html.page import Page

_GIVEN = "hwsim.report.arguments"
_PAGE = ("-o", "--page")


class Remembering(click.Command):
    """A command that keeps its command line, so that the page can say how it was made."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the arguments, then read them."""
        ctx.meta[_GIVEN] = tuple(args)
        return super().parse_args(ctx, args)


@click.command(cls=Remembering)
@click.argument("target", required=False)
@click.option("--chip", help="With a model: a shipped chip's name (see `hwsim chips`) or a YAML file.")
@click.option("--models", metavar="A,B", help="Compare these models, as for `hwsim compare`.")
@click.option("--chips", metavar="X,Y", help="Compare on these chips, as for `hwsim compare`.")
@click.option("--sweep", "sweeps", multiple=True, metavar="KEY=VALUES", help="With --models: as for `hwsim compare`.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the chip: units.array.rows=64.")
@click.option("--phase", help="forward, prefill, decode, generate or train. [default: decode for LMs, else forward]")
@size_option("--prompt", text="With phase generate: tokens of the prompt.")
@size_option("--output", text="With phase generate: tokens to generate.")
@run_options
@click.option("--allow-unknown", is_flag=True, help="Count unknown operators as traffic only, with a warning.")
@click.option("--space", "space", help="Which study of a database; needed where it holds several.")
@click.option(*_PAGE, "page_path", metavar="FILE", default="report.html", show_default=True, help="Where to write.")
@click.pass_context
def report(
    ctx: click.Context,
    target: str | None,
    chip: str | None,
    models: str | None,
    chips: str | None,
    sweeps: tuple[str, ...],
    changes: tuple[str, ...],
    phase: str | None,
    prompt: int | None,
    output: int | None,
    options: RunOptions,
    allow_unknown: bool,
    space: str | None,
    page_path: str,
) -> None:
    """Write one self-contained HTML page, which opens without a network.

    TARGET is a model (with --chip), a study that `hwsim search` wrote, or a JSON file of `hwsim estimate`,
    `hwsim compare` or `hwsim reproduce`. Without it, --models and --chips are compared.
    """
    from hwsim.output import check_writable, write_outputs
    from search.html.page import page_html

    _check_arguments(target, chip, models, chips)
    inputs = [text.partition(":")[0] for text in (target, chip) if text is not None]
    check_writable([page_path], inputs=inputs)
    command = command_line(ctx.meta[_GIVEN])
    if target is None:
        page = _comparison((models or "", chips or ""), (phase, prompt, output), sweeps, options, command)
    elif chip is not None:
        page = _estimate(target, chip, changes, (phase, prompt, output), options, allow_unknown, command)
    else:
        from search.html.documents import document_page

        page = document_page(target, space, command)
    write_outputs({page_path: page_html(page)})


def command_line(arguments: tuple[str, ...]) -> str:
    """The command as typed, without the place where the page goes: it says nothing of what is on it."""
    kept: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word in _PAGE:
            next(rest, "")
        elif not word.startswith("--page="):
            kept.append(word)
    return shlex.join(["hwsim", "report", *kept])


def _check_arguments(target: str | None, chip: str | None, models: str | None, chips: str | None) -> None:
    if target is None and not (models and chips):
        raise click.UsageError("name a model with --chip, a study, a JSON file, or --models and --chips to compare")
    if target is not None and (models or chips):
        raise click.UsageError(f"--models and --chips compare; with {target} give --chip, or leave {target} out")
    if target is None and chip is not None:
        raise click.UsageError("--chip belongs to one model; a comparison takes --chips")
    if target is not None and target.startswith("@"):
        raise click.UsageError("a list of operators has no page; name one operator, such as matmul:m=64,n=64,k=64")


def _estimate(
    model: str,
    chip: str,
    changes: tuple[str, ...],
    sizes: tuple[str | None, int | None, int | None],
    options: RunOptions,
    allow_unknown: bool,
    command: str,
) -> Page:
    from hwsim.config import load_chip
    from hwsim.progress import waiting
    from mapper.commands import generated_phase
    from mapper.estimate import estimate_model, estimator_for
    from search.html.estimate import estimate_page
    from workloads.user import open_model

    phase, prompt, output = sizes
    phase = generated_phase(phase, prompt, output)
    loaded, choices = load_chip(chip, changes), read_choices(options)
    with waiting(f"estimating {model}") as say:
        estimator = estimator_for(loaded, options.mapping, say)
        found = estimate_model(estimator, open_model(model, allow_unknown), choices, phase, prompt, output)
    return estimate_page(found, loaded, command)


def _comparison(
    names: tuple[str, str],
    sizes: tuple[str | None, int | None, int | None],
    sweeps: tuple[str, ...],
    options: RunOptions,
    command: str,
) -> Page:
    from hwsim.config import chip_names, load_chip
    from hwsim.progress import track
    from mapper.commands import generated_phase
    from search.commands import ALL, open_listed, split_names
    from search.comparison.plan import make_plan
    from search.comparison.run import run
    from search.comparison.sweeps import parse_sweeps, settings_of
    from search.comparison.tables import as_json
    from search.html.comparison import comparison_page

    models, chips = names
    settings = settings_of(parse_sweeps(sweeps), options, *sizes[1:])
    loaded = [load_chip(name) for name in (chip_names() if chips == ALL else split_names(chips))]
    plan = make_plan(open_listed(models), loaded, settings, generated_phase(*sizes), options.mapping)
    comparison = run(plan, None, lambda finished, total: track(finished, "compare", total))
    return comparison_page(as_json(comparison)["rows"], command)
