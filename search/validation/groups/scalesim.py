"""Systolic cycles against SCALE-Sim 3.0.0, which prints the index of the last cycle, one less than elapse."""

from __future__ import annotations

from functools import cache

from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.machine import make_machine
from hwsim.nest import nest_of
from search.validation.case import Case, Found, Group, Request
from workloads.inline import parse_inline

RUNS = (
    ("is", 128, 128, (64, 64, 64), 445),
    ("is", 16, 16, (33, 129, 257), 8924),
    ("is", 32, 32, (196, 64, 64), 2211),
    ("os", 128, 128, (33, 129, 257), 1021),
    ("os", 16, 16, (196, 192, 384), 64583),
    ("os", 32, 32, (196, 64, 64), 1763),
    ("ws", 128, 128, (33, 129, 257), 2489),
    ("ws", 16, 16, (33, 129, 257), 12086),
    ("ws", 32, 32, (196, 64, 64), 1159),
)
"""Dataflow, rows, columns, (M, N, K), printed cycles."""


@cache
def array_chip(dataflow: str, rows: int, columns: int) -> Chip:
    """The shipped chip for comparisons with SCALE-Sim, with an array of this size."""
    return load_chip(f"scalesim_{dataflow}", (f"units.array.rows={rows}", f"units.array.columns={columns}"))


def elapsed(dataflow: str, rows: int, columns: int, m: int, n: int, k: int) -> int:
    """Cycles of one matrix product (m x k by k x n) on the array alone."""
    array = make_machine(array_chip(dataflow, rows, columns)).arrays["array"]
    graph = parse_inline(f"matmul:m={m},n={n},k={k},bits=8")
    nest = nest_of(graph.segments[0].ops[0], graph.by_name)
    (inner,) = array.inner_options(nest)
    return int(array.tile_cycles(nest, inner, nest.full))


def _cases(_: Request) -> Found:
    return Found(
        tuple(
            Case(
                "SCALE-Sim 3.0.0",
                f"{dataflow} {rows}x{columns}, M {m} N {n} K {k}",
                "cycles",
                printed + 1,
                elapsed(dataflow, rows, columns, m, n, k),
                "simulator",
            )
            for dataflow, rows, columns, (m, n, k), printed in RUNS
        )
    )


GROUPS = (
    Group(
        "scalesim",
        "Systolic arrays: cycles of SCALE-Sim",
        _cases,
        "The cycles SCALE-Sim prints plus one, because it prints the index of the last cycle. Nine of its runs are "
        "kept here.",
    ),
)
