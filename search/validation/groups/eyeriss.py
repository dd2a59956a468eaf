"""Eyeriss silicon, AlexNet: one group per column of the published table; see ``search.validation.eyeriss``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from search.validation.case import Case, Found, Group, Request
from search.validation.eyeriss import COLUMNS, SOURCE, Comparison, cases, conv3_by_its_bytes

_NOTES = {
    "processing latency": "The published mapping on the shipped chip; nothing is fitted. Another analytical model "
    "reaches 4.3 % mean error.",
    "total latency": "With the DRAM phases in which the chip does not compute; the zeros of outputs are those of the "
    "next layer's input.",
    "power": "The chip without its DRAM. The clock power is one constant for all layers.",
    "buffer": "The printed mapping of CONV3, (q, r, t) = (4, 1, 4), contradicts its measured bytes; the group "
    "eyeriss/conv3-by-its-bytes shows (3, 2, 2), which fits them and is not claimed.",
    "DRAM": "Run-length coded with the published fractions of zeros.",
    "MACs": "Printed with two digits.",
    "active PEs": "Of the published mapping.",
}


@cache
def _comparisons() -> tuple[Comparison, ...]:
    return cases()


def _case(one: Comparison) -> Case:
    return Case(SOURCE, f"AlexNet {one.layer}, {one.column}", one.unit, one.published, one.simulated, "measured")


def _column(column: str) -> Callable[[Request], Found]:
    def found(_: Request) -> Found:
        return Found(tuple(_case(one) for one in _comparisons() if one.column == column))

    return found


def _other_mapping(_: Request) -> Found:
    return Found(tuple(_case(one) for one in conv3_by_its_bytes()))


GROUPS = (
    *(
        Group(
            f"eyeriss/{column.replace(' ', '-')}",
            f"Eyeriss silicon: {column} of AlexNet",
            _column(column),
            _NOTES[column],
        )
        for column in COLUMNS
    ),
    Group(
        "eyeriss/conv3-by-its-bytes",
        "Eyeriss silicon: CONV3 with the mapping that its measured buffer bytes suggest",
        _other_mapping,
        "Beside the printed mapping, not claimed.",
    ),
)
