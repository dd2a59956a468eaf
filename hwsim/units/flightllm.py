"""FlightLLM on an FPGA: one engine that is a matrix-matrix or a matrix-vector engine, played as instruction streams.

Each operator is one stream of LD, ST, MM, MV, MISC and SYS instructions (``_flightllm_stream``); an attention is two.
Work is spread evenly over the dies, each of which reaches ``die_efficiency`` of its rates: the authors' profiler models
one die and divides every time by 3.2, which four dies at 0.8 explain (an inference: the code has only the number).
Element-wise operators are taken to be fused with the matrix before them, so that only their last group takes time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from hwsim.chip import Chip
from hwsim.fpga.instructions import Played, Stream, play_stream
from hwsim.nest import gemm_of, is_contraction, nest_of, product
from hwsim.units._flightllm_spec import FlightSpec, clock_of, rates_of
from hwsim.units._flightllm_stream import (
    NORM_PASSES,
    Design,
    Heads,
    Product,
    fused,
    matrix_attention,
    matrix_product,
    rows,
    transfer,
    up,
    vector_attention,
    vector_product,
)
from hwsim.units.base import Action, Kernel
from hwsim.units.registry import unit_kind
from workloads.graph import Family, Op, Role, Tensor, elements, number, operations, points, size_bytes

QUEUES = ("LD", "ST", "MM", "MV", "MISC", "SYS")


@unit_kind("flightllm", FlightSpec)
class FlightLlm:
    """Runs language models; a composite other than attention, a convolution or a scan is refused."""

    def __init__(self, name: str, spec: FlightSpec, chip: Chip) -> None:
        self.name = name
        self.spec = spec
        self._design = Design(spec, rates_of(spec, chip))
        self._peak = clock_of(spec, chip) * spec.dies
        self._played: dict[object, tuple[Played, float, float]] = {}

    @property
    def engines(self) -> tuple[str, ...]:
        """The instruction queues."""
        return QUEUES

    def refuses(self, op: Op, tensors: Mapping[str, Tensor]) -> str | None:
        """Operands too wide, or operators that the instructions cannot express."""
        if op.family is Family.SCAN or op.kind in ("experts", "lstm") or (op.parts and op.kind != "attention"):
            return f"{self.name}: no instruction stream for {op.kind}"
        for access in op.reads:
            tensor = tensors.get(access.tensor)
            if tensor is None or not (is_contraction(op) or op.kind == "attention"):
                continue
            weight = tensor.role is Role.WEIGHT and len(tensor.shape) > 1
            widest = self.spec.weight_bits if weight else self.spec.activation_bits
            if len(tensor.shape) > 1 and tensor.bits > widest:
                what = "weights" if weight else "activations"
                return f"{self.name} takes {what} of {widest} bits, {tensor.name} has {tensor.bits}"
        return None

    def peak_operations(self, op: Op, tensors: Mapping[str, Tensor]) -> float:
        """Products per second of all dies at full efficiency, sparsity included; infinite for other work."""
        if op.kind != "attention" and not (is_contraction(op) and len(op.reads) >= 2):
            return math.inf
        macs = max(self.spec.vector.macs, self.spec.matrix.macs) if self._rows(op, tensors) > 1 else 0
        return max(macs, self.spec.vector.macs) * self._peak / self.spec.kept(op.name)

    def _rows(self, op: Op, tensors: Mapping[str, Tensor]) -> int:
        """Vectors that an operator multiplies with the same matrix."""
        if op.kind == "attention":
            return _size(op, "queries")
        nest = nest_of(op, tensors)
        return int(product(gemm_of(nest).m, nest.full))

    def kernel(self, op: Op, tensors: Mapping[str, Tensor]) -> Kernel:
        """Time and traffic of an operator's streams one after the other, and the board's power meanwhile."""
        known = {**tensors, **{tensor.name: tensor for tensor in op.internal}}
        played = [self._play(stream_key, op, known) for stream_key in self._keys(op)]
        seconds = sum(one.seconds for one, _, _ in played)
        busy, critical, count = ({name: 0.0 for name in QUEUES} for _ in range(3))
        for one, _, _ in played:
            for sums, found in ((busy, one.busy), (critical, one.critical), (count, one.count)):
                for name, value in found:
                    sums[name] += value
        memory = self.spec.path[0]
        read, write = sum(one[1] for one in played), sum(one[2] for one in played)
        return Kernel(
            seconds=seconds,
            overhead_seconds=0.0,
            reads_bytes=((memory, read),) if read else (),
            writes_bytes=((memory, write),) if write else (),
            actions=(Action("board", "second", seconds, self.spec.power),) if seconds else (),
            compute_seconds=busy["MM"] + busy["MV"],
            memory_seconds=min(seconds, max(busy["LD"], busy["ST"])),
            note=", ".join(f"{int(n):,} {name}" for name, n in count.items() if n),
            engines=tuple((name, critical[name]) for name in QUEUES),
        )

    def _keys(self, op: Op) -> tuple[str, ...]:
        return ("scores", "values") if op.kind == "attention" else ("",)

    def _play(self, part: str, op: Op, tensors: Mapping[str, Tensor]) -> tuple[Played, float, float]:
        """A stream played, equal ones once."""
        shape = self._shape(op, tensors)
        key = (part, shape)
        if key not in self._played:
            stream = self._stream(part, shape)
            self._played[key] = (play_stream(stream.instructions), stream.read_bytes, stream.write_bytes)
        return self._played[key]

    def _shape(self, op: Op, tensors: Mapping[str, Tensor]) -> tuple[object, ...]:
        """What a stream depends on, beside the design."""
        if op.kind == "attention":
            batch, heads, queries, keys, width = (
                _size(op, key) for key in ("batch", "heads", "queries", "keys", "head_dim")
            )
            element = max(tensors[access.tensor].bits for access in op.reads[:3]) / 8
            work = Heads(batch * heads, queries, keys, width, element)
            return ("attention", work, op.param("causal", "causal") == "causal")
        if is_contraction(op) and len(op.reads) >= 2:
            return ("product", *self._products(op, tensors))
        result = tensors[op.writes[0].tensor] if op.writes else None
        if op.family is Family.REDUCTION and op.loops:
            width = number(op.loops[-1].extent)
            return ("rows", max(1, points(op) // width), width, NORM_PASSES if op.passes > 1 else 1)
        if op.kind == "kv_append" and result is not None:
            return (
                "append",
                points(op) * result.bits / 8,
                size_bytes(result),
                number(dict((loop.name, loop.extent) for loop in op.loops).get("s", 1)),
            )
        if op.family is Family.POINTWISE:
            classes = max(1, round(sum(operations(op).values()) / max(1, points(op))))
            return ("fused", max(1, points(op)), min(classes, 3))
        moved = points(op) * (result.bits / 8 if result is not None and op.family is Family.GATHER else 0)
        return ("transfer", moved)

    def _products(self, op: Op, tensors: Mapping[str, Tensor]) -> tuple[Product, int]:
        """The matrix product of a contraction, and how many independent ones there are."""
        nest = nest_of(op, tensors)
        gemm, full = gemm_of(nest), nest.full
        m, n, k, batch = (int(product(dims, full)) for dims in (gemm.m, gemm.n, gemm.k, gemm.batch))
        source = tensors[op.reads[0].tensor]
        if self.spec.whole_inputs and op.kind == "linear":
            m = max(m, elements(source) // k)
        bits = tensors[op.reads[1].tensor].bits
        bias = len(op.reads) > 2 or self.spec.has_bias(op.name)
        return Product(m, n, k, self.spec.kept(op.name), bits / 8, source.bits / 8, bias), batch

    def _stream(self, part: str, shape: tuple[object, ...]) -> Stream:
        design = self._design
        match shape:
            case ("attention", Heads() as heads, bool() as causal):
                one = vector_attention(design, heads) if heads.queries == 1 else matrix_attention(design, heads, causal)
                return one[0] if part == "scores" else one[1]
            case ("product", Product() as work, int() as batch):
                return self._product(work, batch)
            case ("rows", int() as count, int() as width, int() as passes):
                one_row = count == 1 and self.spec.on_chip_decode
                return rows(
                    design, count if count == 1 else up(count, self.spec.lengths.prefill), width, passes, one_row
                )
            case ("append", float() as new, int() as cache, int() as tokens):
                again = cache - new if self.spec.reread_cache and tokens == 1 else 0.0
                return transfer(design, again, 0.0 if again else new, wide=True)
            case ("fused", int() as count, int() as passes):
                return fused(design, count, passes)
            case ("transfer", int() | float() as moved):
                return transfer(design, moved, 0.0, wide=False)
            case _:
                raise AssertionError(shape)

    def _product(self, work: Product, batch: int) -> Stream:
        """The faster of the two forms of the engine; several independent products are one after the other."""
        forms = [vector_product(self._design, work)] if work.rows <= self.spec.lengths.prefill else []
        if work.rows > 1:
            forms.append(matrix_product(self._design, work))
        best = min(forms, key=lambda stream: play_stream(stream.instructions).seconds)
        if batch == 1:
            return best
        whole = Stream(read_bytes=batch * best.read_bytes, write_bytes=batch * best.write_bytes)
        for _ in range(batch):
            start = len(whole.instructions)
            for one in best.instructions:
                whole.add(one.queue, one.seconds, *(wait + start for wait in one.waits))
        return whole

    def cautions(self, work: Sequence[tuple[Op, Mapping[str, Tensor], int]], seconds: float) -> tuple[str, ...]:
        """What is taken for granted about element-wise operators."""
        if not any(op.family is Family.POINTWISE for op, _, _ in work):
            return ()
        return (f"{self.name}: element-wise operators count as fused with the matrix before them",)


def _size(op: Op, key: str) -> int:
    """A parameter of a bound composite that is a number."""
    return number(int(str(op.param(key))))
