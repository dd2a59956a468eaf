"""From a trace with one layer of each kind to the operators of the full depth.

The trace holds the layers ``prefix.0``, ``prefix.1``, ...; a plan says for every layer of the real model which traced
layer it equals. Each layer is copied under its true number, and what the layer before has written takes the place of
what it read there in the trace. Folding finds the repeats again, so that reduced and full traces give one graph.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from workloads.fold import appearing, external
from workloads.graph import Access, Op, Role, Tensor
from workloads.passes import Network


class NotALoopError(Exception):
    """The layers hand on more than one tensor, or reach back further than one layer; trace the full depth instead."""


@dataclass(frozen=True, slots=True)
class _Traced:
    """Operators before, in and after the traced layers."""

    before: tuple[Op, ...]
    layers: tuple[tuple[Op, ...], ...]
    after: tuple[Op, ...]


def repeat_layers(network: Network, prefix: str, plan: Sequence[int]) -> Network:
    """The network at full depth.

    Args:
        network: traced with layers 0 .. k-1 under ``prefix``; layer 1 must equal layer 0 if layer 0 occurs twice.
        prefix: module path of the layer list.
        plan: for each real layer the traced one it equals; starts with 0.

    Raises:
        NotALoopError: the layers do not form a simple chain.
    """
    ops, tensors = network
    traced = _split(ops, prefix)
    inputs, outputs = _chain(traced, tensors)
    new_ops: list[Op] = list(traced.before)
    new_tensors: dict[str, Tensor] = dict(tensors)
    previous = inputs[0]
    for number, kind in enumerate(plan):
        names = _names(traced.layers[kind], tensors, prefix, kind, number)
        for old, new in names.items():
            new_tensors[new] = replace(tensors[old], name=new)
        taken = inputs[kind]
        entry = {taken: previous} if previous is not None and taken is not None else {}
        new_ops += [_copy(op, {**names, **entry}, prefix, kind, number) for op in traced.layers[kind]]
        previous = names.get(outputs[kind], outputs[kind])
    last = {outputs[-1]: previous} if previous is not None else {}
    new_ops += [_rewired(op, last) for op in traced.after]
    return tuple(new_ops), new_tensors


def _split(ops: Sequence[Op], prefix: str) -> _Traced:
    layer = re.compile(rf"^{re.escape(prefix)}\.(\d+)(?:\.| )")
    before: list[Op] = []
    after: list[Op] = []
    matches = [layer.match(op.source) for op in ops]
    count = max((int(match.group(1)) + 1 for match in matches if match), default=0)
    layers: list[list[Op]] = [[] for _ in range(count)]
    final = max((i for i, match in enumerate(matches) if match), default=-1)
    current = before
    for i, (op, match) in enumerate(zip(ops, matches, strict=True)):
        if match:
            current = layers[int(match.group(1))]
        (current if i <= final else after).append(op)
    if not layers or not all(layers):
        raise NotALoopError(f"a layer under {prefix} has no operators")
    return _Traced(tuple(before), tuple(tuple(part) for part in layers), tuple(after))


def _chain(traced: _Traced, tensors: Mapping[str, Tensor]) -> tuple[list[str | None], list[str]]:
    """For each traced layer the tensor it takes from the layer before, and the one it hands on."""
    written = [{a.tensor for op in part for a in op.writes if tensors[a.tensor].role is not Role.STATE}
               for part in traced.layers]  # fmt: skip
    inputs: list[str | None] = [None]
    outputs: list[str] = []
    followers = [*traced.layers[1:], traced.after]
    for position, follower in enumerate(followers):
        reads = external(follower)
        carried = [name for name in reads if name in written[position]]
        earlier = set().union(*written[:position]) if position else set[str]()
        if len(carried) != 1 or earlier & set(reads):
            raise NotALoopError("layers are not a simple chain")
        outputs.append(carried[0])
        if position + 1 < len(traced.layers):
            inputs.append(carried[0])
    if len(traced.layers) > 1:
        slots = external(traced.layers[1]).index(outputs[0])
        first = external(traced.layers[0])
        if len(first) == len(external(traced.layers[1])):
            inputs[0] = first[slots]
    return inputs, outputs


def _names(ops: Sequence[Op], tensors: Mapping[str, Tensor], prefix: str, kind: int, number: int) -> dict[str, str]:
    """New names for what belongs to a layer: its weights and states, and all it writes."""
    own = {access.tensor for op in ops for access in op.writes}
    old = f"{prefix}.{kind}."
    return {
        name: _renumbered(name, prefix, kind, number)
        for name in appearing(ops)
        if name in own or (name.startswith(old) and tensors[name].role in (Role.WEIGHT, Role.STATE))
    }


def _renumbered(name: str, prefix: str, kind: int, number: int) -> str:
    old = f"{prefix}.{kind}"
    if name == old or name.startswith((f"{old}.", f"{old} ")):
        return f"{prefix}.{number}{name[len(old) :]}"
    return f"{prefix}.{number}.{name}"


def _rewired(op: Op, names: Mapping[str, str]) -> Op:
    def renamed(accesses: tuple[Access, ...]) -> tuple[Access, ...]:
        return tuple(Access(names.get(a.tensor, a.tensor), a.index) for a in accesses)

    return replace(op, reads=renamed(op.reads), writes=renamed(op.writes))


def _copy(op: Op, names: Mapping[str, str], prefix: str, kind: int, number: int) -> Op:
    name = _renumbered(op.name, prefix, kind, number)
    inside = op.source.startswith(f"{prefix}.")
    source = _renumbered(op.source, prefix, kind, number) if inside else f"{prefix}.{number}.{op.source}"
    return replace(_rewired(op, names), name=name, source=source)
