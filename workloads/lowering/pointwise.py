"""Element-wise operators: a table of their arithmetic and the loop nest that broadcasting leaves."""

from __future__ import annotations

from workloads.graph import Access, Affine, Family, Loop, Op
from workloads.lowering.call import Call, Value, lowers
from workloads.symbols import Size, multiply

Arithmetic = tuple[tuple[str, int], ...]

_LOOP_NAMES = "ijklmnop"

SIGMOID: Arithmetic = (("exp", 1), ("add", 1), ("div", 1))
COSTS: dict[str, Arithmetic] = {
    "add": (("add", 1),), "sub": (("add", 1),), "rsub": (("add", 1),), "neg": (("add", 1),), "abs": (("compare", 1),),
    "mul": (("mul", 1),), "div": (("div", 1),), "reciprocal": (("div", 1),), "square": (("mul", 1),),
    "floor_divide": (("div", 1),), "remainder": (("div", 1),), "floor": (("add", 1),), "ceil": (("add", 1),),
    "round": (("add", 1),), "sign": (("compare", 1),), "lerp": (("add", 2), ("mul", 1)),
    "addcmul": (("add", 1), ("mul", 2)), "addcdiv": (("add", 1), ("mul", 1), ("div", 1)),
    "sqrt": (("sqrt", 1),), "rsqrt": (("div", 1), ("sqrt", 1)), "exp": (("exp", 1),), "exp2": (("exp", 1),),
    "log": (("exp", 1),), "log2": (("exp", 1),), "log1p": (("add", 1), ("exp", 1)), "expm1": (("add", 1), ("exp", 1)),
    "sin": (("exp", 1),), "cos": (("exp", 1),), "tan": (("div", 1), ("exp", 2)), "tanh": (("tanh", 1),),
    "atan": (("exp", 1),), "erf": (("exp", 1), ("mul", 5), ("add", 5), ("div", 1)),
    "sigmoid": SIGMOID, "log_sigmoid": (("exp", 2), ("add", 1)), "softplus": (("exp", 2), ("add", 1)),
    "silu": (*SIGMOID, ("mul", 1)), "mish": (("exp", 2), ("add", 1), ("tanh", 1), ("mul", 1)),
    "gelu": (("mul", 5), ("add", 2), ("tanh", 1)), "elu": (("exp", 1), ("add", 1), ("compare", 1)),
    "relu": (("compare", 1),), "relu6": (("compare", 2),), "hardtanh": (("compare", 2),),
    "threshold": (("compare", 1),),
    "leaky_relu": (("compare", 1), ("mul", 1)), "prelu": (("compare", 1), ("mul", 1)),
    "hardsigmoid": (("add", 1), ("compare", 2), ("mul", 1)), "hardswish": (("add", 1), ("compare", 2), ("mul", 2)),
    "clamp": (("compare", 2),), "clip": (("compare", 2),), "clamp_min": (("compare", 1),),
    "clamp_max": (("compare", 1),),
    "maximum": (("compare", 1),), "minimum": (("compare", 1),), "where": (("compare", 1),),
    "masked_fill": (("compare", 1),),
    "eq": (("compare", 1),), "ne": (("compare", 1),), "lt": (("compare", 1),), "le": (("compare", 1),),
    "gt": (("compare", 1),), "ge": (("compare", 1),), "isinf": (("compare", 1),), "isnan": (("compare", 1),),
    "logical_and": (("compare", 1),), "logical_or": (("compare", 1),), "logical_not": (("compare", 1),),
    "bitwise_and": (("compare", 1),), "bitwise_or": (("compare", 1),), "bitwise_not": (("compare", 1),),
    "__and__": (("compare", 1),), "__or__": (("compare", 1),), "floor_mod": (("div", 1),),
}  # fmt: skip
"""Operations per element; sine, cosine and logarithm count as one exponential each."""

POWERS: dict[float, Arithmetic] = {
    2: (("mul", 1),), 3: (("mul", 2),), 0.5: (("sqrt", 1),), -0.5: (("div", 1), ("sqrt", 1)), -1: (("div", 1),),
}  # fmt: skip


