"""Processes that evaluate designs: a crash or an endless loop costs one design and one process, never the study."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from search.expression import Scalar
from search.objective import Outcome

READY = "ready"
Values = Mapping[str, Scalar]
Front = tuple[tuple[float, ...], ...]


class Pool(Protocol):
    """Evaluates designs somewhere."""

    def submit(self, ticket: int, values: Values, front: Front) -> None:
        """Start an evaluation; ``ticket`` names it."""
        ...

    def done(self, timeout: float) -> list[tuple[int, Outcome]]:
        """Evaluations that ended, after at most so many seconds of waiting for one."""
        ...

    def close(self) -> None:
        """Stop everything."""
        ...


@dataclass(slots=True)
class InProcess:
    """Evaluates in this process at once; nothing stops a crash or an endless loop."""

    space_file: str
    evaluator: Any = None
    results: list[tuple[int, Outcome]] = field(default_factory=list[tuple[int, Outcome]])

    def submit(self, ticket: int, values: Values, front: Front) -> None:
        """Evaluate now."""
        if self.evaluator is None:
            from search.evaluate import make_evaluator

            self.evaluator = make_evaluator(self.space_file)
        self.results.append((ticket, guarded(self.evaluator, values, front)))

    def done(self, timeout: float) -> list[tuple[int, Outcome]]:
        """What was evaluated since the last call."""
        found, self.results = self.results, []
        return found

    def close(self) -> None:
        """Nothing to stop."""


def guarded(evaluator: Any, values: Values, front: Front) -> Outcome:
    """The outcome of a design, with anything that went wrong in the program itself as a failure of that design."""
    from search.evaluate import evaluate

    try:
        return evaluate(evaluator, values, front)
    except Exception as error:  # noqa: BLE001 - a bug met by one design must not end a study of thousands
        return Outcome("failed", reason=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


@dataclass(slots=True)
class _Worker:
    process: Any
    pipe: Connection
    ticket: int | None = None
    started: float = 0.0
    ready: bool = False


@dataclass(slots=True)
class Processes:
    """Worker processes on this machine.

    Attributes:
        jobs: how many.
        timeout: seconds of wall time after which an evaluation is ended and recorded as timed out; None is never.
    """

    space_file: str
    jobs: int
    timeout: float | None = None
    workers: list[_Worker] = field(default_factory=list[_Worker])
    waiting: list[tuple[int, Values, Front]] = field(default_factory=list[tuple[int, Values, Front]])

    def submit(self, ticket: int, values: Values, front: Front) -> None:
        """Queue an evaluation."""
        self.waiting.append((ticket, values, front))
        self._feed()

    def _feed(self) -> None:
        while len(self.workers) < min(self.jobs, len(self.waiting) + self._busy()):
            self.workers.append(_start(self.space_file))
        for worker in self.workers:
            if worker.ticket is None and self.waiting:
                ticket, values, front = self.waiting.pop(0)
                worker.ticket, worker.started = ticket, time.monotonic()
                try:
                    worker.pipe.send((dict(values), front))
                except OSError:
                    continue  # It died while idle; ``done`` notices and says so.

    def _busy(self) -> int:
        return sum(worker.ticket is not None for worker in self.workers)

    def done(self, timeout: float) -> list[tuple[int, Outcome]]:
        """Results, crashes and timeouts."""
        wait([worker.pipe for worker in self.workers], timeout)
        found: list[tuple[int, Outcome]] = []
        for worker in list(self.workers):
            outcome = self._outcome(worker)
            if outcome is None:
                continue
            if worker.ticket is not None:
                found.append((worker.ticket, outcome))
            worker.ticket = None
        self._feed()
        return found

    def _outcome(self, worker: _Worker) -> Outcome | None:
        if worker.pipe.poll():
            try:
                received = worker.pipe.recv()
                if received != READY:
                    return received
                worker.ready, worker.started = True, time.monotonic()
            except (EOFError, OSError):
                worker.process.join(1)
                self._drop(worker)
                return Outcome("failed", reason=f"the process ended with code {worker.process.exitcode}")
        late = worker.ready and self.timeout is not None and time.monotonic() - worker.started > self.timeout
        if worker.ticket is not None and late:
            self._drop(worker)
            return Outcome("timeout", reason=f"took longer than {self.timeout:g} s")
        return None

    def _drop(self, worker: _Worker) -> None:
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        self.workers.remove(worker)

    def close(self) -> None:
        """End all processes."""
        for worker in list(self.workers):
            self._drop(worker)


def _start(space_file: str) -> _Worker:
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, space_file), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, mine)


def serve(pipe: Connection, space_file: str) -> None:
    """What a worker process does: evaluate until the pipe closes, as it does when the driver dies."""
    from search.evaluate import make_evaluator

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    evaluator = make_evaluator(space_file)
    pipe.send(READY)
    for values, front in _requests(pipe):
        pipe.send(guarded(evaluator, values, front))


def _requests(pipe: Connection) -> Iterator[tuple[Values, Front]]:
    while True:
        try:
            yield pipe.recv()
        except (EOFError, OSError):
            return
