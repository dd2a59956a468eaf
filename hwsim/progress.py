"""Progress of long work on standard error: silent when it is not a terminal or when the work is short."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
PATIENCE_SECONDS = 1.0
INTERVAL_SECONDS = 0.2
CLEAR_LINE = "\r\x1b[K"


def track(items: Iterable[T], label: str, total: int) -> Iterator[T]:
    """Yield the items; from the first second on, keep a line such as ``compare: 12/40`` up to date."""
    started = shown = time.monotonic()
    visible = sys.stderr.isatty()
    for number, item in enumerate(items, start=1):
        now = time.monotonic()
        if visible and now - started > PATIENCE_SECONDS and now - shown > INTERVAL_SECONDS:
            _write(f"\r{label}: {number}/{total}")
            shown = now
        yield item
    if shown > started:
        _write(CLEAR_LINE)


@contextmanager
def waiting(label: str) -> Generator[Callable[[str], None]]:
    """While the block runs, from the first second on, keep a line such as ``tracing model.py: 3 s`` up to date.

    The block may call what it gets with a few words about how far it is, which then stand behind the seconds.
    """
    words = [""]

    def say(text: str) -> None:
        words[0] = text

    if not sys.stderr.isatty():
        yield say
        return
    done = threading.Event()
    started = time.monotonic()

    def count() -> None:
        while not done.wait(PATIENCE_SECONDS):
            more = f", {words[0]}\x1b[K" if words[0] else ""
            _write(f"\r{label}: {time.monotonic() - started:.0f} s{more}")

    counter = threading.Thread(target=count, daemon=True)
    counter.start()
    try:
        yield say
    finally:
        done.set()
        counter.join()
        if time.monotonic() - started > PATIENCE_SECONDS:
            _write(CLEAR_LINE)


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