def broadcast_nest(
    out: Value, operands: tuple[Value, ...]
) -> tuple[tuple[Loop, ...], tuple[Access, ...], tuple[Access, ...]]:
    """Loops over the output with neighbouring axes merged where no operand is broadcast differently.

    Returns:
        Loops, reads (one per operand) and the write.
    """
    flags = [tuple(_varies(operand, out, axis) for operand in operands) for axis in range(len(out.shape))]
    groups: list[tuple[tuple[bool, ...], Size]] = []
    for flag, extent in zip(flags, out.shape, strict=True):
        if extent == 1:
            continue
        if groups and groups[-1][0] == flag:
            groups[-1] = (flag, multiply(groups[-1][1], extent))
        else:
            groups.append((flag, extent))
    loops = tuple(Loop(_LOOP_NAMES[i], extent) for i, (_, extent) in enumerate(groups)) or (Loop("i", 1),)
    reads = tuple(
        Access(
            operand.tensor, tuple(_index(loop, flag[position]) for loop, (flag, _) in zip(loops, groups, strict=False))
        )
        for position, operand in enumerate(operands)
    )
    writes = (Access(out.tensor, tuple(((loop.name, 1),) for loop in loops)),)
    return loops, reads, writes


def _index(loop: Loop, varies: bool) -> Affine:
    return ((loop.name, 1),) if varies else ()


def _varies(operand: Value, out: Value, axis: int) -> bool:
    own = axis - (len(out.shape) - len(operand.shape))
    return own >= 0 and operand.shape[own] == out.shape[axis] and not operand.is_broadcast(own)


def pointwise_op(call: Call, kind: str, arithmetic: Arithmetic, operands: tuple[Value, ...]) -> Op:
    """An element-wise operator over the shape of the call's output."""
    loops, reads, writes = broadcast_nest(call.out, operands)
    return Op(call.name, kind, Family.POINTWISE, loops, reads, writes, tuple(sorted(arithmetic)), source=call.source)


@lowers(*(f"aten.{name}" for name in COSTS))
def lower_pointwise(call: Call) -> tuple[Op, ...]:
    """Any operator of the table."""
    kind = call.target.removeprefix("aten.")
    return (pointwise_op(call, kind, COSTS[kind], call.tensors()),)


@lowers("aten.pow")
def lower_power(call: Call) -> tuple[Op, ...]:
    """A power: small constant exponents are products, others an exponential and a logarithm."""
    exponent = call.arguments.get("exponent")
    cost = POWERS.get(exponent) if isinstance(exponent, int | float) else None
    return (pointwise_op(call, "pow", cost or (("exp", 2), ("mul", 1)), call.tensors()),)


@lowers("aten.batch_norm", "aten._native_batch_norm_legit_no_training")
def lower_batch_norm(call: Call) -> tuple[Op, ...]:
    """Batch normalization in inference: one multiplication and one addition per element (scale and shift folded)."""
    loops, (read,), writes = broadcast_nest(call.out, (call.value("input"),))
    channels = call.out.shape[1]
    batch, inner = call.out.shape[0], multiply(*call.out.shape[2:]) if len(call.out.shape) > 2 else 1
    loops = (Loop("n", batch), Loop("c", channels), Loop("p", inner))
    index: tuple[Affine, ...] = ((("n", 1),), (("c", 1),), (("p", 1),))
    statistics = [call.maybe(key) for key in ("weight", "bias")]
    reads = (Access(read.tensor, index), *(Access(v.tensor, ((("c", 1),),)) for v in statistics if v is not None))
    writes = (Access(writes[0].tensor, index),)
    arithmetic = (("add", 1), ("mul", 1))
    return (Op(call.name, "batchnorm", Family.POINTWISE, loops, reads, writes, arithmetic, source=call.source),)


@lowers("aten.glu")
def lower_glu(call: Call) -> tuple[Op, ...]:
    """Gated linear unit: sigmoid of one half times the other; the input is seen as two halves."""
    value = call.value("self")
    loops = (Loop("i", call.out.size),)
    reads = (Access(value.tensor, ((("i", 1),),)), Access(value.tensor, ((("i", 1),),)))
    writes = (Access(call.out.tensor, ((("i", 1),),)),)
    cost = tuple(sorted((*SIGMOID, ("mul", 1))))
    return (Op(call.name, "glu", Family.POINTWISE, loops, reads, writes, cost, source=call.source),)


@lowers("hwsim.rope")
def lower_rope(call: Call) -> tuple[Op, ...]:
    """Rotary embedding of queries or keys: two products and a sum per element; cosine and sine tables are read."""
    operands = (call.value("x"), call.value("cosine"), call.value("sine"))
    loops, reads, writes = broadcast_nest(call.out, operands)
    arithmetic = (("add", 1), ("mul", 2))
    return (Op(call.name, "rope", Family.POINTWISE, loops, reads, writes, arithmetic, source=call.source),)
