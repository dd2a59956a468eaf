# pyright: basic
"""The optimal mapper: the best loop nest of its whole space, with proof. Space and cost model: docs/mapping.md."""

from __future__ import annotations

import math
import time

from hwsim.machine import Machine
from mapper.base import Found, Goal, Proof, Task, rank, register
from mapper.evaluate import evaluate
from mapper.fast import fast_mapper, infeasible


@register("optimal")
def optimal_mapper(task: Task, machine: Machine, goal: Goal) -> Found:
    """The best mapping, proven, or within the budget the best so far with a bound.

    Where the compiled cost model does not cover the array or the operator, this is the fast mapper's result without
    proof.

    Raises:
        InfeasibleError: no mapping is legal.
    """
    from hwsim.units.base import Folds
    from mapper.optimal.mapping import write_levels
    from mapper.optimal.problem import flat_problem
    from mapper.optimal.search import search, space_size

    flat = flat_problem(task, machine)
    if flat is None:
        return fast_mapper(task, machine, goal)
    deadline = math.inf if goal.budget_seconds is None else time.monotonic() + goal.budget_seconds
    outcome = search(flat, goal.objective, deadline)
    space = space_size(task.nest, 1 if isinstance(flat.space, Folds) else 3)
    if outcome.choice is None and outcome.proven:
        raise infeasible(task, machine)
    candidates = [] if outcome.choice is None else [write_levels(flat, outcome.choice)]
    if not outcome.proven:
        candidates.append(fast_mapper(task, machine, goal).levels)
    costs = [(levels, evaluate(task, machine, levels)) for levels in candidates]
    levels, cost = min(
        costs, key=lambda one: rank(goal.objective, one[1].seconds, one[1].energy_joules, one[1].outer_bytes)
    )
    value = rank(goal.objective, cost.seconds, cost.energy_joules, cost.outer_bytes)[0]
    bound = value if outcome.proven else min(value, outcome.bound)
    proof = Proof(space, bound, (value - bound) / value if value else 0.0)
    return Found(levels, cost.seconds, cost.outer_bytes, cost.energy_joules, outcome.nodes, proof)
