"""The best plan by an integer program (PuLP with HiGHS), or by a heuristic that needs no solver.

Every group that fits is a binary variable; groups must cover each task once. A group chooses one width for each of its
tasks within the slices, and is as slow as its slowest task:

    minimize  sum over groups g of (slowest_g + fill_g + boundary_g)
    subject to  sum of groups over a task = 1
                sum over widths of choice[g, task, width] = group[g]
                sum over tasks and widths of width x choice <= lanes x group[g]
                slowest_g >= sum over widths of cycles(task, width) x choice      for every task of g
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from mapper.fpga.problem import (
    Budget,
    NoDesignError,
    Plan,
    Work,
    boundary_cycles,
    group_cycles,
    plan_of,
    spans,
    task_cycles,
    widths,
)


def optimal_plan(tasks: Sequence[Work], budget: Budget) -> Plan:
    """The plan with the fewest cycles.

    Raises:
        NoDesignError: there is no task, or the device has no slice.
    """
    import pulp

    candidates = _candidates(tasks, budget)
    lanes = widths(budget)
    model: Any = pulp.LpProblem("groups", pulp.LpMinimize)
    chosen: dict[tuple[int, int], Any] = {}
    choices: dict[tuple[int, int, int, int], Any] = {}
    costs: list[Any] = []
    for first, end in candidates:
        span = (first, end)
        chosen[span] = model.add_variable(f"group_{first}_{end}", cat="Binary")
        slowest = model.add_variable(f"slowest_{first}_{end}", lowBound=0)
        costs.append(slowest)
        if end < len(tasks):
            costs.append(boundary_cycles(tasks[end - 1], budget) * chosen[span])
        for place in range(first, end):
            own = {width: model.add_variable(f"width_{first}_{end}_{place}_{width}", cat="Binary") for width in lanes}
            choices |= {(first, end, place, width): one for width, one in own.items()}
            cycles = {width: task_cycles(tasks[place], width) for width in lanes}
            model += pulp.lpSum(own.values()) == chosen[span]
            model += slowest >= pulp.lpSum(cycles[width] * one for width, one in own.items())
            if end - first > 1:
                costs += [cycles[width] // tasks[place].tokens * one for width, one in own.items()]
        used = [width * choices[first, end, place, width] for place in range(first, end) for width in lanes]
        model += pulp.lpSum(used) <= budget.lanes * chosen[span]
    for place in range(len(tasks)):
        model += pulp.lpSum(one for (first, end), one in chosen.items() if first <= place < end) == 1
    model += pulp.lpSum(costs)
    model.solve(pulp.HiGHS(msg=False, gapRel=0.0, gapAbs=0.5))
    groups = [
        [
            (tasks[place], next(width for width in lanes if choices[first, end, place, width].value() > 0.5))
            for place in range(first, end)
        ]
        for (first, end), one in chosen.items()
        if one.value() > 0.5
    ]
    return plan_of(groups, budget)


def heuristic_plan(tasks: Sequence[Work], budget: Budget) -> Plan:
    """A good plan without a solver: widths in proportion to the work, groups by dynamic programming.

    Raises:
        NoDesignError: there is no task, or the device has no slice.
    """
    candidates = _candidates(tasks, budget)
    best: list[tuple[int, tuple[tuple[tuple[Work, int], ...], ...]]] = [(0, ())]
    for end in range(1, len(tasks) + 1):
        found: list[tuple[int, tuple[tuple[tuple[Work, int], ...], ...]]] = []
        for first in (first for first, last in candidates if last == end):
            group = _balanced(tasks[first:end], budget)
            before, groups = best[first]
            last = boundary_cycles(tasks[end - 1], budget) if end < len(tasks) else 0
            found.append((before + group_cycles(group) + last, (*groups, group)))
        best.append(min(found, key=lambda one: one[0]))
    return plan_of(best[-1][1], budget)


def _balanced(tasks: Sequence[Work], budget: Budget) -> tuple[tuple[Work, int], ...]:
    """Widen the slowest task to the next width as long as the slices suffice."""
    lanes = widths(budget)
    chosen = [0] * len(tasks)
    while True:
        slowest = max(range(len(tasks)), key=lambda place: task_cycles(tasks[place], lanes[chosen[place]]))
        if chosen[slowest] + 1 == len(lanes):
            break
        used = sum(lanes[one] for one in chosen) - lanes[chosen[slowest]] + lanes[chosen[slowest] + 1]
        if used > budget.lanes:
            break
        chosen[slowest] += 1
    return tuple((work, lanes[one]) for work, one in zip(tasks, chosen, strict=True))


def _candidates(tasks: Sequence[Work], budget: Budget) -> list[tuple[int, int]]:
    candidates = list(spans(tasks, budget))
    if not candidates:
        raise NoDesignError(f"no design: {len(tasks)} tasks, {budget.lanes} products per cycle")
    return candidates


def all_plans(tasks: Sequence[Work], budget: Budget) -> Iterator[Plan]:
    """Every plan of the search space: the oracle of the integer program, for a few tasks."""
    possible = set(spans(tasks, budget))
    for cuts in product((False, True), repeat=len(tasks) - 1):
        ends = [place + 1 for place, cut in enumerate(cuts) if cut] + [len(tasks)]
        parts = list(zip([0, *ends], ends, strict=False))
        if any(part not in possible for part in parts):
            continue
        ways = [list(_ways(tasks[first:end], budget)) for first, end in parts]
        for groups in product(*ways):
            yield plan_of(groups, budget)


def _ways(tasks: Sequence[Work], budget: Budget) -> Iterator[tuple[tuple[Work, int], ...]]:
    for lanes in product(widths(budget), repeat=len(tasks)):
        if sum(lanes) <= budget.lanes:
            yield tuple(zip(tasks, lanes, strict=True))
