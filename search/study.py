"""A study: propose designs, have them evaluated, write down what became of them; and go on where it was interrupted.

Trials are proposed and told in the order of their numbers with a fixed distance (``LOOKAHEAD``) between the two, so
that what a sampler knows does not depend on which evaluation was faster: the same seed gives the same study with any
number of jobs, also when it was killed and resumed. On a shared storage (a database) workers tell whenever they are
done.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from search.design import Design, make_design, suggest
from search.expression import Scalar
from search.objective import Outcome, objective_values
from search.pareto import front, minimized
from search.samplers import CONSTRAINTS, make_sampler
from search.samplers.grid import GridSampler
from search.shared import POLL_SECONDS, give_sign, given_to_others, is_surplus, look_around, waits_for_others
from search.space import Space
from search.storage import Store, clear_database_errors, quiet
from search.trials import RESULT, Row, result_text, row_of, rows_of
from search.workers import Pool
from workloads.errors import UserError

if TYPE_CHECKING:
    import optuna

LOOKAHEAD = 8
"""Trials proposed before the first of them must have been told."""
SPACE, BASE, SEED, SAMPLER = "hwsim:space", "hwsim:base", "hwsim:seed", "hwsim:sampler"


@dataclass(frozen=True, slots=True)
class Plan:
    """How a study is run.

    Attributes:
        trials: finished trials after which it ends, those of earlier runs included.
        seconds: wall time after which no more are proposed; None is never.
        sampler, seed: what proposes them.
        screen: whether the closed form decides which designs the engine plays.
        ahead: on a shared storage, trials of this worker that may be proposed and not told.
    """

    trials: int = 100
    seconds: float | None = None
    sampler: str = "nsga2"
    seed: int = 0
    screen: bool = True
    ahead: int = 2


@dataclass(slots=True)
class Pending:
    """A trial that was proposed and not told yet."""

    trial: optuna.Trial
    values: dict[str, Scalar]
    design: Design
    same_as: int = -1
    outcome: Outcome | None = None


@dataclass(slots=True)
class Run:
    """A study while it runs.

    Attributes:
        rows: finished trials.
        known: number of the trial that evaluated a design, by key.
        pending: proposed and not told, oldest first.
        beat: when workers of a shared study were last looked at.
        others: trials that they were running then.
        ended: whether the sampler has nothing more to propose.
        common: parameters that all trials have, as Optuna caches them.
    """

    space: Space
    study: optuna.Study
    store: Store
    pool: Pool
    plan: Plan
    rows: list[Row] = field(default_factory=list[Row])
    known: dict[str, Row] = field(default_factory=dict[str, Row])
    pending: deque[Pending] = field(default_factory=deque[Pending])
    beat: float = 0.0
    others: int = 0
    ended: bool = False
    common: Any = None


def open_study(store: Store, space: Space, base: str, plan: Plan, resume: bool) -> optuna.Study:
    """The study of a space in a storage, created unless it is there; ``base`` is the text of the base chip's file.

    Raises:
        UserError: it is there and ``resume`` was not asked for, or it belongs to another space.
    """
    import optuna
    from optuna.study import StudyDirection

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    goals = [one.goal for one in space.objectives]
    directions = [StudyDirection.MINIMIZE if goal == "min" else StudyDirection.MAXIMIZE for goal in goals]
    with clear_database_errors(store.where):
        there = space.name in optuna.get_all_study_names(store.storage)
        if there and not resume:
            raise UserError(
                f"{store.where}: holds a study of {space.name} already; add --resume to continue it, or --study"
            )
        study = optuna.create_study(
            storage=store.storage, study_name=space.name, directions=directions, load_if_exists=True
        )
        text = space.model_dump_json()
        stored = study.user_attrs.get(SPACE)
        if stored is not None and stored != text:
            raise UserError(
                f"{store.where}: its study of {space.name} was begun with another version of the space file; results"
                " can't be mixed: name another file with --study"
            )
        if stored is None:
            for key, value in ((SPACE, text), (BASE, base), (SEED, plan.seed), (SAMPLER, plan.sampler)):
                study.set_user_attr(key, value)
    return study


def release_orphans(run: Run) -> int:
    """Give trials of a driver that died back, to be evaluated again; how many there were.

    Only for storages that one driver has for itself.
    """
    from optuna.trial import TrialState

    orphans = run.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for trial in orphans:
        run.store.storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)  # pyright: ignore[reportPrivateUsage]
    return len(orphans)


def run_study(run: Run, watch: Callable[[Run], None]) -> None:
    """Run until the plan is fulfilled; ``watch`` is called after every trial and now and then.

    Raises:
        StorageError: the storage failed; everything told before is kept.
    """
    ends = time.monotonic() + run.plan.seconds if run.plan.seconds is not None else float("inf")
    with clear_database_errors(run.store.where):
        run.rows = rows_of(run.study)
        run.known = {row.key: row for row in run.rows if row.same_as < 0 and row.outcome.status in ("ok", "infeasible")}
        if not run.store.shared:
            release_orphans(run)
        while True:
            while not run.ended and time.monotonic() < ends and _wanted(run):
                _propose(run)
            if run.pending:
                _collect(run)
            elif time.monotonic() < ends and waits_for_others(run):
                time.sleep(POLL_SECONDS)
            else:
                break
            watch(run)


def _wanted(run: Run) -> bool:
    if len(run.pending) >= (run.plan.ahead if run.store.shared else LOOKAHEAD):
        return False
    if run.store.shared:
        look_around(run)
    return len(run.rows) + len(run.pending) + run.others < run.plan.trials


def _propose(run: Run) -> None:
    from optuna.trial import TrialState

    waiting = run.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    # A trial that was given back keeps its number, which decides the seed.
    number = waiting[0].number if waiting else len(run.study.get_trials(deepcopy=False))
    sampler = make_sampler(run.plan.sampler, run.space, run.plan.seed, number)
    run.ended = isinstance(sampler, GridSampler) and not waiting and sampler.exhausted(run.study)
    if run.ended:
        return
    _keep_search_space(run, sampler)
    run.study.sampler = sampler
    with quiet():
        trial = run.study.ask()
    if run.store.shared and is_surplus(run, trial):
        return
    frozen = run.study.get_trials(deepcopy=False)[trial.number]
    values = suggest(run.space, trial, lambda name, drawn: sampler.sample_independent(run.study, frozen, name, drawn))
    design = make_design(run.space, values)
    pending = Pending(trial, values, design)
    twin = next((one for one in run.pending if one.design.key == design.key), None)
    if design.key in run.known:
        pending.same_as, pending.outcome = run.known[design.key].number, run.known[design.key].outcome
    elif twin is not None:
        pending.same_as = twin.same_as if twin.same_as >= 0 else twin.trial.number
    else:
        run.pool.submit(trial.number, values, _front(run, trial.number) if run.plan.screen else ())
    run.pending.append(pending)
    if run.store.shared:
        # Without a first sign of life a trial of a worker that dies now would never count as dead.
        give_sign(run, time.monotonic())


def _keep_search_space(run: Run, sampler: Any) -> None:
    """Give a new sampler the last one's list of common parameters, which is else built from all trials each time."""
    from optuna.search_space import IntersectionSearchSpace

    own = getattr(sampler, "_search_space", None)
    if isinstance(own, IntersectionSearchSpace):
        run.common = run.common or own
        sampler._search_space = run.common  # pyright: ignore[reportPrivateUsage]


