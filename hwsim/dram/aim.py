"""GDDR6-AiM: instructions for the processing units beside the banks, played command by command.

A host decodes one instruction per clock into accesses (one per column) and puts them into an in-order queue per
channel; the next instruction is decoded when all have found room. Reading results, SYNC and EOC hold decoding until
every channel has answered. Commands of all banks need one row open in all of them; registers are reached in a mode of
their own, and every change of mode (TMOD) holds the channel.

Source: the rules of aim_simulator (arkhadem), checked by its traces in tests/validation/.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from hwsim.dram.device import Device, load_device
from hwsim.dram.state import CLOSED, ChannelState
from workloads.errors import UserError, did_you_mean

CHANNELS, QUEUE = 32, 33
ACTIVATION_ROW = 1 << 29
_WAITING = ("RD_MAC", "RD_AF", "SYNC", "EOC")
_REGISTERS = ("WRGB", "WRMAC16", "RDMAC16", "RDAF16")
_READS = ("RDMAC16", "RDAF16", "RD")
_ALL_BANKS = ("MAC16", "AF16", "EWMUL16", "WRA16")
_ONE_BANK = ("MAC", "RDCP", "WRCP", "RD", "WR")
COMMAND_OF = {
    "WR_GB": "WRGB", "WR_BIAS": "WRMAC16", "RD_MAC": "RDMAC16", "RD_AF": "RDAF16", "MAC_ABK": "MAC16", "AF": "AF16",
    "MAC_SBK": "MAC", "EWMUL": "EWMUL16", "COPY_BKGB": "RDCP", "COPY_GBBK": "WRCP", "WR_ABK": "WRA16", "WR_SBK": "WR",
    "RD_SBK": "RD", "SYNC": "SYNC", "EOC": "EOC", "EWADD": "",
}  # fmt: skip
_FIELDS = {
    "WR_GB": "size register mask", "WR_BIAS": "register mask", "RD_MAC": "register mask", "RD_AF": "register mask",
    "MAC_ABK": "size mask row", "AF": "mask", "EWMUL": "size mask row", "MAC_SBK": "size mask bank row",
    "COPY_BKGB": "size mask bank row", "COPY_GBBK": "size mask bank row", "WR_ABK": "register mask row",
    "WR_SBK": "register mask bank row", "RD_SBK": "register mask bank row", "EWADD": "size register other",
    "SYNC": "", "EOC": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its name, channels (None: all), accesses per channel, bank and row (-1: none)."""

    name: str
    channels: frozenset[int] | None = None
    size: int = 1
    bank: int = -1
    row: int = -1


def parse_instruction(text: str) -> Instruction:
    """Read a line of a trace: ``AiM MAC_ABK 64 0x80000000 0``. Bit i of a mask is channel 31 - i.

    Raises:
        UserError: an unknown instruction or a wrong number of fields.
    """
    words = text.split()
    if words[:1] == ["AiM"]:
        words = words[1:]
    name = words[0] if words else ""
    if name not in _FIELDS:
        raise UserError(f"no AiM instruction is named {name!r}{did_you_mean(name, list(_FIELDS))} in {text!r}")
    names = _FIELDS[name].split()
    if len(names) != len(words) - 1:
        raise UserError(f"{name}: expected the fields {' '.join(names) or 'none'}, got {text!r}")
    value = {key: int(word, 0) for key, word in zip(names, words[1:], strict=True)}
    mask = value.get("mask")
    channels = None if mask is None else frozenset(31 - bit for bit in range(CHANNELS) if mask >> bit & 1)
    row = ACTIVATION_ROW if name == "AF" else value.get("row", -1)
    return Instruction(name, channels, value.get("size", 1), value.get("bank", -1), row)


@dataclass(slots=True)
class Access:
    """One access in the queue of a channel."""

    command: str
    bank: int
    row: int
    column: int
    waited_for: bool


