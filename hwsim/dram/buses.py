"""How commands reach the device: one bus, row and column buses, both clock edges, or split activates (plain engine)."""

from __future__ import annotations

from hwsim.dram.controller import Choice, Controller, Request
from hwsim.dram.device import Device
from hwsim.dram.policy import Policy


def _any(request: Request) -> bool:
    return True


class SharedBus(Controller):
    """One command per tick."""

    def tick(self) -> None:
        """Play one tick."""
        self.begin_tick()
        choice = self.pick_active(_any) or self.pick_priority(_any) or self.pick_queued(_any)
        if choice is not None:
            self.carry_out(choice)

    def carry_out(self, choice: tuple[Request, list[Request]]) -> None:
        """Issue the chosen command and move its request on."""
        request, queue = choice
        self.rows.upgrade(request)
        self.count_row(request)
        self.issue(request)
        self.advance(request, queue)


class SplitBus(SharedBus):
    """A column command and a row command per tick, in this order."""

    def tick(self) -> None:
        """Play one tick."""
        self.begin_tick()
        self.use_bus("column")
        self.use_bus("row")

    def fits(self, request: Request, bus: str) -> bool:
        """Whether the next command of a request uses a bus."""
        return self.device.commands[request.command].bus == bus

    def use_bus(self, bus: str) -> Request | None:
        """Issue at most one command on a bus. Only the column bus serves activated requests."""

        def allowed(request: Request) -> bool:
            return self.fits(request, bus)

        choice = self.pick_active(allowed) if bus == "column" else None
        choice = choice or self.pick_priority(allowed) or self.pick_queued(allowed)
        if choice is None:
            return None
        self.carry_out(choice)
        return choice[0]


class DoubleEdge(SplitBus):
    """Ticks are half clocks: all commands on the rising edge, on the falling edge precharges only.

    At the falling edge that ends a row command (one tick after it, three after an activate), a precharge may go to the
    other pseudo channel; in the same one only to another bank, and not after an all-bank command.
    """

    def __init__(self, device: Device, policy: Policy) -> None:
        super().__init__(device, policy)
        self.span = device.spans[device.levels.index("PseudoChannel")]
        self.paired_edge, self.paired_bank, self.paired_all = -1, 0, False

    def tick(self) -> None:
        """Play one tick."""
        self.begin_tick()
        if self.clock % 2 == 0:
            self.use_bus("row")
            return
        self.use_bus("column")
        request = self.use_bus("row")
        if request is not None:
            command = self.device.commands[request.command]
            self.paired_edge = self.clock + (3 if command.effect == "open" else 1)
            self.paired_bank, self.paired_all = request.bank, self.device.levels[command.scope] != "Bank"

    def fits(self, request: Request, bus: str) -> bool:
        """Whether the next command of a request may use a bus at this edge."""
        command = self.device.commands[request.command]
        if self.clock % 2 == 1:
            return command.bus == bus
        if command.effect != "close" or bus != "row":
            return False
        if self.clock != self.paired_edge or request.bank // self.span != self.paired_bank // self.span:
            return True
        single = self.device.levels[command.scope] == "Bank"
        return not self.paired_all and single and request.bank != self.paired_bank


class SplitActivate(SharedBus):
    """One command per tick; an activate is two commands, and the data clock is switched on before it is used.

    Between ACT1 and ACT2 other commands may go, but no second ACT1; ACT2 goes when nothing else can, or at the
    deadline. A column command that finds the data clock off is preceded by CAS in the tick where it could have gone
    itself, and follows as soon as it may.
    """

    def __init__(self, device: Device, policy: Policy) -> None:
        super().__init__(device, policy)
        self.opening: Request | None = None
        self.deadline = 0
        self.synced: tuple[Request, list[Request]] | None = None
        self.clock_off_at = 0
        self.sync_ids = {self.ids["RD"]: device.command("CAS_RD"), self.ids["WR"]: device.command("CAS_WR")}
        self.sync_ids |= {self.ids["RDA"]: device.command("CAS_RD"), self.ids["WRA"]: device.command("CAS_WR")}

    def tick(self) -> None:
        """Play one tick."""
        self.begin_tick()
        if self.synced is not None:
            self._follow_sync(self.synced)
            return
        if self.opening is not None and self.deadline <= self.clock:
            self._finish_opening(self.opening)
            return
        choice = self.pick_active(self._allowed) or self.pick_priority(self._allowed)
        choice = choice or self.pick_queued(self._allowed)
        if choice is not None:
            self._carry_out_split(choice)
        elif self.opening is not None:
            self._finish_opening(self.opening)

    def _allowed(self, request: Request) -> bool:
        """Whether the next command may come while a bank is half open; ACT2 goes only for its owner."""
        if request.command == self.ids["ACT2"]:
            return False
        if self.opening is None or request.command in self.sync_ids:
            return True
        effect = self.device.commands[request.command].effect
        return effect in ("close", "refresh") and self.opening.bank not in self.state.banks(
            request.command, request.bank
        )

    def _finish_opening(self, request: Request) -> None:
        request.command = self.ids["ACT2"]
        self.issue(request)
        self.active.append(request)
        self.active_of_bank[request.bank] += 1
        self.opening = None

    def _follow_sync(self, choice: tuple[Request, list[Request]]) -> None:
        request, queue = choice
        if self.may_go(request):
            self.synced = None
            self._keep_clock(request)
            self.count_row(request)
            self.issue(request)
            self.advance(request, queue)

    def _carry_out_split(self, choice: tuple[Request, list[Request]]) -> None:
        request, queue = choice
        command = request.command
        if command in self.sync_ids:
            if self.device.sync_read and self.clock >= self.clock_off_at:
                self._switch_on(choice)
                return
            self.rows.upgrade(request)
            self._keep_clock(request)
            self.count_row(request)
            self.issue(request)
            self.advance(request, queue)
        elif command == self.ids["ACT"]:
            self.count_row(request)
            self.issue(request)
            queue.remove(request)
            self.waiting_writes.discard(request.line if queue is self.writes else -1)
            self.opening, self.deadline = request, self.clock + self.device.activate_deadline
        else:
            self.carry_out(choice)

    def _switch_on(self, choice: Choice) -> None:
        if self.opening is not None and self.deadline <= self.clock + 1:
            self._finish_opening(self.opening)
            return
        assert choice is not None
        request = choice[0]
        column, sync = request.command, self.sync_ids[request.command]
        if self.clock >= self.state.ready_at(sync, request.bank):
            request.command = sync
            self.issue(request)
            request.command = column
            self.synced = choice

    def _keep_clock(self, request: Request) -> None:
        reads = request.command in (self.ids["RD"], self.ids["RDA"])
        self.clock_off_at = max(
            self.clock_off_at, self.clock + (self.device.sync_read if reads else self.device.sync_write)
        )


def build_controller(device: Device, policy: Policy) -> SharedBus:
    """The controller that a device's command bus needs."""
    if device.activate_deadline:
        return SplitActivate(device, policy)
    if any(command.bus == "column" for command in device.commands):
        return DoubleEdge(device, policy) if device.edges == 2 else SplitBus(device, policy)
    return SharedBus(device, policy)
