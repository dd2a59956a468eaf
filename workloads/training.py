"""A training step: the forward pass, the backward pass in reverse order, and the update of every weight.

The backward pass of a contraction ``y += x w`` is two contractions over the same loops, ``dx += dy w`` and
``dw += x dy``, so each costs exactly the multiply-accumulates of the forward pass (of the masked ones, too). The inputs
of the network need no gradient, which saves one of the two in the first layer.

Conventions:
    * Activations are kept for the backward pass: each repetition of a block has its own, as it has its own weights.
    * What lives between the parts of a composite (attention, experts) is not kept: those parts are computed again.
    * Every other operator costs in the backward pass what it costs forward and one multiplication per point (its
      derivative times the incoming gradient); its operands are read again.
    * A tensor with several readers adds their gradients up, one addition per element and further reader; what a
      repeated block hands on has the readers of the next repetition.
    * The update is plain stochastic gradient descent: one multiplication and one addition per weight. The loss is one
      subtraction per output.
    * Gradients have the precision of the tensor they belong to. Batch norms are not folded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from workloads.errors import UserError
from workloads.graph import Access, Family, GraphError, Loop, Op, OperatorGraph, Role, Segment, Tensor, elements
from workloads.unfold import handed_on

GRADIENT = ".gradient"


class TrainingError(UserError):
    """A graph that cannot be trained."""


@dataclass(slots=True)
class _Step:
    """What the backward pass has made so far: tensors by name, and weights whose gradient is known."""

    tensors: dict[str, Tensor]
    updated: set[str] = field(default_factory=set[str])

    def gradient(self, name: str) -> str:
        """The name of a tensor's gradient, which is made if need be."""
        made = name + GRADIENT
        if made not in self.tensors:
            source = self.tensors[name]
            self.tensors[made] = replace(source, name=made, role=Role.ACTIVATION, zeros=0.0)
        return made

    def wanted(self, access: Access) -> bool:
        """Whether an operand needs a gradient: data that enter the network and integers do not."""
        return self.tensors[access.tensor].role is not Role.INPUT


def training_step(graph: OperatorGraph) -> OperatorGraph:
    """The graph of one training step of a bound forward graph.

    Raises:
        TrainingError: not a forward graph, or one without an output.
    """
    if graph.phase != "forward":
        raise TrainingError(f"{graph.model}: a training step is made from the phase forward, not {graph.phase}")
    outputs = [tensor for tensor in graph.tensors if tensor.role is Role.OUTPUT]
    if not outputs:
        raise TrainingError(f"{graph.model}: has no output to compare with a target")
    step = _Step({tensor.name: _kept(tensor) for tensor in graph.tensors})
    readers = Counter(name for _, op in graph.walk() for name in {access.tensor for access in op.reads})
    loss = Segment("loss", tuple(_loss(step, tensor) for tensor in outputs))
    backward: list[Segment] = []
    for position, segment in reversed(list(enumerate(graph.segments))):
        sums, result = _sums_handed_on(step, graph, position, readers)
        own = Counter({**readers, result: 1}) if sums else readers
        ops = tuple(one for op in reversed(segment.ops) for one in _backward(step, op, own))
        backward += [*sums, Segment(f"{segment.name}.backward", ops, segment.count)]
    segments = (*graph.segments, loss, *(segment for segment in backward if segment.ops))
    return replace(graph, phase="train", tensors=tuple(step.tensors.values()), segments=segments)


def _kept(tensor: Tensor) -> Tensor:
    """Activations wait for the backward pass in memory, as a state does."""
    return replace(tensor, role=Role.STATE) if tensor.role is Role.ACTIVATION else tensor


def _loops(tensor: Tensor) -> tuple[Loop, ...]:
    return (Loop("i", max(1, elements(tensor))),)


def _flat(name: str) -> Access:
    return Access(name, ((("i", 1),),))


def _loss(step: _Step, tensor: Tensor) -> Op:
    made = step.gradient(tensor.name)
    reads, writes = (_flat(tensor.name),), (_flat(made),)
    return Op(f"{tensor.name}.loss", "sub", Family.POINTWISE, _loops(tensor), reads, writes, (("add", 1),))


def _backward(step: _Step, op: Op, readers: Mapping[str, int]) -> list[Op]:
    """Everything that the backward pass does for one operator, updates of its weights included."""
    sums = [_sum(step, op, name, readers[name]) for name in dict.fromkeys(a.tensor for a in op.writes)]
    own = [one for one in sums if one is not None]
    if op.parts:
        inner = {tensor.name: tensor for tensor in op.internal}
        scope = _Step({**step.tensors, **inner}, step.updated)
        again = [part for part in op.parts if all(access.tensor in inner for access in part.writes)]
        parts = [replace(part, name=f"{part.name}.again") for part in again]
        parts += [one for part in reversed(op.parts) for one in _of_one(scope, part)]
        names = {tensor.name for tensor in op.internal}
        internal = (*op.internal, *(scope.tensors[f"{name}{GRADIENT}"] for name in names & _touched(parts)))
        step.tensors |= {n: t for n, t in scope.tensors.items() if n not in {one.name for one in internal} | names}
        outside = _outside(parts, {tensor.name for tensor in internal})
        own.append(
            replace(
                op,
                name=f"{op.name}.backward",
                reads=outside[0],
                writes=outside[1],
                parts=tuple(parts),
                internal=tuple(sorted(internal, key=lambda tensor: tensor.name)),
            )
        )
    else:
        own += _of_one(step, op)
    return [*own, *_updates(step, op)]


