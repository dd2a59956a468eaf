"""Loop programs: the tasks of a schedule written as loops, played exactly without visiting every iteration.

A program is a sequence of nodes over *registers* (points in time) and *resources* (in program order, one task at a
time). Its effect on the registers is a max-plus linear map, so a loop body repeated often becomes periodic: as soon as
every register that the body writes has moved by the same amount since an earlier iteration, the remaining iterations
move it by the same amount again, and are skipped. This is exact, not an approximation: registers that the body only
reads are constants that fall behind. Times are integer ticks, so equality is equality.

Source: max-plus linear systems are eventually periodic (Baccelli, Cohen, Olsder, Quadrat, Synchronization and
Linearity, 1992, chapter 3); the tests compare with ``hwsim.engine`` on the unrolled tasks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from hwsim.busy import Busy, BusySnapshot, no_work
from hwsim.engine import Task

LONGEST_PERIOD = 3
"""Periods looked for. Two buffers per operand make periods of one or two; longer ones would only cost time."""


@dataclass(frozen=True, slots=True)
class Run:
    """A task: starts when its resource is free and all ``waits`` passed; ``sets`` gets finish plus ``delay``."""

    resource: int
    duration: int
    waits: tuple[int, ...]
    sets: int
    delay: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """Registers moved along: ``target`` takes the latest of ``sources``, pairs in order."""

    moves: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Defer:
    """Remember a task (a store) to be run at the next ``Flush`` of its slot, after the loads that come first."""

    slot: int
    run: Run
    previous: int


@dataclass(frozen=True, slots=True)
class Flush:
    """Run the remembered task of a slot, if any; ``previous`` first takes the old value of its ``sets``."""

    slot: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """A body executed ``count`` times in a row."""

    count: int
    body: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """The end of operator ``index``: the time since the last mark is its own."""

    index: int


Node: TypeAlias = Run | Copy | Defer | Flush | Repeat | Mark


@dataclass(frozen=True, slots=True)
class Played:
    """One recorded task: resource, name, start, finish (ticks) and how many equal ones it stands for."""

    resource: int
    name: str
    start: int
    finish: int
    repeats: int


@dataclass(slots=True)
class State:
    """Where a program stands: times of registers and resources, remembered stores, time and work of every operator.

    Where operators overlap, ``first`` is the earliest start since the last mark (-1: none) and ``last`` the latest end;
    ``horizon`` and ``ops`` take them over at the next mark.
    """

    registers: list[int]
    free_at: list[int]
    pending: list[Defer | None]
    ops: list[int]
    busy: Busy
    overlapping: bool = False
    horizon: int = 0
    marked: int = 0
    first: int = -1
    last: int = 0
    played: list[Played] = field(default_factory=list)
    record: int = 0
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Size:
    """How many registers, resources, store slots and operators a program uses.

    ``overlapping``: an operator's time lasts from its first start to its last end, not from the mark before.
    """

    registers: int
    resources: int
    slots: int
    ops: int
    overlapping: bool = False


def run(nodes: tuple[Node, ...], size: Size, record: int = 0) -> State:
    """Play a program from time zero.

    Args:
        nodes: the program.
        size: of its state.
        record: at most so many tasks are recorded for a timeline.

    Returns:
        The final state; ``horizon`` is the makespan, ``ops`` the time of every operator (they add up to the makespan,
        unless operators overlap), ``busy`` how long each resource works for and during each operator.
    """
    busy = no_work(size.ops, size.resources)
    state = State(
        [0] * size.registers, [0] * size.resources, [None] * size.slots, [0] * size.ops, busy,
        record=record, overlapping=size.overlapping,
    )  # fmt: skip
    _play(nodes, state)
    state.horizon = max(state.horizon, state.last)
    return state


def _play(nodes: tuple[Node, ...], state: State) -> None:
    for node in nodes:
        if isinstance(node, Run):
            _start(node, state)
        elif isinstance(node, Copy):
            registers = state.registers
            for target, sources in node.moves:
                registers[target] = max([registers[source] for source in sources], default=0)
        elif isinstance(node, Repeat):
            _repeat(node, state)
        elif isinstance(node, Defer):
            if state.pending[node.slot] is not None:
                _flush(node.slot, state)
            state.pending[node.slot] = node
        elif isinstance(node, Flush):
            _flush(node.slot, state)
        else:
            _mark(node, state)


def _mark(node: Mark, state: State) -> None:
    if state.overlapping:
        state.ops[node.index] += state.last - state.first if state.first >= 0 else 0
        state.horizon = max(state.horizon, state.last)
        state.first, state.last = -1, 0
    else:
        state.ops[node.index] += state.horizon - state.marked
        state.marked = state.horizon
    state.busy.mark(node.index)


def _start(node: Run, state: State) -> None:
    registers = state.registers
    start = state.free_at[node.resource]
    for wait in node.waits:
        start = max(start, registers[wait])
    finish = start + node.duration
    state.free_at[node.resource] = finish
    registers[node.sets] = finish + node.delay
    state.busy.open[node.resource] += node.duration
    if state.overlapping:
        state.first = start if state.first < 0 else min(state.first, start)
        state.last = max(state.last, finish)
    else:
        state.horizon = max(state.horizon, finish)
    if start < state.marked:
        state.busy.early[node.resource] += min(finish, state.marked) - start
    state.steps += 1
    if len(state.played) < state.record and node.duration:
        state.played.append(Played(node.resource, node.name, start, finish, 1))


def _flush(slot: int, state: State) -> None:
    deferred = state.pending[slot]
    if deferred is not None:
        state.pending[slot] = None
        state.registers[deferred.previous] = state.registers[deferred.run.sets]
        _start(deferred.run, state)


@dataclass(frozen=True, slots=True)
class _Written:
    registers: tuple[int, ...]
    resources: tuple[int, ...]
    ops: tuple[int, ...]


def _written(nodes: tuple[Node, ...]) -> _Written:
    registers: set[int] = set()
    resources: set[int] = set()
    ops: set[int] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if isinstance(node, Repeat):
            stack.extend(node.body)
        elif isinstance(node, Copy):
            registers.update(target for target, _ in node.moves)
        elif isinstance(node, Mark):
            ops.add(node.index)
        elif not isinstance(node, Flush):
            task = node.run if isinstance(node, Defer) else node
            registers.add(task.sets)
            resources.add(task.resource)
            if isinstance(node, Defer):
                registers.add(node.previous)
    return _Written(tuple(sorted(registers)), tuple(sorted(resources)), tuple(sorted(ops)))


@dataclass(frozen=True, slots=True)
class _Snapshot:
    times: tuple[int, ...]
    pending: tuple[object, ...]
    ops: tuple[int, ...]
    busy: BusySnapshot


def _snapshot(state: State, written: _Written) -> _Snapshot:
    times = [state.registers[index] for index in written.registers]
    times += [state.free_at[index] for index in written.resources]
    if not state.overlapping:
        times += [state.horizon, state.marked] if written.ops else [state.horizon]
    else:
        times += [state.horizon] if written.ops else []
        if state.first >= 0:
            times += [state.last, state.first] if written.ops else [state.last]
    ops = tuple(state.ops[index] for index in written.ops)
    pending = (*state.pending, state.first >= 0)
    return _Snapshot(tuple(times), pending, ops, state.busy.snapshot(written.ops))


def _repeat(node: Repeat, state: State) -> None:
    if node.count <= 2:
        for _ in range(node.count):
            _play(node.body, state)
        return
    written = _written(node.body)
    history = [_snapshot(state, written)]
    done = 0
    while done < node.count:
        recorded = len(state.played)
        _play(node.body, state)
        done += 1
        history.append(_snapshot(state, written))
        period = _period(history) if done < node.count else 0
        rounds = (node.count - done) // period if period else 0
        if rounds:
            _skip(state, written, history[-1 - period], history[-1], rounds)
            done += rounds * period
            _mark_repeats(state, recorded, rounds)
            history = [_snapshot(state, written)]
        del history[: -2 * LONGEST_PERIOD - 1]


def _period(history: list[_Snapshot]) -> int:
    """The shortest period after which every written time has moved by one and the same amount, or 0.

    ``history`` starts with the state before the first iteration. The earlier of the two states compared must itself
    come
    after a whole period of iterations that found the same stores pending: only then has every constant that could still
    delay the body had its say in both. Nor may a task still run before the last mark, which does not move with them.
    """
    for period in range(1, min((len(history) - 1) // 2, LONGEST_PERIOD) + 1):
        now, before = history[-1], history[-1 - period]
        shift = now.times[0] - before.times[0] if now.times else 0
        stores_equal = all(history[-1 - k].pending == history[-1 - k - period].pending for k in range(period + 1))
        steady = stores_equal and now.busy.early == before.busy.early
        if steady and all(new - old == shift for new, old in zip(now.times, before.times, strict=True)):
            return period
    return 0


def _skip(state: State, written: _Written, before: _Snapshot, now: _Snapshot, rounds: int) -> None:
    shift = rounds * (now.times[0] - before.times[0]) if now.times else 0
    for index in written.registers:
        state.registers[index] += shift
    for index in written.resources:
        state.free_at[index] += shift
    if state.overlapping:
        state.horizon += shift if written.ops else 0
        state.last += shift if state.first >= 0 else 0
        state.first += shift if state.first >= 0 and written.ops else 0
    else:
        state.horizon += shift
        state.marked += shift if written.ops else 0
    for index, new, old in zip(written.ops, now.ops, before.ops, strict=True):
        state.ops[index] += rounds * (new - old)
    state.busy.skip(written.ops, before.busy, now.busy, rounds)


def _mark_repeats(state: State, recorded: int, rounds: int) -> None:
    for position in range(recorded, len(state.played)):
        one = state.played[position]
        state.played[position] = Played(one.resource, one.name, one.start, one.finish, one.repeats * (rounds + 1))


@dataclass(slots=True)
class _Unrolled:
    """Tasks so far, and for every register the (task, delay) pairs that determine it."""

    when: list[tuple[tuple[int, int], ...]]
    last: list[int | None]
    pending: list[Defer | None]
    tasks: list[Task] = field(default_factory=list[Task])

    def start(self, run: Run) -> None:
        """Append one task, behind the one before it on its resource."""
        after = {pair for wait in run.waits for pair in self.when[wait]}
        before = self.last[run.resource]
        if before is not None:
            after.add((before, 0))
        self.tasks.append(Task(run.resource, run.duration, tuple(sorted(after))))
        self.last[run.resource] = len(self.tasks) - 1
        self.when[run.sets] = ((len(self.tasks) - 1, run.delay),)

    def flush(self, slot: int) -> None:
        """Append the remembered task of a slot."""
        deferred = self.pending[slot]
        if deferred is not None:
            self.pending[slot] = None
            self.when[deferred.previous] = self.when[deferred.run.sets]
            self.start(deferred.run)

    def visit(self, node: Node) -> None:
        """Append the tasks of one node."""
        if isinstance(node, Repeat):
            for _ in range(node.count):
                for inner in node.body:
                    self.visit(inner)
        elif isinstance(node, Run):
            self.start(node)
        elif isinstance(node, Copy):
            for target, sources in node.moves:
                self.when[target] = tuple({pair for source in sources for pair in self.when[source]})
        elif isinstance(node, Defer):
            self.flush(node.slot)
            self.pending[node.slot] = node
        elif isinstance(node, Flush):
            self.flush(node.slot)


def unroll(nodes: tuple[Node, ...], size: Size) -> list[Task]:
    """The same program as plain tasks for ``hwsim.engine``: the oracle of ``run``.

    Every resource serves its tasks in program order, so each task also waits for the one before it there.
    """
    unrolled = _Unrolled([()] * size.registers, [None] * size.resources, [None] * size.slots)
    for node in nodes:
        unrolled.visit(node)
    return unrolled.tasks
