"""A simple legal plan for a scratchpad problem: the default order, first fit, evict what the next operator leaves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mapper.scratchpad.problem import Plan, Problem, Residency


@dataclass
class _Greedy:
    problem: Problem
    uses: dict[int, list[int]]
    alive: dict[int, Residency] = field(default_factory=dict[int, Residency])
    done: list[Residency] = field(default_factory=list[Residency])
    stored: set[int] = field(default_factory=set[int])
    extra: int = 0

    def leave(self, buffer: int, last: int) -> None:
        one = replace(self.alive.pop(buffer), last=last)
        kind, size = self.problem.buffers[buffer].kind, self.problem.buffers[buffer].size
        needed = kind == "output" or (kind == "intermediate" and self.uses[buffer][-1] > last)
        if needed and buffer not in self.stored:
            self.stored.add(buffer)
            one = replace(one, stored=True)
            self.extra += size if kind == "intermediate" else 0
        self.done.append(one)

    def place(self, turn: int) -> None:
        operator = self.problem.operators[turn]
        placed: dict[int, int] | None = None
        for kept in (set(self.alive), set(operator.touches), set[int]()):
            for buffer in [buffer for buffer in self.alive if buffer not in kept]:
                self.leave(buffer, turn - 1)
            missing = [buffer for buffer in operator.touches if buffer not in self.alive]
            placed = _placed(self.problem, self.alive, missing)
            if placed is not None:
                break
        assert placed is not None, "one operator alone fits"
        seen = {one.buffer for one in self.done}
        for buffer, address in placed.items():
            starts = "retrieved" if buffer in seen else "computed" if buffer in operator.writes else "loaded"
            self.extra += self.problem.buffers[buffer].size if starts == "retrieved" else 0
            self.alive[buffer] = Residency(buffer, turn, turn, address, starts)


def greedy_plan(problem: Problem) -> Plan:
    """Operators in the default order; one that finds no gap first evicts all it does not touch, then everything."""
    uses: dict[int, list[int]] = {}
    for turn, operator in enumerate(problem.operators):
        for buffer in operator.touches:
            uses.setdefault(buffer, []).append(turn)
    greedy = _Greedy(problem, uses)
    for turn in range(len(problem.operators)):
        greedy.place(turn)
        for buffer in [buffer for buffer in greedy.alive if uses[buffer][-1] <= turn]:
            greedy.leave(buffer, turn)
    residencies = sorted(greedy.done, key=lambda one: (one.first, one.buffer))
    return Plan(tuple(range(len(problem.operators))), tuple(residencies), greedy.extra, 0, "greedy")


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
