"""Matrix products and convolutions: affine loop nests with one multiply-accumulate per point."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.graph import Access, Affine, Family, Loop, Op, Role
from workloads.lowering.call import Call, Value, access, axis, lowers
from workloads.symbols import Size, multiply

MAC = (("mac", 1),)


def linear_op(call: Call, source: Value, weight: Access, columns: Size, bias: Value | None) -> Op:
    """A product of activations [m, k] with a weight; a bias is a third read and costs no operator of its own."""
    rows = multiply(*source.shape[:-1]) if len(source.shape) > 1 else 1
    loops = (Loop("m", rows), Loop("n", columns), Loop("k", source.extent(-1)))
    reads = [Access(source.tensor, (axis("m"), axis("k"))), weight]
    if bias is not None:
        reads.append(Access(bias.tensor, (axis("n"),)))
    writes = (Access(call.out.tensor, (axis("m"), axis("n"))),)
    return Op(call.name, "linear", Family.CONTRACTION, loops, tuple(reads), writes, MAC, source=call.source)


@lowers("aten.linear")
def lower_linear(call: Call) -> tuple[Op, ...]:
    """Linear layer with weight [n, k]."""
    weight = call.value("weight")
    index = access(weight, axis("n"), axis("k"))
    return (linear_op(call, call.value("input"), index, weight.shape[0], call.maybe("bias")),)


@lowers("aten.addmm")
def lower_addmm(call: Call) -> tuple[Op, ...]:
    """Addend plus [m, k] x [k, n]."""
    weight = call.value("mat2")
    index = access(weight, axis("k"), axis("n"))
    return (linear_op(call, call.value("mat1"), index, weight.shape[1], call.value("self")),)


@lowers("aten.matmul", "aten.mm", "aten.bmm", "aten.mv", "aten.dot")
def lower_matmul(call: Call) -> tuple[Op, ...]:
    """Product of two tensors; a two-dimensional weight makes it a linear layer."""
    left, right = call.tensors()
    if len(right.shape) == 2 and len(left.shape) >= 2 and right.role is Role.WEIGHT:
        return (linear_op(call, left, access(right, axis("k"), axis("n")), right.shape[1], None),)
    return (_batched(call, left, right),)


def _batched(call: Call, left: Value, right: Value) -> Op:
    vector_left, vector_right = len(left.shape) == 1, len(right.shape) == 1
    batch = len(call.out.shape) - (0 if vector_left else 1) - (0 if vector_right else 1)
    extents = call.out.shape[:batch]
    names = [f"b{i}" for i in range(batch)]
    loops = [Loop(name, extent) for name, extent in zip(names, extents, strict=True) if extent != 1]
    rows: Size = 1 if vector_left else left.extent(-2)
    columns: Size = 1 if vector_right else right.extent(-1)
    loops += [Loop("m", rows), Loop("n", columns), Loop("k", left.extent(-1))]
    reads = (
        _operand(left, names, extents, () if vector_left else (axis("m"),), (axis("k"),)),
        _operand(right, names, extents, (axis("k"),), () if vector_right else (axis("n"),)),
    )
    tail = (() if vector_left else (axis("m"),)) + (() if vector_right else (axis("n"),))
    head = tuple(axis(n) if e != 1 else () for n, e in zip(names, extents, strict=True))
    writes = (Access(call.out.tensor, (*head, *tail)),)
    return Op(call.name, "matmul", Family.CONTRACTION, tuple(loops), reads, writes, MAC, source=call.source)


def _operand(
    value: Value, names: list[str], extents: tuple[Size, ...], first: tuple[Affine, ...], last: tuple[Affine, ...]
) -> Access:
    own = len(value.shape) - len(first) - len(last)
    head: list[Affine] = []
    for i in range(own):
        position = len(names) - own + i
        varies = value.shape[i] != 1 and extents[position] != 1
        head.append(axis(names[position]) if varies else ())
    return access(value, *head, *first, *last)


@lowers("aten.baddbmm")
def lower_baddbmm(call: Call) -> tuple[Op, ...]:
    """Addend plus batched product; the addend is a third read."""
    op = _batched(call, call.value("batch1"), call.value("batch2"))
    addend = call.value("self")
    index = tuple(a if s != 1 else () for a, s in zip(op.writes[0].index, addend.shape, strict=True))
    extra = access(addend, *index)
    return (Op(op.name, op.kind, op.family, op.loops, (*op.reads, extra), op.writes, MAC, source=op.source),)


@lowers("aten.einsum")
def lower_einsum(call: Call) -> tuple[Op, ...]:
    """Einstein summation: one loop per letter, one multiply-accumulate per further operand."""
    operands = call.values("tensors")
    left, _, right = call.text("equation").replace(" ", "").partition("->")
    terms = [_letters(term, len(operand.shape)) for term, operand in zip(left.split(","), operands, strict=True)]
    extents: dict[str, Size] = {}
    for term, operand in zip(terms, operands, strict=True):
        for letter, extent in zip(term, operand.shape, strict=True):
            if extents.get(letter, 1) == 1:
                extents[letter] = extent
    single = sorted(letter for letter in extents if sum(letter in term for term in terms) == 1)
    written = _letters(right, len(call.out.shape)) if right else single
    order = [*written, *(letter for letter in extents if letter not in written)]
    loops = tuple(Loop(letter, extents[letter]) for letter in order) or (Loop("i", 1),)
    reads = tuple(access(o, *(axis(letter) for letter in term)) for term, o in zip(terms, operands, strict=True))
    writes = (Access(call.out.tensor, tuple(axis(letter) for letter in written)),)
    cost = (("mac", max(1, len(operands) - 1)),)
    return (Op(call.name, "matmul", Family.CONTRACTION, loops, reads, writes, cost, source=call.source),)


def _letters(term: str, rank: int) -> list[str]:
    """One name per axis; an ellipsis stands for axes that are numbered from the right."""
    head, dots, tail = term.partition("...")
    hidden = rank - len(head) - len(tail) if dots else 0
    return [*head, *(f"x{i}" for i in range(hidden, 0, -1)), *tail]


@dataclass(frozen=True, slots=True)
class _Window:
    """Stride, padding, dilation, groups of a convolution, per spatial axis."""

    stride: tuple[int, ...]
    padding: tuple[int, ...] | str
    dilation: tuple[int, ...]
    groups: int

    def params(self) -> tuple[tuple[str, Size | str], ...]:
        return (
            ("dilation", _joined(self.dilation)),
            ("groups", self.groups),
            ("padding", self.padding if isinstance(self.padding, str) else _joined(self.padding)),
            ("stride", _joined(self.stride)),
        )


def _joined(values: tuple[int, ...]) -> Size | str:
    return values[0] if len(set(values)) == 1 else "x".join(str(value) for value in values)


def _window(call: Call, spatial: int) -> _Window:
    text = call.arguments["padding"]
    padding = text if isinstance(text, str) else call.integers("padding", spatial)
    return _Window(
        call.integers("stride", spatial), padding, call.integers("dilation", spatial), call.integer("groups")
    )


@lowers("aten.conv1d", "aten.conv2d", "aten.conv3d", "aten.convolution")
def lower_convolution(call: Call) -> tuple[Op, ...]:
    """Convolution over the padded input; loops of extent one are dropped."""
    source, weight = call.value("input"), call.value("weight")
    spatial = len(weight.shape) - 2
    window = _window(call, spatial)
    if call.target == "aten.convolution" and call.integer("transposed"):
        return (_transposed(call, window),)
    outer, inner = _spatial_names(spatial)
    per_group = weight.hints[0] // window.groups
    extents: dict[str, Size] = {"n": source.shape[0], "g": window.groups, "k": per_group, "c": weight.shape[1]}
    extents |= dict(zip(outer, call.out.shape[2:], strict=True)) | dict(zip(inner, weight.shape[2:], strict=True))
    sliding = [((p, s), (r, d)) for p, r, s, d in zip(outer, inner, window.stride, window.dilation, strict=True)]
    reads = [
        Access(source.tensor, (axis("n"), (("g", weight.hints[1]), ("c", 1)), *sliding)),
        Access(weight.tensor, ((("g", per_group), ("k", 1)), axis("c"), *(axis(r) for r in inner))),
    ]
    write = Access(call.out.tensor, (axis("n"), (("g", per_group), ("k", 1)), *(axis(p) for p in outer)))
    return (_convolution_op(call, extents, reads, write, window, f"conv{spatial}d"),)


@lowers("aten.conv_transpose1d", "aten.conv_transpose2d", "aten.conv_transpose3d")
def lower_transposed(call: Call) -> tuple[Op, ...]:
    """Transposed convolution: every input point is spread over a window of the output."""
    return (_transposed(call, _window(call, len(call.value("weight").shape) - 2)),)


def _transposed(call: Call, window: _Window) -> Op:
    source, weight = call.value("input"), call.value("weight")
    spatial = len(weight.shape) - 2
    outer, inner = _spatial_names(spatial)
    per_group = weight.hints[0] // window.groups
    extents: dict[str, Size] = {"n": source.shape[0], "g": window.groups, "k": weight.shape[1], "c": per_group}
    extents |= dict(zip(outer, source.shape[2:], strict=True)) | dict(zip(inner, weight.shape[2:], strict=True))
    spread = [((p, s), (r, d)) for p, r, s, d in zip(outer, inner, window.stride, window.dilation, strict=True)]
    reads = [
        Access(source.tensor, (axis("n"), (("g", per_group), ("c", 1)), *(axis(p) for p in outer))),
        Access(weight.tensor, ((("g", per_group), ("c", 1)), axis("k"), *(axis(r) for r in inner))),
    ]
    write = Access(call.out.tensor, (axis("n"), (("g", weight.hints[1]), ("k", 1)), *spread))
    return _convolution_op(call, extents, reads, write, window, f"conv_transpose{spatial}d")


def _spatial_names(spatial: int) -> tuple[list[str], list[str]]:
    if spatial > 2:
        return ["o", "p", "q"], ["t", "r", "s"]
    return ["p", "q"][:spatial], ["r", "s"][:spatial]


def _convolution_op(
    call: Call, extents: dict[str, Size], reads: list[Access], write: Access, window: _Window, kind: str
) -> Op:
    bias = call.maybe("bias")
    if bias is not None:
        reads.append(Access(bias.tensor, (write.index[1],)))
    kept = frozenset(name for name, extent in extents.items() if extent != 1)
    loops = tuple(Loop(name, extent) for name, extent in extents.items() if name in kept) or (Loop("k", 1),)

    def reduced(item: Access) -> Access:
        return Access(item.tensor, tuple(tuple(t for t in index if t[0] in kept) for index in item.index))

    trimmed = tuple(reduced(item) for item in reads)
    return Op(call.name, kind, Family.CONTRACTION, loops, trimmed, (reduced(write),), MAC, window.params(), call.source)