class Channel:
    """One channel: an in-order queue in front of the device.

    Attributes:
        log: (clock, command name, bank or -1, row, column) of every command.
        answers: (clock, access) that reads and synchronizations will give.
    """

    def __init__(self, device: Device, faithful: bool) -> None:
        self.device, self.faithful = device, faithful
        self.state = ChannelState(device, corrected=not faithful)
        self.queue: deque[Access] = deque()
        self.open_for: Access | None = None
        self.answers: deque[tuple[int, Access]] = deque()
        self.busy_until = 0
        self.register_mode = False
        self.log: list[tuple[int, str, int, int, int]] = []
        self.completion = dict(device.completion)
        self.ids = {command.name: index for index, command in enumerate(device.commands)}
        self.next_refresh = device.refresh.all_bank or 0

    def next_command(self, access: Access) -> str:
        """What has to be issued next for an access, from the state of the banks."""
        rows = self.state.row
        if access.command in _ALL_BANKS:
            if any(row not in (CLOSED, access.row) for row in rows):
                return "PREA"
            return access.command if all(row == access.row for row in rows) else "ACT16"
        if access.command in _ONE_BANK:
            row = rows[access.bank]
            return "ACT" if row == CLOSED else access.command if row == access.row else "PRE"
        return access.command

    def ready_at(self) -> int | None:
        """First clock at which the head of the queue can move on; None without one."""
        if not self.queue:
            return None
        command = self.next_command(self.queue[0])
        if command in ("SYNC", "EOC"):
            return 0
        return self.state.ready_at(self.ids[command], max(self.queue[0].bank, 0))

    def answer(self, clock: int) -> bool:
        """Whether the oldest answer is given at this clock; EOC and SYNC wait for everything that was issued."""
        if not self.answers or self.answers[0][0] > clock:
            return False
        if self.answers[0][1].command in ("SYNC", "EOC") and self.busy_until > clock - 1:
            return False
        return self.answers.popleft()[1].waited_for

    def serve(self, clock: int) -> None:
        """Issue at most one command."""
        if not self.faithful and self._refresh(clock):
            return
        ready = self.ready_at()
        if ready is None or ready > clock:
            return
        access = self.queue[0]
        if access.command in ("SYNC", "EOC"):
            self.queue.popleft()
            self.answers.append((clock, access))
            return
        command = self.next_command(access)
        if (access.command in _REGISTERS) != self.register_mode:
            command, self.register_mode = "TMOD", not self.register_mode
        self.issue(command, access, clock)
        if command == access.command:
            self.queue.popleft()
            done = clock + self.completion[command]
            if command in _READS:
                self.answers.append((done, access))
            else:
                self.busy_until = max(self.busy_until, done)

    def _refresh(self, clock: int) -> bool:
        """Refresh between two accesses once it is due; True while nothing else may go."""
        if not self.next_refresh or clock < self.next_refresh:
            return False
        command = "REFab" if all(row == CLOSED for row in self.state.row) else "PREA"
        if clock >= self.state.ready_at(self.ids[command], 0):
            self.issue(command, Access(command, -1, -1, -1, False), clock)
            if command == "REFab":
                self.next_refresh += self.device.refresh.all_bank or 0
        return True

    def issue(self, command: str, access: Access, clock: int) -> None:
        """Send a command to the device."""
        index, bank = self.ids[command], max(access.bank, 0)
        self.state.issue(index, bank, access.row, clock)
        if self.device.commands[index].effect == "open":
            for opened in self.state.banks(index, bank):
                self.state.row[opened] = access.row
        self.log.append((clock, command, access.bank, access.row, access.column))

    def next_clock(self, clock: int) -> int | None:
        """The next clock at which something can happen."""
        times = [time for time in (self.ready_at(), self.answers[0][0] if self.answers else None) if time is not None]
        if self.answers and self.answers[0][1].command in ("SYNC", "EOC"):
            times.append(self.busy_until + 1)
        if not self.faithful and self.next_refresh and self.queue:
            times.append(self.next_refresh)
        later = [max(time, clock + 1) for time in times]
        return min(later, default=None)


@dataclass(frozen=True, slots=True)
class AimRun:
    """Outcome of a trace: clocks until the last answer, and the log of every channel that was played by its number."""

    cycles: int
    logs: dict[int, list[tuple[int, str, int, int, int]]]


def play_aim(instructions: list[Instruction], faithful: bool = False, device: Device | None = None) -> AimRun:
    """Play instructions on all channels. Channels that get the same instructions are played once.

    Args:
        faithful: as the reference does it: no refresh, its overwritten timings.
        device: another one than the shipped gddr6_aim.
    """
    device = device or load_device("gddr6_aim", reference=faithful)
    groups: dict[tuple[bool, ...], int] = {}
    masks = list(dict.fromkeys(item.channels for item in instructions if item.channels is not None))
    for channel in range(CHANNELS):
        groups.setdefault(tuple(channel in mask for mask in masks), channel)
    channels = {number: Channel(device, faithful) for number in groups.values()}
    cycles = _Host(instructions, channels).run()
    return AimRun(cycles, {number: channel.log for number, channel in channels.items()})


class _Host:
    """Decodes instructions and hands accesses to the channels."""

    def __init__(self, instructions: list[Instruction], channels: dict[int, Channel]) -> None:
        self.instructions, self.channels = deque(instructions), channels
        self.left: dict[int, deque[Access]] = {number: deque() for number in channels}
        self.awaited = 0

    def run(self) -> int:
        """Clocks until nothing is left to decode, to issue and to answer."""
        clock = 0
        while True:
            moved = self._decode()
            clock += 1
            for channel in self.channels.values():
                self.awaited -= channel.answer(clock)
                channel.serve(clock)
            if not self.instructions and not any(self.left.values()) and not self.awaited and self._quiet():
                return clock
            times = [channel.next_clock(clock) for channel in self.channels.values()]
            following = min((time for time in times if time is not None), default=clock + 1)
            if not moved and (self.awaited or any(self.left.values())):
                clock = following - 1

    def _quiet(self) -> bool:
        return all(not channel.queue for channel in self.channels.values())

    def _decode(self) -> bool:
        """Hand over what is left of the last instruction, else decode the next one; False if nothing was done."""
        remained = moved = False
        for number, left in self.left.items():
            remained = remained or bool(left)
            while left and len(self.channels[number].queue) < QUEUE:
                self.channels[number].queue.append(left.popleft())
                moved = True
        if self.awaited or remained or not self.instructions:
            return moved
        instruction = self.instructions.popleft()
        command = COMMAND_OF[instruction.name]
        if not command:
            return True
        waits = instruction.name in _WAITING
        for number, channel in self.channels.items():
            if instruction.channels is not None and number not in instruction.channels:
                continue
            for column in range(instruction.size):
                access = Access(command, instruction.bank, instruction.row, column, waits)
                room = len(channel.queue) < QUEUE and not self.left[number]
                (channel.queue if room else self.left[number]).append(access)
                self.awaited += waits
        return True


def aim_lines(log: list[tuple[int, str, int, int, int]]) -> list[str]:
    """One line per command: ``clock,name,bank group,bank,row,column``; -1 means all."""
    places = {bank: (bank // 4, bank % 4) if bank >= 0 else (-1, -1) for bank in range(-1, 16)}
    return [
        f"{clock},{name},{places[bank][0]},{places[bank][1]},{row},{column}" for clock, name, bank, row, column in log
    ]
