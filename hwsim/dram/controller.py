"""A memory controller played tick by tick, plain and slow: the reference of the compiled engine.

Order of a tick: completed reads leave; refreshes come due; the row policy may ask for a precharge; one command (per
command bus) is chosen and issued. The choice: the best activated request if its command may go; else the oldest
maintenance command if it may; else, unless maintenance is waiting, the best request of the read or the write queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from hwsim.dram.device import Device
from hwsim.dram.policy import Policy
from hwsim.dram.state import ACTIVATING, CLOSED, ChannelState

WATCHDOG_TICKS = 100_000
"""Ticks without a command, with requests waiting, after which the controller is stuck (8 refreshes and more)."""


@dataclass(slots=True, eq=False)
class Request:
    """A request in a queue. ``final`` is the command that completes it, ``command`` the one it needs next.

    ``write`` is None for maintenance.
    """

    index: int
    write: bool | None
    line: int
    bank: int
    row: int
    column: int
    final: int
    arrive: int = 0
    command: int = -1
    counted: bool = False


Allowed = Callable[[Request], bool]
Choice = tuple[Request, "list[Request]"] | None


class Controller:
    """Queues of one channel and the choice of the next command.

    Attributes:
        log: (clock, command, bank, row, column) of every issued command.
        finished: (index, depart) of requests that completed since it was last emptied.
    """

    def __init__(self, device: Device, policy: Policy) -> None:
        from hwsim.dram.policies.refresh import refresh_manager
        from hwsim.dram.policies.rows import ROW_POLICIES
        from hwsim.dram.policies.schedulers import SCHEDULERS

        self.device, self.policy, self.clock = device, policy, 0
        self.state = ChannelState(device, policy.corrected)
        self.reads: list[Request] = []
        self.writes: list[Request] = []
        self.priority: list[Request] = []
        self.active: list[Request] = []
        self.pending: deque[tuple[int, int]] = deque()
        self.active_of_bank = [0] * device.banks
        self.waiting_writes: set[int] = set()
        self.draining = False
        self.log: list[tuple[int, int, int, int, int]] = []
        self.finished: list[tuple[int, int]] = []
        self.hits = self.misses = self.conflicts = self.forwarded = self.merged = self.last_progress = 0
        self.scheduler = SCHEDULERS[policy.scheduler]
        self.rows = ROW_POLICIES[policy.row_policy](self)
        self.refresh = refresh_manager(self)
        names = ("RD", "WR", "RDA", "WRA", "PREpb", "PREab", "REFab", "REFpb")
        self.ids = {name: device.command(name) for name in names}
        self.ids["ACT"] = max(device.command("ACT"), device.command("ACT1"))
        self.ids["ACT2"] = device.command("ACT2")

    def send(self, request: Request) -> bool:
        """Offer a request; False when its queue is full."""
        request.arrive = self.clock
        if request.line in self.waiting_writes:
            self.last_progress = self.clock
            if request.write:
                self.merged += 1
                self.finished.append((request.index, self.clock))
            else:
                self.forwarded += 1
                self.pending.append((request.index, self.clock + 1))
            return True
        queue, depth = (self.writes, self.policy.write_depth) if request.write else (self.reads, self.policy.read_depth)
        if len(queue) >= depth:
            return False
        queue.append(request)
        self.last_progress = self.clock
        if request.write:
            self.waiting_writes.add(request.line)
        return True

    def maintain(self, command: str, bank: int) -> None:
        """Queue a maintenance command."""
        self.priority.append(Request(-1, None, -1, bank, -1, -1, self.ids[command]))

    def begin_tick(self) -> None:
        """Everything of a tick before a command is chosen."""
        self.clock += 1
        while self.pending and self.pending[0][1] <= self.clock:
            self.finished.append(self.pending.popleft())
        self.refresh.tick()
        self.rows.before()

    def next_command(self, request: Request) -> int:
        """What has to be issued next for a request, from the state of its banks."""
        effect, rows = self.device.commands[request.final].effect, self.state.row
        if effect == "refresh":
            if all(rows[bank] == CLOSED for bank in self.state.banks(request.final, request.bank)):
                return request.final
            return self.ids["PREpb" if request.final == self.ids["REFpb"] else "PREab"]
        if effect == "close":
            return request.final
        row = rows[request.bank]
        if row == CLOSED:
            return self.ids["ACT"]
        if row == ACTIVATING:
            return self.ids["ACT2"]
        return request.final if row == request.row else self.ids["PREpb"]

    def may_go(self, request: Request) -> bool:
        """Whether timing allows the next command of a request now."""
        return self.clock >= self.state.ready_at(request.command, request.bank)

    def would_close_active(self, request: Request) -> bool:
        """Whether the next command closes a bank that was activated for somebody."""
        if not self.device.commands[request.command].closes or not self.active:
            return False
        return any(self.active_of_bank[bank] for bank in self.state.banks(request.command, request.bank))

    def pick_active(self, allowed: Allowed) -> Choice:
        """The best activated request, if its command may go."""
        return self._ready_best(self.active, allowed)

    def pick_priority(self, allowed: Allowed) -> Choice:
        """The oldest maintenance request, if its command may go."""
        if not self.priority:
            return None
        head = self.priority[0]
        head.command = self.next_command(head)
        if self.may_go(head) and not self.would_close_active(head) and allowed(head):
            return head, self.priority
        return None

    def pick_queued(self, allowed: Allowed) -> Choice:
        """The best request of the read or write queue; no one while maintenance waits."""
        if self.priority:
            return None
        if self.draining:
            self.draining = len(self.writes) > self.policy.drain_stop or not self.reads
        else:
            self.draining = len(self.writes) >= self.policy.drain_start or not self.reads
        queue = self.writes if self.draining else self.reads
        return self._ready_best(queue, lambda request: not self.would_close_active(request) and allowed(request))

    def _ready_best(self, queue: list[Request], allowed: Allowed) -> Choice:
        for request in queue:
            request.command = self.next_command(request)
        best = self.scheduler(self, queue, allowed)
        return (best, queue) if best is not None and self.may_go(best) else None

    def count_row(self, request: Request) -> None:
        """Count a request as row hit, miss or conflict at its first command."""
        if request.counted or request.write is None:
            return
        request.counted = True
        row = self.state.row[request.bank]
        if row == request.row:
            self.hits += 1
        elif row >= 0:
            self.conflicts += 1
        else:
            self.misses += 1

    def issue(self, request: Request) -> None:
        """Send the next command of a request to the device."""
        command = self.device.commands[request.command]
        row = -1 if command.effect in ("close", "refresh") else request.row
        column = request.column if "read" in command.effect or "write" in command.effect else -1
        self.state.issue(request.command, request.bank, row, self.clock)
        self.log.append((self.clock, request.command, request.bank, row, column))
        self.last_progress = self.clock
        self.rows.issued(request)

    def advance(self, request: Request, queue: list[Request]) -> None:
        """Move a request on after its command was issued."""
        if request.command == request.final:
            self.retire(request, queue)
        elif request.command == self.ids["ACT"]:
            self.promote(request, queue)

    def retire(self, request: Request, queue: list[Request]) -> None:
        """The last command of a request was issued."""
        queue.remove(request)
        if queue is self.active:
            self.active_of_bank[request.bank] -= 1
        if queue is self.writes:
            self.waiting_writes.discard(request.line)
        if request.write:
            self.finished.append((request.index, self.clock))
        elif request.write is not None:
            self.pending.append((request.index, self.clock + self.device.read_latency))

    def promote(self, request: Request, queue: list[Request]) -> None:
        """A row was opened for a request: it leaves its queue, if there is room among the activated ones."""
        if queue is self.active:
            self._reopened(request)
        elif len(self.active) < self.device.banks:
            queue.remove(request)
            self.active.append(request)
            self.active_of_bank[request.bank] += 1
            if queue is self.writes:
                self.waiting_writes.discard(request.line)

    def _reopened(self, request: Request) -> None:
        """An activated request had to activate again; the reference then counts it twice."""
        if self.policy.faithful and len(self.active) < self.device.banks:
            self.active.remove(request)
            self.active.append(request)
            self.active_of_bank[request.bank] += 1
