"""Area by component, for chips whose file does not state their die, and to be compared with published dies.

Memories, multiply-accumulators, vector lanes and registers are counted. Wiring, control, clock tree and controllers
are not, so the sum is what the parts need and less than a die; docs/area.md compares it with published areas.
"""

from __future__ import annotations

from collections.abc import Iterable

from hwsim.chip import Chip
from hwsim.report import Footnote
from hwsim.technology import memory_area
from hwsim.units.base import Block, Silicon, Unit

DERIVED = Footnote(
    ("package.die_area",),
    "sum of memories, multiply-accumulators, vector lanes and registers at the chip's node, without wiring, control and"
    " I/O (docs/area.md)",
    "derived",
)


def derived_area(chip: Chip, units: Iterable[Unit]) -> tuple[Block, ...] | None:
    """Areas of a chip's components, or None if a unit is of a kind that nothing is known of (a GPU)."""
    blocks: list[Block] = []
    for name, memory in chip.memories.items():
        area = memory_area(memory, chip)
        if area:
            blocks.append(Block(name, area))
    for unit in units:
        if not isinstance(unit, Silicon):
            return None
        blocks += unit.blocks()
    return tuple(blocks)


def die_area(chip: Chip, units: Iterable[Unit]) -> tuple[float | None, tuple[Footnote, ...]]:
    """Square metres of the die as its file states them, else as derived, then with the footnote that says so."""
    if chip.package.die_area is not None:
        return chip.package.die_area, ()
    blocks = derived_area(chip, units)
    return (None, ()) if blocks is None else (sum(block.square_metres for block in blocks), (DERIVED,))
