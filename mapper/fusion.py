"""Fused groups as a mapping choice: consecutive operators run chunk by chunk, and results between them stay on chip.

``fuse`` starts from an unfused schedule. Candidates that could move fewer bytes than the operators one by one are
priced by playing them; a dynamic program over each segment picks the partition with the least sum of prices. The whole
is then simulated: groups that lost are given up, and where nothing is better than the unfused schedule, that one stays.
 Source of the idea of fusing under a capacity: Alwani et al., Fused-layer CNN accelerators, MICRO 2016.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hwsim.report import Report
from hwsim.schedule import FusedGroup, Placement, Schedule, Step
from hwsim.simulation import play_schedule
from mapper.base import InfeasibleError, rank
from mapper.fusion_attention import online_groups
from mapper.fusion_cost import Cost, additive, outer_memories, price, whole_cost
from mapper.fusion_groups import LONGEST, Group, groups_of, least_bytes
from mapper.fusion_rows import Halo
from mapper.graph import Search, map_step
from mapper.pieces import pieces_of
from mapper.residency import Piece, Reserved, plan
from workloads.graph import OperatorGraph

LEAST_GAIN = 0.02
"""Share of the bytes of some operators that a group must be able to save to be looked at."""
PRICED = 3
"""Candidates of one group of operators that are played: those that move the fewest bytes."""
GIVE_UP_ROUNDS = 3
"""How often the groups that lost are given up before fusion as a whole is."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A group in place of the unfused pieces first..last, both included, at a price; None is the pieces themselves."""

    first: int
    last: int
    cost: Cost
    group: Group | None = None


@dataclass(frozen=True, slots=True)
class Base:
    """The unfused schedule, its pieces, and the cost of one execution of each and of the whole."""

    graph: OperatorGraph
    pieces: tuple[Piece, ...]
    schedule: Schedule
    costs: tuple[Cost, ...]
    whole: Cost


def fuse(search: Search, graph: OperatorGraph, schedule: Schedule, halo: Halo = "keep") -> Schedule:
    """The schedule with fused groups where they help the goal's objective, else as it is.

    Args:
        search: mapper, machine and goal.
        graph: bound operator graph.
        schedule: without fused groups, from ``mapper.graph``.
        halo: whether rows that two chunks of pictures share are kept or computed again.
    """
    base = base_of(search, graph, schedule)
    chosen = [choice for choice in partition(search, base, halo) if choice.group is not None]
    best, best_cost = schedule, base.whole
    for _ in range(GIVE_UP_ROUNDS):
        if not chosen:
            break
        try:
            fused = assemble(search, base, chosen)
        except InfeasibleError:
            break
        simulation = play_schedule(graph, fused, search.machine.chip, search.machine)
        cost = whole_cost(search, simulation.report)
        if _value(search, cost) < _value(search, best_cost):
            best, best_cost = fused, cost
        kept = _winners(search, base, chosen, _step_costs(search, fused, simulation.report))
        if len(kept) == len(chosen):
            break
        chosen = kept
    return best


def _value(search: Search, cost: Cost) -> tuple[float, ...]:
    return rank(search.goal.objective, cost.seconds, cost.joules, cost.outer_bytes)


def base_of(search: Search, graph: OperatorGraph, schedule: Schedule) -> Base:
    """The unfused schedule with the cost of each of its steps."""
    report = play_schedule(graph, schedule, search.machine.chip, search.machine).report
    totals = _costs_by_row(search, report)
    costs = tuple(
        _share(totals[row.name], graph.segments[step.segment].count)
        for row, step in zip(report.ops, schedule.steps, strict=True)
    )
    pieces = tuple(pieces_of(graph, search.machine))
    return Base(graph, pieces, schedule, costs, whole_cost(search, report))


def _share(cost: Cost, count: int) -> Cost:
    return Cost(cost.seconds / count, cost.joules / count, cost.outer_bytes / count)


