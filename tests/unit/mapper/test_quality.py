"""What is said about mappings is true: never more than is proven, and the worst of many."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapper.base import Found, Proof
from mapper.quality import note, state


def found(evaluated: int, gap: float | None, space: float = 1e6) -> Found:
    return Found((), 1.0, 1.0, 1.0, evaluated, None if gap is None else Proof(space, 1.0 - gap, gap))


@pytest.mark.parametrize(
    ("founds", "said"),
    [
        ([], "no contraction to tile: the units take operators whole or in a stream"),
        ([found(812, None)], "heuristic, 812 mappings of 1 distinct contraction evaluated"),
        (
            [found(41_000, None), found(212, None)],
            "heuristic, 41,212 mappings of 2 distinct contractions evaluated",
        ),
        (
            [found(41_000, 0.0, 3e11), found(212, 0.0, 1e10)],
            "optimal, 41,212 of 3.1e11 mappings evaluated (2 distinct contractions)",
        ),
        ([found(7, 0.0, 120)], "optimal, 7 of 120 mappings evaluated (1 distinct contraction)"),
        (
            [found(1, 0.0), found(2, 0.03), found(3, 0.01)],
            "within 3.1 % of optimal (worst of 3 distinct contractions), 6 of 3.0e6 mappings evaluated",
        ),
        (
            [found(1, 0.0), found(2, None)],
            "optimal for 1 of 2 distinct contractions, heuristic for 1, 3 mappings evaluated",
        ),
        (
            [found(1, 0.5), found(2, None)],
            "within 100 % of optimal for 1 of 2 distinct contractions, heuristic for 1, 3 mappings evaluated",
        ),
        (
            [found(1, 1.0)],
            "no bound known (worst of 1 distinct contraction), 1 of 1.0e6 mappings evaluated",
        ),
    ],
    ids=["none", "one heuristic", "heuristic", "optimal", "small space", "budget", "mixed", "mixed budget", "no bound"],
)
def test_the_note_says_how_much_was_looked_at_and_the_worst_that_is_proven(founds: list[Found], said: str) -> None:
    assert note(founds) == said


@settings(deadline=None)
@given(gap=st.floats(1e-12, 0.999999))
def test_the_stated_distance_from_the_optimum_is_never_too_small(gap: float) -> None:
    stated = re.fullmatch(r"within ([\d,.]+) % of optimal", state(found(1, gap)))
    assert stated is not None
    percent, needed = float(stated[1].replace(",", "")), 100 * gap / (1 - gap)
    assert needed * (1 - 1e-6) <= percent <= needed * 1.11 + 0.01


def test_a_mixture_is_not_called_optimal_of_all() -> None:
    assert not note([found(1, 0.0), found(1, None)]).startswith("optimal,")
    assert state(found(1, 0.0)) == "optimal"
    assert state(found(1, None)) == "heuristic"
