"""The report on the terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from hwsim.report import Report
from hwsim.show import show
from tests.golden.compare import compare_with_golden
from tests.unit.hwsim.report_example import example_report


def rendered(report: Report, width: int = 80, top: int = 10, sources: bool = False, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    show(report, Console(file=stream, width=width), tdp_watts=175.0, top=top, sources=sources)
    stream.flush()
    return raw.getvalue().decode(encoding)


def test_report_matches_the_golden_file(update_golden: bool) -> None:
    text = "\n".join(line.rstrip() for line in rendered(example_report()).splitlines()) + "\n"
    compare_with_golden("report.txt", text, update_golden)


def test_piped_output_has_no_colour_codes_and_fits_80_columns() -> None:
    text = rendered(example_report())
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize(
    "fact",
    ["3,288,600 cycles", "core clock, 1.05 GHz", "tokens/s", "34% of the 175 W TDP", "400 mm2", "memory:hbm 99%",
     "1.01x the larger", "10 slowest of 13", "warning: op 'layers.rope'", "2 of 5 entries", "952,000,000 parameters"],
)  # fmt: skip
def test_report_says(fact: str) -> None:
    assert fact in rendered(example_report(), width=100)


def test_sources_lists_every_footnote() -> None:
    report = example_report()
    text = rendered(report, width=200, sources=True)
    assert all(note.cite in text and note.status in text for note in report.footnotes)


def test_top_limits_the_operators_to_the_slowest() -> None:
    text = rendered(example_report(), top=2)
    assert "2 slowest of 13" in text
    assert "lm_head" in text
    assert "silu" not in text


def test_a_terminal_without_unicode_is_served() -> None:
    assert "slowest" in rendered(example_report(), encoding="ascii")


def test_names_that_look_like_markup_are_printed_as_they_are() -> None:
    report = example_report()
    odd = replace(report, ops=(replace(report.ops[0], name="[bold]x[/]", bound_by="[red]"),), warnings=("[i]w",))
    assert all(text in rendered(odd) for text in ("[bold]x[/]", "[red]", "[i]w"))


def test_a_report_without_rows_is_printed() -> None:
    empty = replace(example_report(), ops=(), traffic=(), energy=(), timeline=(), footnotes=(), seconds=0.0)
    assert "latency" in rendered(empty)
