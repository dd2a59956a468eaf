"""What the fast mapper loses against the proven optimum on designs of the edge space, by layer and by network.

Layers are compared by the stated cost model, networks by the event engine; prints one line per design, then a table.

    python -m benchmarks.search_loss [DESIGNS]
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Sequence

from hwsim.machine import Machine, make_machine
from hwsim.totals import Totals, totals
from mapper.base import Found
from mapper.graph import Search, map_with
from search.design import axes, build_chip, make_design
from search.evaluate import Evaluator, make_evaluator
from workloads.graph import OperatorGraph
from workloads.model import Choices, bind_model
from workloads.precision import with_precision
from workloads.table import print_table
from workloads.user import open_model


def machines(evaluator: Evaluator, count: int) -> list[Machine]:
    """Random designs that meet the requirements of their space."""
    draw, found = random.Random(11), list[Machine]()
    while len(found) < count:
        design = make_design(evaluator.space, {axis.name: draw.choice(axis.values) for axis in axes(evaluator.space)})
        if not design.violations:
            found.append(make_machine(build_chip(evaluator.base, design.overrides)))
    return found


def mapped(graph: OperatorGraph, machine: Machine, mapper: str) -> tuple[list[Found], Totals, float]:
    """Mappings of the distinct contractions, the run on the engine, and CPU seconds of mapping."""
    started = time.process_time()
    search = Search(machine, mapper, advise=False)
    schedule = map_with(search, graph)
    used = time.process_time() - started
    return [search.found[key] for key in dict.fromkeys(search.asked)], totals(graph, schedule, machine), used


def main(designs: int) -> None:
    """Print the table."""
    evaluator = make_evaluator("edge_npu")
    workload = evaluator.space.workloads[0]
    graph = with_precision(bind_model(open_model(workload.model), workload.phase, Choices()), workload.bits)
    layers: list[float] = []
    networks: list[float] = []
    energies: list[float] = []
    proven = 0
    for place, machine in enumerate(machines(evaluator, designs)):
        quick, fast, _ = mapped(graph, machine, "fast")
        best, optimal, used = mapped(graph, machine, "optimal")
        own = [one.seconds / two.seconds - 1 for one, two in zip(quick, best, strict=True)]
        proven += all(one.proof is not None and one.proof.gap <= 0 for one in best)
        layers += own
        networks.append(fast.seconds / optimal.seconds - 1)
        energies.append(fast.energy_joules / optimal.energy_joules - 1)
        print(f"{place}: layers {_spread(own)}, network {networks[-1]:+.1%}, optimal {used:.2f} s CPU", flush=True)
    rows = [(name, *_columns(values)) for name, values in
            (("layer, latency", layers), ("network, latency", networks), ("network, energy", energies))]  # fmt: skip
    caption = f"fast mapper against the optimum, {designs} designs, all layers proven in {proven} of them"
    print_table(("loss", "median", "mean", "worst"), rows, (1, 2, 3), caption)


def _columns(values: Sequence[float]) -> tuple[str, ...]:
    return tuple(f"{value:+.1%}" for value in (statistics.median(values), statistics.fmean(values), max(values)))


def _spread(values: Sequence[float]) -> str:
    median, mean, worst = _columns(values)
    return f"median {median} mean {mean} worst {worst}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
