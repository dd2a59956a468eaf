"""Requests to a channel, and what became of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwsim.dram.device import Device

Integers: TypeAlias = "NDArray[np.int64]"
SERIAL = -1


@dataclass(frozen=True, slots=True, eq=False)
class Requests:
    """Accesses in the order in which they are offered, at most one per tick.

    Attributes:
        time: tick before which a request does not come; ``SERIAL``: when all earlier ones are complete.
        write: 1 for a write.
        line: number of the access in the address space, for forwarding and merging.
        bank, row, column: where it lies.
    """

    time: Integers
    write: Integers
    line: Integers
    bank: Integers
    row: Integers
    column: Integers

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True, slots=True, eq=False)
class Commands:
    """Commands in the order of issue.

    Attributes:
        clock: tick of issue. command: index into the device's commands.
        bank: any bank that the command addresses. row, column: -1 where they mean nothing.
    """

    clock: Integers
    command: Integers
    bank: Integers
    row: Integers
    column: Integers

    def __len__(self) -> int:
        return len(self.clock)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What happened to some requests.

    Attributes:
        cycles: tick at which the last request was complete.
        arrive, depart: per request; depart - arrive is its latency in ticks.
        commands: empty unless they were to be recorded.
        counts: issued commands by index.
        hits, misses, conflicts: requests whose row was open, whose bank was closed, or that found another row.
        forwarded, merged: reads served from the write queue, and writes that replaced a waiting one.
        stalled: nothing could be issued any more although requests were waiting.
    """

    cycles: int
    arrive: Integers
    depart: Integers
    commands: Commands
    counts: tuple[int, ...]
    hits: int
    misses: int
    conflicts: int
    forwarded: int
    merged: int
    stalled: bool


def trace_lines(device: Device, commands: Commands) -> list[str]:
    """One line per command: ``clock,name,level below the channel..bank,row,column``; -1 means all, or none."""
    prefix: dict[tuple[int, int], str] = {}
    lines: list[str] = []
    for clock, command, bank, row, column in zip(
        *(field.tolist() for field in (commands.clock, commands.command, commands.bank, commands.row, commands.column)),
        strict=True,
    ):
        text = prefix.get((command, bank))
        if text is None:
            named = device.commands[command]
            text = ",".join([named.name, *map(str, device.address(bank, named.scope))])
            prefix[command, bank] = text
        lines.append(f"{clock},{text},{row},{column}")
    return lines


def digest(lines: list[str]) -> str:
    """SHA-256 of lines, each with its newline."""
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
