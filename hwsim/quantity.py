"""Quantities: text with a unit on the outside, SI base units as float on the inside.

``parse("614 GB/s", "B/s") -> 6.14e11``. A bare number where a unit is needed is an error, because guessing units is how
other tools read "614GB/s" as GiB/s. GB is 1e9 bytes, GiB is 2**30 bytes; b is a bit and B a byte.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator

_PREFIXES = {
    "": 1.0, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "m": 1e-3,
    "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40,
}  # fmt: skip

_BASES: dict[str, dict[str, float]] = {
    "B": {"B": 1.0, "b": 0.125, "bit": 0.125, "byte": 1.0},
    "B/s": {"B/s": 1.0, "b/s": 0.125, "bit/s": 0.125},
    "Hz": {"Hz": 1.0},
    "s": {"s": 1.0},
    "J": {"J": 1.0},
    "J/bit": {"J/bit": 1.0, "J/b": 1.0, "J/B": 0.125, "J/byte": 0.125},
    "J/op": {"J/op": 1.0, "J": 1.0, "J/mac": 1.0},
    "W": {"W": 1.0},
    "V": {"V": 1.0},
    "A": {"A": 1.0},
    "m2": {"m2": 1.0},
    "m": {"m": 1.0},
    "USD": {"USD": 1.0},
    "USD/kWh": {"USD/kWh": 1.0},
    "USD/W": {"USD/W": 1.0},
    "/m2": {"/m2": 1.0, "/cm2": 1e4, "/mm2": 1e6},
    "kg": {"g": 1e-3},
    "kg/kWh": {"g/kWh": 1e-3},
    "year": {"year": 1.0},
}
_AREAS = {"mm2": 1e-6, "um2": 1e-12, "cm2": 1e-4, "m2": 1.0}
_EXAMPLES = {
    "B": "512 KiB", "B/s": "614 GB/s", "Hz": "940 MHz", "s": "120 ns", "J": "3.7 pJ", "J/bit": "3.9 pJ/bit",
    "J/op": "0.4 pJ/op", "W": "75 W", "V": "1.35 V", "A": "71 mA", "m2": "331 mm2", "m": "28 nm", "USD": "9000 USD",
    "USD/kWh": "0.1 USD/kWh", "USD/W": "12 USD/W", "/m2": "0.11 /cm2", "kg": "124.9 kg", "kg/kWh": "0.38 kg/kWh",
    "year": "3 year",
}  # fmt: skip
_PATTERN = re.compile(r"^\s*([+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[eE][+-]?\d{1,2})?)\s*(\S*)\s*$", re.ASCII)


def parse(value: object, unit: str) -> float:
    """Read a quantity as a number in the base unit ``unit``.

    Args:
        value: text such as "512 KiB".
        unit: one of B, B/s, Hz, s, J, J/bit, J/op, W, V, A, m2, m, USD, USD/kWh,
            USD/W, /m2, kg, kg/kWh, year.

    Raises:
        ValueError: not a number, no unit, or an unknown unit.
    """
    example = _EXAMPLES[unit]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"expected a quantity such as {example!r}, got {value!r}")
    if isinstance(value, int | float):
        raise ValueError(f"a unit is missing: expected text such as {example!r}, got the bare number {value!r}")
    match = _PATTERN.match(value)
    if match is None:
        raise ValueError(f"expected a quantity such as {example!r}, got {value!r}")
    number, suffix = match[1], match[2]
    if not suffix:
        raise ValueError(f"a unit is missing: expected text such as {example!r}, got {value!r}")
    scale = _scale(suffix, unit)
    if scale is None:
        raise ValueError(f"unknown unit {suffix!r}: expected a quantity such as {example!r}")
    # Exact, so that "7 nm" is the same float as 7e-9.
    return float(Fraction(number) * Fraction(str(scale)))


def _scale(suffix: str, unit: str) -> float | None:
    if unit == "m2":
        return _AREAS.get(suffix)
    for base, factor in _BASES[unit].items():
        if suffix.endswith(base) and suffix[: len(suffix) - len(base)] in _PREFIXES:
            return _PREFIXES[suffix[: len(suffix) - len(base)]] * factor
    return None


_SCALES = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"),
           (1e-9, "n"), (1e-12, "p"), (1e-15, "f")]  # fmt: skip


def show(value: float, unit: str, digits: int = 3) -> str:
    """Readable text for a number in base units: ``show(6.14e11, "B/s") -> "614 GB/s"``."""
    if unit == "m2":
        return f"{value * 1e6:.{digits}g} mm2"
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}"
    scale, prefix = prefix_of(value, digits)
    if scale:
        return f"{_significant(value / scale, digits)} {prefix}{unit}"
    return f"{value:.{digits}g} {unit}"


def prefix_of(value: float, digits: int = 3) -> tuple[float, str]:
    """The prefix with which a number reads best, and what it stands for: ``prefix_of(6.14e11) -> (1e9, "G")``.

    The scale is zero where there is no prefix small enough.
    """
    return next((pair for pair in _SCALES if abs(value) >= pair[0] * (1 - 0.5 * 10.0**-digits)), (0.0, ""))


def _significant(value: float, digits: int) -> str:
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:.{max(0, digits - 1 - math.floor(math.log10(abs(rounded)) + 1e-12))}f}"


def _positive(unit: str, zero: bool = False) -> BeforeValidator:
    def read(value: object) -> float:
        number = parse(value, unit)
        if number < 0 or (number == 0 and not zero):
            raise ValueError(f"must be {'zero or more' if zero else 'greater than zero'}, got {value!r}")
        return number

    return BeforeValidator(read)


Bytes = Annotated[float, _positive("B")]
BytesPerSecond = Annotated[float, _positive("B/s")]
Hertz = Annotated[float, _positive("Hz")]
Seconds = Annotated[float, _positive("s", zero=True)]
JoulesPerBit = Annotated[float, _positive("J/bit", zero=True)]
JoulesPerOp = Annotated[float, _positive("J/op", zero=True)]
Watts = Annotated[float, _positive("W", zero=True)]
Volts = Annotated[float, _positive("V")]
Amperes = Annotated[float, _positive("A")]
SquareMetres = Annotated[float, _positive("m2")]
Metres = Annotated[float, _positive("m")]
Dollars = Annotated[float, _positive("USD")]
DollarsPerKilowattHour = Annotated[float, _positive("USD/kWh", zero=True)]
DollarsPerWatt = Annotated[float, _positive("USD/W", zero=True)]
PerSquareMetre = Annotated[float, _positive("/m2", zero=True)]
Kilograms = Annotated[float, _positive("kg", zero=True)]
KilogramsPerKilowattHour = Annotated[float, _positive("kg/kWh", zero=True)]
Years = Annotated[float, _positive("year")]
