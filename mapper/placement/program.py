"""The integer program of a placement: which unit runs every job, and in which order each unit runs its own.

Binary x[job, unit] assigns. Communication follows the assignment through flows z[edge, unit, unit] whose margins are
the x of both ends (tight: for two units without ordering it is a minimum cut). Two jobs that no chain of edges orders
need a binary y, "the first before the second", that matters where both are on one unit. A time horizon from list
scheduling keeps the disjunctive constraints tight. The energy-delay product is no linear objective; ``edp`` splits the
range of makespans.

Solved with HiGHS through PuLP, which calls a solution found at a time limit optimal: the status of the solution and
HiGHS's own bound decide what is proven.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pulp

from mapper.placement.heft import place_in_order
from mapper.placement.problem import Objective, Plan, Problem, make_plan

SCALE = 100.0
"""The horizon in the program's units of time: HiGHS works with absolute tolerances."""
TOLERANCE = 1e-9
"""Of the solver: the disjunctive constraints multiply what a binary misses by up to twice the horizon."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the solver returned.

    Attributes:
        plan: the best it found, or None.
        bound: of the objective it was given, in seconds or joules.
        infeasible: whether it proved that there is no plan.
    """

    plan: Plan | None
    bound: float
    infeasible: bool = False

    @property
    def proven(self) -> bool:
        """Whether no plan of the program is better."""
        return self.plan is not None and self.plan.proven


def unordered_pairs(problem: Problem) -> tuple[tuple[int, int], ...]:
    """Pairs of jobs that no chain of edges orders and that share a unit; each costs the program a binary variable."""
    before: list[set[int]] = []
    for incoming in problem.incoming:
        mine = {edge.producer for edge in incoming}
        before.append(mine.union(*(before[place] for place in mine)))
    jobs = problem.jobs
    return tuple(
        (one, two)
        for two in range(len(jobs))
        for one in range(two)
        if one not in before[two] and set(jobs[one].units()) & set(jobs[two].units())
    )


def solve_program(
    problem: Problem, objective: Objective, horizon: float, limit_seconds: float, deadline: float = math.inf
) -> Answer:
    """The best plan by latency or energy that ends within the horizon.

    Args:
        problem: what is placed.
        objective: latency or energy.
        horizon: seconds that some plan is known to reach.
        limit_seconds: wall time for the solver.
        deadline: makespan that must not be exceeded, if it is shorter than the horizon.
    """
    if horizon <= 0:
        units, starts = place_in_order(problem, range(len(problem.jobs)), None)
        return Answer(make_plan(problem, objective, units, starts, 0.0, "integer program"), 0.0)
    program = _Program(problem, horizon, min(horizon, deadline))
    scale = program.minimize(objective)
    solver = pulp.HiGHS(
        msg=False,
        timeLimit=max(0.05, limit_seconds),
        threads=1,
        gapRel=0.0,
        gapAbs=1e-7,
        mip_feasibility_tolerance=TOLERANCE,
        primal_feasibility_tolerance=TOLERANCE,
    )
    program.lp.solve(solver)
    if program.lp.sol_status == pulp.LpSolutionInfeasible:
        return Answer(None, math.inf, True)
    bound = max(0.0, float(program.lp.solverModel.getInfo().mip_dual_bound)) * scale
    bound = bound if math.isfinite(bound) else 0.0
    if program.lp.sol_status not in (pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible):
        return Answer(None, bound)
    units, order = program.assignment(), program.order()
    plan = make_plan(problem, objective, *place_in_order(problem, order, units), bound, "integer program")
    return Answer(plan, bound)