def _touched(ops: Sequence[Op]) -> set[str]:
    """Names without suffix of the tensors whose gradients are used."""
    used = {access.tensor for op in ops for access in (*op.reads, *op.writes)}
    return {name.removesuffix(GRADIENT) for name in used if name.endswith(GRADIENT)}


def _outside(parts: Sequence[Op], internal: set[str]) -> tuple[tuple[Access, ...], tuple[Access, ...]]:
    """What parts read and write beyond their own tensors, as accesses to whole tensors."""
    reads = dict.fromkeys(a.tensor for part in parts for a in part.reads if a.tensor not in internal)
    writes = dict.fromkeys(a.tensor for part in parts for a in part.writes if a.tensor not in internal)
    return tuple(Access(name, ()) for name in reads if name not in writes), tuple(Access(name, ()) for name in writes)


def _sum(step: _Step, op: Op, name: str, readers: int) -> Op | None:
    """Additions where several operators have read a result."""
    return _added(step, f"{op.name}.gradient_sum", name, readers) if readers > 1 else None


def _added(step: _Step, made: str, name: str, readers: int) -> Op:
    """The operator that adds up the gradients of a tensor's readers."""
    access = (_flat(step.gradient(name)),)
    return Op(made, "add", Family.POINTWISE, _loops(step.tensors[name]), access, access, (("add", readers - 1),))


def _sums_handed_on(
    step: _Step, graph: OperatorGraph, position: int, readers: Mapping[str, int]
) -> tuple[tuple[Segment, ...], str]:
    """Additions for what the last repetition of a block hands on to others and the rest to the next, and its name.

    Nothing where no block repeats, or where what it hands on is unclear.
    """
    segment = graph.segments[position]
    try:
        link = handed_on(graph, position)
    except GraphError:
        return (), ""
    if link is None:
        return (), ""
    source, result = link
    read = [{access.tensor for access in op.reads} for op in segment.ops]
    inside = sum(source in names for names in read) + sum(result in names for names in read)
    parts = (("last", readers[result], 1), ("handed_on", inside, segment.count - 1))
    return tuple(
        Segment(f"{segment.name}.{what}", (_added(step, f"{segment.name}.{what}.gradient_sum", result, many),), count)
        for what, many, count in parts
        if many > 1
    ), result


def _of_one(step: _Step, op: Op) -> list[Op]:
    """The backward pass of an operator that is not a composite."""
    if op.family is Family.CONTRACTION and len(op.reads) >= 2 and len(op.writes) == 1:
        return _of_contraction(step, op)
    wanted = [access for access in op.reads if step.wanted(access)]
    if not wanted or not op.writes:
        return []
    incoming = tuple(replace(access, tensor=step.gradient(access.tensor)) for access in op.writes)
    outgoing = {access.tensor: replace(access, tensor=step.gradient(access.tensor)) for access in wanted}
    arithmetic = dict(op.arithmetic)
    arithmetic["mul"] = arithmetic.get("mul", 0) + 1
    one = replace(
        op,
        name=f"{op.name}.backward",
        reads=(*incoming, *op.reads),
        writes=tuple(outgoing.values()),
        arithmetic=tuple(sorted(arithmetic.items())) if op.arithmetic else (),
    )
    return [one]


def _of_contraction(step: _Step, op: Op) -> list[Op]:
    """The two products, and the sums of a bias."""
    first, second, *addends = op.reads
    result = replace(op.writes[0], tensor=step.gradient(op.writes[0].tensor))
    made: list[Op] = []
    for target, other, what in ((second, first, "weight_gradient"), (first, second, "input_gradient")):
        if step.wanted(target):
            written = replace(target, tensor=step.gradient(target.tensor))
            made.append(replace(op, name=f"{op.name}.{what}", reads=(result, other), writes=(written,)))
    kept = op.writes[0].loops()
    loops = tuple(loop for loop in op.loops if loop.name in kept) or op.loops[:1]
    for number, addend in enumerate(addends):
        if step.wanted(addend) and addend.tensor != op.writes[0].tensor:
            written = replace(addend, tensor=step.gradient(addend.tensor))
            name = f"{op.name}.bias_gradient" + (f".{number}" if number else "")
            made.append(Op(name, "sum", Family.REDUCTION, loops, (result,), (written,), (("add", 1),)))
    return made


def _updates(step: _Step, op: Op) -> list[Op]:
    """One operator per weight that has a gradient and no update yet; a shared weight is updated where it is first
    used, which comes last.
    """
    updates: list[Op] = []
    names = dict.fromkeys(a.tensor for leaf in op.parts or (op,) for a in leaf.reads)
    for name in names:
        tensor = step.tensors.get(name)
        gradient = f"{name}{GRADIENT}"
        if tensor is None or tensor.role is not Role.WEIGHT or name in step.updated or gradient not in step.tensors:
            continue
        step.updated.add(name)
        reads, writes = (_flat(gradient), _flat(name)), (_flat(name),)
        arithmetic = (("add", 1), ("mul", 1))
        updates.append(Op(f"{name}.update", "sgd", Family.POINTWISE, _loops(tensor), reads, writes, arithmetic))
    return updates
