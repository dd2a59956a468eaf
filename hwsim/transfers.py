"""Transfers of whole tensors between the outermost memory and the scratchpad: their tasks, traffic and energy.

They cross the same port as the tiles of the steps, in the order of the program: what a step needs at once comes before
its own loads, what may come later (a tensor brought in ahead, a spill beside the next step) behind its last tile. A
tensor moves plain, also over a link that codes the tiles of steps, and as one stream of long runs.
"""

from __future__ import annotations

from hwsim.machine import Machine
from hwsim.pipeline import Port, ticks_of
from hwsim.program import Run
from hwsim.schedule import Transfer
from hwsim.units.base import Action


def unit_of(machine: Machine, memory: str) -> str:
    """A unit whose tiles come through an on-chip memory.

    Raises:
        KeyError: there is none.
    """
    for name in machine.chip.units:
        if machine.scratchpad(name) == memory:
            return name
    raise KeyError(f"{machine.chip.name}: memory {memory} is no unit's scratchpad")


def port_of(machine: Machine, memory: str) -> Port:
    """The port of the outermost memory towards an on-chip memory."""
    return machine.places[unit_of(machine, memory)].port


def transfer_task(machine: Machine, transfer: Transfer, waits: int, sets: int) -> Run:
    """The task of one transfer; starts after register ``waits``, its end is in register ``sets``."""
    port = port_of(machine, transfer.memory)
    name = f"{transfer.kind} {transfer.tensor}"
    if transfer.inward:
        return Run(port.resource, port.ticks(transfer.size_bytes), (waits,), sets, port.latency, name)
    return Run(port.resource, port.store_ticks(transfer.size_bytes), (waits,), sets, name=name)


def transfer_traffic(machine: Machine, transfer: Transfer) -> tuple[tuple[str, float, float], ...]:
    """(memory, bytes read, bytes written) of one transfer at both of its ends."""
    outer = machine.outer(unit_of(machine, transfer.memory))
    size = float(transfer.size_bytes)
    source, target = (outer, transfer.memory) if transfer.inward else (transfer.memory, outer)
    return (source, size, 0.0), (target, 0.0, size)


def transfer_actions(machine: Machine, transfer: Transfer) -> tuple[Action, ...]:
    """Energy of the memories at both ends of one transfer."""
    rows: list[Action] = []
    for memory, read, write in transfer_traffic(machine, transfer):
        energy = machine.bits[memory]
        rows.append(Action(memory, "read bit", read * 8, energy.read))
        rows.append(Action(memory, "write bit", write * 8, energy.write))
    return tuple(rows)


def transfer_seconds(machine: Machine, transfer: Transfer) -> float:
    """How long one transfer occupies the port."""
    return transfer_task(machine, transfer, 0, 0).duration / ticks_of(machine.chip, 1.0)
