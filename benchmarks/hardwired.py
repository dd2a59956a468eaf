"""Tables of docs/hardwired.md: `python -m benchmarks.hardwired [--write]`; a test compares the document with it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from hwsim.between import Between
from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.machine import make_machine
from hwsim.ownership import Ownership, Plan, ownership
from hwsim.simulation import Simulation, play_schedule
from hwsim.units._embedding import Embedding, variant
from mapper.estimate import estimate
from mapper.graph import map_graph
from mapper.hardwire import facts, hardwire
from workloads.model import Choices, bind_model
from workloads.user import open_model

DOCUMENT = Path(__file__).parents[1] / "docs" / "hardwired.md"
MODEL = "gpt-oss-120b"
BATCH = 216
CONTEXTS = (2048, 8192, 32768, 65536, 131072, 262144, 524288)
MODELS = ("gpt-oss-20b", "gpt-oss-120b", "llama-3-8b", "llama-3-70b", "qwen2.5-72b", "deepseek-v3")
EMBEDDINGS: tuple[Embedding, ...] = ("metal", "sram", "cell")
FITS = 262144
"""Longest of them whose cache of 16 bits fits the HBM; beyond, it is taken in 8 bits."""
SHARED = ("units.grid.attention.shared=true",)
AS_PUBLISHED = (*SHARED, "units.grid.attention.heads_per_cycle=128.0", "units.grid.attention.windows=true")
SHARES = {2048: "82.9 / 13.8 / -", 8192: "81.5 / 13.6 / -", 65536: "70.8 / 11.8 / 15.1"}
"""Fig. 14 of the paper: links, projection, attention."""


def played(chip: Chip, context: int, batch: int = BATCH) -> Simulation:
    """One decode step of gpt-oss-120b."""
    bits = {"weight": 4, **({"state": 8} if context > FITS else {})}
    graph = bind_model(open_model(MODEL), "decode", Choices(batch, context, bits))
    return play_schedule(graph, map_graph(graph, chip), chip)


def share(one: Simulation, engine: str) -> float:
    """Fraction of the time that tokens spend on one engine of the grid."""
    place = one.machine.resources.index(f"grid: {engine}")
    return sum(row[place] for row in one.own_seconds) / one.report.seconds


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, its first column left and the others right."""
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def performance() -> str:
    """The paper's table of performance with ours beside it."""
    report = played(load_chip("hnlpu"), 2048).report
    watts = report.energy_joules / report.seconds
    area = (report.area_square_metres or 0.0) * 1e6
    gpu = estimate(MODEL, load_chip("h100_sxm"), phase="decode", batch=1, context=2048, bits={"weight": 4})
    gpu_watts = gpu.energy_joules / gpu.seconds
    rows = [
        ("HNLPU", "published", "249,960", "13,232", "6.90", "36.2"),
        ("HNLPU", "simulated", f"{report.throughput:,.0f}", f"{area:,.0f}",
         f"{watts / 1e3:.2f}", f"{report.throughput / watts:.1f}"),
        ("H100, one stream", "published", "45", "814", "1.30", "0.0346"),
        ("H100, one stream", "simulated", f"{gpu.throughput:,.0f}", f"{(gpu.area_square_metres or 0) * 1e6:,.0f}",
         f"{gpu_watts / 1e3:.2f}", f"{gpu.throughput / gpu_watts:.2f}"),
        ("WSE-3", "published", "2,940", "46,225", "23.0", "0.128"),
    ]  # fmt: skip
    return table(("system", "row", "tokens/s", "mm2", "kW", "tokens/J"), rows)


def contexts() -> str:
    """Throughput and shares of time by context, without and with engines shared by the tokens in flight."""
    chip, shared, published = (load_chip("hnlpu", changes) for changes in ((), SHARED, AS_PUBLISHED))
    rows: list[Sequence[str]] = []
    for context in CONTEXTS:
        one = played(chip, context)
        shares = " / ".join(f"{100 * share(one, name):.1f}" for name in ("links", "projection", "attention"))
        others = (f"{played(other, context).report.throughput:,.0f}" for other in (shared, published))
        rows.append((f"{context:,}", f"{one.report.throughput:,.0f}", shares, SHARES.get(context, ""), *others))
    header = (
        "context",
        "tokens/s",
        "links / projection / attention %",
        "published",
        "shared, 32 a column",
        "shared, 128 a column",
    )
    return table(header, rows)


