"""``hwsim hardwire``: a system of chips with a model's weights in their metal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mapper.hardwire import Hardwired


def _area(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    from hwsim.quantity import parse

    if text is None:
        return None
    try:
        area = parse(text, "m2")
    except ValueError as error:
        raise click.BadParameter(f"{error}; give an area such as '827 mm2'") from error
    if area <= 0:
        raise click.BadParameter(f"must be greater than zero, got {text!r}")
    return area


def _width(_: click.Context, __: click.Parameter, text: str) -> int:
    from workloads.errors import UserError
    from workloads.precision import parse_bits

    try:
        found = parse_bits(text)
    except UserError as error:
        raise click.BadParameter(str(error)) from error
    if set(found) != {"weight"}:
        raise click.BadParameter(f"expected weight=N, got {text!r}: only weights are hardwired")
    return found["weight"]


@click.command()
@click.argument("model")
@click.option(
    "--bits",
    default="weight=4",
    show_default=True,
    metavar="weight=N",
    callback=_width,
    help="Width of a weight; its area is taken to grow in proportion.",
)
@click.option("--die", metavar="AREA", callback=_area, help="Largest die, as in '827 mm2'. [default: that of hnlpu]")
@click.option(
    "--embedding",
    type=click.Choice(["metal", "cell", "sram"]),
    default="metal",
    show_default=True,
    help="How weights are held.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--write", "path", metavar="FILE", help="Write the chip file, for `hwsim estimate MODEL --chip FILE`.")
def hardwire(model: str, bits: int, die: float | None, embedding: Any, as_json: bool, path: str | None) -> None:
    """Generate a system of chips with the weights of MODEL in their metal: chips, area, masks, cost, throughput.

    The chips are those of hnlpu with an array for the model's weights; how each matrix is cut over them follows from
    the model's graph.
    """
    from mapper.hardwire import facts
    from mapper.hardwire import hardwire as generate
    from workloads.user import open_model

    system = generate(open_model(model), bits, die, embedding)
    if path is not None:
        from hwsim.hardwired_file import chip_text
        from hwsim.output import check_writable, write_outputs

        check_writable([path], inputs=(model,))
        write_outputs({path: chip_text(system.data)})
    if as_json:
        import json

        click.echo(json.dumps(facts(system), indent=2))
    elif path != "-":
        _print(system)


def _print(system: Hardwired) -> None:
    from mapper.hardwire import CONTEXT, facts
    from workloads.table import print_table

    found = facts(system)
    lines = [
        ("weights", f"{found['weights']:,} of {found['weight_bits']} bits, {found['embedding']}"),
        ("active per token", f"{found['active_weights']:,}"),
        ("chips", f"{found['chips']}, a grid of {found['grid_rows']} x {found['grid_columns']}"),
        ("die", f"{found['die_mm2']:,.1f} mm2, {found['array_mm2']:,.1f} of them array"),
        ("system", f"{found['system_mm2']:,.0f} mm2"),
        (
            "throughput",
            f"{found['tokens_per_second']:,.0f} tokens/s, {found['in_flight']} in flight, {CONTEXT:,} context",
        ),
        ("power", f"{found['power_watts'] / 1e3:,.2f} kW, {found['tokens_per_joule']:.3g} tokens per joule"),
        ("yield", f"{found['yield']:.1%}"),
        *((what, _range(found[f"{key}_dollars"])) for what, key in _MONEY),
    ]
    warnings = "".join(f" Note: {text}." for text in system.report.warnings)
    print_table((found["model"], "hardwired"), lines, (), f"Two amounts: optimistic to pessimistic.{warnings}")


_MONEY = (
    ("masks of all chips", "common_masks"),
    ("masks that differ", "variant_masks"),
    ("design", "design"),
    ("chip", "chip"),
    ("first system", "build"),
    ("new weights", "respin"),
)


def _range(ends: list[float]) -> str:
    low, high = (f"{end / 1e6:,.4g} M" if end >= 1e6 else f"{end:,.0f}" for end in ends)
    return f"${low}" if low == high else f"${low} to {high}"
