"""Schedulers: which request of a queue is best. Each sees the next command of every request already worked out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from hwsim.dram.controller import Allowed, Controller, Request

    Scheduler: TypeAlias = Callable[[Controller, list[Request], Allowed], Request | None]

SCHEDULERS: dict[str, Scheduler] = {}


def scheduler(name: str) -> Callable[[Scheduler], Scheduler]:
    """Register a scheduler under the name that policies use."""

    def register(function: Scheduler) -> Scheduler:
        SCHEDULERS[name] = function
        return function

    return register


@scheduler("first_ready")
def first_ready(controller: Controller, queue: list[Request], allowed: Allowed) -> Request | None:
    """The oldest whose command may go, else the oldest."""
    candidates = [request for request in queue if allowed(request)]
    return min(candidates, key=lambda request: (not controller.may_go(request), request.arrive), default=None)


@scheduler("first_ready_row_hit")
def first_ready_row_hit(controller: Controller, queue: list[Request], allowed: Allowed) -> Request | None:
    """First ready, but a row is not closed for a request that is younger than a hit on it."""
    oldest_hit = _oldest_hits(controller, queue)

    def keeps_hits(request: Request) -> bool:
        blocked = request.command != request.final and controller.device.commands[request.command].closes
        return not (blocked and oldest_hit.get(request.bank, request.arrive + 1) <= request.arrive)

    return first_ready(controller, queue, lambda request: allowed(request) and keeps_hits(request))


@scheduler("fcfs")
def fcfs(controller: Controller, queue: list[Request], allowed: Allowed) -> Request | None:
    """The oldest, ready or not."""
    return queue[0] if queue and allowed(queue[0]) else None


@scheduler("hit_first")
def hit_first(controller: Controller, queue: list[Request], allowed: Allowed) -> Request | None:
    """Row hits before others, and no row closed while a queued request wants it.

    Who has waited longer than the controller's patience goes first, and its bank serves nobody else meanwhile.
    """
    starved = queue[0] if queue and controller.clock - queue[0].arrive > controller.policy.patience else None
    hit_banks = _oldest_hits(controller, queue)

    def rank(request: Request) -> tuple[bool, int, int]:
        order = 0 if request is starved else 1 if request.command == request.final else 2
        return not controller.may_go(request), order, request.arrive

    def open_to(request: Request) -> bool:
        if starved is not None and request.bank == starved.bank:
            return request is starved
        return not (controller.device.commands[request.command].closes and request.bank in hit_banks)

    return min((request for request in queue if allowed(request) and open_to(request)), key=rank, default=None)


def _oldest_hits(controller: Controller, queue: list[Request]) -> dict[int, int]:
    """Arrival of the oldest row hit of each bank that has one."""
    oldest: dict[int, int] = {}
    for request in queue:
        if controller.state.row[request.bank] == request.row:
            oldest[request.bank] = min(request.arrive, oldest.get(request.bank, request.arrive))
    return oldest