def bandwidths() -> str:
    """Throughput by bandwidth of the HBM, which is not published; where engines and buffers are shared."""
    rows: list[Sequence[str]] = []
    for factor in (0.25, 0.5, 1.0, 2.0):
        rate = f"memories.hbm.bandwidth={104.9 * factor:g} TB/s"
        found = [
            played(load_chip("hnlpu", (*changes, rate)), context).report.throughput
            for changes in ((), AS_PUBLISHED)
            for context in (2048, 65536)
        ]
        rows.append((f"{104.9 * factor:g}", *(f"{value:,.0f}" for value in found)))
    header = ("TB/s, 16 chips", "as shipped, 2K", "as shipped, 64K", "shared, 2K", "shared, 64K")
    return table(header, rows)


def _dollars(amount: Between) -> str:
    low, high = (f"{end / 1e6:,.4g}" for end in amount)
    return low if low == high else f"{low} to {high}"


def _owned(chip: Chip, systems: int, respins: int) -> Ownership:
    return ownership(chip, make_machine(chip).area_square_metres, Plan(systems, 3, respins))


def owning() -> str:
    """Three years of ownership at low and high volume."""
    chip, gpu = load_chip("hnlpu"), load_chip("h100_sxm")
    cases = (
        ("1 HNLPU, static weights", _owned(chip, 1, 0), "59.56 to 123.7", "102"),
        ("1 HNLPU, two updates", _owned(chip, 1, 2), "96.62 to 197.8", "106"),
        ("2,000 H100", _owned(gpu, 250, 0), "191.2", "36,600"),
        ("50 HNLPU, static weights", _owned(chip, 50, 0), "74.7 to 142.1", "4,924"),
        ("50 HNLPU, two updates", _owned(chip, 50, 2), "118.9 to 229.4", "5,124"),
        ("100,000 H100", _owned(gpu, 12500, 0), "9,563", "1,830,000"),
    )
    rows = [
        (what, _dollars(one.dollars), money, f"{one.kilograms / 1e3:,.0f}", carbon)
        for what, one, money, carbon in cases
    ]
    return table(("three years of", "M$", "published", "t CO2", "published"), rows)


def models() -> str:
    """Systems that the generator makes for other models."""
    rows: list[Sequence[str]] = []
    for name in MODELS:
        found = facts(hardwire(open_model(name)))
        rows.append(
            (
                name, f"{found['weights'] / 1e9:,.1f}",
                f"{found['chips']} ({found['grid_rows']} x {found['grid_columns']})",
                f"{found['die_mm2']:,.0f}", f"{found['system_mm2']:,.0f}", f"{found['tokens_per_second']:,.0f}",
                f"{found['power_watts'] / 1e3:,.1f}", f"{found['tokens_per_joule']:.3g}",
                _dollars(Between(*found["variant_masks_dollars"])), _dollars(Between(*found["build_dollars"])),
                _dollars(Between(*found["respin_dollars"])),
            )
        )  # fmt: skip
    header = (
        "model",
        "weights, 1e9",
        "chips",
        "die mm2",
        "mm2",
        "tokens/s",
        "kW",
        "tokens/J",
        "own masks M$",
        "first M$",
        "update M$",
    )
    return table(header, rows)


def embeddings() -> str:
    """The same model with weights in metal, SRAM and cells."""
    rows: list[Sequence[str]] = []
    for name in EMBEDDINGS:
        found = facts(hardwire(open_model(MODEL), embedding=name))
        rows.append(
            (
                name, f"{variant(name).area:g}", str(found["chips"]), f"{found['system_mm2']:,.0f}",
                f"{found['tokens_per_second']:,.0f}", f"{found['power_watts'] / 1e3:,.1f}",
                _dollars(Between(*found["variant_masks_dollars"])), _dollars(Between(*found["build_dollars"])),
            )
        )  # fmt: skip
    return table(("weights in", "area / SRAM", "chips", "mm2", "tokens/s", "kW", "own masks M$", "first M$"), rows)


SECTIONS = {
    "performance": performance,
    "contexts": contexts,
    "bandwidths": bandwidths,
    "owning": owning,
    "models": models,
    "embeddings": embeddings,
}


def filled(text: str) -> str:
    """The document with every table between its markers computed anew."""
    for name, make in SECTIONS.items():
        start, end = f"<!-- {name} -->\n", f"<!-- end {name} -->"
        before, _, rest = text.partition(start)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"docs/hardwired.md has no markers for {name}")
        text = f"{before}{start}\n{make()}\n\n{end}{after}"
    return text


if __name__ == "__main__":
    made = filled(DOCUMENT.read_text(encoding="utf-8"))
    if "--write" in sys.argv[1:]:
        DOCUMENT.write_text(made, encoding="utf-8")
    else:
        print(made)
