"""What may be said about how good mappings are: proven best, within so much of the best, or found by a heuristic."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mapper.base import Found

OPTIMAL, HEURISTIC = "optimal", "heuristic"


def state(found: Found) -> str:
    """What is proven of one mapping: "optimal", "within 3.2 % of optimal", "no bound known", or "heuristic"."""
    if found.proof is None:
        return HEURISTIC
    return OPTIMAL if found.proof.gap <= 0 else _within(found.proof.gap)


def note(founds: Sequence[Found]) -> str:
    """One line about all the distinct contractions of a schedule, with the worst of what is proven."""
    evaluated = sum(found.evaluated for found in founds)
    proofs = [found.proof for found in founds if found.proof is not None]
    if not founds:
        return "no contraction to tile: the units take operators whole or in a stream"
    if not proofs:
        return f"{HEURISTIC}, {evaluated:,} mappings of {_count(founds)} evaluated"
    gap = max(proof.gap for proof in proofs)
    unproven = len(founds) - len(proofs)
    said = OPTIMAL if gap <= 0 else _within(gap)
    if unproven:
        return (
            f"{said} for {len(proofs):,} of {_count(founds)}, {HEURISTIC} for {unproven:,},"
            f" {evaluated:,} mappings evaluated"
        )
    looked = f"{evaluated:,} of {_large(sum(proof.space for proof in proofs))} mappings evaluated"
    return f"{said}, {looked} ({_count(founds)})" if gap <= 0 else f"{said} (worst of {_count(founds)}), {looked}"


def _count(some: Sequence[object]) -> str:
    return f"{len(some):,} distinct contraction{'' if len(some) == 1 else 's'}"


def _within(gap: float) -> str:
    """A gap relative to the value found, as one relative to the best possible, rounded up so that it holds."""
    if gap >= 1:
        return "no bound known"
    percent = 100 * gap / (1 - gap)
    unit = 10.0 ** max(-2, math.floor(math.log10(percent)) - 1)
    return f"within {math.ceil(percent / unit - 1e-9) * unit:,.{2 if unit < 0.1 else int(unit < 1)}f} % of optimal"


def _large(count: float) -> str:
    if count < 1e6:
        return f"{count:,.0f}"
    mantissa, exponent = f"{count:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"
