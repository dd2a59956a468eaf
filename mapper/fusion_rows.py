"""Which rows of every operator one chunk of a fused group needs: from the rows of the last operator backwards.

A group runs chunk by chunk along one axis of its last operator (the *sink*): tokens, rows of a picture, or, where the
sink is a product, the columns that it sums over. A chunk of the sink needs a range of rows of what it reads, and so on
to the first operator. A sliding window needs more rows than it makes; the overlap of two chunks (the halo) is kept in
the buffer like the lines of a line buffer, or computed again. Ranges are exact: clipped at the border, ragged at the
end.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from workloads.graph import Access, Family, Op, Tensor, elements, number, size_bytes

Halo: TypeAlias = Literal["keep", "recompute"]
Range: TypeAlias = tuple[int, int]
"""First row, and the row after the last."""

MOST_RUNS = 6
"""Groups whose chunks fall into more runs of equal ones are not fused: every run is mapped and simulated."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What a group is cut along: a loop of the sink and its extent; ``sums`` where the sink adds up over it."""

    loop: str
    extent: int
    sums: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """A group cut into chunks.

    Attributes:
        runs: of equal chunks: how many, and the shortened loops of every operator; None where a chunk has no work for
            an operator, because the rows it needs are there already.
        buffers: bytes that each tensor inside the group needs.
        rows: rows of every operator, all chunks together, over the rows that it has; above one is recomputed halo.
    """

    runs: tuple[tuple[int, tuple[tuple[tuple[str, int], ...] | None, ...]], ...]
    buffers: tuple[tuple[str, int], ...]
    rows: tuple[float, ...]

    @property
    def chunks(self) -> int:
        """Chunks of all runs."""
        return sum(count for count, _ in self.runs)


@dataclass(frozen=True, slots=True)
class _View:
    """Rows of a tensor: the extents of its axes without those of one, which of them the rows are, how many."""

    shape: tuple[int, ...]
    axis: int
    rows: int


@dataclass(frozen=True, slots=True)
class _RowLoop:
    """How an operator walks over rows: a loop and how many iterations of it make one row."""

    loop: str
    per_row: int
    view: _View


def internal_tensors(ops: Sequence[Op], used_outside: frozenset[str]) -> frozenset[str] | None:
    """Tensors that live only inside a group; None unless exactly the last operator's result leaves it."""
    made = [access.tensor for op in ops for access in op.writes]
    read = {access.tensor for op in ops for access in op.reads}
    sink = {access.tensor for access in ops[-1].writes}
    inside = frozenset(made) - sink
    if len(set(made)) != len(made) or sink & read or not inside or not inside <= read - used_outside:
        return None
    return inside


def axes_of(ops: Sequence[Op], tensors: Mapping[str, Tensor], inside: frozenset[str]) -> tuple[Axis, ...]:
    """Axes along which a group may be cut; ``cut`` refuses those that do not reach its first operator."""
    sink = ops[-1]
    if _flat(sink):
        found = _flat_axes(ops, tensors)
    else:
        found = [Axis(name, extent) for name, extent in _written_loops(sink)]
        if sink.family is Family.CONTRACTION:
            written = sink.writes[0].loops()
            terms = [axis for access in sink.reads if access.tensor in inside for axis in access.index]
            names = [axis[0][0] for axis in terms if len(axis) == 1 and axis[0][1] == 1]
            found += [Axis(name, _extent(sink, name), True) for name in names if name not in written]
    return tuple(axis for axis in dict.fromkeys(found) if axis.extent > 1)


def _flat_axes(ops: Sequence[Op], tensors: Mapping[str, Tensor]) -> list[Axis]:
    """Axes of a flat sink: those of the last operator before it that has some."""
    total = math.prod(number(loop.extent) for loop in ops[-1].loops)
    for op in reversed(ops[:-1]):
        if not _flat(op):
            if elements(tensors[op.writes[0].tensor]) != total:
                return []
            return [Axis(f"{position}", extent) for position, (_, extent) in enumerate(_written_loops(op))]
    return []


def _written_loops(op: Op) -> list[tuple[str, int]]:
    """Loops that move the result one step per iteration, unit ones left out, in the order of its axes."""
    single = [axis[0][0] for axis in op.writes[0].index if len(axis) == 1 and axis[0][1] == 1]
    return [(name, _extent(op, name)) for name in single if _extent(op, name) > 1]


def _extent(op: Op, name: str) -> int:
    return next((number(loop.extent) for loop in op.loops if loop.name == name), 1)


def _flat(op: Op) -> bool:
    """Whether an operator runs over the elements of tensors without telling their axes apart."""
    return op.family in (Family.POINTWISE, Family.MOVE)


