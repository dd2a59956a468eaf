"""PIM-GPT's eight models: latency, energy, breakdown, row hits, and the baselines under three ways to run them.

    python -m benchmarks.pim_gpt [--chip pim_gpt|gddr6_aim] [--full] [--sweep]

Without --full a step in the middle of 1,024 tokens stands for the mean; with it all tokens are summed. --sweep adds
what the clock of the MACs, the interface and the context change.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from hwsim.config import load_chip
from hwsim.report import Report
from mapper.estimate import estimate
from search.validation.pim_gpt import (
    BASELINES,
    KERNEL_OVERHEAD,
    KERNELS_PER_LAYER,
    KINDS,
    MODELS,
    TOKEN_OVERHEAD,
    TOKENS,
    Comparison,
    middle_step,
    row_hit_rate,
    whole_generation,
)

GROUPS = {
    "linear": ("linear",),
    "attention": ("matmul",),
    "append": ("kv_append",),
}
SWEEPS = {
    "MAC clock": ("clocks.mac", ("250 MHz", "500 MHz", "1 GHz")),
    "interface": ("memories.gddr6.bandwidth", ("16 GB/s", "64 GB/s", "128 GB/s", "256 GB/s")),
    "row activation": ("units.pim.timing.rcd_mac", ("6", "12", "24")),
}


def shares(report: Report) -> dict[str, float]:
    """Fractions of the time by kind of operator; the ASIC does the rest."""
    found = {
        name: sum(op.seconds for op in report.ops if op.kind in kinds) / report.seconds
        for name, kinds in GROUPS.items()
    }
    return {**found, "ASIC": 1 - sum(found.values())}


def joules(report: Report) -> dict[str, float]:
    """Fractions of the energy by command of the MAC units, and everything else."""
    total = report.energy_joules
    found = {
        name: sum(row.energy_joules for row in report.energy if (row.component, row.action) == ("pim", name)) / total
        for name in ("MAC", "ACT", "WR_GB", "RD_MAC", "WR", "REF")
    }
    return {**found, "other": 1 - sum(found.values())}


def table(title: str, columns: Iterable[str], rows: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Print a table with right-aligned columns."""
    print(f"\n{title}\n{'':24s}" + "".join(f"{name:>12s}" for name in columns))
    for name, cells in rows:
        print(f"{name:24s}" + "".join(f"{cell:>12s}" for cell in cells))


def eight_models(rows: list[Comparison]) -> None:
    """Own figures, then the ratios."""
    first = rows[0]
    names = ["ms/token", "mJ/token", "row hits", *shares(first.report), *(f"E {name}" for name in joules(first.report))]
    table(
        "per token: time, energy, shares of time by operator and of energy by command",
        names,
        (
            (
                row.model,
                [
                    f"{row.pim.seconds * 1e3:.3f}",
                    f"{row.pim.joules * 1e3:.2f}",
                    f"{row_hit_rate(row.report):.1%}",
                    *(f"{share:.1%}" for share in shares(row.report).values()),
                    *(f"{share:.1%}" for share in joules(row.report).values()),
                ],
            )
            for row in rows
        ),
    )
    print(
        f"\neager: 32 bits, {KERNELS_PER_LAYER} kernels a layer of {KERNEL_OVERHEAD * 1e6:.0f} us and"
        f" {TOKEN_OVERHEAD * 1e3:.0f} ms a token (chosen to match the published speed against T4)"
    )
    print(
        "published: speed 41-137 (T4), 631-1,074 (Xeon); energy 123-383 and 320-602 (revised), 339-1,085 and 890-1,632"
    )
    pairs = [(chip, kind) for chip in BASELINES for kind in KINDS]
    names = [f"{chip[:4]} {kind}" for chip, kind in pairs]
    table("times slower than PIM", names, ((r.model, [f"{r.speedup(*p):.1f}" for p in pairs]) for r in rows))
    table("times the energy of PIM", names, ((r.model, [f"{r.efficiency(*p):.1f}" for p in pairs]) for r in rows))


def sweep(chip: str, model: str = "gpt3-xl") -> None:
    """Sensitivity of one model."""
    for name, (key, values) in SWEEPS.items():
        cells = [estimate(model, load_chip(chip, [f"{key}={v}"]), phase="decode", context=513) for v in values]
        table(f"{name}: ms/token of {model}", values, [(key, [f"{one.seconds * 1e3:.3f}" for one in cells])])
    contexts = (1, 256, 512, 1024, 2048)
    cells = [estimate(model, load_chip(chip), phase="decode", context=context) for context in contexts]
    times = [(chip, [f"{one.seconds * 1e3:.3f}" for one in cells])]
    table(f"context: ms/token of {model}", map(str, contexts), times)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--chip", default="pim_gpt")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--sweep", action="store_true")
    asked = parser.parse_args()
    run = whole_generation if asked.full else middle_step
    print(
        f"{asked.chip}, {TOKENS:,} tokens after a prompt of one" if asked.full else f"{asked.chip}, token 513 of 1,024"
    )
    eight_models([run(model, asked.chip) for model in MODELS])
    if asked.sweep:
        sweep(asked.chip)


if __name__ == "__main__":
    main()
