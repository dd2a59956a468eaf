"""An operator graph as what is drawn of it: frames (blocks, with how often they repeat) of boxes and edges.

An operator that only reworks the one result of another (an activation, a normalization, padding) stands in the other's
box, so that a picture shows the structure instead of every step. Weights are lines in the boxes, not nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workloads.graph import Family, Op, OperatorGraph, Role, Segment, Tensor

MOST_BOXES = 8
"""A block without repetitions is cut where a single tensor passes once it has so many boxes."""
FULL = 20
"""With so many boxes it is cut wherever it is."""
PORT = "port"
_JOINED = (Family.POINTWISE, Family.REDUCTION, Family.MOVE)


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its key in the frame, its lines (the first is its name) and what colours it.

    ``look`` is a ``Family`` or ``PORT``, an end of the frame where a tensor comes in or leaves.
    """

    key: str
    lines: tuple[str, ...]
    look: str


@dataclass(frozen=True, slots=True)
class Edge:
    """A tensor between two boxes, labelled by its shape; ``state`` is kept from run to run."""

    source: str
    target: str
    label: str
    state: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """A block that runs ``count`` times in a row."""

    title: str
    count: int
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


def frames(graph: OperatorGraph) -> tuple[Frame, ...]:
    """The blocks of a graph in execution order; the graph may be symbolic or bound."""
    pieces = [piece for segment in graph.segments for piece in _pieces(graph, segment)]
    readers: dict[str, list[int]] = {}
    for place, piece in enumerate(pieces):
        for op in piece.ops:
            for access in op.reads:
                readers.setdefault(access.tensor, []).append(place)
    return tuple(_frame(graph, piece, place, readers) for place, piece in enumerate(pieces))


def shape_text(tensor: Tensor) -> str:
    """Its shape as ``1×64×56×56``; symbolic sizes as they are written."""
    return "×".join(str(size) for size in tensor.shape) or "scalar"


def _pieces(graph: OperatorGraph, segment: Segment) -> list[Segment]:
    """A long block without repetitions is cut, if possible where only one tensor passes; others stay whole."""
    if segment.count > 1:
        return [segment]
    last = {access.tensor: place for place, op in enumerate(segment.ops) for access in op.reads}
    owners = _owners(graph, segment.ops)
    pieces: list[Segment] = []
    start = 0
    for place in range(1, len(segment.ops)):
        before = segment.ops[start:place]
        passing = {a.tensor for op in before for a in op.writes if last.get(a.tensor, -1) >= place}
        joins = owners[segment.ops[place].name] in {op.name for op in before}
        boxes = len({owners[op.name] for op in before})
        if not joins and boxes >= (MOST_BOXES if len(passing) == 1 else FULL):
            pieces.append(Segment(segment.name, before))
            start = place
    return [*pieces, Segment(segment.name, segment.ops[start:])]


def _owners(graph: OperatorGraph, ops: Sequence[Op]) -> dict[str, str]:
    """Name of the operator in whose box each one stands: its own, or that of the one whose result it reworks."""
    readers: dict[str, set[str]] = {}
    for _, op in graph.walk():
        for access in op.reads:
            readers.setdefault(access.tensor, set()).add(op.name)
    writers = {access.tensor: op.name for op in ops for access in op.writes}
    owners: dict[str, str] = {}
    for op in ops:
        data = [a.tensor for a in op.reads if graph.by_name[a.tensor].role is not Role.WEIGHT]
        source = writers.get(data[0]) if len(data) == 1 else None
        alone = source in owners and readers[data[0]] == {op.name} if data else False
        owners[op.name] = owners[source] if source is not None and alone and op.family in _JOINED else op.name
    return owners


def _frame(graph: OperatorGraph, piece: Segment, place: int, readers: Mapping[str, list[int]]) -> Frame:
    owners = _owners(graph, piece.ops)
    prefix = _common([op.name for op in piece.ops])
    members: dict[str, list[Op]] = {}
    for op in piece.ops:
        members.setdefault(owners[op.name], []).append(op)
    boxes = [Box(name, _lines(graph, ops, prefix), ops[0].family.value) for name, ops in members.items()]
    edges, ports = _edges(graph, piece, owners, place, readers)
    return Frame(prefix or piece.name, piece.count, (*boxes, *ports), tuple(edges))


def _common(names: Sequence[str]) -> str:
    """The dotted parts that all names begin with."""
    if len(names) == 1:
        return names[0]
    parts = [name.split(".") for name in names]
    kept: list[str] = []
    for column in zip(*parts, strict=False):
        if len(set(column)) > 1:
            break
        kept.append(column[0])
    return ".".join(kept)


def _lines(graph: OperatorGraph, ops: Sequence[Op], prefix: str) -> tuple[str, ...]:
    """Name of the first operator, then kind and weights of each."""
    name = ops[0].name.removeprefix(prefix).strip(".") or _short(ops[0].name)
    return (name, *(_kind(graph, op) for op in ops))


def _kind(graph: OperatorGraph, op: Op) -> str:
    tensors = (graph.by_name[access.tensor] for access in op.reads)
    weights = [tensor for tensor in tensors if tensor.role is Role.WEIGHT]
    # The largest one says what the operator is; a bias or a scale does not.
    largest = max(weights, key=lambda tensor: len(tensor.shape), default=None)
    return op.kind if largest is None or op.family in _JOINED else f"{op.kind}  {shape_text(largest)}"


def _edges(
    graph: OperatorGraph, piece: Segment, owners: Mapping[str, str], place: int, readers: Mapping[str, list[int]]
) -> tuple[list[Edge], list[Box]]:
    """Edges between different boxes, and the ports where tensors come in and leave."""
    writers: dict[str, list[str]] = {}
    edges: dict[Edge, None] = {}
    ports: dict[str, Box] = {}
    for op in piece.ops:
        for tensor in (graph.by_name[access.tensor] for access in op.reads):
            if tensor.role is Role.WEIGHT:
                continue
            if tensor.name not in writers:
                ports[f"in {tensor.name}"] = Box(f"in {tensor.name}", (_short(tensor.name),), PORT)
            for source in writers.get(tensor.name, [f"in {tensor.name}"]):
                if source != owners[op.name]:
                    edge = Edge(source, owners[op.name], shape_text(tensor), tensor.role is Role.STATE)
                    edges.setdefault(edge)
        for access in op.writes:
            writers.setdefault(access.tensor, []).append(owners[op.name])
    for name, sources in writers.items():
        tensor = graph.by_name[name]
        if tensor.role is Role.OUTPUT or any(reader > place for reader in readers.get(name, ())):
            port = Box(f"out {name}", ("output" if tensor.role is Role.OUTPUT else _short(name),), PORT)
            ports[port.key] = port
            edges.update(dict.fromkeys(Edge(source, port.key, shape_text(tensor)) for source in sources))
    return list(edges), list(ports.values())


def _short(name: str) -> str:
    """The last two parts of a dotted name, one more if the first of them is only a number."""
    parts = name.split(".")
    kept = 3 if len(parts) > 2 and parts[-2].isdigit() else 2
    return ".".join(parts[-kept:])
