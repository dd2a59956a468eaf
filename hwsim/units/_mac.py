"""What all units with multiply-accumulators share: rates by operand width, refusals, energy of the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from hwsim.chip import Chip
from hwsim.nest import Nest, is_contraction
from hwsim.quantity import JoulesPerOp
from hwsim.technology import mac_area, mac_energy
from hwsim.units.base import Action
from workloads.graph import Op, Tensor


def _read_rates(value: Any) -> dict[int, float]:
    """Keys may be text, as YAML and JSON deliver them."""
    if not isinstance(value, Mapping) or not value:
        raise ValueError(f"expected operand bits with their rate, such as {{8: 1}}, got {value!r}")
    rates: dict[int, float] = {}
    for key, rate in _by_width(value).items():
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= 2**20:
            raise ValueError(f"the rate at {key} bits must be a positive number, got {rate!r}")
        rates[key] = float(rate)
    return rates


def _by_width(value: Any) -> Any:
    """Numbers as keys, the narrowest first; what is no mapping is left to others."""
    if not isinstance(value, Mapping):
        return value
    widths: dict[int, Any] = {}
    for key, found in value.items():
        if not str(key).isdecimal() or not 1 <= int(key) <= 64:
            raise ValueError(f"expected a width of 1 to 64 bits, got {key!r}")
        widths[int(key)] = found
    return dict(sorted(widths.items()))


Rates: TypeAlias = Annotated[dict[int, float], BeforeValidator(_read_rates)]
"""Operand bits -> multiply-accumulates per processing element and cycle."""
Energies: TypeAlias = Annotated[dict[int, JoulesPerOp], BeforeValidator(_by_width)]
"""Bits of the narrower operand -> energy of a multiply-accumulate, for arithmetic that depends on it: one-bit spikes
that are only added up, weights that are sums of powers of two."""


def rate_at(rates: Mapping[int, float], bits: int) -> float | None:
    """Rate of the next listed width that is wide enough, or None if all are too narrow."""
    return next((rate for width, rate in sorted(rates.items()) if width >= bits), None)


def operand_bits(op: Op, tensors: Mapping[str, Tensor]) -> int:
    """Width a multiplier needs: the wider of the two operands."""
    return max(tensors[access.tensor].bits for access in op.reads[:2])


def nest_bits(nest: Nest) -> int:
    """The same for a nest."""
    return max(nest.operand("input").bits, nest.operand("weight").bits)


def nest_rate(rates: Mapping[int, float], nest: Nest) -> float:
    """Rate at which a nest runs.

    Raises:
        ValueError: its operands are wider than every listed width; ``refuses`` says so beforehand.
    """
    rate = rate_at(rates, nest_bits(nest))
    if rate is None:
        raise ValueError(f"operands of {nest_bits(nest)} bits are wider than {max(rates)} bits")
    return rate


def refuse_contraction(name: str, rates: Mapping[int, float], op: Op, tensors: Mapping[str, Tensor]) -> str | None:
    """Why an array of multiply-accumulators can't run an operator, or None."""
    if not is_contraction(op):
        return f"{name} runs contractions only, not {op.kind}"
    if len(op.reads) < 2 or len(op.writes) != 1:
        return f"{name} needs two operands and one result, {op.name} has {len(op.reads)} and {len(op.writes)}"
    bits = operand_bits(op, tensors)
    if rate_at(rates, bits) is None:
        return f"{name} multiplies operands of up to {max(rates)} bits, {op.name} has {bits} bits"
    return None


def mac_action(
    name: str,
    chip: Chip,
    nest: Nest,
    floating: tuple[int, ...],
    given: float | None,
    narrow: Mapping[int, float],
) -> Action:
    """Energy of all multiply-accumulates of a nest; ``given`` is the chip file's own number per operation.

    Args:
        name: the unit.
        chip: for its node.
        nest: the contraction.
        floating: operand widths that are floating point; all others are integers.
        given: joules per multiply-accumulate, or None to derive them from the node.
        narrow: bits of the narrower operand -> joules, which count more than ``given`` up to the widest one listed.
    """
    bits = nest_bits(nest)
    listed = rate_at(narrow, min(nest.operand("input").bits, nest.operand("weight").bits))
    if listed is not None:
        return Action(name, "mac", nest.active_points, listed)
    kind = "float" if bits in floating else "int"
    energy = mac_energy(kind, bits, chip.technology.node) if given is None else given
    return Action(name, "mac", nest.active_points, energy)


def element_width(rates: Mapping[int, float], floating: tuple[int, ...], node: float) -> tuple[int, float]:
    """The width whose multipliers one processing element is built of, and their area in square metres.

    The other widths share them: of all listed widths it is the one that takes the most area for its rate.
    """
    areas = {bits: rate * mac_area("float" if bits in floating else "int", bits, node) for bits, rate in rates.items()}
    widest = max(areas, key=lambda bits: (areas[bits], bits))
    return widest, areas[widest]
