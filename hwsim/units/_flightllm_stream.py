"""Instruction streams of FlightLLM: what LD, ST, MM, MV, MISC and SYS do for one operator.

Every stream starts with its first load and ends with a SYS that waits for its last store, so that nothing of the next
operator overlaps with it. Loads of weights run ahead of the engine as far as their buffer reaches.

Source: Zeng and others, FPGA 2024 (arXiv:2401.03868), and the authors' profiler (FlightLLM/flightllm_test_demo,
profile/); what that profiler does and the paper does not say is a parameter of the chip file.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.fpga.instructions import Stream
from hwsim.units._flightllm_spec import Buffer, FlightSpec, Rates

BIAS_BYTES = 4
SOFTMAX_PASSES = NORM_PASSES = 2
"""The unit walks over a row once for its maximum or sum, and once to compute."""


@dataclass(frozen=True, slots=True)
class Design:
    """A design with its rates."""

    spec: FlightSpec
    rates: Rates


@dataclass(frozen=True, slots=True)
class Product:
    """A product with a matrix: ``rows`` vectors of k elements, n results each.

    Attributes:
        kept: fraction of weights and multiply-accumulates left by sparsity.
        weight_bytes, input_bytes: of one element.
        bias: whether the stream loads one.
    """

    rows: int
    n: int
    k: int
    kept: float = 1.0
    weight_bytes: float = 0.5
    input_bytes: float = 1.0
    bias: bool = False


@dataclass(frozen=True, slots=True)
class Heads:
    """Attention products of ``heads`` heads: ``queries`` new tokens, ``keys`` tokens, ``width`` elements per head."""

    heads: int
    queries: int
    keys: int
    width: int
    element_bytes: float = 1.0


def up(value: int, unit: int) -> int:
    """The next multiple of ``unit``."""
    return -(-value // unit) * unit


def pieces(k: int, columns: int, buffer: Buffer, block: int) -> tuple[int, ...]:
    """Lengths into which k is cut so that a piece of ``columns`` columns fills at most one slot; the last may be short.

    Weights lie in the buffers as INT8, whatever their width in memory.
    """
    blocks = -(-k // block)
    parts = max(1, -(-columns * blocks * block * buffer.slots // int(buffer.size)))
    size = max(1, blocks // parts)
    return tuple(min(size, blocks - start) * block for start in range(0, blocks, size))


def _load(stream: Stream, size: float, rate: float, *waits: int | None) -> int:
    stream.read_bytes += size
    return stream.add("LD", size / rate, *waits)


def _store(stream: Stream, size: float, rate: float, *waits: int | None) -> int:
    stream.write_bytes += size
    return stream.add("ST", size / rate, *waits)


def _finish(design: Design, stream: Stream, last: int) -> Stream:
    stream.add("SYS", design.rates.cycle, last)
    return stream


def vector_product(design: Design, work: Product) -> Stream:
    """A matrix-vector product for each row; weights are loaded once, ``columns`` results are started at once."""
    spec, rates, stream = design.spec, design.rates, Stream()
    columns, rows_bytes = spec.vector.columns, work.rows * work.input_bytes
    if not spec.on_chip_decode:
        _load(stream, work.k * rows_bytes, rates.cross)
    if work.bias:
        _load(stream, work.n * BIAS_BYTES, rates.single)
    slots, engine = spec.buffers.vector.slots, list[int]()
    for part in pieces(work.k, columns, spec.buffers.vector, spec.block) * (-(-work.n // columns)):
        free = engine[-slots] if len(engine) >= slots else None
        load = _load(stream, columns * part * work.kept * work.weight_bytes, rates.wide, free)
        engine.append(stream.add("MV", work.rows * columns * part * work.kept / rates.vector, load))
    last = engine[-1]
    if not spec.on_chip_decode:
        last = _store(stream, work.n * rows_bytes, rates.single, last)
    return _finish(design, stream, last)


def matrix_product(design: Design, work: Product) -> Stream:
    """A matrix-matrix product: tiles of ``m`` rows stay in the buffer while blocks of columns of weights pass."""
    spec, rates, stream = design.spec, design.rates, Stream()
    m, columns = spec.matrix.m, spec.matrix.columns
    if work.bias:
        _load(stream, work.n * BIAS_BYTES, rates.single)
    slots, parts = spec.buffers.matrix.slots, pieces(work.k, columns, spec.buffers.matrix, spec.block)
    stored = engine = None
    for _ in range(0, up(work.rows, m), m):
        _load(stream, m * work.k * work.input_bytes, rates.wide, engine)
        done: list[int] = []
        for _ in range(0, work.n, columns):
            for part in parts:
                free = done[-slots] if len(done) >= slots else None
                load = _load(stream, columns * part * work.kept * work.weight_bytes, rates.cross, free)
                done.append(stream.add("MM", m * columns * part * work.kept / rates.matrix, load))
            stored = _store(stream, m * columns * work.input_bytes, rates.wide, done[-1])
        engine = done[-1]
    assert stored is not None
    return _finish(design, stream, stored)


def vector_attention(design: Design, work: Heads) -> tuple[Stream, Stream]:
    """Scores with softmax, then values, of one query per head: matrix-vector products with keys and values."""
    spec, rates = design.spec, design.rates
    columns, keys = spec.vector.columns, up(work.keys, spec.lengths.decode)
    scores = Stream()
    if not spec.on_chip_decode:
        _load(scores, work.heads * work.width * work.element_bytes, rates.cross)
    softmax = 0
    for _ in range(work.heads):
        product = 0
        for _ in range(0, keys, columns):
            load = _load(scores, min(columns, keys) * work.width * work.element_bytes, rates.wide)
            product = scores.add("MV", columns * work.width / rates.vector, load)
        softmax = scores.add("MISC", SOFTMAX_PASSES * keys / rates.misc, product)
    if not spec.on_chip_decode:
        softmax = _store(scores, work.heads * keys * work.element_bytes, rates.single, softmax)
    values = Stream()
    if not spec.on_chip_decode:
        _load(values, work.heads * keys * work.element_bytes, rates.cross)
    product = 0
    for _ in range(work.heads):
        for _ in range(0, work.width, columns):
            load = _load(values, min(columns, work.width) * keys * work.element_bytes, rates.wide)
            product = values.add("MV", columns * keys / rates.vector, load)
    if not spec.on_chip_decode:
        product = _store(values, work.heads * work.width * work.element_bytes, rates.single, product)
    return _finish(design, scores, softmax), _finish(design, values, product)


def matrix_attention(design: Design, work: Heads, causal: bool) -> tuple[Stream, Stream]:
    """Scores with softmax, then values, of a prompt; blocks of the mask that no query of a tile sees are skipped."""
    spec, rates = design.spec, design.rates
    m, columns = spec.matrix.m, spec.matrix.columns
    length = up(work.keys, spec.lengths.prefill)
    tiles = range(0, up(work.queries, spec.lengths.prefill), m)
    before = length - up(work.queries, spec.lengths.prefill)
    scores, values = Stream(), Stream()
    stored = weighted = engine = served = None
    for _ in range(work.heads):
        for start in tiles:
            reach = min(length, up(before + start + m, spec.mask_block)) if causal else length
            _load(scores, m * work.width * work.element_bytes, rates.wide, engine if start else None)
            for _ in range(0, reach, columns):
                load = _load(scores, columns * work.width * work.element_bytes, rates.cross)
                engine = scores.add("MM", m * columns * work.width / rates.matrix, load)
            stored = _softmax_rows(design, scores, work, (before + start, length, causal), engine)
            _load(values, m * length * work.element_bytes, rates.wide, served if start else None)
            for _ in range(0, work.width, columns):
                load = _load(values, columns * length * work.element_bytes, rates.cross)
                served = values.add("MM", m * columns * length / rates.matrix, load)
            weighted = _store(values, m * work.width * work.element_bytes, rates.wide, served)
    assert stored is not None and weighted is not None
    return _finish(design, scores, stored), _finish(design, values, weighted)


def _softmax_rows(
    design: Design, stream: Stream, work: Heads, place: tuple[int, int, bool], product: int | None
) -> int:
    """Softmax and store of one tile of queries, a block of rows at a time; returns the last store."""
    spec, rates = design.spec, design.rates
    start, length, causal = place
    stored = 0
    for row in range(start, start + spec.matrix.m, spec.block):
        seen = min(length, up(row + 1, spec.mask_block)) if causal else length
        softmax = stream.add("MISC", spec.block * SOFTMAX_PASSES * seen / rates.misc, product)
        stored = _store(stream, spec.block * seen * work.element_bytes, rates.wide, softmax)
    return stored


def rows(design: Design, count: int, width: int, passes: int, on_chip: bool) -> Stream:
    """A reduction over rows (a norm, a softmax on its own): load, compute and store row by row."""
    spec, rates, stream = design.spec, design.rates, Stream()
    ahead = max(2, int(spec.buffers.rows // max(1, width)))
    done: list[int] = []
    last = 0
    for _ in range(count):
        free = done[-ahead] if len(done) >= ahead else None
        load = None if on_chip else _load(stream, width, rates.single, free)
        last = stream.add("MISC", passes * width / rates.misc, load)
        done.append(last)
        if not on_chip:
            last = _store(stream, width, rates.single, last)
    return _finish(design, stream, last)


def fused(design: Design, elements: int, passes: int) -> Stream:
    """An element-wise operator behind a matrix: all but its last group of results overlap with the matrix."""
    stream = Stream()
    stream.add("MISC", passes * min(elements, design.spec.vector.columns) / design.rates.misc)
    return stream


def transfer(design: Design, read_bytes: float, write_bytes: float, wide: bool) -> Stream:
    """Pure movement, from one channel or from all of a die."""
    stream, rate = Stream(), design.rates.wide if wide else design.rates.single
    last = _load(stream, read_bytes, rate) if read_bytes else None
    if write_bytes:
        last = _store(stream, write_bytes, rate, last)
    if last is not None:
        _finish(design, stream, last)
    return stream