def _costs_by_row(search: Search, report: Report) -> dict[str, Cost]:
    """The cost of every operator of a report, all its repetitions."""
    outer = outer_memories(search)
    moved: dict[str, float] = {}
    for row in report.traffic:
        if row.memory in outer:
            moved[row.op] = moved.get(row.op, 0.0) + row.read_bytes + row.write_bytes
    return {row.name: Cost(row.seconds, row.energy_joules, moved.get(row.name, 0.0)) for row in report.ops}


def _step_costs(search: Search, schedule: Schedule, report: Report) -> dict[str, Cost]:
    """The cost of every group of a fused schedule, all repetitions."""
    rows = _costs_by_row(search, report)
    sums: dict[str, Cost] = {}
    for step, row in zip(schedule.steps, report.ops, strict=True):
        sums[step.group] = sums.get(step.group, Cost()) + rows[row.name]
    return sums


def _winners(search: Search, base: Base, chosen: Sequence[Choice], costs: Mapping[str, Cost]) -> list[Choice]:
    """Groups that in the whole cost less than their operators did one by one."""
    kept: list[Choice] = []
    for choice in chosen:
        assert choice.group is not None
        count = base.graph.segments[base.pieces[choice.first].segment].count
        before = _total(base.costs[choice.first : choice.last + 1])
        after = _share(costs[choice.group.name], count)
        objective = search.goal.objective
        if additive(objective, after, base.whole) < additive(objective, before, base.whole):
            kept.append(choice)
    return kept


def _total(costs: Sequence[Cost]) -> Cost:
    return sum(costs, Cost())


def partition(search: Search, base: Base, halo: Halo = "keep") -> list[Choice]:
    """The best partition of every segment into groups and single operators, by the sum of prices."""
    units = _units(base.pieces)
    best: list[Choice] = []
    for segment in range(len(base.graph.segments)):
        spans = [span for span in units if base.pieces[span[0]].segment == segment]
        alone = [Choice(first, last, _total(base.costs[first : last + 1])) for first, last in spans]
        better = choices(search, base, spans, halo)
        best += cheapest(search, base, [*alone, *better], spans)
    return best


def cheapest(search: Search, base: Base, offers: Sequence[Choice], spans: Sequence[tuple[int, int]]) -> list[Choice]:
    """The offers that cover all spans once at the least sum of costs, by dynamic programming from the left."""
    starting: dict[int, list[Choice]] = {}
    for offer in offers:
        starting.setdefault(offer.first, []).append(offer)
    objective = search.goal.objective
    reached: dict[int, tuple[Cost, list[Choice]]] = {spans[0][0]: (Cost(), [])} if spans else {}
    for first, _ in spans:
        if first not in reached:
            continue
        cost, path = reached[first]
        for offer in starting.get(first, []):
            total, after = cost + offer.cost, offer.last + 1
            known = reached.get(after)
            if known is None or additive(objective, total, base.whole) < additive(objective, known[0], base.whole):
                reached[after] = (total, [*path, offer])
    return reached[spans[-1][1] + 1][1] if spans else []


