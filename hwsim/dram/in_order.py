"""Commands played one after the other, each as early as the constraints allow: a stream without a controller."""

from __future__ import annotations

from hwsim.dram.device import Device
from hwsim.dram.state import ChannelState
from workloads.errors import UserError, did_you_mean


def play_in_order(device: Device, commands: list[tuple[str, int]], start: int = 0) -> list[int]:
    """Tick of issue of each command; one command bus, no refreshes but those in the stream.

    Args:
        commands: name and bank (any bank that the command addresses).
        start: first tick that may be used.

    Raises:
        UserError: the device has no command of a name.
    """
    ids = {command.name: index for index, command in enumerate(device.commands)}
    state, clock, issued = ChannelState(device, corrected=True), start, list[int]()
    for name, bank in commands:
        if name not in ids:
            raise UserError(f"{device.name}: no command is named {name!r}{did_you_mean(name, list(ids))}")
        clock = max(clock, state.ready_at(ids[name], bank))
        state.issue(ids[name], bank, 0, clock)
        issued.append(clock)
        clock += device.commands[ids[name]].ticks
    return issued
