"""How a model is spread over equal devices, and the graph of one of them.

tensor=n    every device has 1/n of the heads and inner widths; results are joined after each block of two products
expert=n    every device has 1/n of the batch and of the experts; tokens travel to their experts and back
"""

from __future__ import annotations

from dataclasses import dataclass

from workloads.errors import did_you_mean
from workloads.graph import OperatorGraph
from workloads.shard import ShardError, shard_experts, shard_tensor
from workloads.stages import last_stage

MOST_DEVICES = 4096
WAYS = ("tensor", "expert", "pipeline")


@dataclass(frozen=True, slots=True)
class Parallel:
    """Devices by way of spreading; they multiply."""

    tensor: int = 1
    expert: int = 1
    pipeline: int = 1

    @property
    def devices(self) -> int:
        """All devices together."""
        return self.tensor * self.expert * self.pipeline


ALONE = Parallel()


def parse_parallel(text: str | None) -> Parallel:
    """``tensor=8`` or ``expert=8`` as a ``Parallel``; None is one device.

    Raises:
        ShardError: another way, no whole number from 1, or both ways at once.
    """
    found: dict[str, int] = {}
    for part in () if text is None else text.split(","):
        way, _, count = part.partition("=")
        if way not in WAYS:
            raise ShardError(f"--parallel {part}: expected tensor=N, expert=N or pipeline=N{did_you_mean(way, WAYS)}")
        if not count.isdigit() or not 1 <= int(count) <= MOST_DEVICES:
            raise ShardError(f"--parallel {part}: expected a whole number of devices from 1 to {MOST_DEVICES:,}")
        found[way] = int(count)
    parallel = Parallel(**found)
    if parallel.tensor > 1 and parallel.expert > 1:
        raise ShardError(f"--parallel {text}: tensor and expert parallelism can't be combined yet")
    return parallel


def local_batch(parallel: Parallel, batch: int) -> int:
    """Sequences that one device works on at a time.

    Raises:
        ShardError: a batch that does not divide over the devices of expert parallelism, or over the stages.
    """
    parts = parallel.expert * parallel.pipeline
    if batch % parts:
        what = "devices of expert parallelism" if parallel.pipeline == 1 else "parts, one per expert device and stage"
        raise ShardError(f"a batch of {batch} does not divide over {parts} {what}")
    return batch // parts


def on_one_device(graph: OperatorGraph, parallel: Parallel) -> OperatorGraph:
    """The part of a bound graph that one device runs; raises what the ways of spreading raise."""
    stage = last_stage(graph, parallel.pipeline)
    return shard_experts(shard_tensor(stage, parallel.tensor), parallel.expert)
