"""Real copies, and the list of operators that cost nothing because they only look at the same elements differently."""

from __future__ import annotations

from workloads.graph import Access, Affine, Family, Loop, Op
from workloads.lowering.call import Call, Value, axis, lowers
from workloads.lowering.pointwise import broadcast_nest
from workloads.symbols import multiply

VIEWS = frozenset(
    f"aten.{name}"
    for name in (
        "view", "permute", "transpose", "t", "numpy_T", "expand", "expand_as", "slice", "select", "squeeze",
        "unsqueeze", "split", "split_with_sizes", "chunk", "unbind", "detach", "alias", "lift_fresh_copy", "unfold",
        "diagonal", "narrow", "view_as", "swapaxes", "movedim", "broadcast_to", "dropout", "feature_dropout",
        "alpha_dropout", "native_dropout", "unflatten", "as_strided", "real", "view_as_real", "view_as_complex",
        "tensor_split", "lift", "detach_", "mT", "adjoint", "positive", "requires_grad_",
    )
)  # fmt: skip
"""Free: the consumer reads the same elements with other axes. Dropout is free in inference."""

RESHAPES = frozenset(f"aten.{name}" for name in ("reshape", "flatten", "_unsafe_view", "reshape_as"))
"""Free unless the strides forbid it."""

CASTS = frozenset(
    f"aten.{name}" for name in ("to", "_to_copy", "type_as", "float", "half", "bfloat16", "contiguous", "long", "bool")
)
"""Free unless width or order of the elements change."""

CREATIONS = frozenset(
    f"aten.{name}"
    for name in (
        "arange", "zeros", "ones", "full", "empty", "zeros_like", "ones_like", "full_like", "empty_like",
        "scalar_tensor", "new_zeros", "new_ones", "new_full", "new_empty", "eye", "tril_indices", "triu_indices",
        "linspace", "tensor", "rand", "randn", "rand_like", "randn_like", "empty_permuted", "empty_strided",
        "new_empty_strided",
    )
)  # fmt: skip
"""Made from shapes alone; known before the network runs."""


PADS = frozenset(("aten.pad", "aten.constant_pad_nd"))
"""Free where nothing is added."""


def is_free(call: Call) -> bool:
    """Whether the call's single tensor argument and its outputs are the same elements in the same place."""
    if call.target in VIEWS:
        return True
    if call.target in RESHAPES:
        return call.tensors()[0].can_view(call.out.hints)
    if call.target in PADS:
        return not any(call.integers("pad"))
    if call.target in CASTS:
        source = call.tensors()[0]
        pairs = zip(source.hints, source.strides, call.out.strides, strict=True)
        return source.bits == call.out.bits and all(extent == 1 or old == new for extent, old, new in pairs)
    return False


@lowers(*RESHAPES, *CASTS, "aten.clone", "aten.repeat", "aten.tile", "aten.roll", "aten.flip", "aten.copy",
        "aten.repeat_interleave", "aten.tril", "aten.triu", "aten.rot90", "aten.fill", "aten.zero",
        "aten.pixel_shuffle", "aten.pixel_unshuffle", "aten.channel_shuffle", "aten.im2col")  # fmt: skip
def lower_copy(call: Call) -> tuple[Op, ...]:
    """Every element of the result is written once; the source is seen in the result's shape where sizes agree."""
    kind = call.target.removeprefix("aten.")
    sources = call.tensors()[-1:] if kind == "copy" else call.tensors()[:1]
    return (copy_op(call.name, _KINDS.get(kind, kind), sources, call.out, call.source),)


_KINDS = {
    "reshape": "copy", "flatten": "copy", "_unsafe_view": "copy", "reshape_as": "copy", "clone": "copy",
    "contiguous": "copy", "to": "cast", "_to_copy": "cast", "type_as": "cast", "float": "cast", "half": "cast",
    "bfloat16": "cast", "long": "cast", "bool": "cast", "tile": "repeat", "repeat_interleave": "repeat",
}  # fmt: skip


