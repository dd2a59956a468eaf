"""Row policies: when a row is closed although nobody asked for another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwsim.dram.controller import Controller, Request


class OpenRows:
    """Rows stay open until another one is wanted. Base of the others."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller

    def before(self) -> None:
        """Called in every tick before a command is chosen."""

    def upgrade(self, request: Request) -> None:
        """May turn the command of a request into one with automatic precharge."""

    def issued(self, request: Request) -> None:
        """Called after every command."""

    def _precharge_after(self, request: Request) -> None:
        """Turn RD into RDA and WR into WRA where timing allows it."""
        ids, state = self.controller.ids, self.controller.state
        for plain, closing in ((ids["RD"], ids["RDA"]), (ids["WR"], ids["WRA"])):
            if request.command == plain and self.controller.clock >= state.ready_at(closing, request.bank):
                request.command = request.final = closing
                return


class ClosedRows(OpenRows):
    """The last queued access of a row closes it."""

    def upgrade(self, request: Request) -> None:
        """Automatic precharge, unless somebody else waits for the row."""
        controller = self.controller
        for queue in (controller.reads, controller.writes, controller.active):
            for other in queue:
                if other is not request and other.bank == request.bank and other.row == request.row:
                    return
        self._precharge_after(request)


class CappedRows(OpenRows):
    """A row that had ``cap`` accesses is closed by the next one, or by a precharge as soon as that may go."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self.accesses = [0] * controller.device.banks
        self.asked = [False] * controller.device.banks

    def before(self) -> None:
        """Ask for precharges of the rows at the cap."""
        controller = self.controller
        precharge = controller.ids["PREpb"]
        for bank, count in enumerate(self.accesses):
            due = count >= controller.policy.cap and not self.asked[bank]
            if due and controller.clock >= controller.state.ready_at(precharge, bank):
                controller.maintain("PREpb", bank)
                self.asked[bank] = True

    def upgrade(self, request: Request) -> None:
        """Automatic precharge at the cap; never under a request that was activated for, unless defects are copied."""
        controller = self.controller
        if request.write is None or self.accesses[request.bank] < controller.policy.cap:
            return
        others = [other for other in controller.active if other.bank == request.bank and other is not request]
        if controller.policy.faithful or not others:
            self._precharge_after(request)

    def issued(self, request: Request) -> None:
        """Count accesses; a closed bank starts again."""
        command = self.controller.device.commands[request.command]
        if command.closes:
            for bank in self.controller.state.banks(request.command, request.bank):
                self.accesses[bank], self.asked[bank] = 0, False
        elif command.effect in ("read", "write"):
            self.accesses[request.bank] += 1


ROW_POLICIES = {"open": OpenRows, "closed": ClosedRows, "closed_cap": CappedRows}
