"""Designs per second of a search of the edge space for ResNet-50 with cold mapping caches; prints a line per sampler.

CPU time of all processes is measured, start-up included, because other work may share the machine: new designs per
second on two busy cores are 2 x designs / CPU seconds. ``search_loss`` and ``search_quality`` beside this file compare
mappers and samplers.

    python -m benchmarks.search [TRIALS] [MAPPER] [SAMPLERS]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import search
from search.space_file import SPACES
from search.trials import Row


def cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, who))


def report(sampler: str, rows: Sequence[Row], cpu: float, driver: float, wall: float) -> None:
    """Print the line of one study."""
    new = [row for row in rows if row.same_as < 0 and row.outcome.status != "failed"]
    engine = [row for row in new if row.outcome.fidelity == "engine"]
    closed = [row for row in new if row.outcome.fidelity == "closed form"]
    print(
        f"{sampler:8} {len(rows)} trials, {len(new)} new designs, {len(closed)} by the closed form alone"
        f" ({_mean(closed):.0f} ms CPU), {len(engine)} on the engine ({_mean(engine):.0f} ms CPU);"
        f" {cpu:.1f} s CPU, of it driver {driver:.1f} s; {wall:.1f} s wall;"
        f" new designs per second on two cores: {2 * len(new) / cpu:.1f} by CPU time, {len(new) / wall:.1f} by wall",
        flush=True,
    )


def _mean(rows: Sequence[Row]) -> float:
    return 1000 * sum(row.outcome.cpu_seconds for row in rows) / max(1, len(rows))


def main(trials: int, mapper: str, samplers: Sequence[str]) -> None:
    """Run one study per sampler."""
    with tempfile.TemporaryDirectory() as folder:
        text = (SPACES / "edge_npu.yaml").read_text(encoding="utf-8")
        (Path(folder) / "edge_npu_base.yaml").write_bytes((SPACES / "edge_npu_base.yaml").read_bytes())
        space = Path(folder) / "edge_npu.yaml"
        space.write_text(f"{text}mapper: {mapper}\n", encoding="utf-8")
        for sampler in samplers:
            cpu, driver, wall = cpu_seconds(), time.process_time(), time.monotonic()
            storage = f"{folder}/{sampler}.study"
            rows = search.run(space, trials, sampler=sampler, jobs=2, storage=storage, watch=lambda _: None).rows
            report(sampler, rows, cpu_seconds() - cpu, time.process_time() - driver, time.monotonic() - wall)


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 500,
        sys.argv[2] if len(sys.argv) > 2 else "fast",
        sys.argv[3].split(",") if len(sys.argv) > 3 else ("nsga2", "tpe", "random"),
    )
