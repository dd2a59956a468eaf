"""A group of operators that run side by side on an FPGA, each product on engines of its own.

The rows of the products are the tokens: an operator hands a block of rows on as soon as it has computed it. That needs
every tensor made in the group to be read row by row, so not as the second operand of a product, and not from a cache.
Engines are given to the slowest product one by one; element-wise operators share the lanes so that all take the same
time. FIFOs get the depths with which nothing stalls (``hwsim.fpga.dataflow`` plays the group).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwsim.fpga.dataflow import Fifo, Group, Phase, Stage, play_group
from hwsim.nest import is_contraction
from workloads.graph import Op, Role, Tensor, size_bytes

PIPELINE = "pipeline"
"""Kind of the operator that stands for a group; its parts are the group's operators."""
MOST_TOKENS = 64
"""Blocks of rows that a group is cut into at most."""


@dataclass(frozen=True, slots=True)
class Task:
    """One operator of a group.

    Attributes:
        name: of the operator.
        blocks: pieces that a product's engines share, 0 for element-wise work.
        deep: cycles of a piece on one engine, or of all element-wise work on all lanes.
        rows: blocks of rows of a product.
        sources: (task, bytes) that it takes results of.
    """

    name: str
    blocks: int
    deep: int
    rows: int
    sources: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Piped:
    """A played group: cycles, engines of each product by name, and bytes in FIFOs."""

    cycles: int
    engines: tuple[tuple[str, int], ...]
    fifo_bytes: int


def split_engines(products: Sequence[tuple[int, int]], engines: int) -> tuple[int, ...]:
    """Engines of each of several products (pieces, cycles of a piece) so that the slowest is as fast as possible.

    Raises:
        ValueError: fewer engines than products.
    """
    if len(products) > engines:
        raise ValueError(f"{len(products)} products side by side, there are {engines} engines")
    given = [1] * len(products)
    for _ in range(engines - len(products)):
        slowest = max(range(len(products)), key=lambda i: math.ceil(products[i][0] / given[i]) * products[i][1])
        given[slowest] += 1
    return tuple(given)


def play_tasks(tasks: Sequence[Task], engines: int) -> Piped:
    """Play a group whose products are at most as many as there are engines."""
    products = [task for task in tasks if task.blocks]
    given = iter(split_engines([(task.blocks, task.deep) for task in products], engines))
    shared = sum(task.deep for task in tasks if not task.blocks)
    tokens = min(MOST_TOKENS, math.gcd(*(task.rows for task in products)))
    stages: list[Stage] = []
    split: list[tuple[str, int]] = []
    takes = [tuple((f"{source} > {place}", 1) for source, _ in task.sources) for place, task in enumerate(tasks)]
    gives: list[list[tuple[str, int]]] = [[] for _ in tasks]
    held: dict[str, int] = {}
    for place, task in enumerate(tasks):
        for source, moved in task.sources:
            gives[source].append((f"{source} > {place}", 1))
            held[f"{source} > {place}"] = -(-moved // tokens)
    for place, task in enumerate(tasks):
        cycles = shared
        if task.blocks:
            count = next(given)
            split.append((task.name, count))
            cycles = math.ceil(task.blocks / count) * task.deep
        stages.append(Stage(str(place), (Phase(tokens, -(-cycles // tokens), takes[place], tuple(gives[place])),)))
    flow = play_group(Group(tuple(stages), tuple(Fifo(name) for name in held)))
    return Piped(flow.cycles, tuple(split), sum(depth * held[name] for name, depth in flow.fullest))


def sources_of(parts: Sequence[Op], tensors: Mapping[str, Tensor]) -> list[tuple[tuple[int, int], ...]] | str:
    """For every operator the earlier ones it takes rows from, with bytes; or why the group cannot be pipelined."""
    made: dict[str, int] = {}
    found: list[tuple[tuple[int, int], ...]] = []
    for place, op in enumerate(parts):
        own: dict[int, int] = {}
        for position, access in enumerate(op.reads):
            maker = made.get(access.tensor)
            if maker is None:
                continue
            tensor = tensors[access.tensor]
            if tensor.role is not Role.ACTIVATION or (is_contraction(op) and position):
                return f"{op.name} needs all of {access.tensor} before it starts"
            own[maker] = own.get(maker, 0) + size_bytes(tensor)
        found.append(tuple(own.items()))
        made |= {access.tensor: place for access in op.writes}
    return found
