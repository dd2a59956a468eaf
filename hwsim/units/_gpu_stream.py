"""Kernels that are bound by memory: element-wise work, reductions, gathers, copies, matrix-vector products.

Time is bytes over a fraction of DRAM bandwidth, or arithmetic where that is more, plus one access latency. A reduction
whose row no longer fits in registers and shared memory of a block reads its input more than once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from hwsim.nest import NestOperand, volume
from hwsim.units._gpu_gemm import Estimate, Product
from hwsim.units._gpu_spec import Machine, best_rate
from workloads.graph import Access, Op, Tensor, elements, number

SPECIAL = frozenset({"div", "exp", "sqrt", "tanh"})
READS: dict[str, tuple[tuple[int, int], ...]] = {
    "softmax": ((1024, 1), (4096, 2)),
    "layernorm": ((8192, 1),),
    "rmsnorm": ((8192, 1),),
}
"""Reads of the input by row length: (longest row, reads). A longer row is read for each pass that ``Op.passes`` counts
and once more to write the result.

Source: PyTorch keeps a softmax row of up to 1,024 columns in the registers of one warp and a normalized row in those of
a block; the lengths where the measured A100 rates of LLMCompass (ISCA 2024, its repository) drop.
"""


def touched_bytes(access: Access, op: Op, tensors: Mapping[str, Tensor]) -> float:
    """Distinct bytes of a tensor that an operator touches; an access without loops stands for the whole tensor."""
    tensor = tensors[access.tensor]
    axes = tuple(axis for axis in access.index if axis)
    if not axes:
        return elements(tensor) * tensor.bits / 8
    extents = {loop.name: number(loop.extent) for loop in op.loops}
    reach = int(volume(NestOperand("input", axes, tensor.bits), extents))
    return min(reach, elements(tensor)) * tensor.bits / 8


def distinct_bytes(accesses: tuple[Access, ...], op: Op, tensors: Mapping[str, Tensor]) -> float:
    """Bytes of several accesses; halves of one tensor (a gated activation) count up to its size."""
    sums: dict[str, float] = {}
    for access in accesses:
        whole = elements(tensors[access.tensor]) * tensors[access.tensor].bits / 8
        sums[access.tensor] = min(whole, sums.get(access.tensor, 0.0) + touched_bytes(access, op, tensors))
    return sum(sums.values())


def input_reads(op: Op) -> int:
    """How often a kernel reads its first operand from DRAM."""
    steps = READS.get(op.kind)
    if steps is None or not op.loops:
        return 1
    columns = number(op.loops[-1].extent)
    return next((reads for longest, reads in steps if columns <= longest), op.passes + 1)


def arithmetic_seconds(machine: Machine, counts: Mapping[str, float], clock: float) -> float:
    """Time of element-wise operations on all SMs; the special function units work beside the CUDA cores."""
    lanes = (best_rate(machine.spec.vector, 32) or max(machine.spec.vector.values())) / 2
    special = sum(count for kind, count in counts.items() if kind in SPECIAL)
    plain = sum(counts.values()) - special
    return max(plain / lanes, special / machine.spec.special_per_clock) / (machine.sms * clock)


def stream(machine: Machine, op: Op, tensors: Mapping[str, Tensor], counts: Mapping[str, float]) -> Estimate:
    """Time and traffic of a memory-bound kernel; ``counts`` are its arithmetic operations by class."""
    read, write = distinct_bytes(op.reads, op, tensors), distinct_bytes(op.writes, op, tensors)
    again = input_reads(op) - 1
    if again:
        read += again * touched_bytes(op.reads[0], op, tensors)
    efficiency = machine.spec.bw_efficiency.get(op.kind, machine.spec.stream_efficiency)
    compute = arithmetic_seconds(machine, counts, machine.clock)
    note = f"input read {again + 1} times" if again else "streamed"
    return _streamed(machine, read, write, compute, efficiency, note)


def matrix_vector(machine: Machine, product: Product) -> Estimate:
    """A product with a single row or column per matrix (also a depthwise convolution), on the CUDA cores."""
    points = sum(m * count for m, count in product.rows) * product.n * product.k * product.density
    compute = arithmetic_seconds(machine, {"mac": points}, machine.clock)
    read = product.left_bytes + product.right_bytes + product.extra_bytes
    return _streamed(machine, read, product.output_bytes, compute, machine.spec.dram_efficiency, "matrix-vector kernel")


def _streamed(machine: Machine, read: float, write: float, compute: float, efficiency: float, note: str) -> Estimate:
    moved = read + write
    memory = (moved / (machine.dram * efficiency) if math.isfinite(machine.dram) else 0.0) + machine.spec.memory_latency
    p = machine.spec.overlap_exponent
    return Estimate((compute**p + memory**p) ** (1 / p), compute, memory, read, write, moved, moved, note)