def copy_op(name: str, kind: str, sources: tuple[Value, ...], out: Value, source: str) -> Op:
    """A copy of as many elements as the output has."""
    loops = (Loop("i", out.size),)
    reads = tuple(Access(value.tensor, (axis("i"),)) for value in sources)
    return Op(name, kind, Family.MOVE, loops, reads, (Access(out.tensor, (axis("i"),)),), source=source)


@lowers("aten.cat", "aten.concat", "aten.concatenate", "aten.stack")
def lower_cat(call: Call) -> tuple[Op, ...]:
    """Concatenation: each operand is copied into its part of the result."""
    operands = [v for v in call.values("tensors") if v.hints != (0,)]
    ops: list[Op] = []
    for position, operand in enumerate(operands):
        loops = (Loop("i", operand.size),)
        reads, writes = (Access(operand.tensor, (axis("i"),)),), (Access(call.out.tensor, (axis("i"),)),)
        name = call.name if len(operands) == 1 else f"{call.name}.{position}"
        ops.append(Op(name, "cat", Family.MOVE, loops, reads, writes, source=call.source))
    return tuple(ops)


@lowers(*PADS)
def lower_pad(call: Call) -> tuple[Op, ...]:
    """Padding: the input is copied, the border written; counted as one write per element of the result."""
    source = call.value("self")
    loops = (Loop("i", call.out.size),)
    reads, writes = (Access(source.tensor, (axis("i"),)),), (Access(call.out.tensor, (axis("i"),)),)
    return (Op(call.name, "pad", Family.MOVE, loops, reads, writes, source=call.source),)


_INTERPOLATED = {"linear1d": 2, "bilinear2d": 4, "trilinear3d": 8, "bicubic2d": 16}
"""Input elements that each output element of an interpolation is a weighted sum of."""


@lowers("aten.upsample_nearest1d", "aten.upsample_nearest2d", "aten.upsample_nearest3d",
        "aten._upsample_nearest_exact1d", "aten._upsample_nearest_exact2d", "aten._upsample_nearest_exact3d",
        *(f"aten.upsample_{mode}" for mode in _INTERPOLATED))  # fmt: skip
def lower_upsample(call: Call) -> tuple[Op, ...]:
    """Resampling: every input element is written to a small window of the result, or is part of a sum there.

    Along an axis without a whole factor the input is seen in the result's shape (its elements count more than once).
    """
    source = call.value("input") if "input" in call.arguments else call.value("self")
    loops = [Loop("i", multiply(source.shape[0], source.shape[1]))]
    read: list[Affine] = [axis("i")]
    write: list[Affine] = [axis("i")]
    for number, (small, large) in enumerate(zip(source.hints[2:], call.out.hints[2:], strict=True)):
        factor = large // small if large % small == 0 else 1
        outer, inner = f"p{number}", f"r{number}"
        loops += [Loop(outer, large // factor), Loop(inner, factor)]
        read.append(((outer, max(1, small // large)),))
        write.append(((outer, factor), (inner, 1)))
    reads, writes = (Access(source.tensor, tuple(read)),), (Access(call.out.tensor, tuple(write)),)
    terms = _INTERPOLATED.get(call.target.removeprefix("aten.upsample_"), 0)
    cost = (("add", terms - 1), ("mul", terms)) if terms else ()
    family = Family.POINTWISE if terms else Family.MOVE
    return (Op(call.name, "upsample", family, tuple(loops), reads, writes, cost, source=call.source),)


def unknown_ops(call: Call) -> tuple[Op, ...]:
    """Stand-ins for an operator that has no lowering: every operand is read once and every result written once."""
    ops: list[Op] = []
    for position, operand in enumerate(call.tensors()):
        loops, reads, _ = broadcast_nest(operand, (operand,))
        ops.append(Op(f"{call.name}.read{position}", "unknown", Family.MOVE, loops, reads, (), source=call.source))
    for position, out in enumerate(call.outputs):
        loops, _, writes = broadcast_nest(out, ())
        name = call.name if position == 0 else f"{call.name}.write{position}"
        ops.append(Op(name, "unknown", Family.MOVE, loops, (), writes, source=call.source))
    return tuple(ops)
