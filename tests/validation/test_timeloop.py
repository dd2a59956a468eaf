"""Timeloop's reference mapping of a convolution: every access count of every memory, exactly.

Reference: Timeloop, exercise "simple weight stationary", as run with timeloop-mapper; its statistics file is read where
the reference folder is there, and a copy of the counts is kept here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hwsim.access import Traffic, access_counts, trip_count
from hwsim.nest import Nest
from hwsim.schedule import Level, TileLoop
from tests.unit.hwsim.nests import conv_nest

Counts = dict[tuple[str, str], tuple[int, int, int]]
"""(memory, operand) -> reads, fills, updates, all instances together."""

COPY: Counts = {
    ("DRAM", "Weights"): (864, 0, 0),
    ("DRAM", "Inputs"): (151875, 0, 0),
    ("DRAM", "Outputs"): (0, 0, 401408),
    ("shared_glb", "Weights"): (24192, 864, 0),
    ("shared_glb", "Inputs"): (2709504, 151875, 0),
    ("shared_glb", "Outputs"): (3211264, 0, 3612672),
    ("pe_spad", "Weights"): (24192, 24192, 0),
    ("weight_reg", "Weights"): (10838016, 24192, 0),
    ("input_activation_reg", "Inputs"): (10838016, 10838016, 0),
    ("output_activation_reg", "Outputs"): (9633792, 9633792, 10838016),
}
CYCLES, COMPUTES = 903168, 10838016
ROLES = {"Inputs": "input", "Weights": "weight", "Outputs": "output"}


def reference_mapping() -> tuple[Nest, tuple[Level, ...]]:
    """C3 M32 R3 S3 P112 Q112 stride 2, with M unrolled over 4 and C over 3 elements."""
    nest = conv_nest(1, 32, 3, 112, 112, 3, 3, stride=2, bits=16)
    in_space = (TileLoop("k", 1, "rows"), TileLoop("c", 1, "rows"))
    levels = (
        Level("DRAM", (TileLoop("q", 8),)),
        Level("shared_glb", (TileLoop("s", 1), TileLoop("p", 56), TileLoop("k", 4), *in_space)),
        Level("pe_spad", (TileLoop("r", 1), TileLoop("q", 4), TileLoop("p", 28)), ("weight",)),
        Level("weight_reg", (TileLoop("p", 1), TileLoop("q", 1)), ("weight",)),
        Level("input_activation_reg", (), ("input",)),
        Level("output_activation_reg", (), ("output",)),
    )
    return nest, levels


def our_counts() -> Counts:
    """In Timeloop's convention: a buffer is not read when outputs drain from it, windows keep their overlap."""
    rows = access_counts(*reference_mapping(), halo_reuse=True)

    def total(memory: str, operand: str) -> tuple[int, int, int]:
        below = [row for row in rows if row.operand == ROLES[operand] and row.outer == memory]
        above = [row for row in rows if row.operand == ROLES[operand] and row.inner == memory]

        def add(chosen: list[Traffic], name: str) -> int:
            return sum(int(getattr(row, name)) for row in chosen)

        return add(below, "outer_reads"), add(above, "inner_fills"), add(below, "outer_writes")

    return {key: total(*key) for key in COPY}


def test_every_count_of_the_reference_mapping_is_reproduced() -> None:
    assert our_counts() == COPY


def test_cycles_of_the_reference_mapping_are_reproduced() -> None:
    nest, levels = reference_mapping()
    assert trip_count(nest, levels) == CYCLES
    assert nest.active_points == COMPUTES


def read_statistics(text: str) -> Counts:
    """The counts of every memory section of a Timeloop statistics file."""
    counts: Counts = {}
    for section in re.split(r"\nLevel \d+\n-+\n", text)[1:]:
        memory = re.search(r"=== (\w+) ===", section)
        assert memory is not None
        for operand, body in re.findall(r"(?m)^    (Weights|Inputs|Outputs):\n((?:        .*\n)+)", section):
            instances = int(re.findall(r"Utilized instances \(max\) +: (\d+)", body)[0])
            fields = dict(re.findall(r"Scalar (\w+) \(per-instance\) +: (\d+)", body))
            reads, fills, updates = (instances * int(fields[name]) for name in ("reads", "fills", "updates"))
            counts[memory[1], operand] = (reads, fills, updates)
    return counts


def test_the_kept_counts_are_those_of_the_statistics_file(reference: Path) -> None:
    path = reference / "timeloop" / "simple_weight_stationary" / "timeloop-mapper.stats.txt"
    if not path.is_file():
        pytest.skip("the Timeloop statistics are not in the reference folder")
    text = path.read_text(encoding="utf-8")
    assert read_statistics(text) == COPY
    assert int(re.findall(r"\nCycles: (\d+)", text)[0]) == CYCLES
    assert int(re.findall(r"\nComputes = (\d+)", text)[0]) == COMPUTES
