"""Registers of several units: the same tasks on a bank of registers of their own."""

from __future__ import annotations

from dataclasses import replace

from hwsim.program import Copy, Defer, Node, Repeat, Run


def in_bank(nodes: tuple[Node, ...], base: int) -> tuple[Node, ...]:
    """The nodes with every register moved up by ``base``."""
    return tuple(_moved(node, base) for node in nodes) if base else nodes


def _moved(node: Node, base: int) -> Node:
    if isinstance(node, Run):
        return _run(node, base)
    if isinstance(node, Copy):
        moves = ((target + base, tuple(source + base for source in sources)) for target, sources in node.moves)
        return Copy(tuple(moves))
    if isinstance(node, Defer):
        return Defer(node.slot, _run(node.run, base), node.previous + base)
    if isinstance(node, Repeat):
        return Repeat(node.count, in_bank(node.body, base))
    return node


def _run(run: Run, base: int) -> Run:
    return replace(run, waits=tuple(wait + base for wait in run.waits), sets=run.sets + base)
