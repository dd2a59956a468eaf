"""A schedule as one loop program: its steps in issue order, with their transfers, chunks and repeated segments.

Registers: the bank of ``hwsim.pipeline`` (for a concurrent schedule one for every unit), then one for each transfer
(when it is complete), then for a concurrent schedule one for each step (when it has ended).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from hwsim.machine import Machine
from hwsim.pipeline import REGISTERS, RELEASED, begin, end
from hwsim.program import Copy, Mark, Node, Repeat, Size
from hwsim.schedule import Schedule, Step, Transfer
from hwsim.transfers import transfer_task
from hwsim.work import Work, chunk_of, make_work
from workloads.graph import Op, OperatorGraph, Tensor


@dataclass(frozen=True, slots=True)
class Entry:
    """A step with its operator, its work and how often a segment repeats it.

    Attributes:
        moved: transfers that belong to it, see ``Transfer.step``.
        rounds: how often these happen; the chunks of a step share them.
    """

    step: Step
    op: Op
    work: Work
    repeats: int
    moved: tuple[Transfer, ...] = ()
    rounds: int = 1


def make_entries(graph: OperatorGraph, schedule: Schedule, machine: Machine, tasks: bool = True) -> list[Entry]:
    """The steps of a schedule with their work; ``tasks`` as for ``make_work``."""
    ops: dict[str, tuple[Op, Mapping[str, Tensor]]] = {}
    for _, op in graph.walk():
        tensors = {**graph.by_name, **{t.name: t for t in op.internal}} if op.internal else graph.by_name
        ops[op.name] = (op, tensors)
        ops.update((part.name, (part, tensors)) for part in op.parts)
    ops.update((op.name, (op, graph.by_name)) for op in schedule.added)
    inner = {tensor.name: tensor for op in schedule.added for tensor in op.internal}
    moved: dict[int, list[Transfer]] = {}
    for transfer in schedule.transfers:
        moved.setdefault(transfer.step, []).append(transfer)
    entries: list[Entry] = []
    for place, step in enumerate(schedule.steps):
        op, tensors = ops[step.op]
        work = make_work(machine, chunk_of(op, step), step, {**tensors, **inner} if inner else tensors, tasks)
        named = replace(op, name=f"{op.name}#{step.run}") if step.run else op
        count = graph.segments[step.segment].count
        repeats = count * step.chunks * step.rounds
        entries.append(Entry(step, named, work, repeats, tuple(moved.get(place, ())), count))
    return entries


def program_size(schedule: Schedule, machine: Machine, channels: int = 0) -> Size:
    """What the program of a schedule uses; a concurrent one may use some channels beside the machine's resources."""
    steps, resources = len(schedule.steps), len(machine.resources) + channels
    if not schedule.concurrent:
        return Size(REGISTERS + len(schedule.transfers), resources, 1, steps)
    banks = REGISTERS * len(machine.chip.units)
    return Size(banks + len(schedule.transfers) + steps, resources, 1, steps, overlapping=True)


def make_program(
    graph: OperatorGraph, schedule: Schedule, machine: Machine, entries: Sequence[Entry]
) -> tuple[Node, ...]:
    """All steps, one after the other, as one loop program; step ``i`` ends with mark ``i``."""
    starting: dict[int, list[tuple[int, Transfer]]] = {}
    ending: dict[int, list[tuple[int, Transfer]]] = {}
    for register, transfer in enumerate(schedule.transfers, REGISTERS):
        starting.setdefault(transfer.first_step, []).append((register, transfer))
        ending.setdefault(transfer.last_step, []).append((register, transfer))
    sequence = _Sequence(machine, entries, _held_bytes(schedule), starting, ending)
    return assembled(graph, schedule, lambda block, around: _block(sequence, block, around))


def assembled(
    graph: OperatorGraph, schedule: Schedule, nodes_of: Callable[[tuple[int, ...], int | None], list[Node]]
) -> tuple[Node, ...]:
    """The nodes of all blocks, with repeated segments as loops.

    Args:
        graph: what the schedule is for.
        schedule: its steps.
        nodes_of: makes the nodes of a block; gets the last step of a loop as well where the block is its first.
    """
    nodes: list[Node] = []
    for index, members in groupby(range(len(schedule.steps)), key=lambda place: schedule.steps[place].segment):
        places = tuple(members)
        count = graph.segments[index].count
        body: list[Node] = []
        for block in blocks([schedule.steps[place] for place in places], places[0]):
            body += nodes_of(block, places[-1] if block[0] == places[0] and count > 1 else None)
        nodes += body if count == 1 else [Repeat(count, tuple(body))]
    return tuple(nodes)


def blocks(steps: Sequence[Step], first: int = 0) -> list[tuple[int, ...]]:
    """Steps of one group that run chunk by chunk are one block; every other step is a block of its own.

    Args:
        steps: of one segment, in issue order.
        first: position of the first of them in the schedule.
    """
    together = {step.group for step in steps if step.chunks > 1 or step.run or step.rounds > 1}
    found: list[tuple[int, ...]] = []
    joined = False
    for place, step in enumerate(steps, first):
        found = [*found[:-1], (*found[-1], place)] if joined else [*found, (place,)]
        following = steps[place - first + 1] if place - first + 1 < len(steps) else None
        joined = following is not None and following.group == step.group and step.group in together
    return found


