"""What an operator costs on every unit that runs it: its own tasks played alone, with what could stay on chip resident.

The mapping is the mapper's; seconds are those of the engine on the operator's own loads, computes and stores, so they
contain transfers that do not overlap; joules are the sum of its energy rows. An activation counts as resident where it
fits beside tiles; what it costs to stream it instead is the price of having its producer or consumer elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from hwsim.machine import Machine
from hwsim.operand import OPERANDS
from hwsim.pipeline import REGISTERS, begin, end, ticks_of
from hwsim.program import Size, run
from hwsim.schedule import Mapping, Placement, Step
from hwsim.work import Work, chunk_of, make_work
from mapper.base import InfeasibleError
from mapper.residency import TILE_SHARE, Piece
from workloads.graph import Role, size_bytes

MapPiece: TypeAlias = Callable[[Piece, Sequence[Placement]], Mapping]
"""Maps a piece on its unit beside what is placed in the scratchpad."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one operator on one unit: seconds, dynamic joules, seconds at the memory's port, bytes over the outer
    memory.
    """

    seconds: float
    joules: float
    port_seconds: float
    outer_bytes: float


class Costs:
    """Costs of the pieces of a graph on a machine, each computed once.

    ``whole`` are the tensors of the graph; all others live only between the parts of a composite, chunk by chunk.
    """

    def __init__(self, machine: Machine, map_piece: MapPiece, whole: Container[str]) -> None:
        self.machine = machine
        self._map_piece = map_piece
        self._whole = whole
        self._known: dict[tuple[str, str, frozenset[str]], Cost | None] = {}

    def candidates(self, piece: Piece) -> tuple[str, ...]:
        """Units that run a piece; parts that are cut into chunks stay on their scratchpad."""
        machine = self.machine
        pad = machine.scratchpad(piece.unit)
        return tuple(
            name
            for name, unit in machine.units.items()
            if name == piece.unit
            or (
                not piece.op.parts
                and name not in machine.kernels
                and unit.refuses(piece.op, piece.tensors) is None
                and (piece.chunks == 1 or machine.scratchpad(name) == pad)
            )
        )

    def residents(self, piece: Piece, unit: str) -> frozenset[str]:
        """Activations of a piece that fit its scratchpad beside tiles, small ones first."""
        pad = self.machine.scratchpad(unit)
        if pad is None or unit in self.machine.kernels:
            return frozenset()
        memory = self.machine.chip.memories[pad]
        room = memory.size * (1 - TILE_SHARE)
        kept: set[str] = set()
        for size, name in sorted(self._activations(piece, memory.operands)):
            if size <= room:
                room -= size
                kept.add(name)
        return frozenset(kept)

    def _activations(self, piece: Piece, operands: Iterable[str]) -> set[tuple[int, str]]:
        """Sizes and names of what may stay: activations whose place in the contraction the memory may hold."""
        found: dict[str, int] = {}
        refused: set[str] = set()
        for position, access in enumerate((*piece.op.reads, *piece.op.writes)):
            tensor = piece.tensors[access.tensor]
            role = OPERANDS[2] if position >= len(piece.op.reads) else OPERANDS[min(position, 1) if position < 2 else 0]
            if tensor.role is not Role.ACTIVATION or role not in operands:
                refused.add(tensor.name)
            size = size_bytes(tensor)
            found[tensor.name] = size if tensor.name in self._whole else -(-size // piece.chunks)
        return {(size, name) for name, size in found.items() if name not in refused}

    def cost(self, piece: Piece, unit: str, resident: frozenset[str]) -> Cost | None:
        """The cost with some tensors resident; None where no mapping fits."""
        key = (piece.op.name, unit, resident)
        if key not in self._known:
            self._known[key] = self._measure(piece, unit, resident)
        return self._known[key]

    def _measure(self, piece: Piece, unit: str, resident: frozenset[str]) -> Cost | None:
        machine = self.machine
        pad = machine.scratchpad(unit)
        sizes = {name: size for size, name in self._activations(piece, OPERANDS)}
        alive = [Placement(name, pad or "", 0, sizes[name], 0, 0) for name in sorted(resident)]
        here = replace(piece, unit=unit, fixed=True)
        try:
            mapping = self._map_piece(here, alive)
        except InfeasibleError:
            return None
        step = Step(piece.op.name, piece.segment, mapping, piece.chunks, piece.tile, piece.group)
        work = make_work(machine, chunk_of(piece.op, step), step, piece.tensors)
        outer = machine.outer(unit)
        moved = sum(read + write for memory, read, write in work.traffic if memory == outer)
        joules = sum(action.count * (action.energy_joules or 0.0) for action in work.actions)
        times = piece.chunks
        return Cost(_alone(machine, work) * times, joules * times, work.memory_seconds * times, float(moved) * times)

    def extra(self, piece: Piece, unit: str, tensor: str) -> Cost:
        """What is added when one tensor can't stay on chip; nothing where it does not anyway."""
        resident = self.residents(piece, unit)
        near, far = self.cost(piece, unit, resident), self.cost(piece, unit, resident - {tensor})
        if near is None or far is None:
            return Cost(0.0, 0.0, 0.0, 0.0)
        return Cost(
            max(0.0, far.seconds - near.seconds),
            max(0.0, far.joules - near.joules),
            max(0.0, far.port_seconds - near.port_seconds),
            max(0.0, far.outer_bytes - near.outer_bytes),
        )


def _alone(machine: Machine, work: Work) -> float:
    """Seconds of a step that runs by itself."""
    state = run((*begin(False), *work.nodes, *end()), Size(REGISTERS, len(machine.resources), 1, 1))
    return state.horizon / ticks_of(machine.chip, 1.0)
