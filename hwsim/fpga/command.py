"""``hwsim resources``: what the FPGA designs of a chip take of their board, part by part, and their clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hwsim.chip import Chip
    from hwsim.fpga.design import Design


@click.command()
@click.argument("name", metavar="CHIP")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the chip file; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def resources(name: str, changes: tuple[str, ...], as_json: bool) -> None:
    """Show the DSP slices, tables, flip-flops and memory blocks of an FPGA design, beside what its board has."""
    import json

    from hwsim.config import load_chip
    from workloads.errors import UserError

    chip = load_chip(name, changes)
    found = designs(chip)
    if not found:
        raise UserError(f"{chip.name} has no unit on an FPGA")
    if as_json:
        click.echo(json.dumps([_facts(chip, unit, design) for unit, design in found], indent=2))
        return
    for unit, design in found:
        _print(chip, unit, design)


def designs(chip: Chip) -> list[tuple[str, Design]]:
    """The designs of a chip's FPGA units by name."""
    from hwsim.units._flightllm_spec import FlightSpec
    from hwsim.units.fpga_engines import EnginesSpec

    return [
        (name, spec.design(chip.memories))
        for name, spec in chip.units.items()
        if isinstance(spec, FlightSpec | EnginesSpec)
    ]


def _clock(chip: Chip, unit: str, design: Design) -> tuple[float, float]:
    """Stated and expected frequency, in hertz."""
    from hwsim.fpga.design import expected_clock

    stated = chip.clocks[chip.units[unit].clock]
    return stated, expected_clock(design, stated)


def _facts(chip: Chip, unit: str, design: Design) -> dict[str, object]:
    stated, expected = _clock(chip, unit, design)
    return {
        "unit": unit,
        "parts": {part: amounts.model_dump() for part, amounts in design.parts},
        "total": design.total.model_dump(),
        "budget": design.budget.model_dump(),
        "dies": design.dies,
        "stated_clock_hertz": stated,
        "expected_clock_hertz": expected,
    }


def _print(chip: Chip, unit: str, design: Design) -> None:
    from hwsim.fpga.resources import Resources
    from workloads.table import print_table

    kinds = tuple(Resources.model_fields)
    total, budget = design.total, design.budget
    rows = [
        (part, *(f"{getattr(amounts, kind):,}" for kind in kinds))
        for part, amounts in (*design.parts, ("total", total), ("board", budget))
    ]
    shares = (
        f"{getattr(total, kind) / getattr(budget, kind):.0%}" if getattr(budget, kind) else "none" for kind in kinds
    )
    rows.append(("share", *shares))
    stated, expected = _clock(chip, unit, design)
    if getattr(chip.units[unit], "clock_is", "achieved") == "requested":
        said = f"Asked for {stated / 1e6:.0f} MHz, it is expected to reach {expected / 1e6:.0f}."
    else:
        said = f"It reached {stated / 1e6:.0f} MHz; designs so full are expected to lose {1 - expected / stated:.0%}."
    caption = f"Over {design.dies} dies. {said} Tables and flip-flops are estimates (docs/fpga.md)."
    print_table((unit, *kinds), rows, (1, 2, 3, 4, 5), caption)
