"""Formulas that whole estimates, mapper and engine included, must reproduce."""

from __future__ import annotations

from collections.abc import Iterator

from hwsim.config import load_chip
from mapper.estimate import estimate
from search.validation.case import Case, Found, Group, Request
from search.validation.groups.scalesim import array_chip

SHAPES = ((1, 1, 1), (1, 1000, 512), (1000, 1, 512), (7, 13, 4096), (4096, 17, 3), (100, 100, 100))
"""M, N, K: a single product, matrix times vector both ways, skinny ones, partial folds."""

LARGE_PRODUCTS = (
    ("tpu_v1", "ddr3", "matmul:m=16384,n=4096,k=4096,bits=8"),
    ("tpu_v1", "ddr3", "matmul:m=1,n=16384,k=16384,bits=8"),
    ("tpu_v4i", "hbm", "matmul:m=16384,n=8192,k=8192,bits=16"),
    ("tpu_v4i", "hbm", "matmul:m=1,n=16384,k=16384,bits=16"),
)
"""Chip, its outermost memory, a product."""


def systolic_cycles(dataflow: str, rows: int, columns: int, m: int, n: int, k: int) -> int:
    """Elapsed cycles of a product, every fold with its full fill and drain.

    Source: folds x (T + R + C - 2) for output stationary, folds x (T + 2 R + C - 2) for weight and input stationary
    (Samajdar et al., ISPASS 2020); folds cover the two dimensions that the array unrolls, T is the third.
    """
    down, across, time = {"os": (m, n, k), "ws": (k, n, m), "is": (k, m, n)}[dataflow]
    folds = -(-down // rows) * -(-across // columns)
    return folds * (time + (rows if dataflow == "os" else 2 * rows) + columns - 2)


def _systolic(_: Request) -> Found:
    return Found(tuple(_systolic_cases(16, 32)))


def _systolic_cases(rows: int, columns: int) -> Iterator[Case]:
    for dataflow in ("os", "ws", "is"):
        for m, n, k in SHAPES:
            report = estimate(f"matmul:m={m},n={n},k={k}", array_chip(dataflow, rows, columns), bits={"weight": 8})
            expected = systolic_cycles(dataflow, rows, columns, m, n, k)
            quantity = f"{dataflow} {rows}x{columns}, M {m} N {n} K {k}"
            yield Case("closed form", quantity, "cycles", expected, report.cycles, "closed form")


def _roofline(_: Request) -> Found:
    cases: list[Case] = []
    for chip, memory, text in LARGE_PRODUCTS:
        report = estimate(text, load_chip(chip, (f"memories.{memory}.efficiency=1",)))
        bound = report.bounds.seconds * 1e6
        cases.append(Case("roofline", f"{chip}, {text}", "us", bound, report.seconds * 1e6, "closed form"))
    return Found(tuple(cases))


GROUPS = (
    Group(
        "closed-form/systolic",
        "Systolic arrays: whole estimates against the closed form",
        _systolic,
        "Estimates on chips with unlimited bandwidth; partial folds, single rows and columns, matrix times vector.",
    ),
    Group(
        "closed-form/roofline",
        "Large products approach the roofline",
        _roofline,
        "No measurement: products so large that nothing but the peak rate or the peak bandwidth should matter, with "
        "memories that reach their peak. The error is what filling the chip, ragged tiles and the first load cost.",
    ),
)
