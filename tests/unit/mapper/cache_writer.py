"""A process that keeps writing and checking cache entries until it is killed: CHIP_FILE CACHE_FOLDER FIRST LAST."""

from __future__ import annotations

import sys
from pathlib import Path

from hwsim.config import load_chip
from hwsim.machine import Machine, make_machine
from hwsim.schedule import Level, TileLoop
from hwsim.work import nest_for
from mapper.base import Found, Goal, Proof, Task
from mapper.cache import Cache
from workloads.inline import parse_inline

PROVEN = Proof(3.1e11, 0.1, 0.0)
LEVELS = (Level("dram", (TileLoop("m", 3), TileLoop("k", 2, "rows")), ("input",)), Level("sram"))


def result(number: int, proof: Proof | None = PROVEN) -> Found:
    """A result that can be told from others; the mapping itself is of no interest."""
    return Found(LEVELS, 0.1 + number, 1e-300 * number, 2.0 / 3.0, number, proof)


def numbered_task(machine: Machine, number: int) -> Task:
    """One of many tasks for the array of a chip."""
    graph = parse_inline(f"matmul:m={number + 2},n=8,k=8")
    _, op = next(graph.walk())
    return Task(nest_for(machine, "array", op, graph.by_name), machine.arrays["array"], 2048.0, frozenset())


def write_forever(chip_file: Path, folder: Path, first: int, last: int) -> None:
    """Write and read the entries first..last-1 again and again; a wrong one ends the process."""
    machine = make_machine(load_chip(chip_file))
    cache = Cache(machine, folder)
    tasks = [(number, numbered_task(machine, number)) for number in range(first, last)]
    print("ready", flush=True)
    while True:
        for number, task in tasks:
            cache.put(task, "optimal", Goal(), result(number))
            assert cache.get(task, "optimal", Goal()) == result(number), number


if __name__ == "__main__":
    write_forever(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
