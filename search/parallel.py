"""Independent work spread over processes: results come as they are ready, and an interruption leaves nothing behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from workloads.errors import UserError

T = TypeVar("T")
R = TypeVar("R")


class WorkerError(UserError):
    """A process of ours ended in the middle of its work."""


@dataclass(slots=True)
class _Worker:
    process: Any
    pipe: Connection
    item: int | None = None


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(make: Callable[[], Callable[[T], R]], items: Sequence[T], jobs: int) -> Iterator[tuple[int, R]]:
    """Results with the place of their item, in any order; with one job in this process and in order.

    Args:
        make: makes, once per process, the function that does the work; it must pickle, as items and results must.
        items: what to work on.
        jobs: processes at most.

    Raises:
        WorkerError: a process was killed, as the system does when memory runs out.
        RuntimeError: the work raised; with its traceback.
    """
    if min(jobs, len(items)) <= 1:
        function = make()
        yield from ((place, function(item)) for place, item in enumerate(items))
        return
    workers = [_start(make) for _ in range(min(jobs, len(items)))]
    waiting = iter(range(len(items)))
    try:
        for worker in workers:
            _feed(worker, waiting, items)
        while busy := {worker.pipe: worker for worker in workers if worker.item is not None}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # pyright: ignore[reportArgumentType]
                place, result = _received(worker)
                _feed(worker, waiting, items)
                yield place, result
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()


def _start(make: Callable[[], Callable[[Any], Any]]) -> _Worker:
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, make), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, mine)


def _feed(worker: _Worker, waiting: Iterator[int], items: Sequence[Any]) -> None:
    worker.item = next(waiting, None)
    if worker.item is None:
        return
    try:
        worker.pipe.send(items[worker.item])
    except OSError:
        return  # It has died; reading from it says so.


def _received(worker: _Worker) -> tuple[int, Any]:
    place = worker.item
    assert place is not None
    try:
        good, result = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join(1)
        code = worker.process.exitcode
        raise WorkerError(f"a process ended with code {code}; finished points are kept: run again, with fewer --jobs"
                          " if memory ran out") from None  # fmt: skip
    if not good:
        raise RuntimeError(f"in a process of --jobs:\n{result}")
    return place, result


def _serve(pipe: Connection, make: Callable[[], Callable[[Any], Any]]) -> None:
    """What a process does: work until the pipe closes, as it does when its parent dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    function = make()
    while True:
        try:
            item = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = (True, function(item))
        except Exception:  # noqa: BLE001 - goes to the parent, which raises it with its traceback
            answer = (False, traceback.format_exc())
        pipe.send(answer)
