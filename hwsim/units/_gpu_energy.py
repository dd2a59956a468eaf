"""Energy of a GPU kernel: arithmetic with its instructions, registers, shared memory and L2.

DRAM is charged by the memory itself, idle power by the package. What is left out (clock tree, memory controllers beyond
their idle power) makes the sum a lower estimate of what a power meter shows.
"""

from __future__ import annotations

from collections.abc import Mapping

from hwsim.technology import mac_energy, vector_operation_energy
from hwsim.units._gpu_spec import Machine
from hwsim.units.base import Action

VECTOR_REGISTER_BYTES = 16
"""Two or three 32-bit operands read and one written per lane."""


def tensor_register_bytes(left_bits: int, right_bits: int) -> float:
    """Register bytes per multiply-accumulate of a 16 x 8 x 16 matrix instruction (PTX mma.m16n8k16), accumulators of
    32 bits read and written.
    """
    return (256 * left_bits / 8 + 128 * right_bits / 8 + 2 * 128 * 4) / 2048


def mac_actions(machine: Machine, name: str, count: float, bits: tuple[int, int], where: str) -> tuple[Action, ...]:
    """Energy of multiply-accumulates on tensor cores or (``where`` = "vector") on CUDA cores, registers included."""
    spec, width = machine.spec, max(bits)
    half = mac_energy("float", 16, machine.node)
    if where == "tensor":
        own = spec.mac_energy if spec.mac_energy is not None else mac_energy("float", width, machine.node)
        energy, register_bytes = own * (1 + spec.tensor_overhead), tensor_register_bytes(*bits)
    else:
        energy = mac_energy("float", max(width, 32), machine.node) + spec.vector_overhead * half
        register_bytes = VECTOR_REGISTER_BYTES
    return (
        Action(f"{name}.{where}", "mac", count, energy),
        Action(f"{name}.registers", "byte", count * register_bytes, spec.register_energy * 8),
    )


def vector_actions(machine: Machine, name: str, counts: Mapping[str, float]) -> tuple[Action, ...]:
    """Energy of element-wise operations by class, in 32-bit arithmetic with their instructions and registers."""
    spec = machine.spec
    instruction = spec.vector_overhead * mac_energy("float", 16, machine.node)
    rows = [
        Action(f"{name}.vector", kind, count, vector_operation_energy(kind, 32, machine.node) + instruction)
        for kind, count in sorted(counts.items())
        if count
    ]
    total = sum(row.count for row in rows)
    if total:
        register_bytes = total * VECTOR_REGISTER_BYTES
        rows.append(Action(f"{name}.registers", "byte", register_bytes, spec.register_energy * 8))
    return tuple(rows)


def cache_actions(machine: Machine, name: str, l2_bytes: float, shared_bytes: float) -> tuple[Action, ...]:
    """Energy of the bytes that pass L2 and shared memory."""
    spec = machine.spec
    return (
        Action(f"{name}.l2", "byte", l2_bytes, spec.l2_energy * 8),
        Action(f"{name}.shared", "byte", shared_bytes, spec.shared_energy * 8),
    )
