"""A report as one screen of text: what it costs, where that goes, and what it could have been at best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.columns import Columns
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hwsim import summary
from hwsim.quantity import show as quantity
from hwsim.report import OpRow, Report, traffic_bytes
from hwsim.schedule import FusedGroup

BAR = 10
GAP = 2


def show(
    report: Report, console: Console, *, tdp_watts: float | None = None, top: int = 10, sources: bool = False
) -> None:
    """Print a report.

    Args:
        report: what to show.
        console: where; its width is respected from 80 columns on.
        tdp_watts: the chip's thermal design power, to set the average power in relation.
        top: how many operators to list, the slowest first.
        sources: list every footnote instead of naming the assumed numbers only.
    """
    console.print(_title(report))
    console.print(Padding(_headline(report, tdp_watts), (1, 0, 1, 1), expand=False))
    console.print(_indent(Columns([_energy(report), _traffic(report)], padding=(0, 3))))
    if top and report.ops:
        console.print(_indent(_operators(report, top, console.width - 1)))
    if report.fused:
        console.print(_indent(fused_table(report.fused)))
    for label, text, style in _remarks(report, sources):
        console.print(Text.assemble((label, style), text))


def fused_table(groups: Sequence[FusedGroup]) -> Table:
    """Groups of operators that run chunk by chunk, and what each keeps on chip."""
    table = _table("<fused group", "chunks", "<along", "on chip", "<most of it")
    for group in groups:
        held = sum(size for _, size in group.held)
        largest = max(group.held, key=lambda item: item[1], default=("", 0))[0]
        name = f"{_tail(group.ops[0])} .. {_tail(group.ops[-1])} ({len(group.ops)})"
        table.add_row(Text(name), f"{group.chunks:,}", Text(group.along), quantity(held, "B"), Text(_tail(largest)))
    return table


def _tail(name: str) -> str:
    """The last two parts of a dotted name."""
    return ".".join(name.split(".")[-2:])


def _title(report: Report) -> Text:
    run = f"   {report.phase}, batch {report.batch:,}" + (f", context {report.context:,}" if report.context else "")
    return Text.assemble((report.model, "bold"), " on ", (report.chip, "bold"), run)


def _headline(report: Report, tdp_watts: float | None) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts(report, tdp_watts):
        grid.add_row(name, Text(value))
    return grid


def facts(report: Report, tdp_watts: float | None) -> Iterator[tuple[str, str]]:
    """The headline as names and values in words; ``tdp_watts`` is the thermal design power, where it is known."""
    clock = f"{report.clock_name} clock, {quantity(report.clock_hertz, 'Hz')}"
    yield "latency", f"{quantity(report.seconds, 's')}   {report.cycles:,} cycles ({clock})"
    busy = sum(row.busy_seconds for row in report.ops)
    if busy:
        yield "busy", f"{quantity(busy, 's')} of computation and launches: the latency with all transfers hidden"
    yield "throughput", f"{summary.number(report.throughput)} {report.unit_of_work}/s"
    yield "energy", quantity(report.energy_joules, "J") + _per_work(report)
    of_tdp = f"   {report.average_power_watts / tdp_watts:.0%} of the {tdp_watts:g} W TDP" if tdp_watts else ""
    yield "average power", quantity(report.average_power_watts, "W") + of_tdp
    if report.area_square_metres is not None:
        yield "area", quantity(report.area_square_metres, "m2")
    if report.price_dollars_per_million is not None:
        yield "cost", f"{report.price_dollars_per_million:.3g} USD per million {report.unit_of_work}"
    yield "utilization", f"{summary.utilization(report):.1%} of peak, averaged over time"
    yield "bound by", _bound_shares(report)
    yield "lower bounds", _bounds(report)
    yield "model", _model(report)
    if report.mapper:
        yield "mapper", f"{report.mapper}{f': {report.mapper_note}' if report.mapper_note else ''}"


def _per_work(report: Report) -> str:
    if report.work <= 1:
        return ""
    return f"   {quantity(report.energy_joules / report.work, 'J')} per {report.unit_of_work.removesuffix('s')}"


def _bound_shares(report: Report) -> str:
    shares = summary.shares(report, lambda row: row.bound_by)
    total = sum(shares.values())
    return ", ".join(f"{name} {value / total:.0%}" for name, value in shares.items() if value > 0.005 * total)


def _bounds(report: Report) -> str:
    bounds = report.bounds
    above = f"; the result is {report.seconds / bounds.seconds:.2f}x the larger" if bounds.seconds else ""
    compulsory = quantity(bounds.compulsory_bytes, "B")
    return (
        f"compute {quantity(bounds.compute_seconds, 's')}, "
        f"memory {quantity(bounds.memory_seconds, 's')} ({compulsory} compulsory){above}"
    )


def _model(report: Report) -> str:
    facts = [f"{quantity(report.macs, 'MAC')}", f"weights {quantity(report.weight_bytes, 'B')}"]
    if report.parameters:
        facts.insert(0, f"{report.parameters:,} parameters")
    if report.state_bytes:
        facts.append(f"state {quantity(report.state_bytes, 'B')}")
    if report.capacity_bytes:
        facts.append(f"capacity {quantity(report.capacity_bytes, 'B')}")
    return ", ".join(facts)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="cyan")
    for column in columns:
        table.add_column(column.lstrip("<"), justify="left" if column[0] == "<" else "right", no_wrap=True)
    return table


def _indent(renderable: RenderableType) -> Padding:
    return Padding(renderable, (0, 0, 1, 1), expand=False)


def _energy(report: Report) -> Table:
    table = _table("<energy by component", "J", "%", "< ")
    parts = summary.component_energy(report)
    total = sum(parts.values())
    for name, joules in parts.items():
        share = joules / total if total else 0.0
        bar = Text("#" * round(share * BAR), style="green")
        table.add_row(Text(name), quantity(joules, "J"), f"{100 * share:.1f}", bar)
    return table


def _traffic(report: Report) -> Table:
    table = _table("<traffic", "read", "written")
    for memory, (read, written) in traffic_bytes(report).items():
        table.add_row(Text(memory), quantity(read, "B"), quantity(written, "B"))
    return table


def _operators(report: Report, top: int, width: int) -> Table:
    shown = sorted(report.ops, key=lambda row: (-row.seconds, row.name))[:top]
    title = f"<{len(shown)} slowest of {len(report.ops)}"
    columns = (title, "<kind", "count", "time", "%", "energy", "util", "<bound by")
    table = _table(*columns)
    cells = [_operator_cells(row, report.seconds) for row in shown]
    widest = [max(len(name.lstrip("<")), *(len(row[i]) for row in cells)) for i, name in enumerate(columns)]
    room = max(len(title) - 1, width - sum(GAP + column for column in widest[1:]))
    for name, *rest in cells:
        table.add_row(Text(_clip(name, room)), *map(Text, rest))
    return table


def _clip(name: str, room: int) -> str:
    """The end of a name in at most ``room`` characters, from a dot on where that keeps at least half of them."""
    if len(name) <= room:
        return name
    end = name[2 - room :]
    whole = end.partition(".")[2]
    return ".." + (whole if 2 * len(whole) >= room else end)


def _operator_cells(row: OpRow, total: float) -> tuple[str, ...]:
    return (
        row.name,
        row.kind,
        f"{row.count:,}",
        quantity(row.seconds, "s"),
        f"{100 * row.seconds / total:.1f}" if total else "",
        quantity(row.energy_joules, "J"),
        f"{100 * row.utilization:.1f}" if row.macs else "",
        row.bound_by,
    )


def _remarks(report: Report, sources: bool) -> Iterator[tuple[str, str, str]]:
    yield from (("warning: ", warning, "yellow") for warning in report.warnings)
    if report.conventions:
        yield "conventions: ", "; ".join(report.conventions), "dim"
    if sources:
        yield from ((f"{note.status}: ", f"{', '.join(note.keys)}: {note.cite}", "dim") for note in report.footnotes)
        return
    keys, total = summary.assumed_keys(report), sum(summary.statuses(report).values())
    if keys:
        named = ", ".join(keys[:4]) + (", ..." if len(keys) > 4 else "")
        yield "assumed: ", f"{named} ({len(keys)} of {total} entries; --sources lists all)", "dim"
