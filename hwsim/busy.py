"""How long each resource works, and for which operator: counters that a loop program advances with its skipped periods.

Every counter only adds up durations, so that in a periodic loop it grows by the same amount in every period.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BusySnapshot:
    """The counters at the end of one iteration of a loop, those of the operators that the loop contains."""

    open: tuple[int, ...]
    early: tuple[int, ...]
    own: tuple[tuple[int, ...], ...]
    within: tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class Busy:
    """Ticks of work by resource.

    An operator's *window* lasts from the end of the operator before it to its own end. Tasks that fetch ahead belong to
    the next operator but run in the window before.

    Attributes:
        own: per operator and resource, durations of the operator's own tasks.
        within: per operator and resource, how long the resource works in the operator's windows; at most their length.
        open: per resource, durations of tasks since the last mark.
        early: per resource, how much of that lies before the last mark.
        last: the operator that was marked last.
    """

    own: list[list[int]]
    within: list[list[int]]
    open: list[int]
    early: list[int]
    last: int = field(default=0)

    def mark(self, index: int) -> None:
        """Close the window of operator ``index``."""
        own, within, before = self.own[index], self.within[index], self.within[self.last]
        for resource, (ticks, early) in enumerate(zip(self.open, self.early, strict=True)):
            own[resource] += ticks
            within[resource] += ticks - early
            before[resource] += early
            self.open[resource] = self.early[resource] = 0
        self.last = index

    def snapshot(self, ops: tuple[int, ...]) -> BusySnapshot:
        """The counters now, of some operators."""
        own = tuple(tuple(self.own[index]) for index in ops)
        within = tuple(tuple(self.within[index]) for index in ops)
        return BusySnapshot(tuple(self.open), tuple(self.early), own, within)

    def skip(self, ops: tuple[int, ...], before: BusySnapshot, now: BusySnapshot, rounds: int) -> None:
        """Add ``rounds`` times what was added between two snapshots."""
        _grow(self.open, before.open, now.open, rounds)
        for position, index in enumerate(ops):
            _grow(self.own[index], before.own[position], now.own[position], rounds)
            _grow(self.within[index], before.within[position], now.within[position], rounds)

    def total(self) -> list[int]:
        """Ticks of work of every resource over the whole program."""
        return [ticks + sum(row[resource] for row in self.own) for resource, ticks in enumerate(self.open)]


def _grow(counters: list[int], before: tuple[int, ...], now: tuple[int, ...], rounds: int) -> None:
    for resource, (old, new) in enumerate(zip(before, now, strict=True)):
        counters[resource] += rounds * (new - old)


def no_work(ops: int, resources: int) -> Busy:
    """Counters at zero."""
    rows = [[0] * resources for _ in range(ops)]
    return Busy(rows, [list(row) for row in rows], [0] * resources, [0] * resources)
