"""Evaluations on a Dask cluster that runs already: ``hwsim search SPACE --dask tcp://scheduler:8786``.

The space and its base chip travel with every task, so that workers need hwsim and nothing else. A worker that dies
costs nothing: Dask runs its task elsewhere, and a design that kills three workers is recorded as failed.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from search.expression import Scalar
from search.objective import Outcome
from search.workers import Front, guarded
from workloads.errors import UserError


@dataclass(slots=True)
class DaskPool:
    """Designs as tasks of a cluster.

    Attributes:
        client: connected to the scheduler.
        files: texts of the space and its base chip, by file name.
        timeout: seconds until a design counts as timed out; its task is cancelled.
    """

    client: Any
    files: tuple[tuple[str, str], ...]
    timeout: float | None = None
    running: dict[int, tuple[Any, float]] = field(default_factory=dict[int, tuple[Any, float]])

    @staticmethod
    def connect(space: str, address: str, timeout: float | None = None) -> DaskPool:
        """A pool on the cluster of a scheduler.

        Raises:
            UserError: Dask is not installed, or no scheduler answers there.
        """
        try:
            from distributed import Client
        except ImportError as error:
            raise UserError(f"--dask needs dask and distributed: pip install 'hwsim[dask]' ({error})") from None
        try:
            client = Client(address, timeout="10s", set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise UserError(f"{address}: no Dask scheduler answers: {error}") from None
        return DaskPool(client, space_files(space), timeout)

    def submit(self, ticket: int, values: Mapping[str, Scalar], front: Front) -> None:
        """Send one design to the cluster."""
        future = self.client.submit(evaluate_there, self.files, dict(values), front, key=f"hwsim-{id(self)}-{ticket}")
        self.running[ticket] = (future, time.monotonic())

    def done(self, timeout: float) -> list[tuple[int, Outcome]]:
        """What ended meanwhile."""
        until = time.monotonic() + timeout
        while not (found := self._ended()) and time.monotonic() < until:
            time.sleep(0.005)
        return found

    def _ended(self) -> list[tuple[int, Outcome]]:
        found: list[tuple[int, Outcome]] = []
        for ticket, (future, started) in list(self.running.items()):
            outcome: Outcome | None = None
            if future.done():
                outcome = _outcome(future)
            elif self.timeout is not None and time.monotonic() - started > self.timeout:
                future.cancel()
                outcome = Outcome("timeout", reason=f"took longer than {self.timeout:g} s")
            if outcome is not None:
                found.append((ticket, outcome))
                del self.running[ticket]
        return found

    def close(self) -> None:
        """Cancel what runs and leave the cluster as it was."""
        for future, _ in self.running.values():
            future.cancel()
        self.client.close()


def _outcome(future: Any) -> Outcome:
    if future.status == "finished":
        return future.result()
    error = future.exception()
    return Outcome("failed", reason=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


def space_files(space: str) -> tuple[tuple[str, str], ...]:
    """Texts of a space file and of the base chip it names."""
    from search.space_file import base_path, load_space, space_path

    path = space_path(space)
    base = base_path(load_space(space), path)
    texts = [(path.name, path.read_text(encoding="utf-8"))]
    return (*texts, (f"{Path(load_space(space).base).stem}.yaml", base.read_text(encoding="utf-8")))


def evaluate_there(files: tuple[tuple[str, str], ...], values: Mapping[str, Scalar], front: Front) -> Outcome:
    """What a worker of the cluster does."""
    return guarded(_evaluator(files), values, front)


@lru_cache(maxsize=4)
def _evaluator(files: tuple[tuple[str, str], ...]) -> Any:
    from search.evaluate import make_evaluator

    folder = Path(tempfile.mkdtemp(prefix="hwsim-space-"))
    for name, text in files:
        (folder / name).write_text(text, encoding="utf-8")
    return make_evaluator(folder / files[0][0])
