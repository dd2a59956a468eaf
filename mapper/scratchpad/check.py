"""An independent check of a plan: it shares no code with the ways plans are found, and recounts every byte."""

from __future__ import annotations

from mapper.scratchpad.problem import Plan, Problem, Residency


class PlanError(ValueError):
    """A plan that breaks a rule; the message says which, where."""


def check(problem: Problem, plan: Plan) -> Plan:
    """The plan itself, when it keeps all rules.

    Operators run once each, after those whose results they read; all they touch is in the scratchpad; nothing overlaps
    in address and time or lies beyond the capacity; nothing is retrieved that was not stored before; the outputs are
    stored; ``extra_bytes`` is what the residencies cost, and not below ``bound``.

    Raises:
        PlanError: with the first rule broken.
    """
    _check_order(problem, plan)
    runs: list[list[Residency]] = [[] for _ in problem.buffers]
    for residency in plan.residencies:
        runs[residency.buffer].append(residency)
    _check_bounds(problem, plan)
    extra = sum(_check_buffer(problem, plan, buffer, mine) for buffer, mine in enumerate(runs))
    _check_presence(problem, plan, runs)
    _check_overlap(problem, plan)
    if extra != plan.extra_bytes:
        raise PlanError(f"the residencies cost {extra} extra bytes, the plan says {plan.extra_bytes}")
    if plan.bound > plan.extra_bytes:
        raise PlanError(f"the bound {plan.bound} is above the {plan.extra_bytes} extra bytes of the plan")
    return plan


def _check_order(problem: Problem, plan: Plan) -> None:
    if sorted(plan.order) != list(range(len(problem.operators))):
        raise PlanError("the order does not name every operator once")
    written: set[int] = set()
    produced = {buffer for operator in problem.operators for buffer in operator.writes}
    turns = {number: step for step, number in enumerate(plan.order)}
    for step, number in enumerate(plan.order):
        operator = problem.operators[number]
        late = next((other for other in operator.after if turns[other] > step), None)
        if late is not None:
            raise PlanError(f"step {step}: {operator.name} runs before {problem.operators[late].name}")
        for buffer in operator.reads:
            if buffer in produced and buffer not in written:
                raise PlanError(f"step {step}: {operator.name} reads {problem.buffers[buffer].name}, not yet computed")
        written.update(operator.writes)


def _check_bounds(problem: Problem, plan: Plan) -> None:
    """Steps and addresses are inside the order and the scratchpad."""
    for run in plan.residencies:
        name, size = problem.buffers[run.buffer].name, problem.buffers[run.buffer].size
        if not 0 <= run.first <= run.last < len(plan.order):
            raise PlanError(f"{name}: steps {run.first} to {run.last} of {len(plan.order)}")
        if run.address < 0 or run.address + size > problem.capacity:
            raise PlanError(
                f"{name} at steps {run.first} to {run.last}: bytes {run.address} to {run.address + size} are outside "
                f"the {problem.capacity} bytes of the scratchpad"
            )


def _check_buffer(problem: Problem, plan: Plan, number: int, runs: list[Residency]) -> int:
    """Extra bytes of one buffer, after checking how each of its residencies starts."""
    buffer = problem.buffers[number]
    outside = buffer.kind in ("input", "parameter")
    for position, run in enumerate(runs):
        _check_start(problem, plan, run, runs[:position])
    stores = sum(run.stored for run in runs)
    if stores > (0 if outside else 1):
        raise PlanError(f"{buffer.name}: stored {stores} times")
    retrieves = sum(run.starts == "retrieved" for run in runs)
    if buffer.kind == "output":
        if runs and not stores:
            raise PlanError(f"{buffer.name}: an output that is never stored")
        return retrieves * buffer.size
    return (retrieves + stores) * buffer.size


def _check_start(problem: Problem, plan: Plan, run: Residency, earlier: list[Residency]) -> None:
    """A residency begins after the one before, as what it says it is."""
    buffer = problem.buffers[run.buffer]
    outside = buffer.kind in ("input", "parameter")
    where = f"{buffer.name} at step {run.first}"
    if earlier and run.first <= earlier[-1].last:
        raise PlanError(f"{where}: in the scratchpad already, or residencies are out of order")
    if bool(earlier) != (run.starts == "retrieved"):
        raise PlanError(f"{where}: residency {len(earlier) + 1} cannot start as {run.starts}")
    if run.starts == "loaded" and not outside:
        raise PlanError(f"{where}: loaded, but it is no input or parameter")
    if run.starts == "computed" and run.buffer not in problem.operators[plan.order[run.first]].writes:
        raise PlanError(f"{where}: not computed by the operator of that step")
    if run.starts == "retrieved" and not outside and not any(one.stored for one in earlier):
        raise PlanError(f"{where}: retrieved, but never stored before")


def _check_presence(problem: Problem, plan: Plan, runs: list[list[Residency]]) -> None:
    turns = {number: step for step, number in enumerate(plan.order)}
    for step, number in enumerate(plan.order):
        operator = problem.operators[number]
        late = next((other for other in operator.after if turns[other] > step), None)
        if late is not None:
            raise PlanError(f"step {step}: {operator.name} runs before {problem.operators[late].name}")
        for buffer in operator.reads:
            if not any(run.first <= step <= run.last for run in runs[buffer]):
                raise PlanError(
                    f"step {step}: {operator.name} reads {problem.buffers[buffer].name}, which is not there"
                )
        for buffer in operator.writes:
            if not any(run.first == step and run.starts == "computed" for run in runs[buffer]):
                raise PlanError(f"step {step}: {operator.name} has no room for {problem.buffers[buffer].name}")


def _check_overlap(problem: Problem, plan: Plan) -> None:
    """No two residencies share a byte at a step, so that the capacity holds too."""
    starting: list[list[Residency]] = [[] for _ in plan.order]
    for run in plan.residencies:
        starting[run.first].append(run)
    active: list[Residency] = []
    for step, coming in enumerate(starting):
        active = [run for run in active if run.last >= step] + coming
        if not coming:
            continue
        end, below = 0, -1
        for run in sorted(active, key=lambda run: run.address):
            if run.address < end:
                raise PlanError(
                    f"step {step}: {problem.buffers[run.buffer].name} at byte {run.address} overlaps "
                    f"{problem.buffers[below].name}, which ends at {end}"
                )
            end, below = run.address + problem.buffers[run.buffer].size, run.buffer