def cut(
    ops: Sequence[Op],
    tensors: Mapping[str, Tensor],
    inside: frozenset[str],
    axis: Axis,
    size: int,
    halo: Halo = "keep",
) -> Cut | None:
    """A group cut into chunks of ``size`` rows of its axis; None if its operators can't be cut that way.

    Args:
        ops: in order; only the last one's result leaves the group.
        tensors: by name.
        inside: from ``internal_tensors``.
        axis: one of ``axes_of``.
        size: rows of a chunk of the sink; the last chunk may be smaller.
        halo: whether rows that two chunks need are kept or computed again.
    """
    wanted = [(low, min(low + size, axis.extent)) for low in range(0, axis.extent, size)]
    first = _sink_loop(ops, tensors, axis)
    if first is None or any(op.active_points is not None for op in ops):
        return None
    needs: dict[str, tuple[_View, list[Range]]] = {}
    loops: list[_RowLoop] = []
    made: list[list[Range]] = []
    for position in reversed(range(len(ops))):
        op = ops[position]
        if position == len(ops) - 1:
            row, ranges = first, wanted
        else:
            need = needs[op.writes[0].tensor]
            found = _row_loop(op, tensors, need[0])
            if found is None:
                return None
            row, ranges = found, [_clip(one, found.view.rows) for one in need[1]]
            needs[op.writes[0].tensor] = (found.view, ranges)
        if halo == "keep":
            ranges = _new_rows(ranges)
        for access in op.reads:
            if access.tensor in inside and not _add_need(needs, op, access, tensors, row, ranges):
                return None
        loops.insert(0, row)
        made.insert(0, ranges)
    return _finish(loops, made, needs, tensors)


