"""The shipped copy of Timeloop's counts is that of its statistics file, and ours are equal to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from search.validation.groups.timeloop import COMPUTES, COUNTS, CYCLES, Counts, our_counts


def test_every_count_of_the_reference_mapping_is_reproduced() -> None:
    assert our_counts() == COUNTS


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
    assert read_statistics(text) == COUNTS
    assert int(re.findall(r"\nCycles: (\d+)", text)[0]) == CYCLES
    assert int(re.findall(r"\nComputes = (\d+)", text)[0]) == COMPUTES
