"""The peak rate of a chip, as data sheets print it."""

from __future__ import annotations

from hwsim.chip import Chip
from hwsim.units.registry import build_unit
from workloads.inline import parse_inline


def peak_operations(chip: Chip, bits: int) -> float:
    """Operations per second of a large matrix product (a multiply-accumulate is two) on the fastest unit, or 0."""
    graph = parse_inline(f"matmul:m=4096,n=4096,k=4096,bits={bits}")
    op = graph.segments[0].ops[0]
    units = [build_unit(name, chip) for name in chip.units]
    willing = [unit for unit in units if not unit.refuses(op, graph.by_name)]
    return 2 * max((unit.peak_operations(op, graph.by_name) for unit in willing), default=0.0)