def _finish(
    loops: Sequence[_RowLoop],
    made: Sequence[Sequence[Range]],
    needs: Mapping[str, tuple[_View, Sequence[Range]]],
    tensors: Mapping[str, Tensor],
) -> Cut | None:
    sizes = [tuple(high - low for low, high in chunk) for chunk in zip(*made, strict=True)]
    runs = [(sum(1 for _ in equal), lengths) for lengths, equal in itertools.groupby(sizes)]
    if len(runs) > MOST_RUNS:
        return None
    tiles = tuple(
        (count, tuple(((row.loop, row.per_row * n),) if n else None for row, n in zip(loops, lengths, strict=True)))
        for count, lengths in runs
    )
    buffers = tuple(
        (name, -(-size_bytes(tensors[name]) * max(high - low for low, high in ranges) // view.rows))
        for name, (view, ranges) in sorted(needs.items())
    )
    rows = tuple(
        sum(high - low for low, high in ranges) / row.view.rows for row, ranges in zip(loops, made, strict=True)
    )
    return Cut(tiles, buffers, rows)


def _clip(rows: Range, count: int) -> Range:
    return min(max(0, rows[0]), count), max(0, min(count, rows[1]))


def _new_rows(ranges: Sequence[Range]) -> list[Range]:
    """The rows of each range that were in none before."""
    fresh: list[Range] = []
    done = 0
    for low, high in ranges:
        fresh.append((max(low, done), max(high, done, low)))
        done = max(done, high)
    return fresh


def _sink_loop(ops: Sequence[Op], tensors: Mapping[str, Tensor], axis: Axis) -> _RowLoop | None:
    sink = ops[-1]
    if not _flat(sink):
        view = _View(tuple(extent for _, extent in _written_loops(sink)), -1, axis.extent)
        if not axis.sums:
            names = [name for name, _ in _written_loops(sink)]
            view = _View(view.shape, names.index(axis.loop), axis.extent)
            if not _may_cut(sink, axis.loop):
                return None
        return _RowLoop(axis.loop, 1, view)
    shaped = next(op for op in reversed(ops[:-1]) if not _flat(op))
    shape = tuple(extent for _, extent in _written_loops(shaped))
    return _flat_loop(sink, _View(shape, int(axis.loop), axis.extent))


def _may_cut(op: Op, loop: str) -> bool:
    """Whether chunks along a loop are independent: not the one that a normalization walks over several times."""
    return op.family is not Family.REDUCTION or op.passes == 1 or loop != op.loops[-1].name


def _flat_loop(op: Op, view: _View) -> _RowLoop | None:
    """The loop of a flat operator that holds the rows: as long as they are many, else the innermost multiple of it."""
    moving = op.writes[0].loops()
    fitting = [loop for loop in op.loops if loop.name in moving and number(loop.extent) % view.rows == 0]
    if not fitting:
        return None
    exact = [loop for loop in fitting if loop.extent == view.rows]
    chosen = exact[0] if exact else fitting[-1]
    return _RowLoop(chosen.name, number(chosen.extent) // view.rows, view)


def _row_loop(op: Op, tensors: Mapping[str, Tensor], wanted: _View) -> _RowLoop | None:
    """How a producer walks over the rows that its consumers want."""
    tensor = tensors[op.writes[0].tensor]
    if len(op.writes) != 1 or op.family in (Family.GATHER, Family.SCAN):
        return None
    if _flat(op):
        shape = tuple(number(size) for size in tensor.shape if size != 1)
        if shape == wanted.shape:
            return _flat_loop(op, wanted)
        alike = op.kind != "pad" and elements(tensor) % wanted.rows == 0
        return _flat_loop(op, wanted) if alike else None
    loops = _written_loops(op)
    place = wanted.axis
    if tuple(extent for _, extent in loops) != wanted.shape or place < 0:
        places = [index for index, (_, extent) in enumerate(loops) if extent == wanted.rows]
        if len(places) != 1:
            return None
        place = places[0]
    name, extent = loops[place]
    return _RowLoop(name, 1, _View(tuple(e for _, e in loops), place, extent)) if _may_cut(op, name) else None


def _add_need(
    needs: dict[str, tuple[_View, list[Range]]],
    op: Op,
    access: Access,
    tensors: Mapping[str, Tensor],
    row: _RowLoop,
    ranges: Sequence[Range],
) -> bool:
    """Note the rows of a tensor that an operator needs for rows of its own; False if that can't be said."""
    found = (
        _flat_need(op, access, tensors, row, ranges)
        if _flat(op)
        else _shaped_need(op, access, tensors[access.tensor], row, ranges)
    )
    if found is None:
        return False
    view, rows = found
    if access.tensor in needs:
        known, before = needs[access.tensor]
        if (known.axis, known.rows) != (view.axis, view.rows):
            return False
        rows = [(min(a, c), max(b, d)) for (a, b), (c, d) in zip(before, rows, strict=True)]
    needs[access.tensor] = (view, rows)
    return True


def _flat_need(
    op: Op, access: Access, tensors: Mapping[str, Tensor], row: _RowLoop, ranges: Sequence[Range]
) -> tuple[_View, list[Range]] | None:
    """Rows that an element-wise operator reads are those that it writes; padding shifts them."""
    if row.loop not in access.loops():
        return None
    source, view = tensors[access.tensor], row.view
    if op.kind != "pad":
        return (view, list(ranges)) if elements(source) == elements(tensors[op.writes[0].tensor]) else None
    shape = tuple(number(size) for size in source.shape if size != 1)
    if len(shape) != len(view.shape):
        return None
    rows = shape[view.axis]
    above = (view.rows - rows) // 2
    return _View(shape, view.axis, rows), [_clip((low - above, high - above), rows) for low, high in ranges]


def _shaped_need(
    op: Op, access: Access, tensor: Tensor, row: _RowLoop, ranges: Sequence[Range]
) -> tuple[_View, list[Range]] | None:
    """Rows under the windows of an operator that tells its axes apart."""
    axes = [axis for axis in access.index if any(_extent(op, name) > 1 for name, _ in axis)]
    places = [index for index, axis in enumerate(axes) if any(name == row.loop for name, _ in axis)]
    if len(places) != 1:
        return None
    axis = axes[places[0]]
    stride = next(step for name, step in axis if name == row.loop)
    reach = sum(step * (_extent(op, name) - 1) for name, step in axis if name != row.loop)
    span = stride * (_extent(op, row.loop) - 1) + reach + 1
    shape = _shape_seen(op, tensor, axes)
    if shape is None:
        shape = tuple(math.prod(_extent(op, name) for name, _ in other) for other in axes)
        shape = (*shape[: places[0]], span, *shape[places[0] + 1 :])
    rows = shape[places[0]]
    above = _above(op, span, rows, windowed=len(axis) > 1)
    needed = [_clip((low * stride - above, (high - 1) * stride + reach + 1 - above), rows) for low, high in ranges]
    return _View(shape, places[0], rows), [
        need if own[0] < own[1] else (need[1], need[1]) for own, need in zip(ranges, needed, strict=True)
    ]


def _shape_seen(op: Op, tensor: Tensor, axes: Sequence[Sequence[tuple[str, int]]]) -> tuple[int, ...] | None:
    """The tensor's shape if an access sees its axes one by one, unit ones left out."""
    shape = tuple(number(size) for size in tensor.shape if size != 1)
    if len(shape) != len(axes):
        return None
    plain = [axis[0][1] == 1 and len(axis) == 1 for axis in axes]
    agree = all(
        not one or _extent(op, axis[0][0]) == extent for one, axis, extent in zip(plain, axes, shape, strict=True)
    )
    return shape if agree else None


def _above(op: Op, span: int, rows: int, *, windowed: bool) -> int:
    """Rows of padding before the first: the operator's own, else half of what its windows reach beyond the tensor."""
    padding = dict(op.params).get("padding")
    if isinstance(padding, int):
        return padding
    return -(-max(0, span - rows) // 2) if windowed else 0
