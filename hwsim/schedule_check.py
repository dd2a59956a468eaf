"""An independent check of schedules: steps, addresses, capacity, and that every tensor is where a step reads it.

It walks the steps once and keeps for every tensor whether the outermost memory and the scratchpad hold its current
value. It shares no code with the mappers, and with the simulator only the work of a step (its tile buffers).

What is taken as given: tile buffers and placed tensors share a scratchpad by size alone (their buffers may be split
around the placed ones), the levels inside a scratchpad are the unit's own business, and repetitions of a segment are
all like the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from hwsim.machine import Machine
from hwsim.schedule import Placement, Schedule, Transfer
from hwsim.sequence import Entry, blocks, make_entries
from workloads.graph import OperatorGraph, Role, Tensor, size_bytes


class ScheduleError(ValueError):
    """A schedule that contradicts itself, its graph or its chip; the message names step, tensor and memory."""


def check_schedule(graph: OperatorGraph, schedule: Schedule, machine: Machine) -> None:
    """Verify a schedule.

    Args:
        graph: the bound graph that it is for.
        schedule: to be checked.
        machine: the chip.

    Raises:
        ScheduleError: an operator missing, twice or in the wrong order; placements that overlap or do not fit beside
            the tiles; a transfer without a place or in the middle of a block; a tensor read where it is not.
    """
    _check_steps(graph, schedule)
    _check_addresses(graph, schedule, machine)
    entries = make_entries(graph, schedule, machine)
    _check_capacity(schedule, machine, entries)
    _check_transfers(graph, schedule)
    _check_presence(graph, schedule, machine, entries)


def _check_steps(graph: OperatorGraph, schedule: Schedule) -> None:
    wanted: dict[str, int] = {}
    for index, segment in enumerate(graph.segments):
        run = {step.op for step in schedule.steps if step.segment == index}
        for op in segment.ops:
            names = [op.name] if op.name in run or not op.parts else [part.name for part in op.parts]
            wanted.update(dict.fromkeys(names, index))
    added = {op.name for op in schedule.added}
    found: set[tuple[str, int]] = set()
    for place, step in enumerate(schedule.steps):
        if (step.op, step.run) in found:
            raise ScheduleError(f"step {place}: {step.op} runs twice")
        if wanted.get(step.op) != step.segment and step.op not in added:
            raise ScheduleError(f"step {place}: {step.op} is not in segment {step.segment}")
        found.add((step.op, step.run))
    ran = {name for name, _ in found}
    missing = next((name for name in wanted if name not in ran), None)
    if missing is not None:
        raise ScheduleError(f"no step runs {missing}")
    order = [step.segment for step in schedule.steps]
    for index, segment in enumerate(graph.segments):
        places = [place for place, other in enumerate(order) if other == index]
        if segment.count > 1 and places and places[-1] - places[0] >= len(places):
            raise ScheduleError(f"steps of the repeated segment {segment.name} do not follow one another")


def _check_addresses(graph: OperatorGraph, schedule: Schedule, machine: Machine) -> None:
    sizes = {tensor.name: tensor for tensor in graph.tensors}
    for op in (*(op for _, op in graph.walk()), *schedule.added):
        sizes.update((tensor.name, tensor) for tensor in op.internal)
    for placement in schedule.placements:
        _check_placement(placement, sizes, schedule, machine)
    by_memory: dict[str, list[Placement]] = {}
    for placement in sorted(schedule.placements, key=lambda p: (p.first_step, p.address)):
        beside = by_memory.setdefault(placement.memory, [])
        for other in beside:
            if other.last_step < placement.first_step:
                continue
            apart = (
                other.address + other.size_bytes <= placement.address
                or placement.address + placement.size_bytes <= other.address
            )
            if not apart and other.size_bytes and placement.size_bytes:
                raise ScheduleError(
                    f"{placement.memory}: {placement.tensor} overlaps {other.tensor} in step {placement.first_step}"
                )
        beside.append(placement)
    for name, intervals in _intervals(schedule.placements).items():
        for one, two in pairwise(intervals):
            if two.first_step <= one.last_step:
                raise ScheduleError(f"{name} has two places in step {two.first_step}")


def _check_placement(placement: Placement, tensors: dict[str, Tensor], schedule: Schedule, machine: Machine) -> None:
    where = f"{placement.tensor} in {placement.memory}"
    if placement.tensor not in tensors:
        raise ScheduleError(f"{where}: no such tensor")
    if not 0 <= placement.first_step <= placement.last_step < len(schedule.steps):
        raise ScheduleError(f"{where}: steps {placement.first_step} to {placement.last_step} do not exist")
    if placement.address < 0 or placement.address + placement.size_bytes > machine.chip.memories[placement.memory].size:
        raise ScheduleError(f"{where}: address {placement.address} is outside the memory")
    steps = schedule.steps[placement.first_step : placement.last_step + 1]
    groups = {step.group for step in steps}
    if any(group.name in groups and placement.tensor in dict(group.held) for group in schedule.fused):
        return
    chunks = min(step.chunks for step in steps)
    if placement.size_bytes * chunks < size_bytes(tensors[placement.tensor]):
        raise ScheduleError(f"{where}: {placement.size_bytes} B are too few for it")


def _intervals(placements: Sequence[Placement]) -> dict[str, list[Placement]]:
    found: dict[str, list[Placement]] = {}
    for placement in sorted(placements, key=lambda p: (p.tensor, p.first_step)):
        found.setdefault(placement.tensor, []).append(placement)
    return found


def _check_capacity(schedule: Schedule, machine: Machine, entries: Sequence[Entry]) -> None:
    for place, entry in enumerate(entries):
        pad = machine.scratchpad(entry.step.mapping.unit)
        if pad is None:
            continue
        placed = sum(
            p.size_bytes for p in schedule.placements if p.memory == pad and p.first_step <= place <= p.last_step
        )
        size = machine.chip.memories[pad].size
        if placed + entry.work.held_bytes > size:
            raise ScheduleError(
                f"step {place} ({entry.op.name}): {placed} B placed and {entry.work.held_bytes:.0f} B of tiles"
                f" exceed the {size:.0f} B of {pad}"
            )


def _check_transfers(graph: OperatorGraph, schedule: Schedule) -> None:
    heads, tails = _borders(graph, schedule)
    for transfer in schedule.transfers:
        where = f"{transfer.kind} {transfer.tensor}"
        first, last = transfer.first_step, transfer.last_step
        if not 0 <= first <= last < len(schedule.steps):
            raise ScheduleError(f"{where}: steps {first} to {last} do not exist")
        segments = {schedule.steps[place].segment for place in range(first, last + 1)}
        if len(segments) > 1 and any(graph.segments[index].count > 1 for index in segments):
            raise ScheduleError(f"{where}: crosses the border of a repeated segment")
        if transfer.inward and heads[first] != first:
            raise ScheduleError(f"{where}: asked for in step {first}, inside a group of chunks")
        if not transfer.inward and tails[first] != first and last > tails[first]:
            raise ScheduleError(f"{where}: asked for in step {first}, inside a group of chunks")
        held = any(
            p.tensor == transfer.tensor
            and p.memory == transfer.memory
            and p.size_bytes == transfer.size_bytes
            and p.first_step <= first
            and last <= p.last_step
            for p in schedule.placements
        )
        if not held:
            raise ScheduleError(
                f"{where}: has no place of {transfer.size_bytes} B in {transfer.memory}, {first}-{last}"
            )


def _borders(graph: OperatorGraph, schedule: Schedule) -> tuple[dict[int, int], dict[int, int]]:
    """The first and the last step of the block of every step."""
    heads: dict[int, int] = {}
    tails: dict[int, int] = {}
    for block in blocks(schedule.steps):
        for place in block:
            heads[place], tails[place] = block[0], block[-1]
    return heads, tails


@dataclass(slots=True)
class _Where:
    """Which tensors have their current value in the outermost memory, and on chip; and the names of fused groups.

    What an operator of a fused group reads and writes itself is a running value, which its first chunk sets.
    """

    outer: set[str]
    fused: frozenset[str]
    chip: set[str] = field(default_factory=set[str])


def _check_presence(graph: OperatorGraph, schedule: Schedule, machine: Machine, entries: Sequence[Entry]) -> None:
    given = {t.name for t in graph.tensors if t.role in (Role.INPUT, Role.WEIGHT, Role.STATE)}
    kept = {group.name: set(dict(group.held)) for group in schedule.fused}
    where = _Where(given, frozenset(kept))
    for place, entry in enumerate(entries):
        # What a fused group holds of weights and inputs is brought in by the first step that reads it.
        where.chip |= kept.get(entry.step.group, set()) & where.outer
        for transfer in schedule.transfers:
            if transfer.inward and transfer.first_step == place and transfer.tensor not in where.outer:
                raise ScheduleError(f"step {place}: {transfer.kind} of {transfer.tensor}, which was not written out")
            if transfer.inward and transfer.last_step == place:
                where.chip.add(transfer.tensor)
        _check_step(place, entry, schedule, machine, where)
        _end_step(place, schedule, where)
    lost = [t.name for t in graph.tensors if t.role is Role.OUTPUT and t.name not in where.outer]
    if lost:
        raise ScheduleError(f"results never written out: {', '.join(lost)}")


def _check_step(place: int, entry: Entry, schedule: Schedule, machine: Machine, where: _Where) -> None:
    resident = set(entry.step.mapping.resident)
    pad = machine.scratchpad(entry.step.mapping.unit)
    name = f"step {place} ({entry.op.name})"
    for tensor in sorted(resident):
        alive = any(
            p.tensor == tensor and p.memory == pad and p.first_step <= place <= p.last_step for p in schedule.placements
        )
        if not alive:
            raise ScheduleError(f"{name}: {tensor} has no place in {pad}")
    running = {access.tensor for access in entry.op.writes} if entry.step.group in where.fused else set[str]()
    for access in entry.op.reads:
        if access.tensor in running and access.tensor in resident:
            continue
        held = where.chip if access.tensor in resident else where.outer
        if access.tensor not in held:
            source = pad if access.tensor in resident else machine.outer(entry.step.mapping.unit)
            raise ScheduleError(f"{name}: reads {access.tensor}, which is not in {source}")
    for access in entry.op.writes:
        if entry.step.sums:
            where.chip.add(entry.step.sums)
            continue
        (where.chip if access.tensor in resident else where.outer).add(access.tensor)
        (where.outer if access.tensor in resident else where.chip).discard(access.tensor)


def _end_step(place: int, schedule: Schedule, where: _Where) -> None:
    going: list[Transfer] = [t for t in schedule.transfers if not t.inward]
    for transfer in going:
        if transfer.first_step == place and transfer.tensor not in where.chip:
            raise ScheduleError(f"step {place}: {transfer.kind} of {transfer.tensor}, which is not on chip")
        if transfer.last_step == place:
            where.outer.add(transfer.tensor)
    for placement in schedule.placements:
        if placement.last_step == place:
            where.chip.discard(placement.tensor)
