"""Random small graphs, and slow oracles that share no code with the solvers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise, permutations

from hypothesis import strategies as st

from mapper.scratchpad.problem import Buffer, Operator, Plan, Problem


@st.composite
def problems(draw: st.DrawFn, most: int, parameters: bool = True) -> Problem:
    """A graph of up to ``most`` operators, with a scratchpad that the largest operator at least fits."""
    size = st.integers(1, 5)
    buffers = [Buffer("x", draw(size), "input")]
    operators: list[Operator] = []
    for number in range(draw(st.integers(2, most))):
        reads = draw(st.sets(st.integers(0, len(buffers) - 1), min_size=1, max_size=3))
        if parameters and draw(st.integers(0, 5)) == 0:
            reads.add(len(buffers))
            buffers.append(Buffer(f"w{number}", draw(size), "parameter"))
        writes = [len(buffers)]
        buffers.append(Buffer(f"t{number}", draw(size), "output" if draw(st.integers(0, 5)) == 0 else "intermediate"))
        if draw(st.integers(0, 6)) == 0:
            writes.append(len(buffers))
            buffers.append(Buffer(f"s{number}", draw(size)))
        operators.append(Operator(f"o{number}", tuple(sorted(reads)), tuple(writes)))
    least = max(sum(buffers[b].size for b in operator.touches) for operator in operators)
    return Problem(tuple(buffers), tuple(operators), least + draw(st.integers(0, 3)))


def all_orders(problem: Problem) -> Iterator[tuple[int, ...]]:
    written_by = {b: number for number, operator in enumerate(problem.operators) for b in operator.writes}
    for order in permutations(range(len(problem.operators))):
        place = {number: step for step, number in enumerate(order)}
        if all(
            place[written_by[b]] < place[number]
            for number in order
            for b in problem.operators[number].reads
            if b in written_by
        ):
            yield order


def steps_of(problem: Problem, order: tuple[int, ...]) -> dict[int, list[int]]:
    """Per buffer, the steps that touch it."""
    steps: dict[int, list[int]] = {}
    for step, number in enumerate(order):
        for buffer in problem.operators[number].touches:
            steps.setdefault(buffer, []).append(step)
    return steps


def slow_peak(problem: Problem) -> int:
    def peak(order: tuple[int, ...]) -> int:
        spans = [(steps[0], steps[-1], problem.buffers[b].size) for b, steps in steps_of(problem, order).items()]
        return max(sum(size for a, z, size in spans if a <= step <= z) for step in range(len(order)))

    return min(peak(order) for order in all_orders(problem))


Gaps = tuple[tuple[int, int, int], ...]
"""Buffer, its last step before and its first step after."""


def cost(problem: Problem, gaps: Gaps) -> int:
    moved = sum(problem.buffers[b].size for b, _, _ in gaps)
    return moved + sum(
        problem.buffers[b].size for b in {b for b, _, _ in gaps} if problem.buffers[b].kind == "intermediate"
    )


def boxes(problem: Problem, order: tuple[int, ...], out: Gaps) -> list[tuple[int, int, int]]:
    """First step, last step and size of everything in the scratchpad."""
    found: list[tuple[int, int, int]] = []
    for buffer, steps in steps_of(problem, order).items():
        first = steps[0]
        for before, after in pairwise(steps):
            if (buffer, before, after) in out:
                found.append((first, before, problem.buffers[buffer].size))
                first = after
        found.append((first, steps[-1], problem.buffers[buffer].size))
    return found


def evictions(problem: Problem, order: tuple[int, ...]) -> list[Gaps]:
    """All sets of gaps of at least one step, cheapest first."""
    gaps = [
        (buffer, before, after)
        for buffer, steps in steps_of(problem, order).items()
        for before, after in pairwise(steps)
        if after > before + 1
    ]
    sets = [chosen for count in range(len(gaps) + 1) for chosen in combinations(gaps, count)]
    return sorted(sets, key=lambda chosen: cost(problem, chosen))


def fits(found: list[tuple[int, int, int]], capacity: int, steps: int) -> bool:
    return all(sum(size for a, z, size in found if a <= step <= z) <= capacity for step in range(steps))


def packs(found: list[tuple[int, int, int]], capacity: int, placed: tuple[int, ...] = ()) -> bool:
    """Whether there are addresses, by trying every address of every box."""
    if len(placed) == len(found):
        return True
    first, last, size = found[len(placed)]
    for address in range(capacity - size + 1):
        clash = any(
            first <= z and a <= last and address < at + other and at < address + size
            for (a, z, other), at in zip(found, placed, strict=False)
        )
        if not clash and packs(found, capacity, (*placed, address)):
            return True
    return False


def slow_gaps(problem: Problem, order: tuple[int, ...]) -> int | None:
    """Least extra bytes of an order without regard to addresses."""
    for chosen in evictions(problem, order):
        if fits(boxes(problem, order, chosen), problem.capacity, len(order)):
            return cost(problem, chosen)
    return None


def slow_optimum(problem: Problem) -> int | None:
    """Least extra bytes over all orders, evictions and addresses; None if nothing can be placed."""
    best: int | None = None
    for order in all_orders(problem):
        for chosen in evictions(problem, order):
            if best is not None and cost(problem, chosen) >= best:
                break
            found = boxes(problem, order, chosen)
            if fits(found, problem.capacity, len(order)) and packs(found, problem.capacity):
                best = cost(problem, chosen)
                break
    return best


def moves_inside(plan: Plan) -> bool:
    """Whether a buffer leaves and is back at the next step, which the paper's program does not know."""
    ends = {(run.buffer, run.last) for run in plan.residencies}
    return any((run.buffer, run.first - 1) in ends for run in plan.residencies)
