"""Graphs as compact compressed JSON, and the hash of their structure."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from workloads.errors import UserError
from workloads.graph import Access, Affine, Family, Loop, Op, OperatorGraph, Role, Segment, Tensor, check
from workloads.symbols import Size, SymbolError, parse

SCHEMA = 1
_T = TypeVar("_T")


class SerializeError(UserError):
    """Bytes that are not a graph; the message names the file and the place in it."""


def _size(size: Size) -> int | str:
    return size if isinstance(size, int) else str(size)


def _affine(index: Affine) -> list[Any]:
    return [term[0] if term[1] == 1 else [term[0], term[1]] for term in index]


def _access(access: Access, numbers: dict[str, int]) -> list[Any]:
    return [numbers[access.tensor], *(_affine(index) for index in access.index)]


def _param(value: Size | str) -> Any:
    """Texts are wrapped in a list, so that they are never taken for a size expression."""
    if isinstance(value, int):
        return value
    return [value] if isinstance(value, str) else str(value)


def _op(op: Op, numbers: dict[str, int]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": op.name, "kind": op.kind, "family": op.family.value,
        "loops": [[loop.name, _size(loop.extent)] for loop in op.loops],
        "reads": [_access(access, numbers) for access in op.reads],
        "writes": [_access(access, numbers) for access in op.writes],
    }  # fmt: skip
    optional: dict[str, Any] = {
        "arithmetic": dict(op.arithmetic),
        "params": {key: _param(value) for key, value in op.params},
        "source": op.source,
        "active_points": None if op.active_points is None else _size(op.active_points),
        "passes": op.passes if op.passes != 1 else None,
    }
    return entry | {key: value for key, value in optional.items() if value not in (None, {}, "")}


def _tensor(tensor: Tensor) -> list[Any]:
    entry: list[Any] = [tensor.name, [_size(size) for size in tensor.shape], tensor.role.value, tensor.bits]
    if tensor.zeros:
        return [*entry, tensor.shared, tensor.zeros]
    return [*entry, True] if tensor.shared else entry


def to_document(graph: OperatorGraph) -> dict[str, Any]:
    """The graph as plain lists, numbers and texts. Only unbound graphs (without parts) are written."""
    numbers = {tensor.name: number for number, tensor in enumerate(graph.tensors)}
    return {
        "schema": SCHEMA,
        "model": graph.model,
        "phase": graph.phase,
        "parameters": graph.parameters,
        "facts": dict(graph.facts),
        "unknown": [list(entry) for entry in graph.unknown],
        "tensors": [_tensor(tensor) for tensor in graph.tensors],
        "segments": [
            {"name": segment.name, "count": segment.count, "ops": [_op(op, numbers) for op in segment.ops]}
            for segment in graph.segments
        ],
    }


def save(graph: OperatorGraph) -> bytes:
    """The graph as gzip-compressed JSON; equal graphs give equal bytes."""
    text = json.dumps(to_document(graph), separators=(",", ":"), ensure_ascii=True)
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def load(data: bytes, origin: str = "graph") -> OperatorGraph:
    """A graph from what ``save`` wrote (compressed or plain JSON).

    Args:
        data: the bytes.
        origin: file name for messages.

    Raises:
        SerializeError: not JSON, another schema, or a key that is missing or wrong, with its path.
        GraphError: a graph that contradicts itself.
    """
    try:
        text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        document = json.loads(text)
    except (OSError, EOFError, ValueError, RecursionError) as error:
        raise SerializeError(f"{origin}: not a saved graph: {error}") from error
    reader = _Reader(origin)
    graph = reader.graph(document)
    check(graph)
    return graph


def load_file(path: Path) -> OperatorGraph:
    """A graph from a file.

    Raises:
        SerializeError: the file cannot be read or is not a graph.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SerializeError(f"{path}: {error.strerror}") from error
    return load(data, str(path))


