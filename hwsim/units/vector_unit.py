"""Vector unit: equal lanes for element-wise work, reductions, gathers, scans and moves, and for products if need be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field

from hwsim.chip import Chip, Count, UnitSpec
from hwsim.quantity import JoulesPerOp
from hwsim.technology import mac_area, vector_operation_energy
from hwsim.units.base import BETWEEN_MEMORIES, Action, Block
from hwsim.units.registry import unit_kind
from workloads.graph import Op, Tensor, points

OPERATIONS = ("add", "mul", "mac", "compare", "div", "sqrt", "exp", "tanh")
"""Classes of arithmetic that a graph counts."""

DEFAULT_CYCLES: dict[str, float] = {
    "add": 1, "mul": 1, "mac": 1, "compare": 1, "div": 4, "sqrt": 4, "exp": 4, "tanh": 4,
}  # fmt: skip
"""Lane cycles per operation, all assumed: one per simple operation is a fully pipelined lane; one in four for the
others is the ratio of special-function to floating-point throughput of NVIDIA GPUs with 64 lanes (CUDA C++ Programming
Guide, table of arithmetic throughput: 16 against 64 per clock). A chip file may state its own."""


def _known_classes(table: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(table) - set(OPERATIONS))
    if unknown:
        raise ValueError(f"unknown class of operation {', '.join(unknown)}; classes: {', '.join(OPERATIONS)}")
    return table


Cycles: TypeAlias = Annotated[float, Field(gt=0, le=10**6)]


class VectorUnitSpec(UnitSpec):
    """Chip file section of a vector unit.

    Attributes:
        lanes: operations of one cycle each that can run at once, of one copy.
        cycles: class of operation -> cycles that it occupies a lane; classes left out take the default.
        bits: width of the datapath, for the derived energy.
        mac_energy: per multiply-accumulate; absent means derived from the node.
        operation_energy: class of operation -> energy of one; absent classes are derived from the node.
    """

    kind: Literal["vector_unit"]  # pyright: ignore[reportIncompatibleVariableOverride]  (frozen, never assigned)
    lanes: Count
    cycles: Annotated[dict[str, Cycles], AfterValidator(_known_classes)] = Field(default_factory=dict)
    bits: Annotated[int, Field(ge=1, le=64)] = 32
    mac_energy: JoulesPerOp | None = None
    operation_energy: Annotated[dict[str, JoulesPerOp], AfterValidator(_known_classes)] = Field(default_factory=dict)


@unit_kind("vector_unit", VectorUnitSpec)
class VectorUnit:
    """A vector unit; copies share the elements of an operator."""

    def __init__(self, name: str, spec: VectorUnitSpec, chip: Chip) -> None:
        self.name = name
        self.spec = spec
        self._chip = chip
        self._cycles = {**DEFAULT_CYCLES, **spec.cycles}

    def refuses(self, op: Op, tensors: Mapping[str, Tensor]) -> str | None:
        """Composites, whose parts are run instead, and arithmetic it has no cycles for."""
        if op.kind in BETWEEN_MEMORIES:
            return f"{self.name} is neither interconnect nor storage"
        if op.parts:
            return f"{self.name} runs the parts of {op.kind}, not the whole"
        unknown = sorted({name for name, _ in op.arithmetic} - set(self._cycles))
        return f"{self.name} has no operation {', '.join(unknown)}" if unknown else None

    def peak_operations(self, op: Op, tensors: Mapping[str, Tensor]) -> float:
        """Innermost points per second with every lane busy."""
        lanes = self.spec.lanes * self.spec.count
        return lanes * self._chip.clocks[self.spec.clock] / self._lane_cycles(op)

    def _lane_cycles(self, op: Op) -> float:
        """Cycles that one innermost point occupies a lane; an element that is only moved passes through in one."""
        return sum(count * self._cycles[name] for name, count in op.arithmetic) or 1.0

    def stream_cycles(self, op: Op, innermost_points: int) -> int:
        """Cycles for so many innermost points, the last partly filled round included; none for none."""
        lanes = self.spec.lanes * self.spec.count
        rounds = -(-innermost_points // lanes)
        return int(-(-rounds * self._lane_cycles(op) // 1))

    def stream_actions(self, op: Op) -> tuple[Action, ...]:
        """Energy of the arithmetic by class."""
        executed = points(op)
        return tuple(
            Action(self.name, name, count * executed, self._operation_energy(name)) for name, count in op.arithmetic
        )

    def blocks(self) -> tuple[Block, ...]:
        """One floating-point multiply-accumulator per lane."""
        area = mac_area("float", self.spec.bits, self._chip.technology.node)
        return (Block(f"{self.name} lanes", self.spec.lanes * self.spec.count * area),)

    def _operation_energy(self, name: str) -> float:
        given = self.spec.operation_energy.get(name)
        if given is None and name == "mac":
            given = self.spec.mac_energy
        return vector_operation_energy(name, self.spec.bits, self._chip.technology.node) if given is None else given
