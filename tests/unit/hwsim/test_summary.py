"""Single facts drawn from a report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwsim import summary
from hwsim.report import Report, Span
from tests.unit.hwsim.report_example import example_report


def with_spans(*spans: Span) -> Report:
    return replace(example_report(), seconds=100.0, timeline=spans)


def test_utilization_weights_operators_by_their_time() -> None:
    first, second = example_report().ops[2], example_report().ops[4]
    ops = (replace(first, seconds=3.0, utilization=0.8), replace(second, seconds=1.0, utilization=0.0))
    assert summary.utilization(replace(example_report(), seconds=4.0, ops=ops)) == pytest.approx(0.6)


def test_bound_by_is_what_bounds_most_of_the_time_and_not_most_operators() -> None:
    ops = example_report().ops[:3]
    ops = tuple(replace(op, seconds=s, bound_by=b) for op, s, b in zip(ops, (1, 1, 3), ("a", "a", "b"), strict=True))
    assert summary.bound_by(replace(example_report(), ops=ops)) == "b"
    assert summary.bound_by(replace(example_report(), ops=())) == ""


def test_component_energy_adds_up_to_the_total() -> None:
    report = example_report()
    parts = summary.component_energy(report)
    assert sum(parts.values()) == pytest.approx(report.energy_joules)
    assert list(parts.values()) == sorted(parts.values(), reverse=True)


def test_only_pauses_after_repeated_spans_count_as_folded() -> None:
    report = with_spans(
        Span("a", "once", 0.0, 10.0), Span("a", "many", 20.0, 30.0, 5), Span("b", "inside", 22.0, 24.0, 5),
        Span("a", "last", 70.0, 100.0),
    )  # fmt: skip
    assert summary.folded(report) == ((30.0, 70.0),)


def test_short_pauses_are_not_folded_and_a_missing_end_is() -> None:
    report = with_spans(Span("a", "x", 0.0, 10.0, 2), Span("a", "y", 10.5, 60.0))
    assert summary.folded(report) == ((60.0, 100.0),)
    assert summary.folded(with_spans()) == ()


def test_assumed_numbers_are_counted_by_key() -> None:
    report = example_report()
    assert summary.statuses(report) == {"published": 2, "assumed": 2, "secondary": 1}
    assert summary.assumed_keys(report) == ("memories.cmem.bandwidth", "units.vpu.lanes")


@pytest.mark.parametrize(("value", "text"), [(1234567.8, "1,234,568"), (12.3456, "12.35"), (0.0012345, "0.001234")])
def test_number_never_uses_exponents_for_large_values(value: float, text: str) -> None:
    assert summary.number(value) == text
