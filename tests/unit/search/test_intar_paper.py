"""InTAR's rows: derived values follow from the counted cycles, ranges span all that they are said to."""

from __future__ import annotations

from statistics import geometric_mean

import pytest

from hwsim.fpga.kernels import MEASURED, Style
from search.reproduction.paper import RowSpec
from search.reproduction.paper_file import load_paper
from search.reproduction.simulations.intar import FIXED, OWN, values

KERNELS = tuple(dict.fromkeys(kernel for kernel, _ in MEASURED))


def _rows(title: str) -> tuple[RowSpec, ...]:
    return next(panel.rows for panel in load_paper("intar").panels if panel.title == title)


def _counted(kernel: str, style: Style) -> float:
    return MEASURED[kernel, style].cycles / MEASURED[kernel, OWN].cycles


def test_every_kernel_and_style_of_the_benchmark_has_a_row() -> None:
    found = {(row.at, row.series): row.published for row in _rows("Cycles on the U280")}
    assert found == {key: one.cycles for key, one in MEASURED.items()}


def test_derived_speed_ups_follow_from_the_counted_cycles() -> None:
    found = {(row.at, row.series): row.published for row in _rows("Speed-up of the reconfigurable style")}
    expected = {(kernel, f"over {style}"): _counted(kernel, style) for kernel in KERNELS for style in FIXED}
    assert found == pytest.approx(expected, rel=5e-4)
    means = {row.series: row.published for row in _rows("Speed-up over five kernels") if row.at == "cycles"}
    averages = {f"over {style}": geometric_mean(_counted(kernel, style) for kernel in KERNELS) for style in FIXED}
    assert means == pytest.approx(averages, rel=5e-4)


def test_the_range_over_a_prior_design_spans_both_boards_and_all_lengths() -> None:
    found = values(False)
    for prior in ("Allo", "DFX"):
        ratios = [ratio for key, ratio in found.items() if f" over {prior}: " in key]
        assert len(ratios) == 10
        assert found[f"lowest over {prior}, {OWN}"] == min(ratios)
        assert found[f"highest over {prior}, {OWN}"] == max(ratios)
