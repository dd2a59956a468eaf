"""An outer memory's bandwidth divided among units: every unit has a channel of its own, with an equal part of it.

In program order a unit's loads stand behind the stores of units before it, so that units which share a memory hardly
overlap. Channels end that, at the price of a part of the bandwidth each; a concurrent schedule is played both ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwsim.machine import Machine
from hwsim.program import Played, Run
from hwsim.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Channel:
    """A unit's part of a port: its own resource, the port's resource, and how many parts the port has."""

    resource: int
    port: int
    parts: int

    def moved(self, run: Run) -> Run:
        """A task on this channel, if it would use the port."""
        if run.resource != self.port:
            return run
        return replace(run, resource=self.resource, duration=run.duration * self.parts)


def channels_of(schedule: Schedule, machine: Machine) -> dict[str, Channel]:
    """A channel for every unit of a schedule that shares its outer memory with another; units of kernels have none."""
    running = [unit for unit in machine.chip.units if unit not in machine.kernels]
    running = [unit for unit in running if any(step.mapping.unit == unit for step in schedule.steps)]
    ports = {unit: machine.places[unit].port.resource for unit in running}
    shared = [unit for unit in running if list(ports.values()).count(ports[unit]) > 1]
    return {
        unit: Channel(len(machine.resources) + number, ports[unit], list(ports.values()).count(ports[unit]))
        for number, unit in enumerate(shared)
    }


def port_rows(rows: Sequence[Sequence[int]], channels: Mapping[str, Channel], machine: Machine) -> list[list[int]]:
    """Busy ticks by resource of the machine: a port works as long as its channels do, each at its part of the rate."""
    merged = [list(row[: len(machine.resources)]) for row in rows]
    for channel in channels.values():
        for target, row in zip(merged, rows, strict=True):
            target[channel.port] += row[channel.resource] // channel.parts
    return merged


def lane(one: Played, channels: Mapping[str, Channel], machine: Machine) -> str:
    """Name of the resource of a played task; a channel is named for its memory and its unit."""
    for unit, channel in channels.items():
        if one.resource == channel.resource:
            return f"{machine.resources[channel.port]} ({unit})"
    return machine.resources[one.resource]