@dataclass(frozen=True, slots=True)
class _Sequence:
    """What the program is made of.

    Attributes:
        held: bytes of placed tensors alive in each step.
        starting, ending: by first and by last step, transfers with the registers of their ends.
    """

    machine: Machine
    entries: Sequence[Entry]
    held: Mapping[int, int]
    starting: Mapping[int, Sequence[tuple[int, Transfer]]]
    ending: Mapping[int, Sequence[tuple[int, Transfer]]]


def _block(sequence: _Sequence, block: Sequence[int], around: int | None) -> list[Node]:
    """One block with the transfers around it; ``around`` is a step that runs before its first as well."""
    body: list[Node] = []
    for _, places in groupby(block, key=lambda place: sequence.entries[place].step.run):
        members = tuple(places)
        run: list[Node] = []
        for place in members:
            others = [place - 1] if place else []
            if place == block[0] and around is not None:
                others.append(around)
            run += _step(sequence, place, others)
        body += _times(sequence.entries[members[0]].step.chunks, run)
    nodes = [*_before(sequence, block), *_times(sequence.entries[block[0]].step.rounds, body)]
    after = _after(sequence, block)
    # What the transfers add to the time belongs to the last step of the block.
    return [*nodes, *after, Mark(block[-1])] if after else nodes


def _times(count: int, body: Sequence[Node]) -> list[Node]:
    return [Repeat(count, tuple(body))] if count > 1 else list(body)


def _step(sequence: _Sequence, place: int, others: Sequence[int]) -> list[Node]:
    ahead = bool(others) and all(_fits_beside(sequence, other, place) for other in others)
    return [*begin(ahead), *sequence.entries[place].work.nodes, *end(), Mark(place)]


def _before(sequence: _Sequence, block: Sequence[int]) -> list[Node]:
    """Before a block: what it needs at once is brought in, and it waits for what was brought in ahead."""
    needed = [pair for place in block for pair in sequence.ending.get(place, ()) if pair[1].inward]
    nodes: list[Node] = [
        transfer_task(sequence.machine, transfer, RELEASED, register)
        for register, transfer in needed
        if transfer.first_step in block
    ]
    later = tuple((register, (RELEASED,)) for register, _ in _beside(sequence, block))
    return [*([Copy(later)] if later else []), *nodes, *_wait([register for register, _ in needed])]


def _beside(sequence: _Sequence, block: Sequence[int]) -> list[tuple[int, Transfer]]:
    """Transfers that run beside a block, and are asked for when it begins: first what comes in, then what goes out."""
    inward = [pair for place in block for pair in sequence.starting.get(place, ()) if pair[1].inward]
    outward = [pair for pair in sequence.starting.get(block[0] - 1, ()) if not pair[1].inward]
    ahead = [pair for pair in inward if pair[1].last_step not in block]
    return [*ahead, *(pair for pair in outward if pair[1].last_step > pair[1].first_step)]


def _after(sequence: _Sequence, block: Sequence[int]) -> list[Node]:
    """Behind a block: transfers that run beside it, what must be written out before the next, and the wait for it."""
    due = [pair for place in block for pair in sequence.ending.get(place, ()) if not pair[1].inward]
    nodes: list[Node] = [
        transfer_task(sequence.machine, transfer, register, register) for register, transfer in _beside(sequence, block)
    ]
    nodes += [
        transfer_task(sequence.machine, transfer, RELEASED, register)
        for register, transfer in due
        if transfer.first_step in block
    ]
    return [*nodes, *_wait([register for register, _ in due])]


def _wait(registers: Sequence[int]) -> list[Node]:
    """The next steps wait for some registers."""
    return [Copy(((RELEASED, (RELEASED, *registers)),))] if registers else []


def _held_bytes(schedule: Schedule) -> dict[int, int]:
    """Bytes of placed tensors alive in each step."""
    held: dict[int, int] = {}
    for placement in schedule.placements:
        for step in range(placement.first_step, placement.last_step + 1):
            held[step] = held.get(step, 0) + placement.size_bytes
    return held


def _fits_beside(sequence: _Sequence, before: int, after: int) -> bool:
    """Whether the first tiles of one step can be loaded while the step before still holds its buffers."""
    machine, entries, held = sequence.machine, sequence.entries, sequence.held
    pads = [machine.scratchpad(entries[place].step.mapping.unit) for place in (before, after)]
    if pads[0] is None or pads[1] is None:
        return False
    if pads[0] != pads[1]:
        return True
    placed = max(held.get(before, 0), held.get(after, 0))
    needed = entries[before].work.held_bytes + entries[after].work.first_bytes + placed
    return needed <= machine.chip.memories[pads[0]].size
