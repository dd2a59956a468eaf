"""Fractions of zeros in the data of a network: what compression and zero gating of a chip are fed with.

No shape tells how many zeros a tensor holds; the fractions are measured elsewhere (in feature maps after ReLU, in the
weights of a pruned network) and stated here by role or by tensor. Nothing is zero unless stated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from workloads.errors import UserError, did_you_mean
from workloads.graph import OperatorGraph, Role, Tensor


class SparsityError(UserError):
    """Fractions of zeros that cannot be read or applied."""


def parse_zeros(text: str) -> dict[str, float]:
    """Fractions of zeros from text such as ``activation=0.5,conv2.weight=0.3``: roles or tensors.

    Raises:
        SparsityError: not ``name=fraction`` pairs, a name twice, or a fraction outside 0..1.
    """
    zeros: dict[str, float] = {}
    for item in text.split(","):
        name, separator, value = (part.strip() for part in item.partition("="))
        if not separator or not name or not _is_fraction(value):
            raise SparsityError(f"zeros: cannot read {item.strip()!r}, expected name=fraction as in activation=0.5")
        if name in zeros:
            raise SparsityError(f"zeros: {name!r} occurs twice")
        zeros[name] = float(value)
    return _checked(zeros)


def _is_fraction(text: str) -> bool:
    return text.isascii() and len(text) <= 20 and text.replace(".", "", 1).removeprefix("-").isdecimal()


def _checked(zeros: Mapping[str, float]) -> dict[str, float]:
    for name, fraction in zeros.items():
        if not 0 <= fraction <= 1:
            raise SparsityError(f"zeros: {name}={fraction:g} is out of range, expected 0 to 1")
    return dict(zeros)


def with_zeros(graph: OperatorGraph, zeros: Mapping[str, float]) -> OperatorGraph:
    """The graph with fractions of zeros on its tensors; a tensor's own name counts more than its role.

    ``activation`` also sets inputs and outputs unless they are named themselves, as in ``workloads.precision``. Works
    on symbolic and on bound graphs.

    Raises:
        SparsityError: a name that is neither a role nor a tensor, or a fraction outside 0..1.
    """
    chosen = _checked(zeros)
    internal = {tensor.name for _, op in graph.walk() for tensor in op.internal}
    known = [*(role.value for role in Role), *graph.by_name, *sorted(internal)]
    for name in chosen:
        if name not in known:
            raise SparsityError(f"zeros: {graph.model} has no role or tensor {name!r}{did_you_mean(name, known)}")
    activation = chosen.get("activation", 0.0)
    by_role = {Role.INPUT.value: activation, Role.OUTPUT.value: activation, **chosen}

    def mark(tensor: Tensor) -> Tensor:
        fraction = chosen.get(tensor.name, by_role.get(tensor.role.value))
        return tensor if fraction is None else replace(tensor, zeros=fraction)

    segments = tuple(
        replace(segment, ops=tuple(replace(op, internal=tuple(map(mark, op.internal))) for op in segment.ops))
        for segment in graph.segments
    )
    return replace(graph, tensors=tuple(map(mark, graph.tensors)), segments=segments)
