"""The commands of this package: ``hwsim chips`` lists chips, ``hwsim check`` validates files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hwsim.chip import Chip

_PEAK_BITS = (16, 8)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.argument("names", nargs=-1, metavar="[CHIP]...")
def chips(names: tuple[str, ...], as_json: bool) -> None:
    """List the chips that come with the program, or those named (names or YAML files)."""
    from hwsim.config import chip_names, load_chip

    rows = [_facts(load_chip(name)) for name in names or chip_names()]
    if as_json:
        import json

        click.echo(json.dumps(rows, indent=2))
    else:
        _print_table(rows)


def _facts(chip: Chip) -> dict[str, Any]:
    """What is worth listing of a chip, in SI units."""
    from hwsim.peak import peak_operations
    from hwsim.sources import status_counts

    return {
        "name": chip.name,
        "title": chip.title,
        "node_metres": chip.technology.node,
        "clock_hertz": chip.clock_hertz,
        "units": {name: {"kind": unit.kind, "count": unit.count} for name, unit in chip.units.items()},
        "peak_operations_per_second": {str(bits): peak_operations(chip, bits) for bits in _PEAK_BITS},
        "memories": {
            name: {"size_bytes": memory.size * memory.instances, "bandwidth_bytes_per_second": memory.bandwidth}
            for name, memory in chip.memories.items()
        },
        "tdp_watts": chip.package.tdp,
        "numbers": dict(status_counts(chip)),
    }


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    from hwsim.quantity import show
    from workloads.table import print_table

    cells: list[tuple[str, ...]] = []
    for row in rows:
        peaks = [_short(row["peak_operations_per_second"][str(bits)] / 1e12) for bits in _PEAK_BITS]
        outer = next(iter(row["memories"].values()))
        tdp = "" if row["tdp_watts"] is None else show(row["tdp_watts"], "W")
        counts = "/".join(str(count) for count in row["numbers"].values())
        node = f"{row['node_metres'] * 1e9:.3g} nm"
        cells.append((row["name"], *peaks, _size(outer["size_bytes"]), node, tdp, counts, row["title"]))
    caption = (
        "16 b, 8 b: 10^12 operations per second of a matrix product, a multiply-accumulate being two. p/s/d/a: numbers"
        " that are published, secondary, derived, assumed. --json has units and all memories."
    )
    print_table(("chip", "16 b", "8 b", "memory", "node", "TDP", "p/s/d/a", "title"), cells, (1, 2, 3, 4, 5), caption)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _size(size_bytes: float) -> str:
    if size_bytes % 1e9 == 0:
        return f"{size_bytes / 1e9:.0f} GB"
    for prefix, scale in (("Ti", 2.0**40), ("Gi", 2.0**30), ("Mi", 2.0**20), ("Ki", 2.0**10)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:.3g} {prefix}B"
    return f"{size_bytes:.3g} B"


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def check(files: tuple[str, ...]) -> None:
    """Validate chip files (.yaml) and saved graphs (.json.gz), and name every problem by its place."""
    from workloads.errors import UserError

    problems: list[str] = []
    for file in files:
        try:
            click.echo(f"ok: {file}: {_verdict(file)}")
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))


def _verdict(file: str) -> str:
    if file.endswith((".json", ".json.gz")):
        from pathlib import Path

        from workloads.serialize import load_file

        graph = load_file(Path(file))
        return f"graph of {graph.model} ({graph.phase}), {sum(1 for _ in graph.walk())} operators"
    from hwsim.config import load_chip
    from hwsim.sources import status_counts, uncovered_keys, unused_source_keys

    chip = load_chip(file)
    counts = ", ".join(f"{count} {status}" for status, count in status_counts(chip).items())
    notes = [
        f"{len(keys)} {what}: {', '.join(keys)}"
        for what, keys in (
            ("numbers without a source", uncovered_keys(chip)),
            ("source keys that cover no number", unused_source_keys(chip)),
        )
        if keys
    ]
    return "; ".join([f"chip {chip.name}, {counts}", *notes])