class _Program:
    """Variables and constraints; times are in ``SCALE`` of the horizon."""

    def __init__(self, problem: Problem, horizon: float, deadline: float) -> None:
        self.problem = problem
        self.tick = horizon / SCALE
        self.most = SCALE * (1 + 1e-6)
        self.lp: Any = pulp.LpProblem("placement", pulp.LpMinimize)
        self.x: list[dict[int, Any]] = []
        self.z: list[dict[tuple[int, int], Any]] = []
        self.end: Any = self.lp.add_variable("makespan", 0, deadline / self.tick + 10 * TOLERANCE)
        self._assign()
        self._communicate()
        if problem.serial:
            self.lp += self.end >= self._total_seconds()
        else:
            self._schedule()

    def _assign(self) -> None:
        for place, job in enumerate(self.problem.jobs):
            row = {unit: self.lp.add_variable(f"x_{place}_{unit}", cat=pulp.LpBinary) for unit in job.units()}
            self.x.append(row)
            self.lp += pulp.lpSum(row.values()) == 1
        for unit, capacity in enumerate(self.problem.capacities):
            sizes = [(job.size, row[unit]) for job, row in zip(self.problem.jobs, self.x, strict=True) if unit in row]
            if capacity < sum(size for size, _ in sizes):
                # In shares of the capacity, so that the solver's tolerance is one too.
                self.lp += pulp.lpSum(size / max(capacity, 1e-9) * var for size, var in sizes) <= 1

    def _communicate(self) -> None:
        for place, edge in enumerate(self.problem.edges):
            before, after = self.x[edge.producer], self.x[edge.consumer]
            pairs = [(u, v) for u in before for v in after]
            if not any(edge.delay(u, v) or edge.energy(u, v) for u, v in pairs):
                self.z.append({})
                continue
            flow = {(u, v): self.lp.add_variable(f"z_{place}_{u}_{v}", 0, 1) for u, v in pairs}
            self.z.append(flow)
            for u, var in before.items():
                self.lp += pulp.lpSum(flow[u, v] for v in after) == var
            for v, var in after.items():
                self.lp += pulp.lpSum(flow[u, v] for u in before) == var

    def _duration(self, place: int) -> Any:
        seconds = self.problem.jobs[place].seconds
        return pulp.lpSum(seconds[unit] / self.tick * var for unit, var in self.x[place].items())

    def _delay(self, place: int) -> Any:
        edge = self.problem.edges[place]
        return pulp.lpSum(edge.delay(*pair) / self.tick * var for pair, var in self.z[place].items())

    def _total_seconds(self) -> Any:
        jobs = [self._duration(place) for place in range(len(self.problem.jobs))]
        return pulp.lpSum([*jobs, *(self._delay(place) for place in range(len(self.problem.edges)))])

    def _schedule(self) -> None:
        problem = self.problem
        self.start = [self.lp.add_variable(f"s_{place}", 0, self.most) for place in range(len(problem.jobs))]
        for place, start in enumerate(self.start):
            self.lp += self.end >= start + self._duration(place)
        for place, edge in enumerate(problem.edges):
            arrival = self.start[edge.producer] + self._duration(edge.producer) + self._delay(place)
            self.lp += self.start[edge.consumer] >= arrival
        for one, two in unordered_pairs(problem):
            self._one_at_a_time(one, two)
        self._loads()

    def _one_at_a_time(self, one: int, two: int) -> None:
        first = self.lp.add_variable(f"y_{one}_{two}", cat=pulp.LpBinary)
        seconds = (self.problem.jobs[one].seconds, self.problem.jobs[two].seconds)
        for unit in self.x[one].keys() & self.x[two].keys():
            apart = 2 - self.x[one][unit] - self.x[two][unit]
            long = (seconds[0][unit] / self.tick, seconds[1][unit] / self.tick)
            slack = (self.most + long[0]) * (apart + 1 - first)
            self.lp += self.start[two] >= self.start[one] + long[0] - slack
            self.lp += self.start[one] >= self.start[two] + long[1] - (self.most + long[1]) * (apart + first)

    def _loads(self) -> None:
        """Valid inequalities for units, and the constraint of the ports."""
        problem = self.problem
        ports = problem.ports or tuple(range(len(problem.units)))
        for unit in range(len(problem.units)):
            mine = [
                (job.seconds[unit], row[unit]) for job, row in zip(problem.jobs, self.x, strict=True) if unit in row
            ]
            self.lp += self.end >= pulp.lpSum(seconds / self.tick * var for seconds, var in mine)
        for port in sorted(set(ports)):
            moved = [
                (job.port_seconds[unit], var)
                for job, row in zip(problem.jobs, self.x, strict=True)
                for unit, var in row.items()
                if job.port_seconds and ports[unit] == port
            ]
            if moved:
                self.lp += self.end >= pulp.lpSum(seconds / self.tick * var for seconds, var in moved)

    def minimize(self, objective: Objective) -> float:
        """Set the objective; the factor that turns its value into seconds or joules."""
        if objective == "latency":
            self.lp.setObjective(self.end)
            return self.tick
        problem = self.problem
        terms = [
            (job.joules[unit], var)
            for job, row in zip(problem.jobs, self.x, strict=True)
            for unit, var in row.items()
            if job.joules
        ]
        terms += [
            (edge.energy(*pair), var)
            for edge, flow in zip(problem.edges, self.z, strict=True)
            for pair, var in flow.items()
        ]
        most = sum(joules for joules, _ in terms) + problem.static_watts * self.tick * SCALE
        unit = most / SCALE or 1.0
        static = problem.static_watts * self.tick / unit
        self.lp.setObjective(pulp.lpSum([*(joules / unit * var for joules, var in terms), static * self.end]))
        return unit

    def assignment(self) -> tuple[int, ...]:
        """The unit of every job."""
        return tuple(max(row, key=lambda unit: row[unit].varValue or 0.0) for row in self.x)

    def order(self) -> tuple[int, ...]:
        """Jobs by their start, producers first where the solver's tolerance says otherwise."""
        count = len(self.problem.jobs)
        if self.problem.serial:
            return tuple(range(count))
        starts = [var.varValue or 0.0 for var in self.start]
        for place, edges in enumerate(self.problem.incoming):
            starts[place] = max([starts[place], *(starts[edge.producer] for edge in edges)])
        return tuple(sorted(range(count), key=lambda place: (starts[place], place)))
