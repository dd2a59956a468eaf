"""Normalizations, softmax, sums and pooling."""

from __future__ import annotations

from workloads.graph import Access, Affine, Family, Loop, Op
from workloads.lowering.call import Call, Value, axis, lowers
from workloads.symbols import Size, multiply

SOFTMAX = (("add", 2), ("compare", 1), ("exp", 1), ("mul", 1))
"""Per element: running maximum, subtraction, exponential, sum, scaling by the reciprocal of the sum."""

RMSNORM = (("add", 1), ("mul", 3))
"""Per element: square, sum, scaling by the root (one per row, not counted), weight."""

LAYERNORM = (("add", 4), ("mul", 3))
"""Per element: two sums, subtraction of the mean, square, scaling, weight and bias."""


def rows_op(call: Call, kind: str, source: Value, reduced: int, cost: tuple[tuple[str, int], ...]) -> Op:
    """A normalization over the last ``reduced`` axes: loops m (rows) and n (elements of a row), two passes."""
    split = len(source.shape) - reduced
    loops = (Loop("m", multiply(*source.shape[:split])), Loop("n", multiply(*source.shape[split:])))
    index = (axis("m"), axis("n"))
    parameters = [call.maybe(key) for key in ("weight", "bias")]
    reads = (
        Access(source.tensor, index),
        *(Access(value.tensor, (axis("n"),)) for value in parameters if value is not None),
    )
    writes = (Access(call.out.tensor, index),)
    return Op(call.name, kind, Family.REDUCTION, loops, reads, writes, cost, source=call.source, passes=2)


@lowers("aten.softmax", "aten._softmax", "aten.log_softmax", "aten._log_softmax")
def lower_softmax(call: Call) -> tuple[Op, ...]:
    """Softmax along one axis, seen as the last."""
    return (rows_op(call, "softmax", _last(call.value("self"), call.integer("dim")), 1, SOFTMAX),)


def _last(value: Value, dim: int) -> Value:
    """The view with one axis moved to the end."""
    order = [i for i in range(len(value.shape)) if i != dim % len(value.shape)] + [dim % len(value.shape)]
    return Value(
        value.tensor,
        tuple(value.shape[i] for i in order),
        tuple(value.hints[i] for i in order),
        tuple(value.strides[i] for i in order),
        value.bits,
        value.role,
    )


@lowers("aten.layer_norm", "aten.native_layer_norm")
def lower_layer_norm(call: Call) -> tuple[Op, ...]:
    """Layer normalization over the trailing axes."""
    reduced = len(call.integers("normalized_shape"))
    return (rows_op(call, "layernorm", call.value("input"), reduced, LAYERNORM),)


@lowers("aten.rms_norm", "aten._fused_rms_norm")
def lower_rms_norm(call: Call) -> tuple[Op, ...]:
    """Root-mean-square normalization over the trailing axes."""
    reduced = len(call.integers("normalized_shape"))
    return (rows_op(call, "rmsnorm", call.value("input"), reduced, RMSNORM),)


@lowers("hwsim.rmsnorm")
def lower_rmsnorm_module(call: Call) -> tuple[Op, ...]:
    """Root-mean-square normalization over the last axis."""
    return (rows_op(call, "rmsnorm", call.value("x"), 1, RMSNORM),)


@lowers("aten.group_norm", "aten.native_group_norm", "aten.instance_norm")
def lower_group_norm(call: Call) -> tuple[Op, ...]:
    """Group normalization: loops n (batch), g (group), c (channel of the group), p (position)."""
    source = call.value("input")
    groups = int(call.integer("num_groups")) if "num_groups" in call.arguments else source.hints[1]
    per_group = source.hints[1] // groups
    positions = multiply(*source.shape[2:]) if len(source.shape) > 2 else 1
    loops = (Loop("n", source.extent(0)), Loop("g", groups), Loop("c", per_group), Loop("p", positions))
    channel: Affine = (("g", per_group), ("c", 1))
    index = (axis("n"), channel, axis("p"))
    parameters = [call.maybe(key) for key in ("weight", "bias")]
    reads = (Access(source.tensor, index), *(Access(v.tensor, (channel,)) for v in parameters if v is not None))
    writes = (Access(call.out.tensor, index),)
    return (
        Op(call.name, "groupnorm", Family.REDUCTION, loops, reads, writes, LAYERNORM, source=call.source, passes=2),
    )


