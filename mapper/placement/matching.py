"""Linear sum assignment: one column for every row at the least total cost."""

from __future__ import annotations

import math
from collections.abc import Sequence


def cheapest_matching(cost: Sequence[Sequence[float]]) -> tuple[int, ...]:
    """The column of every row of a square matrix; all different, at the least sum.

    Shortest augmenting paths with potentials, cubic in the size.

    Source: Kuhn 1955, Munkres 1957, in the form of Jonker and Volgenant, Computing 38, 1987.
    """
    size = len(cost)
    rows, columns = [0.0] * (size + 1), [0.0] * (size + 1)
    owner = [0] * (size + 1)
    for row in range(1, size + 1):
        owner[0] = row
        _augment(cost, rows, columns, owner)
    found = [0] * size
    for column in range(1, size + 1):
        found[owner[column] - 1] = column - 1
    return tuple(found)


def _augment(cost: Sequence[Sequence[float]], rows: list[float], columns: list[float], owner: list[int]) -> None:
    """Match the row at column 0 along a shortest path; rows and columns count from 1."""
    count = len(columns)
    slack, back, seen = [math.inf] * count, [0] * count, [False] * count
    here = 0
    while owner[here]:
        seen[here] = True
        row, step, next_column = owner[here], math.inf, 0
        line, base = cost[row - 1], rows[row]
        for column in range(1, count):
            if seen[column]:
                continue
            reduced = line[column - 1] - base - columns[column]
            if reduced < slack[column]:
                slack[column], back[column] = reduced, here
            if slack[column] < step:
                step, next_column = slack[column], column
        for column in range(count):
            if seen[column]:
                rows[owner[column]] += step
                columns[column] -= step
            else:
                slack[column] -= step
        here = next_column
    while here:
        owner[here], here = owner[back[here]], back[here]
