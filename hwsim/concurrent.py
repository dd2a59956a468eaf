"""A concurrent schedule as one loop program: every unit executes its own steps in issue order, and they overlap.

A step waits for the ends of other steps (``hwsim.waits``), each a register. Every unit has two buffers per operand of
its own. The outermost memory serves all units in program order, so that a step's transfers stand behind all those of
the steps before it; or its bandwidth is divided (``hwsim.channels``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwsim.banks import in_bank
from hwsim.channels import Channel
from hwsim.machine import Machine
from hwsim.pipeline import REGISTERS, RELEASED, begin, end
from hwsim.program import Copy, Mark, Node, Repeat
from hwsim.schedule import Schedule, Transfer
from hwsim.sequence import Entry, assembled, blocks
from hwsim.transfers import transfer_task
from hwsim.waits import Use, Waits, tops_of, waits_of
from workloads.graph import OperatorGraph


@dataclass(frozen=True, slots=True)
class _Concurrent:
    """What the program is made of.

    Attributes:
        ahead: steps whose first tiles are fetched while the step before on their unit runs.
        ended: register of the first transfer; those of the steps follow.
    """

    schedule: Schedule
    machine: Machine
    entries: Sequence[Entry]
    waits: Waits
    ahead: frozenset[int]
    ended: int
    channels: Mapping[str, Channel]

    def ends(self, steps: Sequence[int], transfers: Sequence[int] = ()) -> tuple[int, ...]:
        """Registers of the ends of steps and transfers."""
        first = self.ended + len(self.schedule.transfers)
        return (*(first + step for step in steps), *(self.ended + number for number in transfers))


def make_concurrent_program(
    graph: OperatorGraph,
    schedule: Schedule,
    machine: Machine,
    entries: Sequence[Entry],
    channels: Mapping[str, Channel],
) -> tuple[Node, ...]:
    """All steps as one loop program, in issue order; step ``i`` ends with mark ``i``.

    Args:
        graph, schedule, machine: as for a schedule that is not concurrent.
        entries: the steps.
        channels: of the units that have a part of the outer memory's bandwidth; the others share it in program order.
    """
    uses = _uses(graph, schedule, entries)
    pairs = _pairs(schedule, machine, uses)
    waits = waits_of(schedule, machine, uses, pairs)
    ahead = frozenset(later for _, later in pairs)
    program = _Concurrent(schedule, machine, entries, waits, ahead, REGISTERS * len(machine.chip.units), channels)
    return assembled(graph, schedule, lambda block, _: _block(program, block))


def _uses(graph: OperatorGraph, schedule: Schedule, entries: Sequence[Entry]) -> list[Use]:
    loops: dict[int, int] = {}
    for number, block in enumerate(blocks(schedule.steps)):
        for place in block:
            segment = schedule.steps[place].segment
            if graph.segments[segment].count > 1:
                loops[place] = -1 - segment
            elif schedule.steps[place].chunks > 1:
                loops[place] = number
    return [
        Use(
            entry.step.mapping.unit,
            tuple(dict.fromkeys(access.tensor for access in entry.op.reads)),
            tuple(dict.fromkeys(access.tensor for access in entry.op.writes)),
            entry.step,
            entry.work,
            loops.get(place),
        )
        for place, entry in enumerate(entries)
    ]


def _pairs(schedule: Schedule, machine: Machine, uses: Sequence[Use]) -> list[tuple[int, int]]:
    """Steps that follow one another on a unit, where the first tiles of the second fit beside the first."""
    pads = [machine.scratchpad(unit) for unit in dict.fromkeys(use.unit for use in uses)]
    held = [0] * len(uses)
    for placement in schedule.placements:
        for place in range(placement.first_step, placement.last_step + 1):
            held[place] += placement.size_bytes
    tops = tops_of(schedule)
    found: list[tuple[int, int]] = []
    for place, use in enumerate(uses):
        pad = machine.scratchpad(use.unit)
        others = _before_on_unit(uses, place)
        if pad is None or not others:
            continue
        placed = [tops.get(pad, 0) if pads.count(pad) > 1 else max(held[other], held[place]) for other in others]
        room = machine.chip.memories[pad].size - use.work.first_bytes
        if all(uses[other].work.held_bytes + size <= room for other, size in zip(others, placed, strict=True)):
            found += [(other, place) for other in others]
    return found


def _before_on_unit(uses: Sequence[Use], place: int) -> list[int]:
    """The step before on the same unit, and where the step is the first of a loop, the last of the loop as well."""
    unit, loop = uses[place].unit, uses[place].loop
    before = [other for other in range(place) if uses[other].unit == unit][-1:]
    if loop is not None and not (before and uses[before[0]].loop == loop):
        before += [other for other in range(place, len(uses)) if uses[other].unit == unit and uses[other].loop == loop][
            -1:
        ]
    return before


def _block(program: _Concurrent, block: Sequence[int]) -> list[Node]:
    """One block with the transfers around it."""
    nodes: list[Node] = []
    for number, one in enumerate(program.schedule.transfers):
        if one.inward and one.first_step in block and one.last_step in block:
            nodes.append(_transfer(program, number))
    after = _after(program, block)
    chunks = program.entries[block[-1]].step.chunks
    steps = [_step(program, place) for place in block]
    if chunks == 1:
        return [*nodes, *(node for step in steps for node in step), *after, Mark(block[-1])]
    body = [node for place, step in zip(block, steps, strict=True) for node in (*step, Mark(place))]
    return [*nodes, Repeat(chunks, tuple(body)), *([*after, Mark(block[-1])] if after else [])]


def _after(program: _Concurrent, block: Sequence[int]) -> list[Node]:
    """Transfers asked for behind a block: what comes in ahead of the next, then what goes out."""
    inward: list[Node] = []
    outward: list[Node] = []
    for number, one in enumerate(program.schedule.transfers):
        if one.inward and one.first_step in block and one.last_step not in block:
            inward.append(_transfer(program, number))
        elif not one.inward and _written_behind(one, block):
            outward.append(_transfer(program, number))
    return [*inward, *outward]


def _written_behind(one: Transfer, block: Sequence[int]) -> bool:
    """Whether a tensor is written out behind a block: what must be gone with it, or may take as long as it runs."""
    at_once = one.first_step in block and one.last_step in block
    return at_once or (one.first_step == block[0] - 1 and one.last_step > one.first_step)


def _transfer(program: _Concurrent, number: int) -> Node:
    one = program.schedule.transfers[number]
    task = transfer_task(program.machine, one, 0, program.ended + number)
    channel = program.channels.get(program.entries[one.step].step.mapping.unit)
    if channel is not None:
        task = channel.moved(task)
    return replace(task, waits=program.ends(program.waits.transfers[number], program.waits.transfers_moved[number]))


def _step(program: _Concurrent, place: int) -> list[Node]:
    """The tasks of one step on its unit's registers, and the register of its end."""
    unit = program.entries[place].step.mapping.unit
    base = REGISTERS * list(program.machine.chip.units).index(unit)
    released = RELEASED + base
    tiles = program.ends(program.waits.tiles[place])
    before = program.ends(program.waits.steps[place], program.waits.moved[place])
    return [
        *([Copy(((released, (released, *tiles)),))] if tiles else []),
        *in_bank(begin(place in program.ahead), base),
        *([Copy(((released, (released, *before)),))] if before else []),
        *in_bank((*program.entries[place].work.nodes, *end()), base, program.channels.get(unit)),
        Copy(((program.ends((place,))[0], (released,)),)),
    ]