class _Reader:
    """Reads a document key by key; every complaint carries the path of the key."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._sizes: dict[str, Size] = {}
        self._names: list[str] = []

    def _fail(self, where: str, message: str) -> SerializeError:
        return SerializeError(f"{self._origin}: {where}: {message}")

    def _get(self, entry: Any, key: str, where: str, kind: type[_T]) -> _T:
        if not isinstance(entry, dict):
            raise self._fail(where, f"expected a mapping, got {type(entry).__name__}")
        mapping = cast("dict[str, Any]", entry)
        if key not in mapping:
            raise self._fail(where, f"key {key!r} is missing")
        return self._typed(mapping[key], f"{where}.{key}", kind)

    def _typed(self, value: Any, where: str, kind: type[_T]) -> _T:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self._fail(where, f"expected {kind.__name__}, got {type(value).__name__}")
        return value

    def graph(self, document: Any) -> OperatorGraph:
        schema = self._get(document, "schema", "top", int)
        if schema != SCHEMA:
            raise self._fail("schema", f"version {schema} is not supported, expected {SCHEMA}")
        tensors = self._each(document, "tensors", "top", self._tensor)
        self._names = [tensor.name for tensor in tensors]
        facts = self._get(document, "facts", "top", dict)
        return OperatorGraph(
            model=self._get(document, "model", "top", str),
            phase=self._get(document, "phase", "top", str),
            tensors=tensors,
            segments=self._each(document, "segments", "top", self._segment),
            parameters=self._get(document, "parameters", "top", int),
            facts=tuple(sorted((str(k), self._fact(v, f"facts.{k}")) for k, v in facts.items())),
            unknown=self._each(document, "unknown", "top", self._unknown),
        )

    def _each(self, entry: Any, key: str, where: str, read: Callable[[Any, str], _T]) -> tuple[_T, ...]:
        items = cast("list[Any]", self._get(entry, key, where, list))
        prefix = key if where == "top" else f"{where}.{key}"
        return tuple([read(item, f"{prefix}[{i}]") for i, item in enumerate(items)])

    def _fact(self, value: Any, where: str) -> int | str:
        if isinstance(value, int | str):
            return value
        raise self._fail(where, f"expected a number or a text, got {type(value).__name__}")

    def _unknown(self, item: Any, where: str) -> tuple[str, str, int]:
        entry = self._typed(item, where, list)
        if len(entry) != 3:
            raise self._fail(where, f"expected 3 items, got {len(entry)}")
        return (
            self._typed(entry[0], where, str), self._typed(entry[1], where, str), self._typed(entry[2], where, int),
        )  # fmt: skip

    def _read_size(self, value: Any, where: str) -> Size:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        text = self._typed(value, where, str)
        if text not in self._sizes:
            try:
                self._sizes[text] = parse(text)
            except SymbolError as error:
                raise self._fail(where, str(error)) from error
        return self._sizes[text]

    def _tensor(self, item: Any, where: str) -> Tensor:
        entry = self._typed(item, where, list)
        if not 4 <= len(entry) <= 6:
            raise self._fail(where, f"expected 4 to 6 items, got {len(entry)}")
        shape = tuple([self._read_size(size, where) for size in self._typed(entry[1], where, list)])
        role = self._member(Role, entry[2], where)
        name, bits = self._typed(entry[0], where, str), self._typed(entry[3], where, int)
        zeros = self._typed(entry[5], where, float) if len(entry) == 6 else 0.0
        return Tensor(name, shape, role, bits, len(entry) > 4 and entry[4] is True, zeros)

    def _member(self, kind: Callable[[Any], _T], value: Any, where: str) -> _T:
        try:
            return kind(value)
        except ValueError as error:
            raise self._fail(where, str(error)) from error

    def _segment(self, item: Any, where: str) -> Segment:
        ops = self._each(item, "ops", where, self._op)
        return Segment(self._get(item, "name", where, str), ops, self._get(item, "count", where, int))

    def _op(self, item: Any, where: str) -> Op:
        loops = self._each(item, "loops", where, self._loop)
        optional = cast("dict[str, Any]", item)
        active = optional.get("active_points")
        arithmetic = self._typed(optional.get("arithmetic", {}), f"{where}.arithmetic", dict)
        params = self._typed(optional.get("params", {}), f"{where}.params", dict)
        return Op(
            name=self._get(item, "name", where, str),
            kind=self._get(item, "kind", where, str),
            family=self._member(Family, self._get(item, "family", where, str), f"{where}.family"),
            loops=loops,
            reads=self._each(item, "reads", where, self._access),
            writes=self._each(item, "writes", where, self._access),
            arithmetic=tuple((str(k), self._typed(v, f"{where}.arithmetic.{k}", int)) for k, v in arithmetic.items()),
            params=tuple((str(k), self._read_param(v, f"{where}.params.{k}")) for k, v in params.items()),
            source=self._typed(optional.get("source", ""), f"{where}.source", str),
            active_points=None if active is None else self._read_size(active, f"{where}.active_points"),
            passes=self._typed(optional.get("passes", 1), f"{where}.passes", int),
        )

    def _read_param(self, value: Any, where: str) -> Size | str:
        if isinstance(value, list):
            items = cast("list[Any]", value)
            return self._typed(items[0] if len(items) == 1 else None, where, str)
        return self._read_size(value, where)

    def _loop(self, item: Any, where: str) -> Loop:
        entry = self._typed(item, where, list)
        if len(entry) != 2:
            raise self._fail(where, f"expected 2 items, got {len(entry)}")
        return Loop(self._typed(entry[0], where, str), self._read_size(entry[1], where))

    def _access(self, item: Any, where: str) -> Access:
        entry = self._typed(item, where, list)
        number = self._typed(entry[0] if entry else None, where, int)
        if not 0 <= number < len(self._names):
            raise self._fail(where, f"there is no tensor number {number}")
        return Access(self._names[number], tuple([self._index(index, where) for index in entry[1:]]))

    def _index(self, index: Any, where: str) -> Affine:
        terms: list[tuple[str, int]] = []
        for term in self._typed(index, where, list):
            if isinstance(term, str):
                terms.append((term, 1))
                continue
            pair = self._typed(term, where, list)
            if len(pair) != 2:
                raise self._fail(where, f"expected loop and stride, got {len(pair)} items")
            terms.append((self._typed(pair[0], where, str), self._typed(pair[1], where, int)))
        return tuple(terms)


def structural_hash(graph: OperatorGraph) -> str:
    """Hexadecimal SHA-256 of the graph without model name, source texts and tensor and operator names."""
    numbers: dict[str, int] = {}
    tensors = {tensor.name: tensor for tensor in graph.tensors}
    order: list[Tensor] = []

    def number(accesses: Sequence[Access]) -> list[Any]:
        for access in accesses:
            if access.tensor not in numbers:
                numbers[access.tensor] = len(numbers)
                order.append(tensors[access.tensor])
        return [_access(access, numbers) for access in accesses]

    segments: list[Any] = []
    for segment in graph.segments:
        body: list[Any] = []
        for op in segment.ops:
            number((*op.reads, *op.writes))
            entry = _op(op, numbers)
            entry.pop("name")
            entry.pop("source", None)
            body.append(entry)
        segments.append([segment.count, body])
    shapes = [_tensor(tensor)[1:] for tensor in order]
    text = json.dumps([graph.phase, graph.parameters, segments, shapes], separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