def _front(run: Run, number: int) -> tuple[tuple[float, ...], ...]:
    """The front that a trial must not be hopeless against: of the trials that are always told before it is proposed."""
    last = number if run.store.shared else number - LOOKAHEAD
    rows = [row for row in run.rows if row.outcome.fidelity == "engine" and row.number <= last]
    points = [point for row in rows if (point := minimized(run.space, row))]
    return tuple(points[place] for place in front(points))


def _collect(run: Run) -> None:
    waits = run.pending[0].outcome is None or run.store.shared
    by_number = {one.trial.number: one for one in run.pending}
    for ticket, outcome in run.pool.done(POLL_SECONDS) if waits else ():
        by_number[ticket].outcome = outcome
    if run.store.shared and time.monotonic() - run.beat > POLL_SECONDS:
        give_sign(run, time.monotonic())
    for one in list(run.pending):
        if one.outcome is None and one.same_as >= 0:
            one.outcome = run.known[one.design.key].outcome if one.design.key in run.known else _failed_twin(run, one)
        if one.outcome is not None:
            run.pending.remove(one)
            with given_to_others(run):
                _tell(run, one)
        if not run.store.shared:
            return  # One at a time, in the order of numbers: so each proposal knows what it would always know.


def _failed_twin(run: Run, one: Pending) -> Outcome | None:
    """The outcome of an equal design that crashed or timed out: it would again."""
    told = next((row for row in run.rows if row.number == one.same_as), None)
    return None if told is None else told.outcome


def _tell(run: Run, one: Pending) -> None:
    assert one.outcome is not None
    outcome = replace(one.outcome, cpu_seconds=0.0) if one.same_as >= 0 else one.outcome
    trial = one.trial
    trial.set_user_attr(CONSTRAINTS, list(outcome.violations.values()) or [0.0 if outcome.status == "ok" else 1.0])
    trial.set_user_attr(RESULT, result_text(one.values, one.design.key, one.same_as, outcome))
    from optuna.trial import TrialState

    if outcome.status in ("ok", "infeasible"):
        values = objective_values(run.space.objectives, outcome.quantities) or _penalty(run, outcome)
        run.study.tell(trial, list(values))
    else:
        run.study.tell(trial, state=TrialState.FAIL)
    run.store.flush()
    row = row_of(run.study.get_trials(deepcopy=False)[trial.number])
    assert row is not None
    run.rows.append(row)
    if one.same_as < 0 and outcome.status in ("ok", "infeasible"):
        run.known[row.key] = row


def _penalty(run: Run, outcome: Outcome) -> tuple[float, ...]:
    """Objectives for a sampler of a design that has none: worse than the worst seen, the more so the more it misses."""
    penalties: list[float] = []
    for one in run.space.objectives:
        seen = [row.outcome.quantities[one.quantity] for row in run.rows if one.quantity in row.outcome.quantities]
        sign = 1 if one.goal == "min" else -1
        worst = max((sign * value for value in seen), default=1.0)
        penalties.append(sign * (worst + abs(worst) * min(1.0 + outcome.violation, 10.0)))
    return tuple(penalties)
