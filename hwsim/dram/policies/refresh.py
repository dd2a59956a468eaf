"""Refresh managers: when which banks are refreshed."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from workloads.errors import UserError

if TYPE_CHECKING:
    from hwsim.dram.controller import Controller


class NoRefresh:
    """Never. Base of the others."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller

    def tick(self) -> None:
        """Called in every tick before a command is chosen."""


class PeriodicRefresh(NoRefresh):
    """A command to each bank of ``targets[k]`` every ``interval`` ticks, k counting up.

    Up to ``postpone`` refreshes are owed while there are requests; idle time pays them back, one at a time.
    """

    def __init__(
        self, controller: Controller, command: str, interval: int | None, targets: list[tuple[int, ...]]
    ) -> None:
        super().__init__(controller)
        if interval is None or controller.device.command(command) < 0:
            raise UserError(f"refresh: {controller.device.name} has no refresh by {command}")
        self.command, self.interval, self.targets = command, interval, targets
        self.next, self.turn, self.owed = interval, 0, 0

    def tick(self) -> None:
        """Queue the refreshes that are due."""
        controller = self.controller
        if controller.clock == self.next:
            self.next += self.interval
            self.owed += 1
        idle = not (controller.reads or controller.writes or controller.active or controller.priority)
        if self.owed > controller.policy.postpone or (self.owed and idle):
            self.owed -= 1
            for bank in self.targets[self.turn]:
                controller.maintain(self.command, bank)
            self.turn = (self.turn + 1) % len(self.targets)


class PairedRefresh(NoRefresh):
    """The same bank of all pseudo channels, one tick after the other; stacks are taken in turns.

    After all banks of a stack were refreshed, its next round starts no earlier than one recovery later.
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        device = controller.device
        if device.refresh.per_bank is None or not device.refresh.paired:
            raise UserError(f"refresh: {device.name} does not refresh pseudo channels in pairs")
        self.interval = self.next = device.refresh.per_bank
        self.channels = device.counts[device.levels.index("PseudoChannel")]
        self.banks = device.banks // self.channels
        self.round = device.spans[device.levels.index("BankGroup") - 1]
        self.turn = 0
        self.pending: deque[tuple[int, int]] = deque()
        self.allowed = [[0] * (self.banks // self.round) for _ in range(self.channels)]

    def tick(self) -> None:
        """Queue one refresh, if one is due."""
        if self._serve() or self.controller.clock < self.next:
            return
        stack = self.turn // self.round
        if any(self.controller.clock < allowed[stack] for allowed in self.allowed):
            self.next = self.controller.clock + 1
            return
        self.pending.extend((channel, self.turn) for channel in range(self.channels))
        self.turn = (self.turn + 1) % self.banks
        self._serve()
        self.next += self.interval

    def _serve(self) -> bool:
        if not self.pending:
            return False
        channel, bank = self.pending.popleft()
        self.controller.maintain("REFpb", channel * self.banks + bank)
        if bank % self.round == self.round - 1:
            recovery = self.controller.device.refresh.recovery
            self.allowed[channel][bank // self.round] = self.controller.clock + recovery
        return True


def refresh_manager(controller: Controller) -> NoRefresh:
    """The manager that a controller's policy asks for.

    Raises:
        UserError: the device can not be refreshed in this way.
    """
    device, kind = controller.device, controller.policy.refresh
    if kind == "all_bank":
        scope = device.commands[device.command("REFab")].scope
        banks = tuple(range(0, device.banks, device.spans[scope]))
        return PeriodicRefresh(controller, "REFab", device.refresh.all_bank, [banks])
    if kind == "per_bank":
        return PeriodicRefresh(controller, "REFpb", device.refresh.per_bank, [(bank,) for bank in range(device.banks)])
    return PairedRefresh(controller) if kind == "paired_bank" else NoRefresh(controller)
