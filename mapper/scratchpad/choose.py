"""The better of two ways to keep tensors on chip: first fit, and an exact plan of order, addresses and transfers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hwsim.machine import Machine
from hwsim.schedule import Placement, Schedule
from hwsim.sequence import make_entries
from hwsim.simulation import entry_traffic
from mapper.graph import Search, first_fit_schedule, map_step
from mapper.residency import Piece
from mapper.scratchpad.adapt import Adapted, problem_of
from mapper.scratchpad.layout import layout_of
from mapper.scratchpad.problem import Plan, Problem
from workloads.graph import OperatorGraph

MOST_NAMED = 3
"""Streamed tensors that a note names."""


def planned_schedule(
    search: Search,
    graph: OperatorGraph,
    pieces: Sequence[Piece],
    placements: tuple[Placement, ...],
    solver: Callable[[Problem], Plan] | None = None,
) -> Schedule:
    """The schedule that moves fewer bytes across the outermost memories; first fit where both move as many.

    A chip without exactly one scratchpad, and a graph with repeated segments, stay with first fit; the note says so.

    Args:
        search: the mapper.
        graph: bound.
        pieces: its steps before they are mapped.
        placements: from first fit.
        solver: of the scratchpad problem; None is the exact one, with the time that ``search`` gives it.
    """
    first = first_fit_schedule(search, pieces, placements)
    pads = {pad for piece in pieces for pad in [search.machine.scratchpad(piece.unit)] if pad is not None}
    if len(pads) != 1:
        return _noted(first, "residency: first fit, because the units do not share one scratchpad")
    if any(segment.count > 1 for segment in graph.segments):
        return _noted(first, "residency: first fit, because the graph has repeated segments")
    adapted = problem_of(graph, search.machine, pieces, next(iter(pads)))
    plan = _exact(adapted.problem, search) if solver is None else solver(adapted.problem)
    if not keeps_orders(adapted.problem, plan):
        return _noted(first, f"residency: first fit, because the plan ({plan.method}) breaks an order")
    other = schedule_of(search, pieces, adapted, plan)
    moved = [outer_bytes(graph, schedule, search.machine) for schedule in (first, other)]
    words = f"{moved[0]:,.0f} B off chip with first fit, {moved[1]:,.0f} B with the plan ({plan.method})"
    words += _streamed(adapted.notes)
    if moved[1] < moved[0]:
        return _noted(other, f"residency: planned, {words}")
    return _noted(first, f"residency: first fit, {words}")


def keeps_orders(problem: Problem, plan: Plan) -> bool:
    """Whether every operator of a plan runs behind those that it must follow (``Operator.after``)."""
    turns = {operator: turn for turn, operator in enumerate(plan.order)}
    return all(
        turns[other] < turns[index] for index, operator in enumerate(problem.operators) for other in operator.after
    )


def _exact(problem: Problem, search: Search) -> Plan:
    from mapper.scratchpad.solve import solve

    return solve(problem, limit_seconds=search.residency_seconds, jobs=search.goal.jobs)


def _noted(schedule: Schedule, text: str) -> Schedule:
    return replace(schedule, note=f"{schedule.note}; {text}")


def _streamed(notes: Sequence[str]) -> str:
    """What does not fit, in words."""
    if not notes:
        return ""
    more = f" and {len(notes) - MOST_NAMED} more" if len(notes) > MOST_NAMED else ""
    return f"; too large for the plan: {', '.join(notes[:MOST_NAMED])}{more}"


def schedule_of(search: Search, pieces: Sequence[Piece], adapted: Adapted, plan: Plan) -> Schedule:
    """A plan as a schedule: its order, addresses and transfers, and a mapping for every step in what they leave free.

    Args:
        search: the mapper.
        pieces: the steps before they are mapped, in the default order.
        adapted: the graph as a problem.
        plan: an answer to it.
    """
    layout = layout_of(adapted, plan)
    alive: list[list[Placement]] = [[] for _ in layout.order]
    for placement in layout.placements:
        for step in range(placement.first_step, placement.last_step + 1):
            alive[step].append(placement)
    steps = tuple(
        map_step(search, pieces[place], alive[step], layout.resident[step]) for step, place in enumerate(layout.order)
    )
    return Schedule(steps, layout.placements, search.mapper, search.note(), layout.transfers)


def outer_bytes(graph: OperatorGraph, schedule: Schedule, machine: Machine) -> float:
    """Bytes that a schedule moves across the outermost memories, in both directions together."""
    outers = {machine.outer(unit) for unit in machine.chip.units}
    return sum(
        read + write
        for entry in make_entries(graph, schedule, machine)
        for memory, read, write in entry_traffic(machine, entry)
        if memory in outers
    )
