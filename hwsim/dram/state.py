"""State of one channel, plain and slow: when each command may go next at every node, and which rows are open.

The reference that the compiled engine is compared with.
"""

from __future__ import annotations

from collections import deque

from hwsim.dram.device import Constraint, Device

CLOSED, ACTIVATING = -1, -2


class ChannelState:
    """Timing and rows of a channel.

    Attributes:
        row: open row per bank, or ``CLOSED``, or ``ACTIVATING`` between the halves of a split activate.
    """

    def __init__(self, device: Device, corrected: bool) -> None:
        self.device = device
        self.row = [CLOSED] * device.banks
        self._spans = device.spans
        kinds = range(len(device.commands))
        self._ready = [[[0] * len(kinds) for _ in range(device.banks // span)] for span in self._spans]
        self._rules: list[list[Constraint]] = [[] for _ in kinds]
        for rule in device.constraints + (device.corrections if corrected else ()):
            self._rules[rule.preceding].append(rule)
        depth = [max((rule.window for rule in rules), default=1) for rules in self._rules]
        self._issued = [[[deque[int](maxlen=n) for n in depth] for _ in nodes] for nodes in self._ready]

    def _nodes(self, command: int, bank: int, level: int) -> range:
        """Nodes of a level that a command to a bank addresses."""
        scope = self.device.commands[command].scope
        if level <= scope:
            node = bank // self._spans[level]
            return range(node, node + 1)
        first = bank // self._spans[scope] * self._spans[scope]
        return range(first // self._spans[level], (first + self._spans[scope]) // self._spans[level])

    def banks(self, command: int, bank: int) -> range:
        """Banks that a command addresses."""
        return self._nodes(command, bank, len(self._spans) - 1)

    def ready_at(self, command: int, bank: int) -> int:
        """First tick at which a command may go to a bank, as far as timing is concerned."""
        return max(
            self._ready[level][node][command]
            for level in range(len(self._spans))
            for node in self._nodes(command, bank, level)
        )

    def issue(self, command: int, bank: int, row: int, clock: int) -> None:
        """Take note of a command; whether it is allowed is not checked."""
        for level in range(len(self._spans)):
            for node in self._nodes(command, bank, level):
                self._issued[level][node][command].append(clock)
        for rule in self._rules[command]:
            self._apply(rule, command, bank, clock)
        effect = self.device.commands[command].effect
        if effect == "open":
            self.row[bank] = row
        elif effect == "begin_open":
            self.row[bank] = ACTIVATING
        elif self.device.commands[command].closes:
            for closed in self.banks(command, bank):
                self.row[closed] = CLOSED

    def _apply(self, rule: Constraint, command: int, bank: int, clock: int) -> None:
        ready = self._ready[rule.level]
        if rule.sibling:
            count, own = self.device.counts[rule.level], bank // self._spans[rule.level]
            for node in range(own // count * count, own // count * count + count):
                if node != own:
                    ready[node][rule.following] = max(ready[node][rule.following], clock + rule.latency)
            return
        for node in self._nodes(command, bank, rule.level):
            past = self._issued[rule.level][node][command]
            if len(past) >= rule.window:
                ready[node][rule.following] = max(ready[node][rule.following], past[-rule.window] + rule.latency)
