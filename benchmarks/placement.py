"""Two unlike arrays against two equal ones and one of twice the size: python -m benchmarks.placement [MODEL ...]

The chip is hw_configs/nasaic_dla_shi.yaml; all variants have the same processing elements, buffers, vector lanes and
DRAM. The first table is simulated, one image, one operator after the other. The second is the placement problem's own
prediction for all networks at the same time, one image each, on units that work side by side.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.machine import make_machine
from mapper.base import Goal
from mapper.estimate import Estimator
from mapper.graph import Search, placement_costs
from mapper.pieces import pieces_of
from mapper.placement.assign import segment_problem
from mapper.placement.problem import Edge, Job, Plan, Problem
from mapper.placement.solve import solve
from workloads.graph import OperatorGraph
from workloads.model import Choices, bind_model
from workloads.user import open_model

MODELS = ("mobilenet-v2", "efficientnet-b0", "resnet-50")


def variants() -> dict[str, Chip]:
    """The chip and what its silicon could have been instead."""
    chip = load_chip("nasaic_dla_shi")
    return {
        "dla + shi": chip,
        "dla + dla": pair(chip, "dla", "shi"),
        "shi + shi": pair(chip, "shi", "dla"),
        "large dla": large(chip, "dla", "shi"),
        "large shi": large(chip, "shi", "dla"),
    }


def parts(chip: Chip, prefix: str) -> tuple[dict[str, object], dict[str, object]]:
    """Units and memories of one sub-accelerator."""
    units = {name: unit for name, unit in chip.units.items() if name.startswith(prefix)}
    memories = {name: memory for name, memory in chip.memories.items() if name.startswith(prefix)}
    return units, memories


def pair(chip: Chip, kept: str, dropped: str) -> Chip:
    """Two of one kind in the place of two kinds; the copy takes the other's names."""
    units, memories = parts(chip, kept)
    names = {name: f"{kept}2{name.removeprefix(kept)}" for name in (*units, *memories)}
    twins = {
        names[name]: unit.model_copy(update={"path": tuple(names.get(m, m) for m in unit.path)})
        for name, unit in chip.units.items()
        if name in units
    }
    copies = {names[name]: memory for name, memory in memories.items()}
    return chip.model_copy(
        update={"units": {**units, **twins}, "memories": {"dram": chip.memories["dram"], **memories, **copies}}
    )


def large(chip: Chip, kept: str, dropped: str) -> Chip:
    """One of twice the rows, buffer and lanes."""
    units = {
        name: unit.model_copy(update={"rows": 64} if name == kept else {"lanes": 256})
        for name, unit in chip.units.items()
        if name.startswith(kept)
    }
    memories = {
        name: memory.model_copy(update={"instances": 2048} if memory.instances > 1 else {"size": 2 * memory.size})
        for name, memory in chip.memories.items()
        if name.startswith(kept)
    }
    return chip.model_copy(update={"units": units, "memories": {"dram": chip.memories["dram"], **memories}})


def graph_of(model: str) -> OperatorGraph:
    bits = dict.fromkeys(("weight", "activation", "input", "output", "state"), 8)
    return bind_model(open_model(model), None, Choices(1, None, bits))


def chain(problems: list[tuple[int, Problem]]) -> Problem:
    """Segments one after the other, repeated ones as often as they are; every repetition waits for the one before."""
    jobs: list[Job] = []
    edges: list[Edge] = []
    ends: list[int] = []
    for count, problem in problems:
        for _ in range(count):
            first = len(jobs)
            edges += [replace(e, producer=e.producer + first, consumer=e.consumer + first) for e in problem.edges]
            starts = [first + place for place, edges_in in enumerate(problem.incoming) if not edges_in]
            edges += [Edge(one, two) for one, two in itertools.product(ends, starts)]
            jobs += problem.jobs
            ends = [first + place for place, edges_out in enumerate(problem.outgoing) if not edges_out]
    return replace(problems[0][1], jobs=tuple(jobs), edges=tuple(edges))


def together(problems: list[Problem]) -> Problem:
    """Independent problems on the same units."""
    jobs: list[Job] = []
    edges: list[Edge] = []
    for problem in problems:
        edges += [replace(e, producer=e.producer + len(jobs), consumer=e.consumer + len(jobs)) for e in problem.edges]
        jobs += problem.jobs
    return replace(problems[0], jobs=tuple(jobs), edges=tuple(edges))


def concurrent(chip: Chip, graphs: list[OperatorGraph]) -> Plan:
    """The placement of all networks at the same time."""
    search = Search(make_machine(chip))
    networks: list[Problem] = []
    for graph in graphs:
        pieces, costs = pieces_of(graph, search.machine), placement_costs(search, graph)
        segments = [
            (segment.count, segment_problem(mine, {}, costs, "latency", serial=False))
            for index, segment in enumerate(graph.segments)
            if (mine := [piece for piece in pieces if piece.segment == index])
        ]
        networks.append(chain(segments))
    return solve(together(networks), "latency", "heft")


def rows(models: tuple[str, ...]) -> Iterator[str]:
    chips = variants()
    yield "one image, one operator after the other: microseconds simulated (units by peak rate), microjoules"
    yield f"{'':<18}" + "".join(f"{name:>26}" for name in chips)
    graphs = [graph_of(model) for model in models]
    for model, graph in zip(models, graphs, strict=True):
        line = f"{model:<18}"
        for chip in chips.values():
            found = []
            for rule in ("peak", "auto"):
                report = Estimator(Search(make_machine(chip), "fast", Goal(), placement=rule)).report(graph)
                found.append((report.seconds * 1e6, report.energy_joules * 1e6))
            line += f"{found[1][0]:>10.0f} ({found[0][0]:.0f}) {found[1][1]:>6.0f}"
        yield line
    yield "all networks at the same time: microseconds predicted, lower bound"
    line = f"{'':<18}"
    for chip in chips.values():
        plan = concurrent(chip, graphs)
        line += f"{plan.makespan * 1e6:>16.0f} {plan.bound * 1e6:>9.0f}"
    yield line


def main() -> None:
    start = time.process_time()
    for line in rows(tuple(sys.argv[1:]) or MODELS):
        print(line, flush=True)
    print(f"{time.process_time() - start:.0f} s of CPU time")


if __name__ == "__main__":
    main()
