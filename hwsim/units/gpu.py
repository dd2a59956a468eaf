"""A GPU: whole kernels on streaming multiprocessors (SMs), from data-sheet numbers and constants shared by all GPUs.

A kernel is cut into output tiles that run in waves over the SMs; time comes from tensor-core or vector rate, the L2 and
DRAM bandwidth it needs, a fixed cost per round of tiles, and the launch. The library's choice of tile is imitated by
taking the fastest of a menu. Operands are read from DRAM by every kernel (nothing is assumed to stay in L2 between
kernels), which makes chains of small kernels a little slow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from hwsim.chip import Chip
from hwsim.units._gpu_kernels import Device, is_product, kernel_of
from hwsim.units._gpu_spec import GpuSpec, Machine, contraction_rate, machine_of
from hwsim.units._gpu_stream import arithmetic_seconds
from hwsim.units.base import BETWEEN_MEMORIES, Kernel
from hwsim.units.registry import unit_kind
from workloads.graph import Op, Tensor, operations, points

__all__ = ["Gpu", "GpuSpec"]


@unit_kind("gpu", GpuSpec)
class Gpu:
    """The model of one GPU (or several dies that act as one); runs every operator, composites included."""

    def __init__(self, name: str, spec: GpuSpec, chip: Chip) -> None:
        self._name, self._spec = name, spec
        self._machine = machine_of(spec, chip)
        self._device = Device(self._machine, name, spec.path[0])

    @property
    def name(self) -> str:
        """Key of the unit in its chip."""
        return self._name

    @property
    def spec(self) -> GpuSpec:
        """Its part of the chip file."""
        return self._spec

    @property
    def machine(self) -> Machine:
        """The rates it works with."""
        return self._machine

    def refuses(self, op: Op, tensors: Mapping[str, Tensor]) -> str | None:
        """Why the unit can't run an operator, or None: operands too wide, or a composite that was never expanded."""
        if op.kind in BETWEEN_MEMORIES:
            return f"{self._name} is neither interconnect nor storage"
        known = {**tensors, **{tensor.name: tensor for tensor in op.internal}}
        for part in op.parts or (op,):
            if not is_product(part):
                continue
            if not part.loops and not part.arithmetic:
                return f"{self._name}: {part.name} ({part.kind}) has not been expanded into parts; bind the graph first"
            bits = max(known[access.tensor].bits for access in part.reads[:2])
            if contraction_rate(self._spec, bits) is None:
                widest = max((*self._spec.tensor, *self._spec.vector))
                return f"{self._name}: operands of {bits} bits are wider than its {widest}"
        return None

    def peak_operations(self, op: Op, tensors: Mapping[str, Tensor]) -> float:
        """Innermost points per second at the highest clock with all SMs busy; infinite for pure data movement."""
        machine, known = self._machine, {**tensors, **{tensor.name: tensor for tensor in op.internal}}
        if op.parts:
            seconds = sum(points(part) / self.peak_operations(part, known) for part in op.parts)
            return sum(points(part) for part in op.parts) / seconds if seconds else math.inf
        if is_product(op) or op.kind == "lstm":
            bits = max(known[access.tensor].bits for access in op.reads[:2])
            chosen = contraction_rate(self._spec, bits)
            return math.inf if chosen is None else chosen[0] / 2 * machine.sms * machine.peak_clock
        counts = {kind: float(count) for kind, count in operations(op).items()}
        seconds = arithmetic_seconds(machine, counts, machine.peak_clock)
        return points(op) / seconds if seconds else math.inf

    def kernel(self, op: Op, tensors: Mapping[str, Tensor]) -> Kernel:
        """Time, traffic and energy of one operator or composite.

        Returns:
            Seconds without launches (those are ``overhead_seconds``, one per kernel that is launched), bytes of the
            memory named by ``path``, and the energy of everything but that memory and idle power.

        Raises:
            GraphError: an operator that ``refuses`` names.
        """
        return kernel_of(self._device, op, tensors)
