"""Small 0-1 programs handed to HiGHS."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Binary:
    """Minimize costs x over x in {0, 1}, every row at least its first number.

    Attributes:
        costs: per variable.
        rows: least value, and (variable, coefficient) pairs.
    """

    costs: tuple[int, ...]
    rows: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]


class Answer(NamedTuple):
    """Which variables are 1, and the cost that no choice is below."""

    chosen: tuple[bool, ...]
    bound: float


class NoAnswer(Exception):
    """The program has no solution, or none was found in the time given."""


def minimize(program: Binary, limit_seconds: float = 60.0) -> Answer:
    """Solve with HiGHS, to optimality unless the time runs out; one thread, so that equal input gives equal output.

    Raises:
        NoAnswer: infeasible, or nothing found in time.
    """
    import highspy
    import numpy as np

    count = len(program.costs)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = count, len(program.rows)
    model.col_cost_ = np.array(program.costs, dtype=float)
    model.col_lower_, model.col_upper_ = [0.0] * count, [1.0] * count
    model.integrality_ = [highspy.HighsVarType.kInteger] * count
    model.row_lower_ = [float(row[0]) for row in program.rows]
    model.row_upper_ = [highspy.kHighsInf] * len(program.rows)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = list(accumulate((len(row[1]) for row in program.rows), initial=0))
    model.a_matrix_.index_ = [pair[0] for row in program.rows for pair in row[1]]
    model.a_matrix_.value_ = [float(pair[1]) for row in program.rows for pair in row[1]]
    solver = highspy.Highs()
    for option, value in (("output_flag", False), ("threads", 1), ("mip_rel_gap", 0.0), ("mip_abs_gap", 0.5)):
        solver.setOptionValue(option, value)
    solver.setOptionValue("time_limit", limit_seconds)
    solver.passModel(model)
    solver.run()
    info = solver.getInfo()
    if info.primal_solution_status != highspy.kSolutionStatusFeasible:
        raise NoAnswer(str(solver.getModelStatus()))
    values = solver.getSolution().col_value
    return Answer(tuple(value > 0.5 for value in values), max(0.0, info.mip_dual_bound))
