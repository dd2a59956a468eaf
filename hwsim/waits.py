"""Who waits for whom in a concurrent schedule: ends of steps and of transfers, as registers of the program.

A step waits for the writers of what it reads, and for all that last used the addresses it writes to. Steps of one unit
follow one another anyway, so that of several steps on one unit only the last is waited for. Where units share a
scratchpad, the tile buffers of steps that may overlap must fit together beside all placed tensors; a step waits for
what does not fit beside it. In a loop (a repeated segment, a group of chunks) later steps stand for the iteration
before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hwsim.machine import Machine
from hwsim.schedule import Placement, Schedule, Step
from hwsim.work import Work


@dataclass(frozen=True, slots=True)
class Waits:
    """What must have ended, by step and by transfer; all are positions in the schedule.

    Attributes:
        steps: for every step, the steps that it waits for before it starts.
        moved: for every step, the transfers that it waits for.
        tiles: for every step, the steps that it waits for before its first tiles are fetched.
        transfers: for every transfer, the steps that it waits for.
        transfers_moved: for every transfer, the transfers that it waits for.
    """

    steps: tuple[tuple[int, ...], ...]
    moved: tuple[tuple[int, ...], ...]
    tiles: tuple[tuple[int, ...], ...]
    transfers: tuple[tuple[int, ...], ...]
    transfers_moved: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Use:
    """A step as seen here: its unit, what it reads and writes, its work, and the number of the loop it is in."""

    unit: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    step: Step
    work: Work
    loop: int | None


def waits_of(schedule: Schedule, machine: Machine, uses: Sequence[Use], ahead: Sequence[tuple[int, int]]) -> Waits:
    """The waits of a schedule.

    Args:
        schedule: a concurrent one.
        machine: the chip.
        uses: its steps.
        ahead: pairs of steps of one unit, where the first tiles of the second may be fetched while the first runs.
    """
    steps: list[set[int]] = [set() for _ in uses]
    moved: list[set[int]] = [set() for _ in uses]
    transfers: list[set[int]] = [set() for _ in schedule.transfers]
    transfers_moved: list[set[int]] = [set() for _ in schedule.transfers]
    _data(schedule, uses, steps, moved)
    _transfer_data(schedule, transfers, transfers_moved)
    places = [_Place(one, tuple(_users(uses, one)), tuple(_attached(schedule, one))) for one in schedule.placements]
    for place in places:
        ends, ended = _users_before(uses, places, place)
        starts = [number for number in place.moved if schedule.transfers[number].inward]
        for number in starts:
            transfers[number].update(ends)
            transfers_moved[number].update(ended - {number})
        if not starts and place.users:
            steps[place.users[0]].update(ends)
            moved[place.users[0]].update(ended)
    return Waits(
        tuple(_last_of_units(uses, found, at, uses[at].unit) for at, found in enumerate(steps)),
        tuple(tuple(sorted(found)) for found in moved),
        tuple(_last_of_units(uses, found, at) for at, found in enumerate(_tiles(schedule, machine, uses, ahead))),
        tuple(
            _last_of_units(uses, found, one.first_step + (not one.inward))
            for one, found in zip(schedule.transfers, transfers, strict=True)
        ),
        tuple(tuple(sorted(found)) for found in transfers_moved),
    )


def _data(schedule: Schedule, uses: Sequence[Use], steps: list[set[int]], moved: list[set[int]]) -> None:
    """A step waits for the writers of what it touches, for the readers of what it writes, and for transfers."""
    writers: dict[str, list[int]] = {}
    readers: dict[str, list[int]] = {}
    for at, use in enumerate(uses):
        for name in use.writes:
            writers.setdefault(name, []).append(at)
        for name in use.reads:
            readers.setdefault(name, []).append(at)
    for at, use in enumerate(uses):
        others = [other for name in (*use.reads, *use.writes) for other in writers.get(name, [])]
        others += [other for name in use.writes for other in readers.get(name, [])]
        steps[at].update(other for other in others if other != at and _before(uses, other, at))
    for number, transfer in enumerate(schedule.transfers):
        for at in readers.get(transfer.tensor, []):
            resident = transfer.tensor in uses[at].step.mapping.resident
            if resident == transfer.inward and transfer.last_step <= at:
                moved[at].add(number)


def _transfer_data(schedule: Schedule, transfers: list[set[int]], transfers_moved: list[set[int]]) -> None:
    """What is written out waits for the step that computes it; what is read back, until it has been written out."""
    out: dict[str, list[int]] = {}
    for number, transfer in enumerate(schedule.transfers):
        if transfer.inward:
            transfers_moved[number].update(out.get(transfer.tensor, []))
        else:
            transfers[number].add(transfer.first_step)
            out.setdefault(transfer.tensor, []).append(number)


def _before(uses: Sequence[Use], other: int, at: int) -> bool:
    """Whether a step runs before another one, in this or in an earlier iteration of their loop."""
    return other < at or (uses[at].loop is not None and uses[other].loop == uses[at].loop)


def _attached(schedule: Schedule, placement: Placement) -> list[int]:
    """Transfers that bring a tensor to a place or write it out from there."""
    return [
        number
        for number, one in enumerate(schedule.transfers)
        if one.tensor == placement.tensor
        and placement.first_step <= one.first_step
        and one.last_step <= placement.last_step
    ]


def _users(uses: Sequence[Use], placement: Placement) -> list[int]:
    """Steps that find or leave a tensor in a place."""
    span = range(placement.first_step, placement.last_step + 1)
    return [at for at in span if placement.tensor in (*uses[at].reads, *uses[at].writes)]


@dataclass(frozen=True, slots=True)
class _Place:
    """A placement with the steps that find or leave its tensor there, and its transfers."""

    placement: Placement
    users: tuple[int, ...]
    moved: tuple[int, ...]


def _users_before(uses: Sequence[Use], places: Sequence[_Place], own: _Place) -> tuple[set[int], set[int]]:
    """Steps and transfers that last used the addresses of a placement before it begins."""
    here = own.placement
    first = own.users[0] if own.users else here.first_step
    ends: set[int] = set()
    ended: set[int] = set()
    for other in places:
        there = other.placement
        if (
            there.memory != here.memory
            or there.address + there.size_bytes <= here.address
            or here.address + here.size_bytes <= there.address
        ):
            continue
        ends.update(at for at in other.users if at != first and _before(uses, at, here.first_step))
        if there.last_step < here.first_step:
            ended.update(other.moved)
    return ends, ended


def _last_of_units(uses: Sequence[Use], found: Iterable[int], at: int, own: str = "") -> tuple[int, ...]:
    """Of several steps on one unit the last before ``at``, and the last of those that follow in the loop.

    Those on the unit ``own`` are left out.
    """
    last: dict[tuple[str, bool], int] = {}
    for other in found:
        if uses[other].unit == own:
            continue
        key = (uses[other].unit, other < at)
        last[key] = max(last.get(key, other), other)
    return tuple(sorted(last.values()))


def tops_of(schedule: Schedule) -> dict[str, int]:
    """The highest byte that placed tensors ever use, by memory."""
    tops: dict[str, int] = {}
    for placement in schedule.placements:
        tops[placement.memory] = max(tops.get(placement.memory, 0), placement.address + placement.size_bytes)
    return tops


def _tiles(
    schedule: Schedule, machine: Machine, uses: Sequence[Use], ahead: Sequence[tuple[int, int]]
) -> Iterable[set[int]]:
    """For every step, those on other units that its tile buffers do not fit beside."""
    needs = [use.work.held_bytes for use in uses]
    for earlier, later in ahead:
        needs[earlier] += uses[later].work.first_bytes
    pads = {unit: machine.scratchpad(unit) for unit in machine.chip.units}
    tops = tops_of(schedule)
    running = {use.unit for use in uses}
    by_unit: dict[str, list[int]] = {}
    for at, use in enumerate(uses):
        by_unit.setdefault(use.unit, []).append(at)
    for at, use in enumerate(uses):
        pad = pads[use.unit]
        others = sorted(unit for unit in running if unit != use.unit and pad is not None and pads[unit] == pad)
        if pad is None or not others:
            yield set()
            continue
        room = (machine.chip.memories[pad].size - tops.get(pad, 0) - needs[at]) / len(others)
        yield {other for unit in others for other in by_unit[unit] if needs[other] > room and _before(uses, other, at)}
