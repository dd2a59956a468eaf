"""COSMA's integer program as it is written: order, addresses, spills and retrieves in one model, for few operators.

Variables per tensor a and step t: C created, P preserved, S spilled, R retrieved, L address; u and d order two tensors
in address space. Equations are numbered as in the paper (arXiv 2311.18246). Two corrections: at most one operator runs
per step, and the address bound (9) holds whether a tensor is there or not. A graph input or parameter is created by a
load, at or before its first read, and can be retrieved without a spill; an output is spilled at no extra cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from mapper.scratchpad.check import check
from mapper.scratchpad.instance import Instance, instance
from mapper.scratchpad.problem import Plan, Problem, Residency

Table: TypeAlias = dict[tuple[int, int], Any]
"""A variable of PuLP per tensor and step."""


class NotSolved(Exception):
    """The program has no solution, or it was not proven optimal in time."""


@dataclass(frozen=True, slots=True)
class _Variables:
    created: Table
    preserved: Table
    spilled: Table
    retrieved: Table
    address: Table


def solve_program(problem: Problem, limit_seconds: float = 60.0) -> Plan:
    """The plan of least extra bytes by equations 1 to 12, checked and proven.

    Raises:
        NotSolved: there is no plan, or the solver's time ran out before its proof.
    """
    import pulp

    graph = instance(problem)
    steps = range(len(problem.operators))
    model = pulp.LpProblem("cosma", pulp.LpMinimize)
    variables = _variables(problem, graph, model)
    extra = _objective(problem, graph, variables)
    model += extra
    _presence(problem, model, variables)
    _operators(problem, model, variables)
    _addresses(problem, graph, model, variables)
    model.solve(_solver(limit_seconds))
    if model.sol_status != pulp.LpSolutionOptimal:
        raise NotSolved(pulp.LpStatus[model.status])
    extra_bytes = round(pulp.value(extra) or 0) * graph.unit
    plan = _plan(problem, graph, variables, list(steps), extra_bytes)
    return check(problem, plan)


def _solver(limit_seconds: float) -> Any:
    """HiGHS, or CBC where HiGHS is not installed."""
    import pulp

    highs = pulp.HiGHS(msg=False, timeLimit=limit_seconds, gapRel=0, gapAbs=0.5, threads=1)
    return highs if highs.available() else pulp.PULP_CBC_CMD(msg=False, timeLimit=limit_seconds, gapRel=0)


def _variables(problem: Problem, graph: Instance, model: Any) -> _Variables:
    keys = [(a, t) for a in range(len(problem.buffers)) for t in range(len(problem.operators))]

    def binary(name: str) -> Table:
        return {(a, t): model.add_variable(f"{name}_{a}_{t}", cat="Binary") for a, t in keys}

    address: Table = {
        (a, t): model.add_variable(f"L_{a}_{t}", 0, graph.capacity - graph.sizes[a])  # equation 9
        for a, t in keys
    }
    return _Variables(binary("C"), binary("P"), binary("S"), binary("R"), address)


def _objective(problem: Problem, graph: Instance, v: _Variables) -> Any:
    """Equation 12, without the stores of outputs."""
    import pulp

    return pulp.lpSum(graph.sizes[a] * v.retrieved[a, t] + graph.spill[a] * v.spilled[a, t] for a, t in v.created)


def _presence(problem: Problem, model: Any, v: _Variables) -> None:
    """Equations 1 to 4, 7 and 8."""
    import pulp

    steps = range(len(problem.operators))
    for a, buffer in enumerate(problem.buffers):
        outside = buffer.kind in ("input", "parameter")
        for t in steps:
            here = v.preserved[a, t - 1] + v.created[a, t - 1] if t else 0
            model += v.created[a, t] + v.preserved[a, t] + v.spilled[a, t] + v.retrieved[a, t] <= 1
            model += v.preserved[a, t] <= here + (v.retrieved[a, t - 1] if t else 0)
            model += v.spilled[a, t] <= here
            earlier = v.created if outside else v.spilled
            model += v.retrieved[a, t] <= pulp.lpSum(earlier[a, k] for k in range(t + 1))
        model += pulp.lpSum(v.created[a, t] for t in steps) == 1
        model += pulp.lpSum(v.spilled[a, t] for t in steps) <= 1


def _operators(problem: Problem, model: Any, v: _Variables) -> None:
    """Equations 5 and 6 by a binary per operator and step, one operator per step and one step per operator."""
    import pulp

    steps = range(len(problem.operators))
    runs: Table = {
        (o, t): model.add_variable(f"X_{o}_{t}", cat="Binary") for o in range(len(problem.operators)) for t in steps
    }
    for o, operator in enumerate(problem.operators):
        model += pulp.lpSum(runs[o, t] for t in steps) == 1
        for t in steps:
            for a in operator.writes:
                model += v.created[a, t] == runs[o, t]
            for a in operator.reads:
                loaded = v.created[a, t] if problem.buffers[a].kind in ("input", "parameter") else 0
                model += runs[o, t] <= v.preserved[a, t] + v.retrieved[a, t] + loaded
        for other in operator.after:
            for t in steps:
                model += runs[o, t] <= pulp.lpSum(runs[other, k] for k in range(t))
    for t in steps:
        model += pulp.lpSum(runs[o, t] for o in range(len(problem.operators))) <= 1


def _addresses(problem: Problem, graph: Instance, model: Any, v: _Variables) -> None:
    """Equations 10 and 11."""
    much = 2 * graph.capacity
    steps = range(len(problem.operators))
    for a in range(len(problem.buffers)):
        for t in steps:
            there = v.created[a, t] + v.preserved[a, t] + v.retrieved[a, t]
            if t:
                model += v.address[a, t] - v.address[a, t - 1] <= much * (1 - v.preserved[a, t])
                model += v.address[a, t - 1] - v.address[a, t] <= much * (1 - v.preserved[a, t])
            for b in range(a):
                other = v.created[b, t] + v.preserved[b, t] + v.retrieved[b, t]
                above = model.add_variable(f"u_{a}_{b}_{t}", cat="Binary")
                below = model.add_variable(f"d_{a}_{b}_{t}", cat="Binary")
                model += v.address[a, t] >= v.address[b, t] + graph.sizes[b] - much * (1 - above)
                model += v.address[b, t] >= v.address[a, t] + graph.sizes[a] - much * (1 - below)
                model += above + below >= there + other - 1
                model += above + below <= 1


def _plan(problem: Problem, graph: Instance, v: _Variables, steps: list[int], extra_bytes: int) -> Plan:
    """Residencies read from the variables; what is preserved after its last use stays for nothing and does no harm."""

    def on(table: Table, a: int, t: int) -> bool:
        return (table[a, t].value() or 0) > 0.5

    order = sorted(
        range(len(problem.operators)),
        key=lambda o: next(t for t in steps if on(v.created, problem.operators[o].writes[0], t)),
    )
    residencies: list[Residency] = []
    for a, buffer in enumerate(problem.buffers):
        outside = buffer.kind in ("input", "parameter")
        for t in steps:
            created, retrieved = on(v.created, a, t), on(v.retrieved, a, t)
            if not created and not retrieved:
                continue
            last = t
            while last + 1 in steps and on(v.preserved, a, last + 1):
                last += 1
            spilled = not outside and last + 1 in steps and on(v.spilled, a, last + 1)
            stored = spilled or (buffer.kind == "output" and created)
            starts = "retrieved" if retrieved else "loaded" if outside else "computed"
            address = round(v.address[a, t].value() or 0) * graph.unit
            residencies.append(Residency(a, t, last, address, starts, stored))
    ordered = tuple(sorted(residencies, key=lambda run: (run.first, run.buffer)))
    return Plan(tuple(order), ordered, extra_bytes, extra_bytes, "integer program, equations 1 to 12")
