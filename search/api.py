"""``search.run``: a whole search in one call.

study = search.run("hw_configs/spaces/edge_npu.yaml", trials=200)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from search.pareto import front_rows
from search.progress import Meter
from search.space import Space
from search.space_file import base_path, load_space, space_path
from search.storage import Store, open_storage
from search.study import Plan, Run, open_study, run_study
from search.trials import Row, rows_of
from search.workers import InProcess, Pool, Processes


@dataclass(frozen=True, slots=True)
class Result:
    """A study as it stands.

    Attributes:
        storage: where it lives; continues with ``resume=True``.
        rows: finished trials.
    """

    space: Space
    storage: str
    rows: tuple[Row, ...]

    @property
    def front(self) -> list[Row]:
        """Trials that no other dominates, by their first objective."""
        return front_rows(self.space, self.rows)


def run(
    space: str | Path,
    trials: int = 100,
    *,
    storage: str | None = None,
    sampler: str = "nsga2",
    seed: int = 0,
    jobs: int = 0,
    resume: bool = False,
    seconds: float | None = None,
    timeout: float | None = None,
    screen: bool = True,
    watch: Callable[[Run], None] | None = None,
    pool: Pool | None = None,
) -> Result:
    """Search a space.

    Args:
        space: a shipped space's name or a file.
        trials: finished trials after which the study ends, those of earlier runs included.
        storage: as for ``open_storage``; None keeps the study in memory.
        sampler: name of a sampler, see ``search.samplers.sampler_names``.
        seed: makes the study reproducible.
        jobs: worker processes; 0 evaluates in this one, where a crash or endless loop can't be caught.
        resume: whether to continue a study that is in the storage.
        seconds: wall time after which no more trials are proposed.
        timeout: seconds for one evaluation; needs ``jobs``.
        screen: whether the closed form decides which designs the event engine plays.
        watch: called after every trial; None shows progress on a terminal.
        pool: evaluates designs somewhere else (Dask); ``jobs`` and ``timeout`` are then not used.

    Raises:
        UserError: the space, the sampler or the storage is wrong, or the storage failed on the way.
    """
    file = str(space_path(space).resolve())
    loaded = load_space(space)
    base = base_path(loaded, Path(file)).read_text(encoding="utf-8")
    store = memory() if storage is None else open_storage(storage)
    plan = Plan(trials, seconds, sampler, seed, screen, max(2, jobs + 1))
    pool = pool or (Processes(file, jobs, timeout) if jobs else InProcess(file))
    meter = Meter(loaded)
    try:
        study = open_study(store, loaded, base, plan, resume)
        meter.before = len(rows_of(study))
        one = Run(loaded, study, store, pool, plan)
        run_study(one, watch or meter.watch)
        return Result(loaded, store.where, tuple(sorted(one.rows, key=lambda row: row.number)))
    finally:
        meter.close()
        pool.close()
        store.close()


def memory() -> Store:
    """A storage that is gone with the process."""
    from optuna.storages import InMemoryStorage

    return Store(InMemoryStorage(), "memory", False, lambda: None, lambda: None)
