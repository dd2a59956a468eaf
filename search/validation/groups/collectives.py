"""All-reduces among the A100 of a DGX: vidur's measurements."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from functools import partial
from pathlib import Path
from statistics import median

from hwsim.config import load_chip
from hwsim.units.interconnect import Interconnect, InterconnectSpec
from search.validation.case import Case, Found, Group, Request
from workloads.errors import UserError
from workloads.graph import Role, Tensor
from workloads.shard import exchange_op

FILE = Path("vidur") / "a100_dgx__all_reduce.csv.gz"
CHIP = "a100_80gb_sxm"
EVERY = 8
"""Every eighth size is compared; neighbours differ by little."""


def measured(file: Path) -> dict[int, list[tuple[int, float]]]:
    """Bytes and seconds by number of devices, all in one node; the median over the ranks.

    Raises:
        UserError: the file can't be read or has other columns.
    """
    times: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    try:
        with gzip.open(file, "rt", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                if row["num_workers"] == row["devices_per_node"]:
                    key = int(row["num_workers"]), int(row["size"])
                    times[key].append(float(row["time_stats.all_reduce.median"]) * 1e-3)
    except (OSError, EOFError, KeyError, ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: not the measurements expected here: {error!r}") from error
    found: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    for (devices, size), seconds in sorted(times.items()):
        found[devices].append((size, median(seconds)))
    return dict(found)


def _run(devices: tuple[int, ...], request: Request) -> Found | None:
    if request.data is None or not (request.data / FILE).is_file():
        return None
    chip = load_chip(CHIP)
    spec = chip.units["nvlink"]
    assert isinstance(spec, InterconnectSpec)
    unit, cases = Interconnect("nvlink", spec, chip), list[Case]()
    samples = measured(request.data / FILE)
    for count in devices:
        for size, seconds in samples[count][::EVERY]:
            tensor = Tensor("x", (size // 2,), Role.ACTIVATION)
            kernel = unit.kernel(exchange_op("all_reduce", tensor, "join", count, size // 2), {"x": tensor})
            part = f"{'up to' if size < 10**6 else 'over'} 1 MB"
            quantity = f"{size:,} B among {count}"
            cases.append(Case("vidur", quantity, "us", seconds * 1e6, kernel.seconds * 1e6, "measured", part))
    return Found(tuple(cases))


_NOTE = "Two protocols (overhead, efficiency) and a latency per step, chosen looking at 2 and 8 devices. "
GROUPS = (
    Group("collectives/a100-2-8", "A100: all-reduce among 2 and 8", partial(_run, (2, 8)), f"{_NOTE}These are they."),
    Group("collectives/a100-4", "A100: all-reduce among 4", partial(_run, (4,)), f"{_NOTE}These were not looked at."),
)
