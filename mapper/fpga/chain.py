"""From an operator graph to a chain of tasks: its products in order, one repetition of every block."""

from __future__ import annotations

import math

from hwsim.fpga.boards import Board
from hwsim.fpga.design import BRAM_BYTES, URAM_BYTES
from hwsim.fpga.resources import Resources
from hwsim.nest import gemm_of, is_contraction, nest_of, product
from mapper.fpga.problem import Budget, Work
from workloads.graph import OperatorGraph, points, size_bytes

MOST_TOKENS = 64
"""Pieces that a result is handed on in at most."""


def chain_of(graph: OperatorGraph) -> tuple[Work, ...]:
    """The products of a bound graph as tasks; repeated blocks once, because one design serves all repetitions.

    A result is handed on by rows, or by columns where it has one row (the next product then adds up outer products).
    """
    tasks: list[Work] = []
    for _, op in graph.walk():
        tensors = {**graph.by_name, **{tensor.name: tensor for tensor in op.internal}}
        for leaf in op.parts or (op,):
            if not is_contraction(leaf) or len(leaf.reads) < 2 or len(leaf.writes) != 1:
                continue
            nest = nest_of(leaf, tensors)
            gemm = gemm_of(nest)
            rows, columns = (int(product(dims, nest.full)) for dims in (gemm.m, gemm.n))
            tokens = math.gcd(rows if rows > 1 else columns, MOST_TOKENS)
            tasks.append(Work(leaf.name, points(leaf), tokens, size_bytes(tensors[leaf.writes[0].tensor])))
    return tuple(tasks)


def budget_of(
    board: Board,
    hertz: float,
    macs_per_dsp: int,
    switch_seconds: float,
    dsp: int | None = None,
    memory_bytes: int | None = None,
) -> Budget:
    """What a board leaves beside its shell, for designs at a clock.

    Args:
        board: where it is built.
        hertz: the clock.
        macs_per_dsp: products that share a slice.
        switch_seconds: between two groups.
        dsp, memory_bytes: slices and on-chip memory to use at most; None means all that are free.
    """
    shell = board.shell or Resources()
    free = board.resources.dsp - shell.dsp
    blocks = (board.resources.bram - shell.bram) * BRAM_BYTES + (board.resources.uram - shell.uram) * URAM_BYTES
    return Budget(
        free if dsp is None else min(dsp, free),
        macs_per_dsp,
        blocks if memory_bytes is None else min(memory_bytes, blocks),
        board.memory.bandwidth / hertz,
        math.ceil(switch_seconds * hertz),
    )
