"""The page of one estimate: summary, charts, operators, memory, the chip, and where its numbers come from."""

from __future__ import annotations

from collections.abc import Iterator

from hwsim import summary
from hwsim.chip import Chip
from hwsim.quantity import show
from hwsim.report import Report, components, traffic_bytes
from hwsim.show import facts
from search.html.diagram import chip_diagram
from search.html.estimate_charts import estimate_charts
from search.html.page import Page, Section
from search.html.table import Column, table
from search.html.tags import Markup, joined, tag

_OPERATORS = (
    Column("operator", meaning="name in the model; all its repetitions are one row"),
    Column("kind"),
    Column("unit", meaning="where it ran"),
    Column("count", "#", "how often it runs"),
    Column("time", "s", "share of the total time, all repetitions", bar=True),
    Column("of total", "%"),
    Column("busy", "s", "how long its unit works on it"),
    Column("energy", "J", "all repetitions", bar=True),
    Column("MACs", "#", "multiply-accumulates of all repetitions"),
    Column("utilization", "%", "multiply-accumulates over what its unit could do in that time"),
    Column("bound by"),
    Column("mapping", long=True, meaning="tiles and loops, see docs/mapping.md"),
    Column("proof", meaning="what is proven of the mapping"),
)


LEAST = 0.01
"""Part of the time below which a cause is not worth a word."""
_TILES = ("latency", "throughput", "energy", "average power", "area", "cost")


def estimate_page(report: Report, chip: Chip | None, command: str) -> Page:
    """The page of a report.

    Args:
        report: simulated, or read from a file, which holds less.
        chip: for its diagram; None where only the report is at hand.
        command: the command line.
    """
    tdp = chip.package.tdp if chip is not None else None
    sections = (
        Section("Summary", (_summary(report), *_warnings(report), _headline(report, tdp))),
        _where(report, chip),
        Section("Operators", after=(_operators(report),)),
        *([_fused(report)] if report.fused else []),
        Section("Memory and energy", after=(_traffic(report), _energy(report))),
        *([_chip_section(chip)] if chip is not None else []),
        _assumptions(report),
    )
    return Page(f"{report.model} on {report.chip}", _run(report), sections, command)


def _run(report: Report) -> str:
    context = f", context {report.context:,}" if report.context else ""
    return f"{report.phase}, batch {report.batch:,}{context}"


def _where(report: Report, chip: Chip | None) -> Section:
    outer = next(iter(chip.units.values())).path[0] if chip is not None else ""
    words = () if chip is not None or report.timeline else (
        tag("p", "A report read from a file has no timeline and no traffic per operator; give the model and the chip"
                 " to `hwsim report` for a timeline and a roofline."),
    )  # fmt: skip
    return Section("Where time and energy go", words, estimate_charts(report, outer))


def _summary(report: Report) -> Markup:
    """The result in sentences."""
    return tag("div", *(tag("p", text) for text in sentences(report)), class_="summary")


def sentences(report: Report) -> Iterator[str]:
    """What the report says, in words: how fast, why, how far from the bound, and how sure."""
    rate = f"{summary.number(report.throughput)} {report.unit_of_work} per second"
    yield (
        f"{report.model} ({_run(report)}) takes {show(report.seconds, 's')} on {report.chip}, which is {rate}, and"
        f" {show(report.energy_joules, 'J')}, on average {show(report.average_power_watts, 'W')}."
    )
    bound, kinds = summary.shares(report, lambda row: row.bound_by), summary.shares(report, lambda row: row.kind)
    total = sum(bound.values())
    if total:
        causes = ", ".join(
            f"{name} for {value / total:.0%}" for name, value in list(bound.items())[:3] if value >= LEAST * total
        )
        kind, slowest = next(iter(kinds)), max(report.ops, key=lambda row: row.seconds)
        yield (
            f"Its time is bound by {causes} of it. Most of it, {kinds[kind] / total:.0%}, goes to operators of kind"
            f" {kind}; the slowest single operator is {slowest.name} with {slowest.seconds / total:.0%}."
        )
    parts = summary.component_energy(report)
    if parts and report.energy_joules:
        name = next(iter(parts))
        yield f"Of the energy, {parts[name] / report.energy_joules:.0%} is spent in {name}."
    if report.bounds.seconds:
        larger = "computation" if report.bounds.compute_seconds >= report.bounds.memory_seconds else "memory traffic"
        yield (
            f"No schedule could be faster than {show(report.bounds.seconds, 's')}, the bound of {larger} (roofline);"
            f" this one takes {report.seconds / report.bounds.seconds:.2f} times as long."
        )
    assumed, every = len(summary.assumed_keys(report)), sum(summary.statuses(report).values())
    if every:
        yield f"Of the {every} entries that describe the chip, {assumed} are assumed: nobody has published them."


