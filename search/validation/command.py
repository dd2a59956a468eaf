"""``hwsim validate``: published and measured values beside simulated ones."""

from __future__ import annotations

import click

WIDE = 160
"""Columns where the tables are not read on a terminal."""


@click.command()
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="Folder with measured GPU kernels (vidur/, deepbench/, llmcompass/). [default: show recorded errors]",
)
@click.option("--group", "names", multiple=True, metavar="NAME", help="Only this group or source; may be repeated.")
@click.option("--json", "json_path", metavar="FILE", help="Write all cases as JSON; - is standard output.")
@click.option("--markdown", "markdown_path", metavar="FILE", help="Write the document (recorded errors); - as above.")
@click.pass_context
def validate(
    context: click.Context, data: str | None, names: tuple[str, ...], json_path: str | None, markdown_path: str | None
) -> None:
    """Compare simulated with published and measured values.

    The exit code is 1 if an error is past its recorded bound.
    """
    from pathlib import Path

    from rich.console import Console

    from hwsim import output
    from hwsim.progress import track
    from search.validation.case import Request
    from search.validation.groups import all_groups
    from search.validation.result import as_json, choose, results
    from search.validation.show import markdown, show

    outputs = {kind: path for kind, path in (("json", json_path), ("markdown", markdown_path)) if path is not None}
    output.check_writable(outputs.values())
    groups = choose(all_groups(), names)
    request = Request(None if data is None else Path(data))
    found = list(track(results(groups, request), "validate", len(groups)))
    texts = {
        "json": lambda: output.json_text({"schema": output.SCHEMA, "groups": [as_json(result) for result in found]}),
        "markdown": lambda: markdown(found if data is None else list(results(groups, Request()))),
    }
    if not output.write_outputs({path: texts[kind]() for kind, path in outputs.items()}):
        console = Console(highlight=False)
        show(found, console if console.is_terminal else Console(width=WIDE, highlight=False))
    if not all(result.within for result in found):
        context.exit(1)
