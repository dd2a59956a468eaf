"""Fronts and volumes against slow, plain definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.pareto import dominates, front, hypervolume, knee

POINTS = st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(points=POINTS)
def test_the_front_is_what_nothing_dominates(points: list[tuple[int, ...]]) -> None:
    found = [points[place] for place in front(points)]
    assert len(set(found)) == len(found)
    assert set(found) == {one for one in points if not any(dominates(other, one) for other in points)}


@settings(max_examples=60, deadline=None)
@given(points=POINTS)
def test_hypervolume_counts_the_unit_cubes_that_are_dominated(points: list[tuple[int, ...]]) -> None:
    cubes = itertools.product(range(6), repeat=3)
    counted = sum(any(all(a <= b for a, b in zip(one, cube, strict=True)) for one in points) for cube in cubes)
    assert hypervolume(points, (6, 6, 6)) == counted


def test_the_knee_is_between_the_ends() -> None:
    curve = [(x, 1 / x) for x in np.linspace(0.1, 10, 101).tolist()]
    assert 0.3 < curve[knee(curve)][0] < 3
    assert hypervolume([(1.0, 1.0)], (0.5, 2.0)) == 0
    assert hypervolume([(1.0,), (2.0,)], (4.0,)) == pytest.approx(3.0)