def _warnings(report: Report) -> Iterator[Markup]:
    for text in report.warnings:
        yield tag("p", tag("strong", "Warning: "), text, class_="note")


def _headline(report: Report, tdp: float | None) -> Markup:
    """The facts: numbers as tiles, what takes words as a list."""
    tiles: list[Markup] = []
    lines: list[Markup] = []
    for name, value in facts(report, tdp):
        number, _, rest = value.partition("   ")
        if name in _TILES:
            small = (tag("small", rest),) if rest else ()
            tiles.append(tag("div", tag("dt", name), tag("dd", number, *small)))
        else:
            lines.append(tag("div", tag("dt", name), tag("dd", value)))
    return joined((tag("dl", *tiles, class_="tiles"), tag("dl", *lines, class_="facts")))


def _operators(report: Report) -> Markup:
    total = summary.operator_seconds(report) or 1.0
    rows = [
        (
            row.name, row.kind, row.unit, row.count, row.seconds, row.seconds / total, row.busy_seconds,
            row.energy_joules, row.macs or None, row.utilization if row.macs else None, row.bound_by, row.mapping,
            row.proof,
        )
        for row in sorted(report.ops, key=lambda row: (-row.seconds, row.name))
    ]  # fmt: skip
    proven = any(row.proof for row in report.ops)
    columns = _OPERATORS if proven else _OPERATORS[:-1]
    return table("Operators, the slowest first", columns, [row[: len(columns)] for row in rows])


def _fused(report: Report) -> Section:
    columns = (Column("group"), Column("operators", long=True), Column("chunks", "#"), Column("along"),
               Column("on chip", "B", "what it keeps on chip while it runs"))  # fmt: skip
    rows = [
        (group.name, ", ".join(group.ops), group.chunks, group.along, sum(size for _, size in group.held))
        for group in report.fused
    ]
    return Section("Fused groups", after=(table("Operators that run chunk by chunk", columns, rows),))


def _traffic(report: Report) -> Markup:
    columns = (Column("memory"), Column("read", "B", bar=True), Column("written", "B", bar=True))
    rows = [(name, read, written) for name, (read, written) in traffic_bytes(report).items()]
    return table("Traffic by memory", columns, rows, filtered=False)


def _energy(report: Report) -> Markup:
    columns = (Column("component"), Column("action"), Column("count", "#"), Column("energy", "J", bar=True),
               Column("of total", "%"))  # fmt: skip
    total = report.energy_joules or 1.0
    rows = [
        (row.component, row.action, row.count, row.energy_joules, row.energy_joules / total)
        for row in components(report)
    ]
    return table("Energy: count x energy of one action", columns, rows, filtered=False)


def _chip_section(chip: Chip) -> Section:
    columns = (Column("memory"), Column("kind"), Column("size of one", "B"), Column("instances", "#"),
               Column("bandwidth", "B/s"), Column("efficiency", "%"), Column("latency", "s"))  # fmt: skip
    memories = [
        (name, m.kind, m.size, m.instances, m.bandwidth, m.efficiency, m.latency) for name, m in chip.memories.items()
    ]
    links = [(name, " - ".join(link.between), link.bandwidth) for name, link in chip.links.items()]
    after = [table("Memories", columns, memories, filtered=False)]
    if links:
        after.append(
            table("Links", (Column("link"), Column("between"), Column("bandwidth", "B/s")), links, filtered=False)
        )
    about = (tag("p", chip.title, ". ", chip.description), chip_diagram(chip))
    return Section(f"The chip: {chip.name}", about, after=tuple(after))


def _assumptions(report: Report) -> Section:
    columns = (
        Column("status", meaning="published, secondary, derived or assumed"),
        Column("what"),
        Column("source", long=True),
    )
    rows = [(note.status, ", ".join(note.keys), note.cite) for note in report.footnotes]
    counted = ", ".join(f"{count} {status}" for status, count in sorted(summary.statuses(report).items()))
    before = [tag("p", f"The chip file's entries: {counted}.")] if counted else []
    if report.conventions:
        before.append(tag("h3", "Conventions"))
        before.append(tag("ul", *(tag("li", text) for text in report.conventions)))
    if report.mapper:
        before.append(tag("p", f"Mappings were found by the mapper {report.mapper}. {report.mapper_note}"))
    after = (table("Sources of the chip's numbers", columns, rows),) if rows else ()
    return Section("Assumptions and sources", tuple(before), after=after)
