"""Command streams as loops, how long they take, and what they consist of.

``played`` is the plain reference: one command after the other. ``advanced`` gives the same time and counts without
looking at every iteration: a command waits only for commands before it, so once the state at the end of an iteration
equals that of the iteration before, measured from the last command, all following ones take as long as that one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from hwsim.pim.timing import REGISTER, ROW_COMMANDS, Command, PimTiming, constraints


@dataclass(frozen=True, slots=True)
class Do:
    """``count`` times a command, on one set of banks."""

    command: Command
    count: int = 1
    banks: int = 0


@dataclass(frozen=True, slots=True)
class Loop:
    """A body executed ``count`` times."""

    count: int
    body: tuple[Node, ...]


Node: TypeAlias = Do | Loop
Program: TypeAlias = tuple[Node, ...]
Event: TypeAlias = tuple[Command, int]
SETS = (0, 1)
"""Sets of banks that a program may name."""


@dataclass(frozen=True, slots=True)
class Played:
    """A stream that was played: cycles from the first command to the data of the last, and its commands."""

    cycles: int
    counts: dict[Command, int]

    @property
    def row_hit_rate(self) -> float:
        """Columns that found their row open: 1 - activations over column commands, 0 without any."""
        columns = sum(self.counts.get(name, 0) for name in ("MAC", "EWMUL", "AF", "WR"))
        return 1 - self.counts.get("ACT", 0) / columns if columns else 0.0


@dataclass(slots=True)
class Channel:
    """State of a channel: when each command was last issued, and in which mode it is.

    Attributes:
        refresh: whether refreshes are issued: those due when a row is about to be opened (postponed until then).
        counts: commands so far.
    """

    timing: PimTiming
    refresh: bool = False
    now: int = -1
    register: bool = False
    last: dict[Event, int] = field(default_factory=dict[Event, int])
    counts: dict[Command, int] = field(default_factory=dict[Command, int])
    waits: dict[Command, tuple[tuple[Command, int], ...]] = field(init=False)
    longest: int = field(init=False)

    def __post_init__(self) -> None:
        self.waits = constraints(self.timing)
        self.longest = max(self.timing.mode, *(latency for waits in self.waits.values() for _, latency in waits))

    def earliest(self, command: Command, banks: int) -> int:
        """The first cycle in which a command may issue, modes aside."""
        start = self.now + 1
        last = self.last
        for preceding, latency in self.waits.get(command, ()):
            apart = (command in ROW_COMMANDS or preceding in ROW_COMMANDS) and "REF" not in (command, preceding)
            for where in (banks,) if apart else SETS:
                issued = last.get((preceding, where))
                if issued is not None and issued + latency > start:
                    start = issued + latency
        return max(start, self.last.get(("MODE", 0), -self.timing.mode) + self.timing.mode)

    def issue(self, command: Command, banks: int = 0) -> int:
        """Issue a command as early as possible, with the switch of mode and the refreshes it needs; its cycle."""
        if command == "ACT" and self.refresh:
            while self.now >= self.timing.refi * (self.counts.get("REF", 0) + 1):
                self._put("REF", 0, self.earliest("REF", banks))
        wanted = command in REGISTER
        if self.timing.mode and command != "REF" and wanted != self.register:
            self._put("MODE", 0, self.earliest(command, banks))
            self.register = wanted
        return self._put(command, banks, self.earliest(command, banks))

    def _put(self, command: Command, banks: int, cycle: int) -> int:
        self.now = self.last[command, banks] = cycle
        self.counts[command] = self.counts.get(command, 0) + 1
        return cycle

    def signature(self) -> tuple[object, ...]:
        """What the future depends on: the mode, and how long ago commands were issued that others may wait for."""
        now, longest = self.now, self.longest
        ages = tuple((event, min(now - cycle, longest)) for event, cycle in self.last.items())
        return self.register, ages


def commands_of(program: Sequence[Node]) -> Iterator[Event]:
    """Every command in order, loops written out; switches of mode and refreshes are not in a program."""
    for node in program:
        for _ in range(node.count):
            if isinstance(node, Do):
                yield node.command, node.banks
            else:
                yield from commands_of(node.body)


def played(program: Sequence[Node], timing: PimTiming, refresh: bool = False) -> Played:
    """The reference: every command issued one after the other, in order, each as early as it may."""
    channel = Channel(timing, refresh)
    for command, banks in commands_of(program):
        channel.issue(command, banks)
    return Played(channel.now + 1 + timing.result, channel.counts)


def advanced(program: Sequence[Node], timing: PimTiming) -> Played:
    """The same as ``played`` without refresh, in a time that does not grow with the counts of regular loops."""
    channel = Channel(timing)
    _advance(channel, program)
    return Played(channel.now + 1 + timing.result, channel.counts)


def _advance(channel: Channel, program: Sequence[Node]) -> None:
    for node in program:
        before: tuple[object, ...] | None = None
        for done in range(1, node.count + 1):
            start, counted = channel.now, dict(channel.counts)
            if isinstance(node, Do):
                channel.issue(node.command, node.banks)
            else:
                _advance(channel, node.body)
            state = channel.signature()
            if state == before:
                _skip(channel, counted, channel.now - start, node.count - done)
                break
            before = state


def _skip(channel: Channel, counted: dict[Command, int], cycles: int, times: int) -> None:
    """Add so many more iterations that are like the last one, which took ``cycles``."""
    for event in channel.last:
        channel.last[event] += cycles * times
    channel.now += cycles * times
    for command, count in channel.counts.items():
        channel.counts[command] = count + (count - counted.get(command, 0)) * times


def with_refresh(cycles: float, timing: PimTiming) -> float:
    """Mean time of a stream of so many cycles when refreshes are issued between rows, at any phase of their interval.

    Each refresh delays the stream by ``rfc`` and stands for ``refi`` cycles that contain it.
    """
    return cycles * timing.refi / (timing.refi - timing.rfc)