def _units(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    """Pieces that belong together: single operators, and the parts of a composite."""
    spans: list[tuple[int, int]] = []
    for index, piece in enumerate(pieces):
        if spans and pieces[spans[-1][0]].group == piece.group:
            spans[-1] = (spans[-1][0], index)
        else:
            spans.append((index, index))
    return spans


def choices(search: Search, base: Base, spans: Sequence[tuple[int, int]], halo: Halo) -> Iterator[Choice]:
    """Groups of the consecutive spans of a segment that cost less than their operators, the best candidate of each.

    Short groups come first: a longer one is priced only if it could save more bytes than the groups inside it do.
    """
    readers = _readers(base.pieces)
    saved: dict[tuple[int, int], float] = {}
    for length in range(min(LONGEST, len(spans))):
        for start in range(len(spans) - length):
            stop = start + length
            first, last = spans[start][0], spans[stop][1]
            known = max((saved[start, k] + saved[k + 1, stop] for k in range(start, stop)), default=0.0)
            saved[start, stop] = known
            if not length:
                groups = _online(search, base, first, last) if last > first else iter(())
            else:
                outside = frozenset(
                    name for name, places in readers.items() if any(not first <= place <= last for place in places)
                )
                pieces = base.pieces[first : last + 1]
                groups = groups_of(search.machine, pieces, outside, _alive(base, first, last), halo)
            found = _best(search, base, (first, last), groups, known)
            if found is not None:
                before = _total(base.costs[first : last + 1])
                saved[start, stop] = max(known, before.outer_bytes - found.cost.outer_bytes)
                yield found


def _online(search: Search, base: Base, first: int, last: int) -> Iterator[Group]:
    return online_groups(search.machine, base.pieces[first : last + 1], _alive(base, first, last))


def _readers(pieces: Sequence[Piece]) -> dict[str, set[int]]:
    readers: dict[str, set[int]] = {}
    for index, piece in enumerate(pieces):
        for access in piece.op.reads:
            readers.setdefault(access.tensor, set()).add(index)
    return readers


def _alive(base: Base, first: int, last: int) -> tuple[Placement, ...]:
    """Placements of the unfused schedule that overlap with pieces first..last."""
    return tuple(p for p in base.schedule.placements if p.first_step <= last and first <= p.last_step)


def _best(search: Search, base: Base, span: tuple[int, int], groups: Iterator[Group], saved: float) -> Choice | None:
    """The cheapest candidate for the pieces of a span, both ends included, if it is cheaper than they are one by one.

    Only candidates that could save more bytes than smaller groups have ``saved`` are priced.
    """
    first, last = span
    before = _total(base.costs[first : last + 1])
    worth = min(before.outer_bytes - saved, (1 - LEAST_GAIN) * before.outer_bytes)
    if worth <= 0:
        return None
    offers: list[tuple[float, int, Group, tuple[Placement, ...]]] = []
    for group in groups:
        alive = tuple(place for place in _alive(base, first, last) if place.tensor not in group.inside)
        least = least_bytes(search.machine, group, alive)
        if least < worth:
            offers.append((least, group.chunks, group, alive))
    offers.sort(key=lambda offer: offer[:2])
    objective = search.goal.objective
    best: Choice | None = None
    for _, _, group, alive in offers[:PRICED]:
        cost = price(search, base.graph, group, alive)
        if cost is None:
            continue
        bound = before if best is None else best.cost
        if additive(objective, cost, base.whole) < additive(objective, bound, base.whole):
            best = Choice(first, last, cost, group)
    return best


def assemble(search: Search, base: Base, chosen: Sequence[Choice]) -> Schedule:
    """The schedule with some groups in place of their operators; everything is placed and mapped again.

    Raises:
        InfeasibleError: not even the smallest tile of an operator fits beside what is placed.
    """
    pieces: list[Piece] = []
    reserved: list[Reserved] = []
    groups = {choice.first: choice for choice in chosen}
    place = 0
    while place < len(base.pieces):
        choice = groups.get(place)
        if choice is None or choice.group is None:
            pieces.append(base.pieces[place])
            place += 1
            continue
        group = choice.group
        reserved.append(Reserved(group.memory, len(pieces), len(pieces) + len(group.pieces) - 1, group.buffers))
        pieces += group.pieces
        place = choice.last + 1
    placements = plan(base.graph, search.machine, pieces, reserved)
    steps: list[Step] = []
    for index, piece in enumerate(pieces):
        alive = [p for p in placements if p.first_step <= index <= p.last_step]
        steps.append(map_step(search, piece, alive, frozenset(p.tensor for p in alive)))
    made = [choice.group for choice in chosen if choice.group is not None]
    return replace(
        base.schedule,
        steps=tuple(steps),
        placements=placements,
        added=tuple(op for group in made for op in group.added),
        fused=tuple(FusedGroup(group.name, group.ops, group.along, group.chunks, group.buffers) for group in made),
    )
