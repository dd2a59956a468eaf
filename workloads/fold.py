"""Find blocks that repeat and keep one of each: runs of equal groups of operators become one segment with a count.

Operators are grouped by the innermost numbered module they come from (``layers.3``). Two groups are equal if their
operators are, with tensors named by order of appearance. A run may have a period of several groups (A B A B).
A run is folded only where the repetitions hang together like a loop: what one repetition reads from outside is either
the same tensor for all (then it is ``shared``), a weight or state of its own, or the one activation that the previous
one hands on. So the repetitions can be written out again (``workloads.unfold``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from workloads.graph import Op, Role, Segment, Tensor
from workloads.passes import Network, drop_unused_tensors, rename_tensors
from workloads.symbols import multiply

_NUMBERED = re.compile(r"^(.*(?:^|\.)\d+)(?:\.|$)")
_LASTING = (Role.WEIGHT, Role.STATE)
_OWN = (*_LASTING, Role.INPUT)

Group = tuple[Op, ...]


def layer_of(op: Op) -> str:
    """Module path up to its last number, such as ``model.layers.3``; empty outside any numbered module."""
    match = _NUMBERED.match(op.source.split(" (", 1)[0])
    return match.group(1) if match else ""


def group_by_layer(ops: Sequence[Op]) -> list[Group]:
    """Neighbouring operators of the same layer; an operator outside any numbered module is a group of its own."""
    groups: list[list[Op]] = []
    last: str | None = None
    for op in ops:
        layer = layer_of(op)
        if layer != last or not layer:
            groups.append([])
        groups[-1].append(op)
        last = layer
    return [tuple(group) for group in groups]


def canonical(ops: Sequence[Op], tensors: Mapping[str, Tensor]) -> tuple[object, ...]:
    """The structure of some operators without names: tensors are numbered by first appearance.

    Of an activation only the number of elements counts, because every operator sees it in a shape of its own.
    """
    numbers: dict[str, int] = {}
    shapes: list[object] = []
    body: list[object] = []

    def number(name: str) -> int:
        if name not in numbers:
            numbers[name] = len(numbers)
            tensor = tensors[name]
            if tensor.role in _LASTING:
                shapes.append((tensor.shape, tensor.role, tensor.bits))
            else:
                shapes.append((multiply(*tensor.shape), tensor.bits))
        return numbers[name]

    for op in ops:
        reads = tuple((number(a.tensor), a.index) for a in op.reads)
        writes = tuple((number(a.tensor), a.index) for a in op.writes)
        body.append(
            (op.kind, op.family, op.loops, reads, writes, op.arithmetic, op.params, op.active_points, op.passes)
        )
    return tuple(shapes), tuple(body)


def external(ops: Sequence[Op]) -> tuple[str, ...]:
    """Tensors read before these operators have written them, in order of first reading."""
    written: set[str] = set()
    found: dict[str, None] = {}
    for op in ops:
        for access in op.reads:
            if access.tensor not in written:
                found.setdefault(access.tensor)
        written.update(access.tensor for access in op.writes)
    return tuple(found)


def appearing(ops: Sequence[Op]) -> tuple[str, ...]:
    """All tensors in order of first appearance, reads before writes."""
    found: dict[str, None] = {}
    for op in ops:
        for access in (*op.reads, *op.writes):
            found.setdefault(access.tensor)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Run:
    start: int
    period: int
    count: int


def fold(network: Network) -> tuple[tuple[Segment, ...], dict[str, Tensor]]:
    """Segments with counts, and the tensors that are left with their ``shared`` marks.

    Returns:
        Segments in execution order; tensors of folded repetitions are gone, the first repetition stands for all.
    """
    ops, tensors = network
    groups = group_by_layer(ops)
    runs = _find_runs(groups, tensors)
    renames: dict[str, str] = {}
    shared: set[str] = set()
    pieces: list[tuple[Group, int]] = []
    for run in runs:
        parts = [_joined(groups, run.start + i * run.period, run.period) for i in range(run.count)]
        pieces.append((parts[0], run.count))
        if run.count > 1:
            first = appearing(parts[0])
            for part in parts[1:]:
                renames |= {a: b for a, b in zip(appearing(part), first, strict=True) if a != b}
            shared |= _shared_by_all(parts, tensors)
    kept = tuple(op for piece, _ in pieces for op in piece)
    kept, left = drop_unused_tensors(rename_tensors((kept, tensors), _first_names(renames, kept)))
    marked = {name: replace(left[name], shared=left[name].shared or name in shared) for name in appearing(kept)}
    return _segments(pieces, kept), marked


def _first_names(renames: Mapping[str, str], kept: Sequence[Op]) -> dict[str, str]:
    """Only what later operators still read under the name of a folded repetition."""
    written = {access.tensor for op in kept for access in op.writes}
    return {old: new for old, new in renames.items() if old not in written and new in written}


def _segments(pieces: Sequence[tuple[Group, int]], kept: Sequence[Op]) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    position = 0
    for piece, count in pieces:
        ops = tuple(kept[position : position + len(piece)])
        position += len(piece)
        if count == 1 and segments and segments[-1].count == 1:
            segments[-1] = replace(segments[-1], ops=segments[-1].ops + ops)
        else:
            segments.append(Segment(layer_of(ops[0]) or ops[0].name, ops, count))
    return tuple(segments)


def _joined(groups: Sequence[Group], start: int, length: int) -> Group:
    return tuple(op for group in groups[start : start + length] for op in group)


def _find_runs(groups: Sequence[Group], tensors: Mapping[str, Tensor]) -> list[_Run]:
    """A partition of the groups: at each place the run that saves most operators, the shortest period first."""
    labels: dict[object, int] = {}
    marks = [labels.setdefault(canonical(group, tensors), len(labels)) for group in groups]
    readers = _last_readers(groups)
    runs: list[_Run] = []
    position = 0
    while position < len(groups):
        best = _Run(position, 1, 1)
        saved = 0
        for period in range(1, (len(groups) - position) // 2 + 1):
            count = _repeats(marks, position, period)
            count = _loop_length(groups, tensors, readers, _Run(position, period, count))
            gain = len(_joined(groups, position, period)) * (count - 1)
            if gain > saved:
                best, saved = _Run(position, period, count), gain
        runs.append(best)
        position += best.period * best.count
    return runs


def _repeats(marks: Sequence[int], start: int, period: int) -> int:
    count = 1
    pattern = marks[start : start + period]
    while marks[start + count * period : start + (count + 1) * period] == pattern:
        count += 1
    return count


def _last_readers(groups: Sequence[Group]) -> dict[str, int]:
    return {access.tensor: i for i, group in enumerate(groups) for op in group for access in op.reads}


def _loop_length(groups: Sequence[Group], tensors: Mapping[str, Tensor], readers: Mapping[str, int], run: _Run) -> int:
    """How many of the repetitions of a candidate run really form a loop."""
    parts = [_joined(groups, run.start + i * run.period, run.period) for i in range(run.count)]
    if run.count < 2:
        return 1
    shape = canonical(parts[0], tensors)
    count = 1
    while count < run.count and canonical(parts[count], tensors) == shape and _continues(parts, count, tensors):
        count += 1
    while count > 1 and (_leaks(parts[:count], readers, run) or not _is_chain(parts[:count], tensors, readers, run)):
        count -= 1
    return count


def _is_chain(parts: Sequence[Group], tensors: Mapping[str, Tensor], readers: Mapping[str, int], run: _Run) -> bool:
    """Whether ``workloads.unfold`` can write the repetitions out again from the first.

    One activation at most is handed from repetition to repetition, and nothing else of the last is read afterwards.
    """
    carried = [(n, i) for n, i in zip(external(parts[0]), _carried(parts, 1), strict=True) if i is not None]
    if len(carried) != 1:
        return not carried
    (name, place), end = carried[0], run.start + run.period * len(parts)
    writes = [access.tensor for op in parts[-1] for access in op.writes]
    leaving = {w for w in writes if readers.get(w, -1) >= end or tensors[w].role is Role.OUTPUT}
    return tensors[name].role is Role.ACTIVATION and leaving == {writes[place]}


def _continues(parts: Sequence[Group], position: int, tensors: Mapping[str, Tensor]) -> bool:
    """Whether a repetition reads from outside what a loop body may: own weights, common tensors, the last result.

    The second repetition decides which positions carry a result on; later ones must do the same.
    """
    written = {access.tensor: i for i, access in enumerate(a for op in parts[position - 1] for a in op.writes)}
    before, now = external(parts[position - 1]), external(parts[position])
    if len(before) != len(now):
        return False
    carried: list[int | None] = []
    for old, new in zip(before, now, strict=True):
        if new in written:
            carried.append(written[new])
        elif new == old or (tensors[new].role in _OWN and tensors[new].role == tensors[old].role):
            carried.append(None)
        else:
            return False
    return position < 2 or carried == _carried(parts, position - 1)


def _carried(parts: Sequence[Group], position: int) -> list[int | None]:
    written = {access.tensor: i for i, access in enumerate(a for op in parts[position - 1] for a in op.writes)}
    return [written.get(name) for name in external(parts[position])]


def _leaks(parts: Sequence[Group], readers: Mapping[str, int], run: _Run) -> bool:
    """Whether something outside the run reads what a repetition other than the last has written."""
    end = run.start + run.period * len(parts)
    for i, part in enumerate(parts[:-1]):
        following = run.start + (i + 2) * run.period
        for op in part:
            for access in op.writes:
                last = readers.get(access.tensor, -1)
                if last >= min(following, end):
                    return True
    return False


def _shared_by_all(parts: Sequence[Group], tensors: Mapping[str, Tensor]) -> set[str]:
    common = set(external(parts[0]))
    for part in parts[1:]:
        common &= set(external(part))
    return {name for name in common if tensors[name].role is not Role.STATE}
