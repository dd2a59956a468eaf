"""Scheduling whole graphs through a scratchpad, against the baselines and claims of COSMA (arXiv 2311.18246).

    python -m benchmarks.cosma [--set human|nas] [--graphs FOLDER] [--networks A,B] [--limit SECONDS]

One row per network, granularity (fused: norms, activations and residual additions folded into their producer),
parameters as buffers or not, and budget; then averages. Bytes are non-compulsory ones. The baselines are default and
least-peak order with Belady replacement, then with greedy replacement; the reduction is against the first.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from search.reproduction.simulations.cosma_graphs import HUMAN, NAS, fused, listed, traced
from search.reproduction.simulations.cosma_rows import Row, rows

CLAIMS = {"human": (84, 0.296), "nas": (85, None)}
"""Published reduction at M_R in percent over the baselines, and mean solve time in seconds (arXiv 2311.18246)."""


def show(row: Row) -> str:
    """One line."""
    proof = "proven" if row.extra == row.bound else f"gap {100 * (row.extra - row.bound) / row.extra:.0f} %"
    others = " ".join(f"{other:>11,}" for other in row.baselines)
    reduction = f"{100 * (1 - row.extra / row.baselines[0]):.0f} %" if row.baselines[0] else "-"
    return (
        f"{row.network:26} {row.grain:8} {'with' if row.parameters else 'no':5} {row.budget} {row.operators:>5} "
        f"{row.capacity:>11,} {row.extra:>11,} {row.bound:>11,} {proof:8} "
        f"{row.seconds:7.3f} {others} {reduction:>5}  {row.method}"
    )


def averages(found: list[Row], claim: tuple[int, float | None]) -> Iterator[str]:
    """Reductions at M_R by granularity and parameters, then proofs and times."""
    groups = sorted({(row.grain, row.parameters) for row in found}, reverse=True)
    for grain, parameters in groups:
        mine = [row for row in found if (row.grain, row.parameters, row.budget) == (grain, parameters, "M_R")]
        text: list[str] = []
        for number in range(4):
            parts = [1 - row.extra / row.baselines[number] for row in mine if row.baselines[number]]
            total = sum(row.baselines[number] for row in mine)
            over_all = 1 - sum(row.extra for row in mine) / total if total else 0.0
            text.append(f"{100 * mean(parts or [0]):.0f} % of {len(parts)} ({100 * over_all:.0f} % of bytes)")
        print_name = f"{grain}, {'with' if parameters else 'without'} parameters"
        yield f"reduction at M_R, {print_name:28}: {', '.join(text)}; published {claim[0]} %"
    peak = [row for row in found if row.budget == "M_P"]
    yield f"nothing extra at M_P: {sum(row.extra == 0 for row in peak)} of {len(peak)}; published: all"
    proven = sum(row.extra == row.bound for row in found)
    seconds = [row.seconds for row in found]
    published = f"; published mean {claim[1]} s" if claim[1] else ""
    yield f"proven {proven} of {len(found)}; CPU seconds mean {mean(seconds):.3f}, most {max(seconds):.3f}{published}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=("human", "nas"), default="human")
    parser.add_argument("--graphs", type=Path, help="folder of operator lists, instead of the catalog")
    parser.add_argument("--networks", help="names, separated by commas; default: all of the set")
    parser.add_argument("--limit", type=float, default=100.0, help="seconds for each instance")
    options = parser.parse_args()
    known = HUMAN if options.set == "human" else NAS
    found: list[Row] = []
    print("network, granularity, parameters, budget, operators, capacity, extra, bound, proof, CPU s, "
          "baselines (belady: default, least peak; greedy: default, least peak), reduction, method")  # fmt: skip
    for name in options.networks.split(",") if options.networks else known:
        if options.graphs and not (options.graphs / f"{known[name]}.json").exists():
            print(f"{name}: no list in {options.graphs}")
            continue
        network = listed(options.graphs / f"{known[name]}.json") if options.graphs else traced(name)
        for grain, graph in (("unfused", network), ("fused", fused(network))):
            for parameters in (False, True) if options.set == "human" else (False,):
                for row in rows(name, graph, grain, parameters, options.limit):
                    found.append(row)
                    print(show(row), flush=True)
    for line in averages(found, CLAIMS[options.set]):
        print(line)


if __name__ == "__main__":
    main()
