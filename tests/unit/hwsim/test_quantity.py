from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.quantity import parse, show


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("512 KiB", "B", 524288.0),
        ("512KB", "B", 512e3),
        ("4 kb", "B", 500.0),
        ("614 GB/s", "B/s", 614e9),
        ("1.2 TB/s", "B/s", 1.2e12),
        ("8 Gbit/s", "B/s", 1e9),
        ("940 MHz", "Hz", 940e6),
        ("120 ns", "s", 120e-9),
        ("3.9 pJ/bit", "J/bit", 3.9e-12),
        ("8 pJ/B", "J/bit", 1e-12),
        ("0.4 pJ/op", "J/op", 0.4e-12),
        ("331 mm2", "m2", 331e-6),
        ("7 nm", "m", 7e-9),
        ("9000 USD", "USD", 9000.0),
        ("3 year", "year", 3.0),
        ("1e3 W", "W", 1000.0),
    ],
)
def test_a_quantity_is_read_in_base_units(text: str, unit: str, value: float) -> None:
    assert parse(text, unit) == value


@pytest.mark.parametrize(
    "text", ["614", 614, 6.14, True, None, "", "GB/s", "614 GB", "614 GHz", "six GB/s", "1e999 GB/s", "٣ GB/s"]
)
def test_a_missing_or_wrong_unit_is_refused_and_an_example_given(text: object) -> None:
    with pytest.raises(ValueError, match="614 GB/s"):
        parse(text, "B/s")


def test_a_megabyte_and_a_mebibyte_differ() -> None:
    assert parse("1 MiB", "B") / parse("1 MB", "B") == 1.048576


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (6.14e11, "B/s", "614 GB/s"),
        (0.0, "J", "0 J"),
        (1.05e9, "Hz", "1.05 GHz"),
        (331e-6, "m2", "331 mm2"),
        (999.96, "W", "1.00 kW"),
        (2.5e-5, "s", "25.0 us"),
    ],
)
def test_a_number_is_shown_with_the_prefix_that_fits(value: float, unit: str, text: str) -> None:
    assert show(value, unit) == text


@given(st.floats(min_value=1e-14, max_value=1e16))
def test_what_is_shown_reads_back_within_its_digits(value: float) -> None:
    assert math.isclose(parse(show(value, "J", digits=6), "J"), value, rel_tol=1e-5)
