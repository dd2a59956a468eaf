"""How a hardwired array holds its weights: in metal, in its cells, or in SRAM beside shared multipliers.

The table with its sources is data/embedding.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from hwsim.yaml_text import read_yaml

Embedding: TypeAlias = Literal["metal", "cell", "sram"]
_FILE = Path(__file__).parent.parent / "data" / "embedding.yaml"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to hold weights, in relation to the others.

    Attributes:
        area: of the same product, relative to the SRAM-based array.
        initiation, depth: cycles relative to the metal-embedded array.
        masks: which layers differ between the chips of a system: the metal layers stated in the chip file, all, none.
        rewritable: whether new weights need no new chip.
    """

    name: Embedding
    area: float
    initiation: float
    depth: float
    masks: Literal["metal", "all", "none"]
    rewritable: bool

    @property
    def density(self) -> float:
        """Area of a weight over that of a metal-embedded one; power is taken to grow in proportion."""
        return self.area / variant("metal").area


@cache
def _data() -> dict[str, Any]:
    return read_yaml(_FILE.read_text(encoding="utf-8"), _FILE.name).data


def joules_per_active_weight() -> float:
    """Energy of a metal-embedded weight that a token passes."""
    return _data()["energy"]["joules_per_active_weight"]


@cache
def _variants() -> dict[str, Variant]:
    table = _data()["variants"]
    rows = (dict(zip(table["columns"], row, strict=True)) for row in table["rows"])
    return {row["name"]: Variant(**row) for row in rows}


def variant(name: Embedding) -> Variant:
    """The row of a way to hold weights."""
    return _variants()[name]
