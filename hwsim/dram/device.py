"""The command-level description of a DRAM channel: levels, commands and every distance between two commands.

A standard's YAML file states them under ``device``; distances are expressions over its timing names. ``resolve`` turns
them into numbers, adds the occupation of the command bus and moves distances of commands that take several ticks, so
that a constraint always counts from issue to issue: latency = stated + (ticks of preceding - 1) - (ticks of following
- 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from hwsim.dram.device_file import CommandFile, DeviceFile
from hwsim.dram.timing import Standard, load_standard
from workloads.errors import UserError
from workloads.symbols import evaluate, parse

Effect: TypeAlias = Literal[
    "open", "begin_open", "close", "read", "write", "read_close", "write_close", "refresh", "sync", "compute", "mode"
]
CLOSING = ("close", "read_close", "write_close")


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        effect: what it does to the banks it addresses.
        scope: index of the level it addresses; every bank below takes part.
        bus: command bus it uses; all commands of a device with one bus say "shared".
        ticks: occupation of that bus.
    """

    name: str
    effect: str
    scope: int
    bus: str
    ticks: int

    @property
    def closes(self) -> bool:
        """Whether the banks are closed afterwards."""
        return self.effect in CLOSING


@dataclass(frozen=True, slots=True)
class Constraint:
    """``following`` may come ``latency`` ticks after the ``window``-th last ``preceding`` at the same node of a level.

    Attributes:
        level: index of the level; commands are indices too.
        sibling: it binds the other nodes below the same parent instead of the node itself.
    """

    level: int
    preceding: int
    following: int
    latency: int
    window: int = 1
    sibling: bool = False


@dataclass(frozen=True, slots=True)
class Refresh:
    """Ticks between two all-bank and two per-bank refreshes (None: not possible) and of one per-bank refresh.

    Attributes:
        paired: the pseudo channels are refreshed bank by bank together, the second one a tick later.
    """

    all_bank: int | None
    per_bank: int | None
    recovery: int
    paired: bool


@dataclass(frozen=True, slots=True)
class Device:
    """One channel, in ticks.

    Attributes:
        levels, counts: from the channel down to the bank, and how many of each its parent has.
        rows, columns: of a bank; a column is one access of ``access_bytes``.
        tick: seconds.
        constraints: as the sources state them. corrections: what they leave out and a real device needs.
        read_latency, write_latency: from issue to the end of the data.
        edges: command clock edges per clock (2: row precharges may also go on the falling edge).
        activate_deadline: ticks from the first to the second half of a split activate; 0: not split.
        completion: ticks from issue to answer of the commands of a device that computes.
        sync_read, sync_write: ticks after a column command for which the data clock stays on; 0: always on.
    """

    name: str
    levels: tuple[str, ...]
    counts: tuple[int, ...]
    rows: int
    columns: int
    access_bytes: int
    tick: float
    timing: tuple[tuple[str, int], ...]
    commands: tuple[Command, ...]
    constraints: tuple[Constraint, ...]
    corrections: tuple[Constraint, ...]
    refresh: Refresh
    read_latency: int
    write_latency: int
    edges: int
    activate_deadline: int
    sync_read: int
    sync_write: int
    completion: tuple[tuple[str, int], ...] = ()

    @property
    def banks(self) -> int:
        """Banks of the channel."""
        return math.prod(self.counts)

    @property
    def spans(self) -> tuple[int, ...]:
        """Banks below one node of each level."""
        return tuple(math.prod(self.counts[level + 1 :]) for level in range(len(self.counts)))

    def command(self, name: str) -> int:
        """Index of a command; -1 if the device has none of this name."""
        return next((index for index, command in enumerate(self.commands) if command.name == name), -1)

    def time(self, name: str) -> int:
        """Ticks of a named timing."""
        return dict(self.timing)[name]

    def address(self, bank: int, scope: int) -> tuple[int, ...]:
        """Index at every level below the channel; -1 below ``scope``."""
        return tuple(
            bank // span % count if level <= scope else -1
            for level, (span, count) in enumerate(zip(self.spans, self.counts, strict=True))
        )[1:]


