"""How a search is getting on: trials, rate, remaining time, best so far; one line on a terminal, else now and then
one.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

from hwsim.progress import CLEAR_LINE, INTERVAL_SECONDS
from search.pareto import minimized
from search.space import Space
from search.study import Run
from search.trials import Row

LINE_SECONDS = 30.0


@dataclass(slots=True)
class Meter:
    """Counts since the start of this run.

    Attributes:
        before: trials that were finished when it began.
        best: smallest value of each objective so far (times its sign).
        seen: rows already looked at.
    """

    space: Space
    before: int = 0
    started: float = field(default_factory=time.monotonic)
    shown: float = 0.0
    seen: int = 0
    best: list[float] = field(default_factory=list[float])
    visible: bool = field(default_factory=lambda: sys.stderr.isatty())

    def watch(self, run: Run) -> None:
        """Look at new rows and write a line if it is time."""
        for row in run.rows[self.seen :]:
            self._take(row)
        self.seen = len(run.rows)
        now = time.monotonic()
        if now - self.shown < (INTERVAL_SECONDS if self.visible else LINE_SECONDS):
            return
        self.shown = now
        text = self.line(len(run.rows), run.plan.trials, now - self.started)
        sys.stderr.write(f"{CLEAR_LINE}{text}" if self.visible else f"{text}\n")
        sys.stderr.flush()

    def _take(self, row: Row) -> None:
        point = minimized(self.space, row)
        if point is not None:
            self.best = [min(pair) for pair in zip(self.best, point, strict=True)] if self.best else list(point)

    def line(self, done: int, wanted: int, seconds: float) -> str:
        """``edge_npu: 120/500, 14.2 designs/s, 27 s left, best seconds 0.00231, energy_joules 0.0061``."""
        rate = (done - self.before) / seconds if seconds else 0.0
        left = f", {(wanted - done) / rate:.0f} s left" if rate else ""
        names = [one.quantity for one in self.space.objectives]
        best = ", ".join(f"{name} {abs(value):.4g}" for name, value in zip(names, self.best, strict=False))
        return f"{self.space.name}: {done}/{wanted}, {rate:.1f} trials/s{left}{', best ' + best if best else ''}"

    def close(self) -> None:
        """Remove the line."""
        if self.visible:
            sys.stderr.write(CLEAR_LINE)
            sys.stderr.flush()
