"""Task groups on an FPGA: stages that run side by side and hand tokens on through FIFOs.

A stage is a sequence of *phases*, each a number of equal firings with fixed rates (cyclo-static dataflow: Bilsen and
others, IEEE Transactions on Signal Processing 44(2), 1996). Which firing provides and which one frees every token is
then known beforehand, so a group is a static graph of tasks: a firing starts when the one before it on its stage is
complete, its tokens have arrived and its results have room. A cycle in that graph is a deadlock.

The three styles of execution are plans of the same kind: *sequential* has one stage per group, *dataflow* has all
stages in one group, *reconfigurable* has groups of some stages and pays a switch between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwsim.engine import Task
from workloads.errors import UserError


@dataclass(frozen=True, slots=True)
class Phase:
    """``firings`` equal steps of a stage.

    Attributes:
        firings: how many.
        cycles: of each.
        takes: tokens that each needs before it starts, by FIFO; their room is free again when it is complete.
        gives: tokens that each leaves when it is complete, by FIFO; their room is needed from its start.
    """

    firings: int
    cycles: int
    takes: tuple[tuple[str, int], ...] = ()
    gives: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """One task on an engine of its own, as phases one after the other."""

    name: str
    phases: tuple[Phase, ...]

    @property
    def work(self) -> int:
        """Cycles without waiting."""
        return sum(phase.firings * phase.cycles for phase in self.phases)


@dataclass(frozen=True, slots=True)
class Fifo:
    """A FIFO between two stages of a group; depth None is unlimited."""

    name: str
    depth: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Stages that run side by side, with the FIFOs between them."""

    stages: tuple[Stage, ...]
    fifos: tuple[Fifo, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """What playing a group found.

    Attributes:
        cycles: until the last stage is complete.
        waiting: cycles by stage between its first start and its end in which it waits for tokens or room.
        fullest: most tokens that each FIFO ever holds, reserved room included.
    """

    cycles: int
    waiting: tuple[tuple[str, int], ...]
    fullest: tuple[tuple[str, int], ...]


class DeadlockError(UserError):
    """Stages that wait for each other; ``fifo`` is the one to enlarge, ``depth`` what never stalls."""

    def __init__(self, message: str, fifo: str, depth: int) -> None:
        super().__init__(message)
        self.fifo = fifo
        self.depth = depth


@dataclass(frozen=True, slots=True)
class _Firing:
    stage: int
    cycles: int
    takes: tuple[tuple[str, int], ...]
    gives: tuple[tuple[str, int], ...]


def play_group(group: Group) -> Flow:
    """Play a group from an empty state.

    Raises:
        DeadlockError: stages wait for each other; names the full FIFO and a depth that is enough.
        ValueError: a FIFO that is not produced and consumed alike.
    """
    firings = _unroll(group)
    after = _dependencies(group, firings)
    starts, finishes, order = _times(firings, after)
    if len(order) < len(firings):
        raise _deadlock(group, firings, after, set(order))
    return Flow(
        max(finishes, default=0), _waiting(group, firings, starts, finishes), _fullest(firings, starts, finishes)
    )


def tasks_of(group: Group) -> list[Task]:
    """The same group as tasks of the event engine, in an order that it accepts: the oracle of ``play_group``."""
    firings = _unroll(group)
    after = _dependencies(group, firings)
    order = _times(firings, after)[2]
    place = {index: position for position, index in enumerate(order)}
    return [
        Task(firings[index].stage, firings[index].cycles, tuple((place[other], 0) for other in after[index]))
        for index in order
    ]


def play_plan(groups: Sequence[Group], switch_cycles: int = 0) -> int:
    """Cycles of groups one after the other, with a switch between each two."""
    return sum(play_group(group).cycles for group in groups) + switch_cycles * max(0, len(groups) - 1)


def _unroll(group: Group) -> list[_Firing]:
    return [
        _Firing(place, phase.cycles, phase.takes, phase.gives)
        for place, stage in enumerate(group.stages)
        for phase in stage.phases
        for _ in range(phase.firings)
    ]


def _dependencies(group: Group, firings: Sequence[_Firing]) -> list[list[int]]:
    """Per firing those that must be complete before it starts."""
    after: list[list[int]] = [[] for _ in firings]
    given: dict[str, list[int]] = {fifo.name: [] for fifo in group.fifos}
    taken: dict[str, list[int]] = {fifo.name: [] for fifo in group.fifos}
    for index, firing in enumerate(firings):
        if index and firings[index - 1].stage == firing.stage:
            after[index].append(index - 1)
        for sums, tokens in ((given, firing.gives), (taken, firing.takes)):
            for fifo, count in tokens:
                sums[fifo] += [index] * count
    for fifo in group.fifos:
        if len(given[fifo.name]) != len(taken[fifo.name]):
            raise ValueError(
                f"FIFO {fifo.name}: {len(given[fifo.name])} tokens are given, {len(taken[fifo.name])} are taken"
            )
        for number, (giver, taker) in enumerate(zip(given[fifo.name], taken[fifo.name], strict=True)):
            after[taker].append(giver)
            if fifo.depth is not None and number >= fifo.depth:
                after[giver].append(taken[fifo.name][number - fifo.depth])
    return [sorted(set(waits)) for waits in after]


def _times(firings: Sequence[_Firing], after: Sequence[Sequence[int]]) -> tuple[list[int], list[int], list[int]]:
    """Start and finish of every firing that ever starts, and the order in which they were found."""
    followers: list[list[int]] = [[] for _ in firings]
    missing = [len(waits) for waits in after]
    for index, waits in enumerate(after):
        for other in waits:
            followers[other].append(index)
    starts, finishes = [0] * len(firings), [0] * len(firings)
    ready = [index for index, count in enumerate(missing) if not count]
    order: list[int] = []
    while ready:
        index = ready.pop()
        order.append(index)
        starts[index] = max((finishes[other] for other in after[index]), default=0)
        finishes[index] = starts[index] + firings[index].cycles
        for follower in followers[index]:
            missing[follower] -= 1
            if not missing[follower]:
                ready.append(follower)
    return starts, finishes, order


def _waiting(
    group: Group, firings: Sequence[_Firing], starts: Sequence[int], finishes: Sequence[int]
) -> tuple[tuple[str, int], ...]:
    rows: list[tuple[str, int]] = []
    for place, stage in enumerate(group.stages):
        own = [index for index, firing in enumerate(firings) if firing.stage == place]
        rows.append((stage.name, finishes[own[-1]] - starts[own[0]] - stage.work if own else 0))
    return tuple(rows)


def _fullest(firings: Sequence[_Firing], starts: Sequence[int], finishes: Sequence[int]) -> tuple[tuple[str, int], ...]:
    """Tokens count from the start of the firing that gives them to the end of the one that takes them."""
    events: dict[str, list[tuple[int, int]]] = {}
    for firing, start, finish in zip(firings, starts, finishes, strict=True):
        for fifo, count in firing.gives:
            events.setdefault(fifo, []).append((start, count))
        for fifo, count in firing.takes:
            events.setdefault(fifo, []).append((finish, -count))
    peaks: list[tuple[str, int]] = []
    for fifo, changes in events.items():
        held = most = 0
        for _, change in sorted(changes):
            held += change
            most = max(most, held)
        peaks.append((fifo, most))
    return tuple(peaks)


def depths_without_stalls(group: Group) -> dict[str, int]:
    """For every FIFO a depth with which the group is as fast as with unlimited ones."""
    unlimited = Group(group.stages, tuple(Fifo(fifo.name) for fifo in group.fifos))
    return dict(play_group(unlimited).fullest)


def smallest_depths(group: Group) -> dict[str, int]:
    """For every FIFO a depth that cannot be smaller, the others as they are, without making the group slower."""
    depths = depths_without_stalls(group)
    best = _cycles_with(group, depths)
    for name in depths:
        low, high = 0, depths[name]
        while low < high:
            middle = (low + high) // 2
            if _cycles_with(group, {**depths, name: middle}) == best:
                high = middle
            else:
                low = middle + 1
        depths[name] = high
    return depths


def _cycles_with(group: Group, depths: Mapping[str, int]) -> int:
    """Cycles with other depths; -1 for a deadlock."""
    try:
        return play_group(Group(group.stages, tuple(Fifo(name, depth) for name, depth in depths.items()))).cycles
    except DeadlockError:
        return -1


def _deadlock(
    group: Group, firings: Sequence[_Firing], after: Sequence[Sequence[int]], done: set[int]
) -> DeadlockError:
    """Follow who waits for whom from a stage that is stuck until a stage comes twice."""
    unlimited = Group(group.stages, tuple(Fifo(fifo.name) for fifo in group.fifos))
    tokens = _dependencies(unlimited, firings)
    heads: dict[int, int] = {}
    for index, firing in enumerate(firings):
        if index not in done:
            heads.setdefault(firing.stage, index)
    path: dict[int, int] = {}
    stage = next(iter(heads))
    while stage not in path:
        stuck = [other for other in after[heads[stage]] if other not in done]
        path[stage] = min(stuck, key=lambda other: firings[other].stage)
        stage = firings[path[stage]].stage
    cycle = list(path)[list(path).index(stage) :]
    enough = depths_without_stalls(group) if len(_times(firings, tokens)[2]) == len(firings) else {}
    depths = {fifo.name: fifo.depth or 0 for fifo in group.fifos}
    words: list[str] = []
    full: list[str] = []
    for here in cycle:
        other = firings[path[here]]
        shared = sorted({fifo for fifo, _ in other.takes} & {fifo for fifo, _ in firings[heads[here]].gives})
        for_room = path[here] not in tokens[heads[here]]
        full += shared if for_room else []
        what = f"room in {', '.join(shared)}" if for_room else f"tokens of {group.stages[other.stage].name}"
        words.append(f"{group.stages[here].name} waits for {what}")
    if not full or not enough:
        return DeadlockError(f"deadlock: {'; '.join(words)}; no depth of a FIFO helps", "", 0)
    worst = max(full, key=lambda fifo: enough[fifo] - depths[fifo])
    message = f"deadlock: {'; '.join(words)}; enlarge FIFO {worst} from {depths[worst]} to {enough[worst]} tokens"
    return DeadlockError(message, worst, enough[worst])