def require_plain_commands(device: Device) -> None:
    """Refuse a device that the controllers of reads and writes can not drive.

    Raises:
        UserError: a command that they issue is missing.
    """
    missing = [name for name in ("RD", "WR", "RDA", "WRA", "PREpb", "PREab", "REFab") if device.command(name) < 0]
    if missing:
        text = ", ".join(missing)
        raise UserError(f"{device.name}: no controller of reads and writes drives it: it has no command {text}")


def _value(expression: str | int, timing: dict[str, int], where: str) -> int:
    try:
        return int(evaluate(parse(expression), timing))
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _expand(
    rows: tuple[tuple[str | int, ...], ...], file: DeviceFile, commands: tuple[Command, ...], where: str
) -> tuple[Constraint, ...]:
    levels, names = file.levels, [command.name for command in commands]
    out: list[Constraint] = []
    for index, row in enumerate(rows):
        level, before, after, expression, window, sibling = file.constraint_fields(row, f"{where}.{index}")
        nominal = _value(expression, file.timing, f"{where}.{index}")
        for first in before:
            for second in after:
                one, two = commands[names.index(first)], commands[names.index(second)]
                latency = nominal + one.ticks - two.ticks
                out.append(
                    Constraint(levels.index(level), names.index(first), names.index(second), latency, window, sibling)
                )
    return tuple(out)


def _bus_occupation(commands: tuple[Command, ...]) -> tuple[Constraint, ...]:
    return tuple(
        Constraint(0, before, after, one.ticks)
        for before, one in enumerate(commands)
        for after, two in enumerate(commands)
        if one.ticks > 1 and one.bus == two.bus
    )


def _command(name: str, file: CommandFile, levels: list[str]) -> Command:
    return Command(name, file.effect, levels.index(file.scope), file.bus, file.cycles)


def resolve(name: str, standard: Standard, reference: bool = False) -> Device:
    """The command-level description of a standard with all expressions evaluated.

    Args:
        reference: with the timings that the reference simulator uses by defect.

    Raises:
        UserError: the standard states none, or it contradicts itself; the message names the key.
    """
    file = standard.device
    if file is None:
        raise UserError(f"{name}: this standard has no command-level description (key device)")
    if reference:
        file = file.model_copy(update={"timing": {**file.timing, **file.reference_timing}})
    file.check(f"{name}.yaml: device")
    levels = file.levels
    commands = tuple(_command(key, value, levels) for key, value in file.commands.items())
    value = {
        key: _value(text, file.timing, f"{name}.yaml: device.{key}")
        for key, text in (
            ("read_latency", file.read_latency),
            ("write_latency", file.write_latency),
            ("activate_deadline", file.activate_deadline),
            ("clock_sync.read", file.clock_sync.read),
            ("clock_sync.write", file.clock_sync.write),
        )
    }
    refresh = Refresh(
        file.timing.get(file.refresh.all_bank),
        file.timing.get(file.refresh.per_bank),
        file.timing.get(file.refresh.recovery, 0),
        file.refresh.paired,
    )
    return Device(
        name=name,
        levels=tuple(levels),
        counts=tuple(file.organization[level] for level in levels),
        rows=file.organization["Row"],
        columns=file.organization["Column"],
        access_bytes=int(standard.burst),
        tick=file.tick,
        timing=tuple(file.timing.items()),
        commands=commands,
        constraints=_bus_occupation(commands)
        + _expand(file.constraints, file, commands, f"{name}.yaml: device.constraints"),
        corrections=_expand(file.corrections, file, commands, f"{name}.yaml: device.corrections"),
        refresh=refresh,
        read_latency=value["read_latency"],
        write_latency=value["write_latency"],
        edges=file.edges,
        activate_deadline=value["activate_deadline"],
        sync_read=value["clock_sync.read"],
        sync_write=value["clock_sync.write"],
        completion=tuple(file.completion.items()),
    )


@cache
def load_device(name: str, reference: bool = False) -> Device:
    """The device of a shipped standard.

    Args:
        reference: with the timings that the reference simulator uses by defect.

    Raises:
        UserError: as ``load_standard`` and ``resolve``.
    """
    return resolve(name, load_standard(name), reference)
