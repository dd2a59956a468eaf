"""The picture of a report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwsim.plot import PlotError, draw, picture_format
from hwsim.plot_timeline import CutAxis, merged
from tests.unit.hwsim.report_example import example_report

SIGNATURES = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("file_format", SIGNATURES)
def test_every_format_is_drawn_and_equal_reports_give_equal_bytes(file_format: str) -> None:
    first = draw(example_report(), file_format, outer_memory="hbm")
    assert first.startswith(SIGNATURES[file_format])
    assert draw(example_report(), file_format, outer_memory="hbm") == first


def test_picture_names_components_kinds_resources_and_operators() -> None:
    pictured = draw(example_report(), "svg", outer_memory="hbm").decode()
    for text in ("tiny-llama on tpu_v4i", "Energy by component", "Roofline against hbm", "lm_head", "Timeline", "mxu"):
        assert f"<!-- {text}" in pictured


def test_a_report_without_rows_is_drawn() -> None:
    empty = replace(example_report(), ops=(), traffic=(), energy=(), timeline=(), seconds=0.0)
    assert draw(empty, "png").startswith(SIGNATURES["png"])


def test_only_known_formats_are_accepted() -> None:
    assert picture_format("a/b.PNG") == "png"
    for path in ("x.bmp", "x", "-"):
        with pytest.raises(PlotError, match=r"\.png, \.svg or \.pdf"):
            picture_format(path)


def test_cut_axis_keeps_times_in_order_and_shortens_cuts() -> None:
    axis = CutAxis(((10.0, 90.0),), gap=2.0)
    assert [axis.place(time) for time in (0.0, 5.0, 10.0, 50.0, 90.0, 100.0)] == [0.0, 5.0, 10.0, 10.0, 12.0, 22.0]


def test_spans_are_merged_only_across_invisible_pauses() -> None:
    assert merged([(3.0, 4.0), (0.0, 1.0), (1.1, 2.0), (0.5, 0.6)], 0.2) == [(0.0, 2.0), (3.0, 4.0)]
