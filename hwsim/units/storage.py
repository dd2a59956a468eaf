"""A storage behind the memory (flash, DDR, a host's memory over its link): brings weights into it, and nothing else.

A read of few contiguous bytes reaches less of the bandwidth than a long one. The chip file states the bandwidth that
reads of some sizes reach; between them it is a straight line in log-log coordinates, below the smallest it falls with
the size (the time of a read is constant), above the largest it stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from hwsim.chip import Chip, UnitSpec
from hwsim.part import Part
from hwsim.quantity import Bytes, BytesPerSecond, Seconds
from hwsim.units.base import Kernel
from hwsim.units.registry import unit_kind
from workloads.graph import Op, Tensor, number
from workloads.offload import FETCH


class ReadRate(Part):
    """The bandwidth that reads of so many contiguous bytes reach together, as many at a time as the software issues."""

    piece: Bytes
    bandwidth: BytesPerSecond


class StorageSpec(UnitSpec):
    """Chip file section of a storage.

    Attributes:
        path: the storage, then the memory that it fills.
        reads: bandwidth by size of a read, smallest first.
        latency: of one fetch, whatever its size.
    """

    holds_models: ClassVar[bool] = False

    kind: Literal["storage"]  # pyright: ignore[reportIncompatibleVariableOverride]  (frozen, never assigned)
    path: Annotated[tuple[str, ...], Field(min_length=2, max_length=2)]
    reads: Annotated[tuple[ReadRate, ...], Field(min_length=1)]
    latency: Seconds = 0.0

    @model_validator(mode="after")
    def _sorted(self) -> StorageSpec:
        pieces = [read.piece for read in self.reads]
        if any(later <= earlier for earlier, later in pairwise(pieces)):
            raise ValueError("reads: expected sizes that grow, each once")
        return self


def read_bandwidth(reads: tuple[ReadRate, ...], piece: float) -> float:
    """Bytes per second of reads of ``piece`` contiguous bytes; see the module."""
    first, last = reads[0], reads[-1]
    if piece <= first.piece:
        return first.bandwidth * piece / first.piece
    if piece >= last.piece:
        return last.bandwidth
    low, high = next(pair for pair in pairwise(reads) if piece <= pair[1].piece)
    share = math.log(piece / low.piece) / math.log(high.piece / low.piece)
    return low.bandwidth * (high.bandwidth / low.bandwidth) ** share


@unit_kind("storage", StorageSpec)
class Storage:
    """A storage with its path into the memory."""

    def __init__(self, name: str, spec: StorageSpec, chip: Chip) -> None:
        self.name = name
        self.spec = spec

    def refuses(self, op: Op, tensors: Mapping[str, Tensor]) -> str | None:
        """Everything but fetches."""
        return None if op.kind == FETCH else f"{self.name} fetches weights only"

    def peak_operations(self, op: Op, tensors: Mapping[str, Tensor]) -> float:
        """Elements per second at the bandwidth of the longest reads."""
        return self.spec.reads[-1].bandwidth * 8 / tensors[op.reads[0].tensor].bits

    def kernel(self, op: Op, tensors: Mapping[str, Tensor]) -> Kernel:
        """Time of a fetch; its bytes are read from the storage and written to the memory once."""
        storage, memory = self.spec.path
        piece = _param(op, "piece_bytes")
        size = _param(op, "size") * tensors[op.reads[0].tensor].bits / 8
        moving = size / read_bandwidth(self.spec.reads, min(piece, size))
        return Kernel(
            seconds=moving + self.spec.latency,
            overhead_seconds=0.0,
            reads_bytes=((storage, size),),
            writes_bytes=((memory, size),),
            actions=(),
            compute_seconds=0.0,
            memory_seconds=moving,
            note=f"{size:,.0f} B in reads of {min(piece, size):,.0f} B",
        )


def _param(op: Op, key: str) -> int:
    value = op.param(key)
    assert not isinstance(value, str), f"{op.name}: {key} is {value!r}, expected a number"
    return number(value)