REDUCTIONS: dict[str, tuple[tuple[str, int], ...]] = {
    "mean": (("add", 1),), "sum": (("add", 1),), "amax": (("compare", 1),), "amin": (("compare", 1),),
    "max": (("compare", 1),), "min": (("compare", 1),), "prod": (("mul", 1),), "logsumexp": (("add", 1), ("exp", 1)),
    "var": (("add", 2), ("mul", 1)), "std": (("add", 2), ("mul", 1)), "norm": (("add", 1), ("mul", 1)),
    "linalg_vector_norm": (("add", 1), ("mul", 1)), "any": (("compare", 1),), "all": (("compare", 1),),
}  # fmt: skip


@lowers(*(f"aten.{name}" for name in REDUCTIONS))
def lower_reduction(call: Call) -> tuple[Op, ...]:
    """A reduction over some axes; the result is indexed by the others."""
    kind = call.target.removeprefix("aten.")
    source = call.value("self")
    rank = len(source.shape)
    dims = frozenset(d % rank for d in call.integers("dim")) if call.arguments.get("dim") is not None else frozenset()
    reduced = dims or frozenset(range(rank))
    loops: list[Loop] = []
    merged: list[bool] = []
    for position, extent in enumerate(source.shape):
        inside = position in reduced
        if extent == 1:
            continue
        if merged and merged[-1] == inside:
            loops[-1] = Loop(loops[-1].name, multiply(loops[-1].extent, extent))
        else:
            loops.append(Loop(f"{'n' if inside else 'm'}{len(loops)}", extent))
            merged.append(inside)
    loops = loops or [Loop("m0", 1)]
    kept = tuple(axis(loop.name) for loop in loops if loop.name.startswith("m"))
    reads = (Access(source.tensor, tuple(axis(loop.name) for loop in loops)),)
    writes = tuple(Access(out.tensor, kept) for out in call.outputs)
    op = Op(call.name, kind, Family.REDUCTION, tuple(loops), reads, writes, REDUCTIONS[kind], source=call.source)
    return (op,)


@lowers("aten.max_pool2d", "aten.avg_pool2d", "aten.max_pool1d", "aten.avg_pool1d", "aten.max_pool2d_with_indices",
        "aten.max_pool3d", "aten.avg_pool3d")  # fmt: skip
def lower_pool(call: Call) -> tuple[Op, ...]:
    """Pooling with a sliding window over the padded input."""
    source = call.value("self")
    spatial = len(call.out.shape) - 2 if len(call.out.shape) > 2 else len(call.out.shape) - 1
    window = call.integers("kernel_size", spatial)
    stride = call.integers("stride", spatial) or window
    # A window that reaches over the edge (with ceil_mode it may be far larger than the input) adds nothing there.
    sides = source.shape[len(source.shape) - spatial :]
    window = tuple(min(size, side) if isinstance(side, int) else size for size, side in zip(window, sides, strict=True))
    cost = (("compare" if "max" in call.target else "add", 1),)
    return (_pool(call, source, window, stride, cost),)


@lowers("aten.adaptive_avg_pool2d", "aten.adaptive_avg_pool1d", "aten.adaptive_max_pool2d", "aten._adaptive_avg_pool2d",
        "aten.adaptive_max_pool1d", "aten.adaptive_avg_pool3d")  # fmt: skip
def lower_adaptive_pool(call: Call) -> tuple[Op, ...]:
    """Pooling to a given output size; windows are taken as equal and disjoint (ceiling of the ratio)."""
    source = call.value("self")
    spatial = len(call.integers("output_size"))
    window = tuple(
        -(-big // small) for big, small in zip(source.hints[-spatial:], call.out.hints[-spatial:], strict=True)
    )
    cost = (("compare" if "max" in call.target else "add", 1),)
    return (_pool(call, source, window, window, cost),)


def _pool(
    call: Call, source: Value, window: tuple[int, ...], stride: tuple[int, ...], cost: tuple[tuple[str, int], ...]
) -> Op:
    spatial = len(window)
    loops: list[Loop] = [Loop("b", multiply(*source.shape[:-spatial]))]
    read: list[Affine] = [axis("b")]
    write: list[Affine] = [axis("b")]
    outer: list[Loop] = []
    inner: list[Loop] = []
    for number, extent in enumerate(window):
        position: Size = call.out.shape[len(call.out.shape) - spatial + number]
        outer.append(Loop(f"p{number}", position))
        inner.append(Loop(f"r{number}", extent))
        read.append(((f"p{number}", stride[number]), (f"r{number}", 1)))
        write.append(axis(f"p{number}"))
    reads = (Access(source.tensor, tuple(read)),)
    writes = (Access(call.out.tensor, tuple(write)),)
    return Op(call.name, "pool", Family.REDUCTION, (*loops, *outer, *inner), reads, writes, cost, source=call.source)
