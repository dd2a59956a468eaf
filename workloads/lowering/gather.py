"""Data-dependent reads and writes: embedding, indexing, selection, cache append."""

from __future__ import annotations

from workloads.graph import Access, Family, Loop, Op
from workloads.lowering.call import Call, Value, access, axis, lowers
from workloads.lowering.pointwise import broadcast_nest
from workloads.symbols import multiply


@lowers("aten.embedding")
def lower_embedding(call: Call) -> tuple[Op, ...]:
    """Table lookup: the table is seen as the rows that the indices pick."""
    weight, indices = call.value("weight"), call.value("indices")
    loops = (Loop("t", indices.size), Loop("d", weight.shape[1]))
    reads = (Access(indices.tensor, (axis("t"),)), Access(weight.tensor, (axis("t"), axis("d"))))
    writes = (Access(call.out.tensor, (axis("t"), axis("d"))),)
    params = (("rows", weight.shape[0]),)
    return (Op(call.name, "embedding", Family.GATHER, loops, reads, writes, params=params, source=call.source),)


@lowers("aten.index", "aten.gather", "aten.index_select", "aten.take", "aten.take_along_dim")
def lower_index(call: Call) -> tuple[Op, ...]:
    """Indexed read: the source is seen in the shape of the result."""
    source, *indices = call.tensors()
    return (_moved(call, "gather", call.out, (source,), tuple(indices)),)


@lowers(
    "aten.scatter", "aten.scatter_add", "aten.index_put", "aten.index_add", "aten.index_copy", "aten.masked_scatter",
    "aten.scatter_reduce", "aten.slice_scatter", "aten.select_scatter",
)  # fmt: skip
def lower_scatter(call: Call) -> tuple[Op, ...]:
    """Indexed write: only the written elements move."""
    _, *others = call.tensors()
    moved = max(others, key=lambda value: len(value.shape)) if others else call.out
    return (_moved(call, "scatter", moved, tuple(others), ()),)


def _moved(call: Call, kind: str, shape: Value, sources: tuple[Value, ...], indices: tuple[Value, ...]) -> Op:
    loops = (Loop("i", shape.size),)
    reads = [Access(source.tensor, (axis("i"),)) for source in sources]
    nest, index_reads, _ = broadcast_nest(shape, indices)
    fits = all(len(index.shape) <= len(shape.shape) for index in indices)
    if indices and fits and len(nest) > 1:
        loops = nest
        reads = [Access(source.tensor, tuple(axis(loop.name) for loop in loops)) for source in sources]
    reads += index_reads if indices and fits else ()
    writes = (Access(call.out.tensor, tuple(axis(loop.name) for loop in loops)),)
    return Op(call.name, kind, Family.GATHER, loops, tuple(reads), writes, source=call.source)


@lowers("aten.topk", "aten.sort", "aten.argsort", "aten.argmax", "aten.argmin", "aten.kthvalue")
def lower_selection(call: Call) -> tuple[Op, ...]:
    """Selection along the last axis: one comparison per element read."""
    source = call.value("self")
    rows = multiply(*source.shape[:-1]) if len(source.shape) > 1 else 1
    loops = (Loop("m", rows), Loop("n", source.extent(-1)))
    reads = (Access(source.tensor, (axis("m"), axis("n"))),)
    full = call.target in ("aten.sort", "aten.argsort")
    index = (axis("m"), axis("n")) if full else (axis("m"), ())
    writes = tuple(Access(out.tensor, index) for out in call.outputs)
    kind = call.target.removeprefix("aten.")
    arithmetic = (("compare", 1),)
    return (Op(call.name, kind, Family.GATHER, loops, reads, writes, arithmetic, source=call.source),)


@lowers("aten.one_hot", "aten.bincount", "aten.histc")
def lower_count(call: Call) -> tuple[Op, ...]:
    """Writes a table from indices."""
    source = call.value("self")
    loops, _, writes = broadcast_nest(call.out, ())
    reads = (Access(source.tensor, tuple(() for _ in source.shape)),)
    return (Op(call.name, "scatter", Family.GATHER, loops, reads, writes, source=call.source),)


@lowers("hwsim.kv_append", states=(0,))
def lower_append(call: Call) -> tuple[Op, ...]:
    """New rows [b, s, g, d] written at the end of a cache of [b, t, g, d]; only the new rows move."""
    rows = call.value("rows")
    names = ("b", "s", "g", "d")
    loops = tuple(Loop(name, extent) for name, extent in zip(names, rows.shape, strict=True))
    index = tuple(axis(name) for name in names)
    reads, writes = (access(rows, *index),), (Access(call.out.tensor, index),)
    return (Op(call.name, "kv_append", Family.GATHER, loops, reads, writes, source=call.source),)


@lowers("hwsim.cache_read", states=(0,))
def lower_cache_read(call: Call) -> tuple[Op, ...]:
    """A cache that was filled in an earlier phase: it is there, and whoever uses it pays for reading it."""
    return ()
