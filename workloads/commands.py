"""The commands of this package: ``hwsim models`` lists what is shipped, ``hwsim trace`` saves a model's graph."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from workloads import catalog
from workloads.errors import UserError
from workloads.graph import OperatorGraph
from workloads.phases import check_phase, default_phase, offered


class OutputError(UserError):
    """A file that cannot be written."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def models(as_json: bool) -> None:
    """List the shipped models."""
    entries = [catalog.describe(name) for name in catalog.names()]
    if as_json:
        rows = [
            {**asdict(entry), "macs": dict(entry.macs), "hashes": dict(entry.hashes), "phases": offered(entry.phases)}
            for entry in entries
        ]
        click.echo(json.dumps(rows, indent=1))
        return
    from workloads.table import print_table

    cells = [
        (
            entry.name,
            _short(entry.parameters, "B"),
            _short(dict(entry.macs)[default_phase(entry.phases)], "G"),
            " ".join(offered(entry.phases)),
            entry.source,
        )
        for entry in entries
    ]
    caption = "MACs of one inference at batch 1, of language models one decode step at context 2048"
    print_table(("model", "parameters", "MACs", "phases", "source"), cells, (1, 2), caption)


def _short(count: int, billion: str) -> str:
    for limit, letter in ((10**12, "T"), (10**9, billion), (10**6, "M"), (10**3, "k")):
        if count >= limit:
            return f"{count / limit:.2f} {letter}"
    return str(count)


@click.command()
@click.argument("model")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to save (.json.gz).")
@click.option(
    "--graph", "picture", metavar="FILE", help="Draw the operators (.png, .svg or .pdf), repeated blocks once."
)
@click.option("--phase", help="forward, prefill or decode; by default the one that is estimated.")
@click.option("--allow-unknown", is_flag=True, help="Count operators without a lowering as traffic only.")
def trace(model: str, output: Path | None, picture: str | None, phase: str | None, allow_unknown: bool) -> None:
    """Trace MODEL (file.py:function, config.json, a saved graph or a catalog name) and print what it consists of."""
    from workloads import serialize
    from workloads.picture.files import picture_format
    from workloads.user import open_model

    file_format = None if picture is None else picture_format(picture)
    opened = open_model(model, allow_unknown)
    chosen = phase or default_phase(opened.phases)
    check_phase(opened.name, chosen, [name for name in opened.phases if name != "generate"])
    graph = opened.symbolic(chosen)
    click.echo(summary(graph))
    if output is not None:
        write_atomically(output, serialize.save(graph))
        click.echo(f"saved to {output}")
    if picture is not None and file_format is not None:
        from workloads.picture.draw import draw_graph

        write_atomically(Path(picture), draw_graph(graph, file_format))
        click.echo(f"drawn in {picture}")


def summary(graph: OperatorGraph) -> str:
    """A few lines on a symbolic graph: its size, its kinds of operators with their counts, what is unknown in it."""
    kinds = Counter[str]()
    for segment, op in graph.walk():
        kinds[op.kind] += segment.count
    symbols = ", ".join(sorted(graph.symbols())) or "none"
    lines = [
        f"{graph.model} ({graph.phase}): {sum(kinds.values())} operators, {graph.parameters:,} parameters",
        f"symbols: {symbols}",
        "operators: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()),
    ]
    lines += [f"warning: {name} ({path}) x{count} is unknown, traffic only" for name, path, count in graph.unknown]
    return "\n".join(lines)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file completely or not at all.

    Raises:
        OutputError: the folder does not exist or cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot write: {error.strerror}") from error
