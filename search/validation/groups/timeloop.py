"""Access counts of Timeloop's reference mapping ("simple weight stationary" of its exercises)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hwsim.access import Traffic, access_counts, trip_count
from hwsim.nest import Nest, nest_of
from hwsim.schedule import Level, TileLoop
from search.validation.case import Case, Found, Group, Request
from workloads.inline import parse_inline

Counts = dict[tuple[str, str], tuple[int, int, int]]
"""(memory, operand) -> reads, fills, updates, all instances together."""

COUNTS: Counts = {
    ("DRAM", "Weights"): (864, 0, 0),
    ("DRAM", "Inputs"): (151875, 0, 0),
    ("DRAM", "Outputs"): (0, 0, 401408),
    ("shared_glb", "Weights"): (24192, 864, 0),
    ("shared_glb", "Inputs"): (2709504, 151875, 0),
    ("shared_glb", "Outputs"): (3211264, 0, 3612672),
    ("pe_spad", "Weights"): (24192, 24192, 0),
    ("weight_reg", "Weights"): (10838016, 24192, 0),
    ("input_activation_reg", "Inputs"): (10838016, 10838016, 0),
    ("output_activation_reg", "Outputs"): (9633792, 9633792, 10838016),
}
CYCLES, COMPUTES = 903168, 10838016
_ROLES = {"Inputs": "input", "Weights": "weight", "Outputs": "output"}


def reference_mapping() -> tuple[Nest, tuple[Level, ...]]:
    """C3 M32 R3 S3 P112 Q112 stride 2, with M unrolled over 4 and C over 3 elements."""
    graph = parse_inline("conv2d:n=1,c=3,h=225,w=225,k=32,r=3,s=3,stride=2,bits=16")
    nest = nest_of(graph.segments[0].ops[0], graph.by_name)
    in_space = (TileLoop("k", 1, "rows"), TileLoop("c", 1, "rows"))
    levels = (
        Level("DRAM", (TileLoop("q", 8),)),
        Level("shared_glb", (TileLoop("s", 1), TileLoop("p", 56), TileLoop("k", 4), *in_space)),
        Level("pe_spad", (TileLoop("r", 1), TileLoop("q", 4), TileLoop("p", 28)), ("weight",)),
        Level("weight_reg", (TileLoop("p", 1), TileLoop("q", 1)), ("weight",)),
        Level("input_activation_reg", (), ("input",)),
        Level("output_activation_reg", (), ("output",)),
    )
    return nest, levels


def our_counts() -> Counts:
    """In Timeloop's convention: a buffer is not read when outputs drain from it, windows keep their overlap."""
    rows = access_counts(*reference_mapping(), halo_reuse=True)

    def total(memory: str, operand: str) -> tuple[int, int, int]:
        below = [row for row in rows if row.operand == _ROLES[operand] and row.outer == memory]
        above = [row for row in rows if row.operand == _ROLES[operand] and row.inner == memory]

        def add(chosen: list[Traffic], name: str) -> int:
            return sum(int(getattr(row, name)) for row in chosen)

        return add(below, "outer_reads"), add(above, "inner_fills"), add(below, "outer_writes")

    return {key: total(*key) for key in COUNTS}


def _rows(counts: Mapping[tuple[str, str], tuple[int, int, int]]) -> Iterator[tuple[str, int, int]]:
    for (memory, operand), expected in COUNTS.items():
        for action, theirs, ours in zip(("reads", "fills", "updates"), expected, counts[memory, operand], strict=True):
            if theirs or ours:
                yield f"{memory}, {operand}, {action}", theirs, ours


def _cases(_: Request) -> Found:
    nest, levels = reference_mapping()
    total = (("cycles", CYCLES, trip_count(nest, levels)), ("multiply-accumulates", COMPUTES, nest.active_points))
    rows = (*_rows(our_counts()), *total)
    return Found(tuple(Case("Timeloop", name, "count", theirs, ours, "simulator") for name, theirs, ours in rows))


GROUPS = (
    Group(
        "timeloop",
        "Access counts of a convolution on six memories",
        _cases,
        "One mapping of one convolution (3 to 32 channels, 3x3, 112x112 outputs, stride 2): every scalar access of "
        "every memory, as Timeloop's exercise `simple weight stationary` prints them.",
    ),
)
