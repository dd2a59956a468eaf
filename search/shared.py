"""What a worker knows of the others on a shared study: signs of life, trials of the dead, how many are still to do.

A study on a database ends with exactly the trials that were asked for: what others are running counts as done until its
heartbeats stop, and of workers that propose at the same moment the one with the later number gives up.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from search.storage import quiet
from search.trials import row_of, rows_of

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

    from search.study import Run

POLL_SECONDS = 1.0
NEAR_END = 50
"""Trials before the end of a shared study from which on other workers' are counted before every proposal."""


def look_around(run: Run) -> None:
    """What other workers have finished and are running since; and trials of workers that died are given back."""
    import optuna

    now = time.monotonic()
    known = len(run.rows) + len(run.pending) + run.others
    if now - run.beat < POLL_SECONDS and known + NEAR_END < run.plan.trials:
        return
    give_sign(run, now)
    _give_first_signs(run)
    with quiet():
        optuna.storages.fail_stale_trials(run.study)
    run.rows = rows_of(run.study)
    run.others = len(_of_others(run))
    for row in run.rows:
        if row.same_as < 0 and row.outcome.status in ("ok", "infeasible"):
            run.known.setdefault(row.key, row)


def give_sign(run: Run, now: float) -> None:
    """A sign of life for every pending trial."""
    for one in run.pending:
        _record(run, one.trial._trial_id)  # pyright: ignore[reportPrivateUsage]
    run.beat = now


def _record(run: Run, trial_id: int) -> None:
    record: Any = getattr(run.store.storage, "record_heartbeat", None)
    if record is not None:
        record(trial_id)


def _of_others(run: Run) -> list[FrozenTrial]:
    from optuna.trial import TrialState

    own = {one.trial.number for one in run.pending}
    running = run.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return [trial for trial in running if trial.number not in own]


def _give_first_signs(run: Run) -> None:
    """A worker that dies between a proposal and its first sign leaves a trial that would never count as dead."""
    others = _of_others(run)
    if not others:
        return
    heard = run.store.heard()
    for trial in others:
        if trial._trial_id not in heard:  # pyright: ignore[reportPrivateUsage]
            _record(run, trial._trial_id)  # pyright: ignore[reportPrivateUsage]


def is_surplus(run: Run, trial: optuna.Trial) -> bool:
    """Whether as many trials as were asked for come before this one; it is then given up.

    Trials of a worker that died count until it is known, so at worst a proposal is made once more later.
    """
    from optuna.trial import TrialState

    trials = run.study.get_trials(deepcopy=False)
    alive = (TrialState.RUNNING, TrialState.WAITING)
    before = sum(1 for one in trials if one.number < trial.number and (one.state in alive or row_of(one) is not None))
    if before < run.plan.trials:
        return False
    run.study.tell(trial, state=TrialState.PRUNED)
    return True


def waits_for_others(run: Run) -> bool:
    """Whether the study lacks only what other workers are doing; a worker stays until it is done or theirs no more."""
    if not run.store.shared or run.ended:
        return False
    run.beat = 0.0
    look_around(run)
    return run.others > 0 and len(run.rows) < run.plan.trials


@contextmanager
def given_to_others(run: Run) -> Generator[None]:
    """Telling a trial that others took over because no sign of life came for too long: theirs counts, not ours."""
    from optuna.exceptions import UpdateFinishedTrialError

    try:
        yield
    except UpdateFinishedTrialError:
        if not run.store.shared:
            raise
