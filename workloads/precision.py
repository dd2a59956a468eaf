"""Bits per element by role: what quantization changes in an operator graph.

A graph as traced holds floating-point tensors at 16 bits, integer indices at 32 and booleans at 8; only the former are
changed. ``activation`` also sets inputs and outputs unless they are named themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from workloads.errors import UserError, did_you_mean
from workloads.graph import OperatorGraph, Role, Tensor

FLOAT_BITS = 16
MAX_BITS = 64


class PrecisionError(UserError):
    """A precision that cannot be read or applied."""


def parse_bits(text: str) -> dict[str, int]:
    """Bits per role from text such as ``weight=4,activation=8``; a single number means every role.

    Raises:
        PrecisionError: not ``role=bits`` pairs, a role twice, an unknown role, or bits outside 1..64.
    """
    if _is_number(text.strip()):
        return _checked({role.value: int(text) for role in Role})
    bits: dict[str, int] = {}
    for item in text.split(","):
        role, separator, value = (part.strip() for part in item.partition("="))
        if not separator or not _is_number(value.removeprefix("-")):
            raise PrecisionError(f"bits: cannot read {item.strip()!r}, expected role=bits as in weight=4,activation=8")
        if role in bits:
            raise PrecisionError(f"bits: role {role!r} occurs twice")
        bits[role] = int(value)
    return _checked(bits)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 9


def _checked(bits: Mapping[str, int]) -> dict[str, int]:
    roles = [role.value for role in Role]
    for role, value in bits.items():
        if role not in roles:
            raise PrecisionError(f"bits: unknown role {role!r}, expected {', '.join(roles)}{did_you_mean(role, roles)}")
        if not 1 <= value <= MAX_BITS:
            raise PrecisionError(f"bits: {role}={value} is out of range, expected 1 to {MAX_BITS}")
    return dict(bits)


def with_precision(graph: OperatorGraph, bits: Mapping[str, int]) -> OperatorGraph:
    """The graph with its floating-point tensors at the given bits per role; roles not named keep 16.

    Works on symbolic and on bound graphs, once per graph: afterwards an 8-bit activation looks like a boolean.

    Raises:
        PrecisionError: an unknown role, bits out of range, or a graph whose precision has been chosen already.
    """
    chosen = _checked(bits)
    if any(key.startswith("bits_") for key, _ in graph.facts):
        raise PrecisionError(f"{graph.model}: its precision has been chosen already; apply all roles at once")
    activation = chosen.get("activation", FLOAT_BITS)
    by_role = {Role.INPUT: activation, Role.OUTPUT: activation, **{Role(k): v for k, v in chosen.items()}}

    def convert(tensor: Tensor) -> Tensor:
        wanted = by_role.get(tensor.role, FLOAT_BITS)
        return replace(tensor, bits=wanted) if tensor.bits == FLOAT_BITS != wanted else tensor

    segments = tuple(
        replace(segment, ops=tuple(replace(op, internal=tuple(map(convert, op.internal))) for op in segment.ops))
        for segment in graph.segments
    )
    facts = tuple(sorted((*graph.facts, *((f"bits_{role}", value) for role, value in chosen.items()))))
    return replace(graph, tensors=tuple(map(convert, graph.tensors)), segments=segments, facts=facts)
