"""Why nothing fits, and the smallest change that would help: found by applying it, not by reasoning about it.

What can fail is room (a shared memory or that of a lane) and width (operands no array computes with). A limit in space,
such as the rows of an array, never makes a mapping illegal: a dimension that may not be unrolled runs in time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from hwsim.chip import Chip
from hwsim.machine import Machine
from hwsim.operand import OPERANDS, Operand
from mapper.base import CannotMapError, InfeasibleError, Task
from mapper.cost import held_bytes
from workloads.errors import UserError
from workloads.graph import OperatorGraph, Tensor
from workloads.precision import FLOAT_BITS

ALL = ("weight", "activation", "state")
"""Roles whose width is changed; inputs and outputs follow the activations."""
ENOUGH = 2.0**24
"""A memory so many times larger is taken to hold whatever a smaller one could be made to hold."""
NARROWER = (8, 4)
"""Widths that are tried where fewer bits may help."""
_ROUNDS = 8

Attempt = Callable[[Chip, OperatorGraph, str], UserError | None]
"""Maps a graph on a chip, or with a name only that operator of it, and returns what went wrong."""


def infeasible(task: Task, machine: Machine) -> InfeasibleError:
    """The error for a task whose smallest tile does not fit: what it needs, operand by operand, and what is free.

    The smallest footprint is that of a corner: a dimension is cut into single elements or not at all, because every
    buffer grows with the tile, and shrinks only where an operand or a sum stays whole.
    """
    pad = machine.scratchpad(task.unit.name)
    assert pad is not None, "a unit without a scratchpad can't run out of it"
    corner = smallest_tile(task, machine)
    needed = float(held_bytes(task, machine, corner))
    kept: list[Operand] = [role for role in machine.chip.memories[pad].operands if role not in task.resident]
    parts = [f"{role} {_whole(_own_bytes(task, machine, corner, role))} B" for role in kept]
    size = machine.chip.memories[pad].size
    of_all = "" if task.capacity_bytes == size else f" of {_whole(size)} B free, the rest holds kept tensors"
    return InfeasibleError(
        f"memories.{pad}.size: not even the smallest tile fits {task.unit.name}: needs {_whole(needed)} B"
        f" ({', '.join(parts)}), has {math.floor(task.capacity_bytes):,} B{of_all}",
        memory=pad,
    )


def smallest_tile(task: Task, machine: Machine) -> dict[str, int]:
    """The tile that takes least room in the scratchpad, buffers included."""
    dims = task.nest.dims
    corners = list(itertools.product(*((1, extent) for extent in task.nest.extents)))
    tile = {dim: np.array([corner[place] for corner in corners]) for place, dim in enumerate(dims)}
    held = np.broadcast_to(held_bytes(task, machine, tile), len(corners))
    return dict(zip(dims, corners[int(np.argmin(held))], strict=True))


def _own_bytes(task: Task, machine: Machine, tile: Mapping[str, int], role: Operand) -> float:
    others = frozenset(other for other in OPERANDS if other != role)
    return float(held_bytes(replace(task, resident=others), machine, tile))


def _whole(size_bytes: float) -> str:
    return f"{math.ceil(size_bytes):,}"


def advice(error: CannotMapError, chip: Chip, graph: OperatorGraph, attempt: Attempt) -> str:
    """The smallest changes that would make a graph run, each verified by ``attempt``; empty if none was found.

    Args:
        error: what went wrong first.
        chip, graph: where.
        attempt: see ``Attempt``.
    """
    ideas: list[str] = []
    sizes = larger_memories(error, chip, graph, attempt)
    if sizes:
        ideas.append(" ".join(f"--set memories.{name}.size='{size} B'" for name, size in sizes.items()))
    bits = fewer_bits(error, chip, graph, attempt)
    if bits:
        ideas.append("--bits " + ",".join(f"{role}={width}" for role, width in bits.items()))
    return f"; {' or '.join(ideas)} would do" if ideas else ""


def larger_memories(error: CannotMapError, chip: Chip, graph: OperatorGraph, attempt: Attempt) -> dict[str, int] | None:
    """Sizes in bytes of the on-chip memories that must grow, one byte less being too little; None if it is not them."""
    sizes: dict[str, int] = {}
    failed: UserError | None = error
    for _ in range(_ROUNDS):
        if failed is None:
            return sizes
        if not isinstance(failed, CannotMapError):
            return None
        more = _sizes_for(failed.op, resized(chip, sizes), graph, attempt)
        if not more:
            return None
        sizes |= more
        failed = attempt(resized(chip, sizes), graph, "")
    return None


def resized(chip: Chip, sizes: Mapping[str, float]) -> Chip:
    """The chip with other sizes, in bytes, of some memories."""
    memories = {
        name: memory.model_copy(update={"size": float(sizes[name])}) if name in sizes else memory
        for name, memory in chip.memories.items()
    }
    return chip.model_copy(update={"memories": memories})


def _sizes_for(op: str, chip: Chip, graph: OperatorGraph, attempt: Attempt) -> dict[str, int]:
    """What one operator needs of every memory that is too small for it, while the others have enough."""
    outer = {spec.path[0] for spec in chip.units.values()}
    inner = dict.fromkeys(name for spec in chip.units.values() for name in spec.path[1:] if name not in outer)
    enough = {name: chip.memories[name].size * ENOUGH for name in inner}

    def runs(sizes: Mapping[str, float]) -> bool:
        return attempt(resized(chip, {**enough, **sizes}), graph, op) is None

    if not runs({}):
        return {}
    sizes: dict[str, int] = {}
    for name in inner:
        now = chip.memories[name].size
        if not runs({name: now}):
            sizes[name] = _smallest(math.floor(now), lambda size, name=name: runs({name: size}))
    return sizes


def _smallest(low: int, works: Callable[[float], bool]) -> int:
    """A size that works although one less does not; ``low`` is known not to, a very large one to work."""
    high = max(1, 2 * low)
    while not works(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle, high)
    return high


def fewer_bits(error: CannotMapError, chip: Chip, graph: OperatorGraph, attempt: Attempt) -> dict[str, int] | None:
    """Widths by role, narrower by as little and for as few roles as possible; None if that does not help."""
    now = _widths(graph)
    for width, roles in itertools.product(NARROWER, (("weight",), ("activation",), ("weight", "activation"), ALL)):
        changed = {role: width for role in roles if now[role] > width}
        if changed.keys() != set(roles):
            continue
        wanted = now | changed
        narrow = _narrowed(graph, now, wanted)
        if attempt(chip, narrow, error.op) is None and attempt(chip, narrow, "") is None:
            return {role: bits for role, bits in wanted.items() if bits != FLOAT_BITS}
    return None


def _widths(graph: OperatorGraph) -> dict[str, int]:
    chosen = {key.removeprefix("bits_"): int(value) for key, value in graph.facts if key.startswith("bits_")}
    return {role: chosen.get(role, FLOAT_BITS) for role in ALL}


def _narrowed(graph: OperatorGraph, now: Mapping[str, int], wanted: Mapping[str, int]) -> OperatorGraph:
    """The graph with narrower tensors; inputs and outputs follow the activations, indices and masks stay."""

    def convert(tensor: Tensor) -> Tensor:
        role = tensor.role.value if tensor.role.value in ALL else "activation"
        return replace(tensor, bits=wanted[role]) if tensor.bits == now[role] else tensor

    segments = tuple(
        replace(segment, ops=tuple(replace(op, internal=tuple(map(convert, op.internal))) for op in segment.ops))
        for segment in graph.segments
    )
    return replace(graph, tensors=tuple(map(convert, graph.tensors)), segments=segments)
