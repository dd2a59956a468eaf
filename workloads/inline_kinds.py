"""The kinds of inline operators: their keys, and the loop nest each stands for.

A kind is one function that takes the numbers and returns the operator with its tensors, registered under its name.
Loops of extent one are left out, as in traced graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from workloads.graph import Access, Affine, Family, Loop, Op, Role, Tensor
from workloads.lowering.pointwise import COSTS
from workloads.lowering.reduction import LAYERNORM, RMSNORM, SOFTMAX

Values = Mapping[str, int]
Built = tuple[Op, tuple[Tensor, ...]]
Axis = tuple[tuple[str, int], ...] | str


def _no_problem(values: Values) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class InlineKind:
    """Keys of one kind: required, optional with defaults, those that may be zero; ``problem`` checks them together."""

    required: tuple[str, ...]
    build: Callable[[Values], Built]
    optional: Values = field(default_factory=dict[str, int])
    zero_allowed: tuple[str, ...] = ()
    problem: Callable[[Values], str] = _no_problem


KINDS: dict[str, InlineKind] = {}


def _index(loops: Mapping[str, int], axes: tuple[Axis, ...]) -> tuple[Affine, ...]:
    terms = (((axis, 1),) if isinstance(axis, str) else axis for axis in axes)
    return tuple(tuple((name, stride) for name, stride in axis if loops.get(name, 1) > 1) for axis in terms)


def _loops(extents: Mapping[str, int]) -> tuple[Loop, ...]:
    kept = tuple(Loop(name, extent) for name, extent in extents.items() if extent > 1)
    return kept or tuple(Loop(name, extent) for name, extent in list(extents.items())[:1])


def _tensor(name: str, role: Role, bits: int, *shape: int) -> Tensor:
    return Tensor(name, shape, role, bits)


# --- contractions ---------------------------------------------------------------------------------------------------


def _matmul(values: Values) -> Built:
    b, m, n, k, bits = (values[key] for key in ("batch", "m", "n", "k", "bits"))
    loops = {"b": b, "m": m, "n": n, "k": k}
    op = Op(
        "matmul",
        "matmul",
        Family.CONTRACTION,
        _loops(loops),
        (Access("input", _index(loops, ("b", "m", "k"))), Access("weight", _index(loops, ("b", "n", "k")))),
        (Access("output", _index(loops, ("b", "m", "n"))),),
        (("mac", 1),),
    )
    tensors = (
        _tensor("input", Role.INPUT, bits, b, m, k),
        _tensor("weight", Role.WEIGHT, bits, b, n, k),
        _tensor("output", Role.OUTPUT, bits, b, m, n),
    )
    return op, tensors


def _output_size(values: Values, size: str, kernel: str) -> int:
    reach = values["dilation"] * (values[kernel] - 1) + 1
    return (values[size] + 2 * values["padding"] - reach) // values["stride"] + 1


def _conv2d_problem(values: Values) -> str:
    groups = values["groups"]
    if values["c"] % groups or values["k"] % groups:
        return f"c and k must be multiples of groups={groups}"
    if min(_output_size(values, "h", "r"), _output_size(values, "w", "s")) < 1:
        return "the filter is larger than the padded input"
    return ""


def _conv2d(values: Values) -> Built:
    n, groups, bits, stride, dilation = (values[key] for key in ("n", "groups", "bits", "stride", "dilation"))
    p, q = _output_size(values, "h", "r"), _output_size(values, "w", "s")
    loops = {"n": n, "g": groups, "k": values["k"] // groups, "c": values["c"] // groups, "p": p, "q": q}
    loops |= {"r": values["r"], "s": values["s"]}
    rows, columns = (("p", stride), ("r", dilation)), (("q", stride), ("s", dilation))
    op = Op(
        "conv2d",
        "conv2d",
        Family.CONTRACTION,
        _loops(loops),
        (
            Access("input", _index(loops, ("n", "g", "c", rows, columns))),
            Access("weight", _index(loops, ("g", "k", "c", "r", "s"))),
        ),
        (Access("output", _index(loops, ("n", "g", "k", "p", "q"))),),
        (("mac", 1),),
        tuple(sorted((key, values[key]) for key in ("stride", "padding", "dilation", "groups"))),
    )
    tensors = (
        _tensor("input", Role.INPUT, bits, n, values["c"], values["h"], values["w"]),
        _tensor("weight", Role.WEIGHT, bits, values["k"], values["c"] // groups, values["r"], values["s"]),
        _tensor("output", Role.OUTPUT, bits, n, values["k"], p, q),
    )
    return op, tensors


def _attention_problem(values: Values) -> str:
    kv_heads = values["kv_heads"] or values["heads"]
    if values["heads"] % kv_heads:
        return "heads must be a multiple of kv_heads"
    if values["causal"] > 1:
        return "causal must be 0 or 1"
    if values["causal"] and values["queries"] > values["keys"]:
        return "causal attention needs at least as many keys as queries"
    return ""


def _attention(values: Values) -> Built:
    batch, queries, keys, heads, width = (values[k] for k in ("batch", "queries", "keys", "heads", "head_dim"))
    kv_heads, bits = values["kv_heads"] or heads, values["bits"]
    params: dict[str, int | str] = {"batch": batch, "queries": queries, "keys": keys, "heads": heads}
    params |= {"kv_heads": kv_heads, "head_dim": width, "value_dim": width, "window": values["window"]}
    params |= {"causal": "causal" if values["causal"] else "full", "bias": "none"}
    constant: tuple[Affine, ...] = ((), (), (), ())
    reads = tuple(Access(name, constant) for name in ("q", "k", "v"))
    write = Access("output", constant)
    op = Op("attention", "attention", Family.CONTRACTION, (), reads, (write,), (), tuple(sorted(params.items())))
    tensors = (
        _tensor("q", Role.INPUT, bits, batch, queries, heads, width),
        _tensor("k", Role.STATE, bits, batch, keys, kv_heads, width),
        _tensor("v", Role.STATE, bits, batch, keys, kv_heads, width),
        _tensor("output", Role.OUTPUT, bits, batch, queries, heads, width),
    )
    return op, tensors


KINDS["matmul"] = InlineKind(("m", "n", "k"), _matmul, {"batch": 1})
KINDS["conv2d"] = InlineKind(
    ("n", "c", "h", "w", "k", "r", "s"),
    _conv2d,
    {"stride": 1, "padding": 0, "dilation": 1, "groups": 1},
    ("padding",),
    _conv2d_problem,
)
KINDS["attention"] = InlineKind(
    ("batch", "heads", "queries", "keys", "head_dim"),
    _attention,
    {"kv_heads": 0, "causal": 0, "window": 0},
    ("kv_heads", "causal", "window"),
    _attention_problem,
)


# --- accesses to a memory, for memory controllers ---------------------------------------------------------------------

LINE_BITS = 512


def _accesses(values: Values) -> Built:
    loops = {"i": values["lines"], "w": LINE_BITS // 64}
    params = tuple((key, values[key]) for key in ("gap", "random", "writes"))
    read = Access("memory", _index(loops, ("i", "w")))
    op = Op("accesses", "accesses", Family.MOVE, _loops(loops), (read,), (Access("done", ((),)),), params=params)
    lines = _tensor("memory", Role.INPUT, 64, values["lines"], LINE_BITS // 64)
    return op, (lines, _tensor("done", Role.OUTPUT, 64, 1))


def _accesses_problem(values: Values) -> str:
    return next((f"{key} is a percentage, at most 100" for key in ("random", "writes") if values[key] > 100), "")


KINDS["accesses"] = InlineKind(
    ("lines",), _accesses, {"gap": 0, "random": 0, "writes": 0}, ("gap", "random", "writes"), _accesses_problem
)
"""Lines of 64 bytes read or written one by one: percent at random places (the others follow the one before), percent
written, and ticks from one to the next (0: all wait from the start)."""


# --- reductions over the columns of a matrix, and element-wise operators -------------------------------------------

ROW_KINDS: dict[str, tuple[tuple[tuple[str, int], ...], tuple[str, ...]]] = {
    "softmax": (SOFTMAX, ()),
    "layernorm": (LAYERNORM, ("weight", "bias")),
    "rmsnorm": (RMSNORM, ("weight",)),
}
POINT_KINDS = {"add": 2, "mul": 2, "relu": 1, "gelu": 1, "silu": 1, "sigmoid": 1, "tanh": 1, "copy": 1}
"""Number of operands; their arithmetic is that of traced operators."""


def _row_kind(name: str) -> InlineKind:
    arithmetic, weights = ROW_KINDS[name]

    def build(values: Values) -> Built:
        rows, columns, bits = values["rows"], values["columns"], values["bits"]
        loops = {"m": rows, "n": columns}
        whole = _index(loops, ("m", "n"))
        reads = (Access("input", whole), *(Access(weight, _index(loops, ("n",))) for weight in weights))
        op = Op(name, name, Family.REDUCTION, _loops(loops), reads, (Access("output", whole),), arithmetic, passes=2)
        source = _tensor("input", Role.INPUT, bits, rows, columns)
        target = _tensor("output", Role.OUTPUT, bits, rows, columns)
        return op, (source, target, *(_tensor(weight, Role.WEIGHT, bits, columns) for weight in weights))

    return InlineKind(("rows", "columns"), build)


def _point_kind(name: str) -> InlineKind:
    arithmetic, operands = tuple(sorted(COSTS.get(name, ()))), POINT_KINDS[name]
    family = Family.POINTWISE if arithmetic else Family.MOVE

    def build(values: Values) -> Built:
        loops = {"i": values["elements"]}
        names = ("input", "other")[:operands]
        index = _index(loops, ("i",))
        reads = tuple(Access(operand, index) for operand in names)
        op = Op(name, name, family, _loops(loops), reads, (Access("output", index),), arithmetic)
        inputs = tuple(_tensor(operand, Role.INPUT, values["bits"], values["elements"]) for operand in names)
        return op, (*inputs, _tensor("output", Role.OUTPUT, values["bits"], values["elements"]))

    return InlineKind(("elements",), build)


KINDS.update({name: _row_kind(name) for name in ROW_KINDS})
KINDS.update({name: _point_kind(name) for name in POINT_KINDS})
