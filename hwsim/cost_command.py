"""``hwsim cost``: what chips cost to make, and systems of them to own, in money and carbon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hwsim.between import Between
    from hwsim.ownership import Ownership


@click.command()
@click.argument("chips", nargs=-1, required=True, metavar="CHIP[:SYSTEMS]...")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change all chips: cost.owning.overhead=1.2."
)
@click.option("--years", type=click.FloatRange(0, 100, min_open=True), default=3.0, show_default=True, help="Of work.")
@click.option(
    "--respins", type=click.IntRange(0, 1000), default=0, show_default=True,
    help="New weights in that time; hardwired chips are made anew.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def cost(chips: tuple[str, ...], changes: tuple[str, ...], years: float, respins: int, as_json: bool) -> None:
    """What chips cost to make, and systems of them to own: masks, dies, building, power, carbon.

    CHIP is a shipped chip's name or a YAML file, SYSTEMS how many systems of it (default 1), as in hnlpu:50.
    """
    from hwsim.config import load_chip
    from hwsim.machine import make_machine
    from hwsim.ownership import Plan, ownership

    rows: list[dict[str, Any]] = []
    for text in chips:
        name, systems = _counted(text)
        chip = load_chip(name, changes)
        plan = Plan(systems, years, respins if chip.cost.making is not None else 0)
        owned = ownership(chip, make_machine(chip).area_square_metres, plan)
        rows.append({"chip": chip.name, "systems": systems, **_facts(owned)})
    if as_json:
        import json

        click.echo(json.dumps({"years": years, "respins": respins, "chips": rows}, indent=2))
    else:
        _print(rows, years, respins)


def _counted(text: str) -> tuple[str, int]:
    name, colon, count = text.rpartition(":")
    if not colon:
        return text, 1
    if not count.isdigit() or not 1 <= int(count) <= 10**9:
        raise click.BadParameter(f"{text}: expected CHIP:SYSTEMS with a whole number from 1, for example hnlpu:50")
    return name, int(count)


def _facts(owned: Ownership) -> dict[str, Any]:
    """All figures under their names and units."""
    bill = owned.bill
    making = (
        {
            "dies_per_wafer": bill.dies,
            "yield": bill.yield_fraction,
            "good_dies_per_wafer": bill.good_dies,
            "die_dollars": list(bill.die),
            "chip_dollars": list(bill.chip),
            "common_masks_dollars": list(bill.common_masks),
            "variant_masks_dollars": list(bill.variant_masks),
            "design_dollars": list(bill.design),
        }
        if bill is not None
        else None
    )
    return {
        "making": making,
        "power_watts": owned.power_watts,
        "ownership_dollars": {what: list(amount) for what, amount in owned.money},
        "total_dollars": list(owned.dollars),
        "carbon_kg": dict(owned.carbon),
        "total_carbon_kg": owned.kilograms,
    }


def _print(rows: list[dict[str, Any]], years: float, respins: int) -> None:
    from hwsim.between import Between
    from workloads.table import print_table

    header = ("", *(f"{row['chip']} x {row['systems']:,}" for row in rows))
    lines: list[tuple[str, ...]] = []

    def line(title: str, cells: list[str]) -> None:
        if any(cells):
            lines.append((title, *cells))

    for key, title in (("dies_per_wafer", "dies per wafer"), ("good_dies_per_wafer", "good dies per wafer")):
        line(title, [str(row["making"][key]) if row["making"] else "" for row in rows])
    line("yield", [f"{row['making']['yield']:.1%}" if row["making"] else "" for row in rows])
    for key in ("die", "chip", "common_masks", "variant_masks", "design"):
        pairs = [row["making"][f"{key}_dollars"] if row["making"] else None for row in rows]
        line(key.replace("_", " "), [_dollars(Between(*pair)) if pair else "" for pair in pairs])
    for what in dict.fromkeys(name for row in rows for name in row["ownership_dollars"]):
        pairs = [row["ownership_dollars"].get(what) for row in rows]
        line(f"own: {what}", [_dollars(Between(*pair)) if pair else "" for pair in pairs])
    line("own: total", [_dollars(Between(*row["total_dollars"])) for row in rows])
    line("power", [f"{row['power_watts'] / 1e3:,.4g} kW" for row in rows])
    line("carbon", [f"{row['total_carbon_kg'] / 1e3:,.4g} t" if row["total_carbon_kg"] else "" for row in rows])
    caption = f"{years:g} years, {respins} re-spins of hardwired chips. Two amounts: optimistic to pessimistic."
    print_table(header, lines, tuple(range(1, len(header) - 1)), caption)


def _dollars(amount: Between) -> str:
    """``$62.8 M to 130 M``, or one amount where both are equal."""
    low, high = _scaled(amount.low), _scaled(amount.high)
    return f"${low}" if low == high else f"${low} to {high}"


def _scaled(value: float) -> str:
    for scale, suffix in ((1e9, " B"), (1e6, " M"), (1e4, " k")):
        if value >= scale:
            shown = value / scale if suffix != " k" else value / 1e3
            return f"{shown:.4g}{suffix}"
    return f"{value:,.4g}"
