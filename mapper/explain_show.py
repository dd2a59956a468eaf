"""An explanation on the terminal, from 80 columns on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hwsim.quantity import show as quantity
from hwsim.show import fused_table
from hwsim.summary import number
from mapper.explain import Explanation, OperatorTime
from mapper.explain_nest import nest_lines
from mapper.explain_op import OperatorDetail
from mapper.explain_words import CAUSES, bounding, verdict, why

SHADES = " .:=+#"
"""Busy fractions of a slice of time, from idle to always busy."""

NAME = 28


def show_explanation(explanation: Explanation, console: Console) -> None:
    """Print why a result is as slow as it is."""
    run = f"   {explanation.phase}, batch {explanation.batch:,}"
    run += f", context {explanation.context:,}" if explanation.context else ""
    console.print(Text.assemble((explanation.model, "bold"), " on ", (explanation.chip, "bold"), run))
    clock = f"{explanation.clock} clock, {quantity(explanation.clock_hertz, 'Hz')}"
    _print(console, f"{quantity(explanation.seconds, 's')}, {explanation.cycles:,} cycles ({clock})")
    for line in verdict(explanation):
        _print(console, line)
    _tables(console, (_causes(explanation), _resources(explanation), _what_ifs(explanation)))
    _print(console, "most time above the roofline of their own (all repetitions)", "cyan")
    for row in explanation.operators:
        _operator(console, row)
    if explanation.fused:
        _tables(console, (fused_table(explanation.fused),))
    for warning in explanation.warnings:
        console.print(Text.assemble(("warning: ", "yellow"), warning))


def _print(console: Console, text: str, style: str = "", indent: int = 1) -> None:
    console.print(Padding(Text(text, style=style), (0, 0, 0, indent), expand=False))


def _tables(console: Console, tables: Iterable[Table]) -> None:
    for table in tables:
        console.print(Padding(table, (1, 0, 0, 1), expand=False))
    console.print()


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="cyan")
    for column in columns:
        table.add_column(column.lstrip("<"), justify="left" if column[0] == "<" else "right", no_wrap=True)
    return table


def _rows(table: Table, rows: Iterable[Sequence[str]]) -> Table:
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _causes(explanation: Explanation) -> Table:
    total = explanation.seconds or 1.0
    rows = [
        (CAUSES[name], quantity(seconds, "s"), f"{100 * seconds / total:.1f}")
        for name, seconds in explanation.causes.items()
    ]
    rows.append(("total", quantity(explanation.causes.seconds, "s"), f"{100 * explanation.causes.seconds / total:.1f}"))
    return _rows(_table("<where the time goes", "time", "%"), rows)


def _resources(explanation: Explanation) -> Table:
    rows = [
        (use.resource, quantity(use.busy_seconds, "s"), f"{100 * use.fraction:.1f}", f"[{strip(use.over_time)}]")
        for use in explanation.resources
    ]
    return _rows(_table("<busy", "time", "%", f"<from start to end; idle '{SHADES}' busy"), rows)


def strip(fractions: Sequence[float]) -> str:
    """Busy fractions as shades, one character each."""
    return "".join(SHADES[min(len(SHADES) - 1, int(fraction * (len(SHADES) - 1) + 0.5))] for fraction in fractions)


def _what_ifs(explanation: Explanation) -> Table:
    beyond = explanation.without_limit
    ideas = (*explanation.what_ifs, *((beyond,) if beyond else ()))
    rows = [
        (idea.change, quantity(idea.seconds, "s"), f"{idea.speedup:.2f}x", bounding(idea.bound_by)) for idea in ideas
    ]
    return _rows(_table("<same schedule with", "time", "speedup", "<then bound by"), rows)


def _operator(console: Console, row: OperatorTime) -> None:
    lost = f"{quantity(row.seconds, 's')}, {quantity(row.lost_seconds, 's')} above its roofline"
    count = f" x{row.count:,}" if row.count > 1 else ""
    _print(console, f"{row.name}{count}: {lost}")
    _print(console, why(row), "dim", 5)


def show_detail(detail: OperatorDetail, console: Console) -> None:
    """Print everything about one operator."""
    time = detail.time
    source = f"   {detail.source}" if detail.source else ""
    runs = f"{time.count:,} {'run' if time.count == 1 else 'runs'}"
    console.print(Text.assemble((time.name, "bold"), f"   {time.kind} on {time.unit}, {runs}{source}"))
    loops = ", ".join(f"{name} {extent:,}" for name, extent in detail.loops) or "none of its own"
    _print(console, f"loops: {loops}; {detail.points:,} points")
    above = f", {quantity(time.lost_seconds, 's')} above its roofline" if time.lost_seconds > 0 else ""
    _print(console, f"all runs: {quantity(time.seconds, 's')}{above}; {why(time)}")
    _tables(console, _detail_tables(detail))
    for line in nest_lines(detail.levels, detail.innermost, time.unit) or (f"mapping: {detail.note}",):
        console.print(Text(f" {line}"), soft_wrap=True)
    console.print()
    if detail.proof:
        _print(console, f"mapping: {detail.proof}")
    for line in _sizes(detail):
        _print(console, line)


def _detail_tables(detail: OperatorDetail) -> list[Table]:
    tensors = [
        (view.role, _end(view.tensor), "x".join(map(str, view.shape)), str(view.bits), quantity(view.size_bytes, "B"),
         "yes" if view.resident else "")
        for view in detail.tensors
    ]  # fmt: skip
    traffic = [
        (f"{view.memory} > {view.to}", _end(view.operand), quantity(view.read_bytes, "B"),
         quantity(view.write_bytes, "B"), number(view.times) if view.times else "",
         number(view.points_per_element) if view.points_per_element else "")
        for view in detail.traffic
    ]  # fmt: skip
    total = detail.time.seconds or 1.0
    causes = [
        (CAUSES[name], quantity(seconds, "s"), f"{100 * seconds / total:.1f}")
        for name, seconds in detail.time.causes.items()
    ]
    factors = [(factor.name, f"{100 * factor.value:.1f}") for factor in detail.factors]
    factors.append(("utilization (their product)", f"{100 * detail.utilization:.1f}"))
    return [
        _rows(_table("<role", "<tensor", "<shape", "bits", "size", "kept"), tensors),
        _rows(_table("<traffic of one run", "<operand", "read", "written", "times", "reuse"), traffic),
        _rows(_table("<where the time goes", "time", "%"), causes),
        _rows(_table("<utilization", "%"), factors),
    ]


def _end(name: str) -> str:
    return name if len(name) <= NAME else ".." + name[2 - NAME :]


def _sizes(detail: OperatorDetail) -> Iterable[str]:
    compute, transfer = (quantity(s, "s") for s in (detail.tile_compute_seconds, detail.tile_transfer_seconds))
    yield f"{detail.tiles:,} tiles; each takes {compute} to compute and {transfer} to transfer, on average"
    if detail.capacity_bytes is not None:
        buffers, capacity = quantity(detail.footprint_bytes, "B"), quantity(detail.capacity_bytes, "B")
        kept = f" and {quantity(detail.placed_bytes, 'B')} of tensors kept" if detail.placed_bytes else ""
        used = (detail.footprint_bytes + detail.placed_bytes) / detail.capacity_bytes
        yield f"scratchpad: {buffers} of buffers{kept}, {used:.0%} of {capacity}"
