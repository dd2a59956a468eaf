"""Registers of several units: the same tasks on a bank of registers, and if need be on a channel, of their own."""

from __future__ import annotations

from dataclasses import replace

from hwsim.channels import Channel
from hwsim.program import Copy, Defer, Node, Repeat, Run


def in_bank(nodes: tuple[Node, ...], base: int, channel: Channel | None = None) -> tuple[Node, ...]:
    """The nodes with every register moved up by ``base``, and what uses the outer memory on a channel of it."""
    return tuple(_moved(node, base, channel) for node in nodes) if base or channel else nodes


def _moved(node: Node, base: int, channel: Channel | None) -> Node:
    if isinstance(node, Run):
        return _run(node, base, channel)
    if isinstance(node, Copy):
        moves = ((target + base, tuple(source + base for source in sources)) for target, sources in node.moves)
        return Copy(tuple(moves))
    if isinstance(node, Defer):
        return Defer(node.slot, _run(node.run, base, channel), node.previous + base)
    if isinstance(node, Repeat):
        return Repeat(node.count, in_bank(node.body, base, channel))
    return node


def _run(run: Run, base: int, channel: Channel | None) -> Run:
    moved = replace(run, waits=tuple(wait + base for wait in run.waits), sets=run.sets + base)
    return moved if channel is None else channel.moved(moved)
