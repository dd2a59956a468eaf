"""Requests played through the plain engine, tick by tick."""

from __future__ import annotations

import numpy as np

from hwsim.dram.buses import SharedBus, build_controller
from hwsim.dram.controller import WATCHDOG_TICKS, Request
from hwsim.dram.device import Device, require_plain_commands
from hwsim.dram.policy import Policy
from hwsim.dram.requests import SERIAL, Commands, Outcome, Requests

_FOREVER = 2**62


def _request(requests: Requests, index: int, controller: SharedBus) -> Request:
    write = bool(requests.write[index])
    return Request(
        index,
        write,
        int(requests.line[index]),
        int(requests.bank[index]),
        int(requests.row[index]),
        int(requests.column[index]),
        controller.ids["WR" if write else "RD"],
    )


def play(device: Device, policy: Policy, requests: Requests, limit: int = _FOREVER) -> Outcome:
    """Every command of the channel until all requests are complete.

    One request per tick is offered; it waits in front of a full queue. Its first command can go one tick later.

    Args:
        limit: ticks after which to stop.
    """
    require_plain_commands(device)
    controller = build_controller(device, policy)
    arrive, depart = np.full((2, len(requests)), -1, dtype=np.int64)
    offered = done = 0
    while done < len(requests) and controller.clock < limit:
        if controller.clock - controller.last_progress > WATCHDOG_TICKS and (offered > done or controller.priority):
            break
        if offered < len(requests):
            time = int(requests.time[offered])
            due = done == offered if time == SERIAL else controller.clock >= time
            if due and controller.send(_request(requests, offered, controller)):
                arrive[offered] = controller.clock
                offered += 1
        done += _collect(controller, depart)
        controller.tick()
        done += _collect(controller, depart)
    return _outcome(controller, arrive, depart, done < len(requests))


def _collect(controller: SharedBus, depart: np.ndarray) -> int:
    for index, clock in controller.finished:
        depart[index] = clock
    count = len(controller.finished)
    controller.finished.clear()
    return count


def _outcome(controller: SharedBus, arrive: np.ndarray, depart: np.ndarray, stalled: bool) -> Outcome:
    log = np.array(controller.log, dtype=np.int64).reshape(-1, 5)
    return Outcome(
        cycles=controller.clock,
        arrive=arrive,
        depart=depart,
        commands=Commands(*(np.ascontiguousarray(column) for column in log.T)),
        counts=tuple(np.bincount(log[:, 1], minlength=len(controller.device.commands)).tolist()),
        hits=controller.hits,
        misses=controller.misses,
        conflicts=controller.conflicts,
        forwarded=controller.forwarded,
        merged=controller.merged,
        stalled=stalled,
    )
