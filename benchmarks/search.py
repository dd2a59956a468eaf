"""Designs per second of a search with cold caches, and samplers against random search; prints a table.

CPU time of all processes is measured, start-up included, because other work may share the machine: new designs per
second on two busy cores are 2 x designs / CPU seconds.

    python -m benchmarks.search [TRIALS] [MAPPER]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import search
from search.space_file import SPACES


def cpu_seconds() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, who))


def main(trials: int, mapper: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = (SPACES / "edge_npu.yaml").read_text(encoding="utf-8")
        (Path(folder) / "edge_npu_base.yaml").write_bytes((SPACES / "edge_npu_base.yaml").read_bytes())
        space = Path(folder) / "edge_npu.yaml"
        space.write_text(f"{text}mapper: {mapper}\n", encoding="utf-8")
        for sampler in ("nsga2", "tpe", "random"):
            before, started = cpu_seconds(), time.monotonic()
            rows = search.run(
                space, trials, sampler=sampler, jobs=2, storage=f"{folder}/{sampler}.study", watch=lambda _: None
            ).rows
            cpu, wall = cpu_seconds() - before, time.monotonic() - started
            new = [row for row in rows if row.same_as < 0 and row.outcome.status != "failed"]
            mapped = [row for row in new if row.outcome.fidelity != "none"]
            engine = sum(row.outcome.fidelity == "engine" for row in new)
            print(
                f"{sampler:8} {len(rows)} trials, {len(new)} new designs, {len(mapped)} mapped, {engine} on the engine;"
                f" {cpu:.1f} s CPU, {wall:.1f} s wall; per second on two cores: {2 * len(new) / cpu:.1f} new designs,"
                f" {2 * len(mapped) / cpu:.1f} mapped",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500, sys.argv[2] if len(sys.argv) > 2 else "fast")
