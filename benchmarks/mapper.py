"""The optimal mapper on every distinct layer of four networks: time, nodes, proofs, and how much better than fast.

    python benchmarks/mapper.py [--budget SECONDS] [--chips eyeriss,simba_like,tpu_v4i] [--objectives latency,energy]

Times are CPU seconds on one core after compilation. Beside them, rates that others state for their mappers.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numba import njit

# This file has the name of a package, which the folder of a script would hide.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from hwsim.config import load_chip  # noqa: E402
from hwsim.machine import Machine, make_machine  # noqa: E402
from mapper.base import Found, Goal, Objective, Task, get_mapper, rank  # noqa: E402
from mapper.estimate import Estimator, bound_graph  # noqa: E402
from mapper.graph import Search, map_with  # noqa: E402
from mapper.optimal._table_kernels import array_row, buffer_row  # noqa: E402
from mapper.optimal._tile_kernels import evaluate, overlap_limit  # noqa: E402
from mapper.optimal.problem import Flat, flat_problem  # noqa: E402
from mapper.optimal.state import cost_room  # noqa: E402
from workloads.model import Choices  # noqa: E402
from workloads.user import open_model  # noqa: E402

LAYERS = (
    ("resnet-50", None, Choices()),
    ("mobilenet-v2", None, Choices()),
    ("bert-base", None, Choices(context=128)),
    ("llama-3-8b", "prefill", Choices(context=2048)),
    ("llama-3-8b", "decode", Choices(context=2048)),
)
OBJECTIVES: tuple[Objective, ...] = ("latency", "energy", "edp", "traffic")
OTHERS = (
    ("Timeloop's mapper", "4,100 to 5,500 candidates per second"),
    ("ZigZag", "188 candidates per second"),
    ("AccelForge", "6 to 7 s for a matrix product of 1,024 cubed on its own eyeriss"),
)


def distinct_tasks(estimator: Estimator) -> list[Task]:
    """Every contraction of the networks once, as the graph mapper asks for it."""
    for name, phase, choices in LAYERS:
        graph, _ = bound_graph(estimator, open_model(name), choices, phase)
        map_with(estimator.search, graph)
    machine = estimator.search.machine
    return [Task(nest, machine.arrays[unit], free, held) for nest, unit, free, held in estimator.search.found]


@njit
def repeated(problem, rows, tiles, mode, room, value, times):
    """Evaluate a mapping many times with one changing tile, and return a sum so that nothing is optimized away."""
    total = 0.0
    for index in range(times):
        tiles[0, 0] = 1.0 + (index & 7)
        evaluate(problem, rows, tiles, mode, False, room, value)
        total += value[0]
    return total


def evaluations_per_second(flat: Flat, count: int = 300_000) -> float:
    """Full evaluations of mappings by the compiled cost, per CPU second of one core."""
    dims = len(flat.task.nest.dims)
    rows, tiles, value, mode = np.zeros((dims, 9)), np.zeros((dims, 4)), np.empty(3), np.array([1, -1, 2, -1, 0])
    for d, extent in enumerate(flat.task.nest.extents):
        limit = float(overlap_limit(flat.arrays, d))
        array_row(float(extent), 1, 2, limit, rows[d])
        buffer_row(float(extent), limit, rows[d], 4.0, tiles[d])
    room = cost_room(dims)
    repeated(flat.arrays, rows, tiles, mode, room, value, 1)
    start = time.process_time()
    repeated(flat.arrays, rows, tiles, mode, room, value, count)
    return count / (time.process_time() - start)


def solve(task: Task, machine: Machine, goal: Goal) -> tuple[float, Found]:
    """CPU seconds and result of the optimal mapper."""
    start = time.process_time()
    found = get_mapper("optimal")(task, machine, goal)
    return time.process_time() - start, found


def objective_of(found: Found, objective: Objective) -> float:
    """The value that was minimized."""
    return rank(objective, found.seconds, found.energy_joules, found.outer_bytes)[0]


def print_chip(name: str, objectives: Sequence[Objective], budget: float | None) -> None:
    """One row per objective."""
    machine = make_machine(load_chip(name))
    tasks = distinct_tasks(Estimator(Search(machine)))
    flat = next(one for task in tasks if (one := flat_problem(task, machine)) is not None)
    start = time.process_time()
    solve(tasks[0], machine, Goal(objectives[0], budget))
    first = time.process_time() - start
    print(f"{name}: first call {first:.1f} s; {evaluations_per_second(flat) / 1e6:.1f} M evaluations/s")
    for objective in objectives:
        rows = [solve(task, machine, Goal(objective, budget)) for task in tasks]
        times = sorted(1e3 * seconds for seconds, _ in rows)
        proven = sum(found.proof is not None and found.proof.gap == 0 for _, found in rows)
        gaps = sorted(found.proof.gap for _, found in rows if found.proof is not None)
        fast = [get_mapper("fast")(task, machine, Goal(objective)) for task in tasks]
        ratios = [
            objective_of(one, objective) / objective_of(found, objective)
            for one, (_, found) in zip(fast, rows, strict=True)
            if objective_of(found, objective) > 0
        ]
        nodes = statistics.median(found.evaluated for _, found in rows)
        print(
            f"  {objective:8s} {len(tasks):4d} layers {proven:4d} proven {statistics.median(times):9.1f} ms median"
            f" {times[int(0.95 * (len(times) - 1))]:9.1f} ms 95 % {times[-1]:9.1f} ms worst {nodes:12,.0f} nodes median"
            f"  gap {gaps[len(gaps) // 2]:.2%} median {gaps[-1]:.2%} most"
            f"  fast/optimal {statistics.geometric_mean(ratios):6.3f} mean {max(ratios):7.3f} most",
            flush=True,
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=None)
    parser.add_argument("--chips", default="tpu_v4i,eyeriss,simba_like")
    parser.add_argument("--objectives", default=",".join(OBJECTIVES))
    arguments = parser.parse_args()
    wanted = [objective for objective in OBJECTIVES if objective in arguments.objectives.split(",")]
    for name in arguments.chips.split(","):
        print_chip(name, wanted, arguments.budget)
    for name, rate in OTHERS:
        print(f"{name}: {rate} (stated in public)")


if __name__ == "__main__":
    main()
