"""A simple legal plan for a scratchpad problem: the default order, first fit, evict what is used last."""

from __future__ import annotations

from dataclasses import replace

from mapper.scratchpad.problem import Plan, Problem, Residency


def greedy_plan(problem: Problem) -> Plan:
    """Operators in the default order; an operator that finds no gap evicts everything it does not touch."""
    uses: dict[int, list[int]] = {}
    for turn, operator in enumerate(problem.operators):
        for buffer in operator.touches:
            uses.setdefault(buffer, []).append(turn)
    alive: dict[int, Residency] = {}
    done: list[Residency] = []
    stored: set[int] = set()
    extra = 0

    def leave(buffer: int, last: int) -> None:
        nonlocal extra
        one = replace(alive.pop(buffer), last=last)
        needed = problem.buffers[buffer].kind == "output" or any(turn > last for turn in uses[buffer])
        if problem.buffers[buffer].kind in ("intermediate", "output") and needed and buffer not in stored:
            stored.add(buffer)
            one = replace(one, stored=True)
            extra += problem.buffers[buffer].size if problem.buffers[buffer].kind == "intermediate" else 0
        done.append(one)

    seen: set[int] = set()
    for turn, operator in enumerate(problem.operators):
        missing = [buffer for buffer in operator.touches if buffer not in alive]
        placed = _placed(problem, alive, missing)
        if placed is None:
            for buffer in [buffer for buffer in alive if buffer not in operator.touches]:
                leave(buffer, turn - 1)
            placed = _placed(problem, alive, missing)
        if placed is None:
            for buffer in list(alive):
                leave(buffer, turn - 1)
            missing = list(operator.touches)
            placed = _placed(problem, alive, missing)
        assert placed is not None, "one operator alone fits"
        for buffer in missing:
            starts = "retrieved" if buffer in seen else "computed" if buffer in operator.writes else "loaded"
            extra += problem.buffers[buffer].size if starts == "retrieved" else 0
            alive[buffer] = Residency(buffer, turn, turn, placed[buffer], starts)
            seen.add(buffer)
        for buffer in [buffer for buffer in alive if uses[buffer][-1] <= turn]:
            leave(buffer, turn)
    residencies = sorted(done, key=lambda one: (one.first, one.buffer))
    return Plan(tuple(range(len(problem.operators))), tuple(residencies), extra, 0, "greedy")


def _placed(problem: Problem, alive: dict[int, Residency], missing: list[int]) -> dict[int, int] | None:
    taken = [(one.address, one.address + problem.buffers[buffer].size) for buffer, one in alive.items()]
    found: dict[int, int] = {}
    for buffer in sorted(missing, key=lambda number: -problem.buffers[number].size):
        address = 0
        for begin, end in sorted(taken):
            if address + problem.buffers[buffer].size <= begin:
                break
            address = max(address, end)
        if address + problem.buffers[buffer].size > problem.capacity:
            return None
        found[buffer] = address
        taken.append((address, address + problem.buffers[buffer].size))
    return found
