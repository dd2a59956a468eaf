"""``hwsim dram``: requests played through one channel, command by command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hwsim.dram.device import Device
    from hwsim.dram.requests import Outcome, Requests


@click.command()
@click.argument("standard")
@click.option("--pattern", default="stream", show_default=True, help="A named pattern, or a file of requests.")
@click.option("--requests", "count", default=16384, show_default=True, type=click.IntRange(1, 10**7))
@click.option("--scheduler", default="hit_first", show_default=True)
@click.option("--row-policy", default="open", show_default=True)
@click.option("--refresh", default="all_bank", show_default=True)
@click.option("--mapping", default="interleaved", show_default=True, help="Address mapping: a name, or its fields.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures as JSON.")
@click.option("--dump-commands", "dump", type=click.Path(path_type=Path), help="Write every command, one per line.")
def dram(
    standard: str,
    pattern: str,
    count: int,
    scheduler: Any,
    row_policy: Any,
    refresh: Any,
    mapping: str,
    json_file: Path | None,
    dump: Path | None,
) -> None:
    """Play requests through one channel of a DRAM standard and report what its commands cost.

    A file of requests has one line each: tick (-1: after all earlier ones), R or W, number of the access.
    """
    from hwsim.dram.compiled import play
    from hwsim.dram.device import load_device
    from hwsim.dram.policy import Policy

    device = load_device(standard)
    requests = _requests(device, pattern, count, mapping)
    outcome = play(device, Policy(scheduler, row_policy, refresh), requests, on_compile=_announce)
    figures = _figures(device, requests, outcome)
    _print(figures)
    if json_file is not None:
        import json

        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if dump is not None:
        dump.write_text(_readable(device, outcome), encoding="utf-8")


def _announce() -> None:
    click.echo("compiling the DRAM engine: some tens of seconds, once; it is kept on disk", err=True)


def _requests(device: Device, pattern: str, count: int, mapping: str) -> Requests:
    from hwsim.dram.patterns import PATTERNS, named_pattern, read_requests

    if pattern in PATTERNS or not Path(pattern).is_file():
        return named_pattern(pattern, device, count, mapping)
    return read_requests(Path(pattern), device, mapping)


def _figures(device: Device, requests: Requests, outcome: Outcome) -> dict[str, Any]:
    """Everything that is reported, in SI units."""
    import numpy as np

    from hwsim.dram.trace_energy import trace_energy

    seconds = outcome.cycles * device.tick
    latency = (outcome.depart - outcome.arrive)[requests.write == 0] * device.tick
    energy = trace_energy(device, outcome.commands, outcome.cycles)
    percentiles = np.percentile(latency, (0, 50, 95, 99, 100)).tolist() if len(latency) else [0.0] * 5
    size, seen = len(requests) * device.access_bytes, outcome.hits + outcome.misses + outcome.conflicts
    return {
        "standard": device.name,
        "requests": len(requests),
        "ticks": outcome.cycles,
        "seconds": seconds,
        "bytes_per_second": size / seconds,
        "read_latency_seconds": dict(zip(("min", "p50", "p95", "p99", "max"), percentiles, strict=True)),
        "row_hit_rate": outcome.hits / seen if seen else 0.0,
        "commands": {c.name: n for c, n in zip(device.commands, outcome.counts, strict=True) if n},
        "energy_joules": {
            "activation": energy.activation,
            **{f"movement_{stage}": joules for stage, joules in energy.movement},
            "refresh": energy.refresh,
            "background": energy.background,
            "total": energy.total,
        },
        "joules_per_bit": energy.total / (8 * size),
        "stalled": outcome.stalled,
    }


def _print(figures: dict[str, Any]) -> None:
    latency, energy = figures["read_latency_seconds"], figures["energy_joules"]
    click.echo(f"{figures['standard']}: {figures['requests']} requests in {figures['ticks']} ticks")
    click.echo(f"bandwidth        {figures['bytes_per_second'] / 1e9:.2f} GB/s")
    click.echo("read latency     " + ", ".join(f"{key} {value * 1e9:.1f} ns" for key, value in latency.items()))
    click.echo(f"row hits         {figures['row_hit_rate']:.1%}")
    click.echo("commands         " + ", ".join(f"{name} {count}" for name, count in figures["commands"].items()))
    click.echo(f"energy           {energy['total'] * 1e6:.3f} uJ, {figures['joules_per_bit'] * 1e12:.2f} pJ/bit")
    for cause, joules in energy.items():
        if cause != "total" and joules:
            click.echo(f"  {cause.replace('_', ' '):<22} {joules / energy['total']:.1%}")
    if figures["stalled"]:
        click.echo("stopped: no command could be issued any more")


def _readable(device: Device, outcome: Outcome) -> str:
    from hwsim.dram.requests import trace_lines

    head = "# clock,command," + ",".join(level.lower() for level in device.levels[1:]) + ",row,column"
    return "\n".join([head, *trace_lines(device, outcome.commands)]) + "\n"
