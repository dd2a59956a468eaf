"""The problem of scheduling a graph through a scratchpad, and its answer, as plain numbers.

While an operator runs, all its operands and results are in the scratchpad. What is not there must have been written out
once (spilled) before, and is read back (retrieved). Compulsory traffic, which no schedule avoids: the first read of a
graph input or parameter, and the write of a result of the graph.

Source of the problem: COSMA (arXiv 2311.18246).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["input", "parameter", "intermediate", "output"]


@dataclass(frozen=True, slots=True)
class Buffer:
    """A tensor.

    Attributes:
        name: unique.
        size: bytes.
        kind: input and parameter lie in the outer memory from the start; an output must end there.
    """

    name: str
    size: int
    kind: Kind = "intermediate"


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator.

    Attributes:
        name: unique.
        reads, writes: positions in ``Problem.buffers``, each once.
        after: positions in ``Problem.operators`` of those that must run before it for other reasons than its reads.
    """

    name: str
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    after: tuple[int, ...] = ()

    @property
    def touches(self) -> tuple[int, ...]:
        """All that must be in the scratchpad while it runs."""
        return (*self.reads, *self.writes)


@dataclass(frozen=True, slots=True)
class Problem:
    """A graph and a scratchpad.

    Attributes:
        buffers: tensors.
        operators: in the default order, which respects all dependencies.
        capacity: bytes of the scratchpad.
    """

    buffers: tuple[Buffer, ...]
    operators: tuple[Operator, ...]
    capacity: int


@dataclass(frozen=True, slots=True)
class Residency:
    """A buffer at an address during the steps first..last (positions in ``Plan.order``), both included.

    Attributes:
        starts: how it gets there: computed by the operator of step ``first``, loaded (the compulsory first read of an
            input or parameter), or retrieved.
        stored: whether it is written out during this residency: the spill of an intermediate, or an output's result.
    """

    buffer: int
    first: int
    last: int
    address: int
    starts: Literal["computed", "loaded", "retrieved"]
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """An answer.

    Attributes:
        order: positions in ``Problem.operators``.
        residencies: of every buffer, in order of their first step.
        extra_bytes: non-compulsory bytes: one spill of every intermediate that is retrieved, and every retrieve (also
            of an input or parameter that is read again, and of an output that is read after it has left).
        bound: no plan has fewer.
        method: how it was found, in words.
    """

    order: tuple[int, ...]
    residencies: tuple[Residency, ...]
    extra_bytes: int
    bound: int
    method: str

    @property
    def proven(self) -> bool:
        """Whether no plan has fewer extra bytes."""
        return self.extra_bytes == self.bound
