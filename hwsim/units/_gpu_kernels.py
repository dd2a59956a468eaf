"""From operators to kernels: what a GPU library launches for a contraction, a composite, a scan, anything else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from hwsim.nest import gemm_of, is_contraction, nest_of, product
from hwsim.units._gpu_attention import AttentionParts, flash, fused_of, split_parts
from hwsim.units._gpu_energy import cache_actions, mac_actions, vector_actions
from hwsim.units._gpu_gemm import Estimate, Product, gemm
from hwsim.units._gpu_spec import Machine, contraction_rate, required_rate
from hwsim.units._gpu_stream import distinct_bytes, matrix_vector, stream, touched_bytes
from hwsim.units.base import Action, Kernel
from workloads.graph import Op, Tensor, number, operations, points

Tensors = Mapping[str, Tensor]

LOAD_BITS = 128


@dataclass(frozen=True, slots=True)
class Device:
    """A machine with the names under which its energy and traffic are reported."""

    machine: Machine
    name: str
    memory: str


def is_product(op: Op) -> bool:
    """Whether an operator runs as a matrix product; a convolution that also writes a state does not."""
    return is_contraction(op) and len(op.reads) >= 2 and len(op.writes) == 1


def kernel_of(device: Device, op: Op, tensors: Tensors) -> Kernel:
    """All launches of one operator or composite, one after the other."""
    if not op.parts:
        return _single(device, (op,), tensors)
    known = {**tensors, **{tensor.name: tensor for tensor in op.internal}}
    attention = split_parts(op) if device.machine.spec.flash_attention else None
    if attention is not None:
        return _fused_attention(device, attention, known)
    return _together([_single(device, group, known) for group in launches(op)])


def launches(op: Op) -> list[tuple[Op, ...]]:
    """Parts of a composite by launch: the products of a mixture's experts with one weight tensor share a launch."""

    def key(numbered: tuple[int, Op]) -> object:
        index, part = numbered
        return part.reads[1].tensor if op.kind == "experts" and is_product(part) else index

    return [tuple(part for _, part in group) for _, group in groupby(enumerate(op.parts), key)]


def _single(device: Device, ops: tuple[Op, ...], tensors: Tensors) -> Kernel:
    first = ops[0]
    if is_product(first):
        return _contraction(device, ops, tensors)
    if first.kind == "lstm":
        return _recurrent(device, first, tensors)
    counts = {kind: float(count) for kind, count in operations(first).items()}
    return _kernel(device, stream(device.machine, first, tensors, counts), vector=counts)


def _contraction(device: Device, ops: tuple[Op, ...], tensors: Tensors) -> Kernel:
    machine = device.machine
    products = [product_of(machine, op, tensors) for op in ops]
    whole = products[0] if len(products) == 1 else _joined(products)
    macs = (sum(float(points(op)) for op in ops), (whole.left_bits, whole.right_bits))
    if len(products) == 1 and min(whole.n, whole.rows[0][0]) == 1:
        return _kernel(device, matrix_vector(machine, whole), macs=macs, on_vector=True)
    return _kernel(device, gemm(machine, whole), macs=macs)


def product_of(machine: Machine, op: Op, tensors: Tensors) -> Product:
    """A contraction as matrix products; a convolution is unfolded (im2col) but reads its true input from DRAM.

    The channels of an unfolded row are padded to 16 bytes, the width of one load, and it pays for its addressing.

    Raises:
        GraphError: no part of the GPU multiplies operands of this width.
    """
    nest = nest_of(op, tensors)
    shape, extents = gemm_of(nest), nest.full
    left, right, output = nest.operands
    rate = required_rate(machine.spec, max(left.bits, right.bits), op)
    m, n, k, batch = (int(product(dims, extents)) for dims in (shape.m, shape.n, shape.k, shape.batch))
    taps = {name for axis in left.axes if len(axis) > 1 for name, _ in axis}
    channels = int(product([dim for dim in shape.k if dim not in taps], extents))
    step = max(LOAD_BITS // left.bits, 1) if taps else 1
    return Product(
        ((m, batch),),
        n,
        k // channels * -(-channels // step) * step,
        rate * (machine.spec.convolution_efficiency if taps else 1.0),
        left.bits,
        right.bits,
        output.bits,
        touched_bytes(op.reads[0], op, tensors),
        touched_bytes(op.reads[1], op, tensors),
        touched_bytes(op.writes[0], op, tensors),
        nest.density,
        distinct_bytes(op.reads[2:], op, tensors) if op.reads[2:] else 0.0,
    )


def _joined(products: Sequence[Product]) -> Product:
    """Products with equal n and k as one grouped launch."""
    rows = tuple(row for part in products for row in part.rows)
    return replace(
        products[0],
        rows=rows,
        left_bytes=sum(part.left_bytes for part in products),
        right_bytes=sum(part.right_bytes for part in products),
        output_bytes=sum(part.output_bytes for part in products),
        extra_bytes=sum(part.extra_bytes for part in products),
    )


def _fused_attention(device: Device, parts: AttentionParts, tensors: Tensors) -> Kernel:
    fused = fused_of(device.machine, parts, tensors)
    bits = max(tensors[access.tensor].bits for part in parts.scores for access in part.reads[:2])
    macs = sum(points(part) for part in (*parts.scores, parts.values))
    softmax = {kind: float(count) for kind, count in operations(parts.softmax).items()}
    middle = _kernel(device, flash(device.machine, fused), macs=(macs, (bits, bits)), vector=softmax)
    before, after = ([_single(device, (part,), tensors) for part in side] for side in (parts.before, parts.after))
    return _together([*before, middle, *after])


def _recurrent(device: Device, op: Op, tensors: Tensors) -> Kernel:
    """The recurrent half of a layer (the input's products are an operator of their own): per step one product and one
    gate kernel, each with its launch. Weights that fit in half of L2 are read from DRAM once.
    """
    machine, (state, weight) = device.machine, op.reads[:2]
    steps, batch, gates, hidden = (number(int(str(op.param(key)))) for key in ("steps", "batch", "gates", "hidden"))
    bits, weight_bits = tensors[state.tensor].bits, tensors[weight.tensor].bits
    rate = required_rate(machine.spec, max(bits, weight_bits), op)
    weight_bytes, width = touched_bytes(weight, op, tensors), gates * hidden
    rows, small = ((batch, 1),), batch * hidden * bits / 8
    step = Product(rows, width, hidden, rate, bits, weight_bits, bits, small, weight_bytes, gates * small)
    cached = weight_bytes <= machine.spec.l2_size / 2
    one = gemm(replace(machine, dram=math.inf) if cached else machine, step)
    read = distinct_bytes(op.reads, op, tensors) + (0.0 if cached else (steps - 1) * weight_bytes)
    write = distinct_bytes(op.writes, op, tensors)
    whole = Estimate(
        steps * (one.seconds + machine.spec.memory_latency),
        steps * one.compute_seconds,
        steps * (one.memory_seconds + machine.spec.memory_latency),
        read,
        write,
        steps * one.l2_bytes,
        steps * one.shared_bytes,
        f"{steps} steps of ({one.note}; gates)",
    )
    kernel = _kernel(device, whole, macs=(float(points(op)), (bits, weight_bits)))
    return replace(kernel, overhead_seconds=2 * steps * _overhead(machine))


def _overhead(machine: Machine) -> float:
    return machine.spec.launch_overhead + machine.spec.host_overhead


def _kernel(
    device: Device,
    estimate: Estimate,
    *,
    macs: tuple[float, tuple[int, int]] | None = None,
    vector: Mapping[str, float] | None = None,
    on_vector: bool = False,
) -> Kernel:
    machine = device.machine
    actions = list(cache_actions(machine, device.name, estimate.l2_bytes, estimate.shared_bytes))
    if macs is not None:
        chosen = contraction_rate(machine.spec, max(macs[1]))
        where = "vector" if on_vector or chosen is None else chosen[1]
        actions += mac_actions(machine, device.name, macs[0], macs[1], where)
    if vector:
        actions += vector_actions(machine, device.name, vector)
    return Kernel(
        estimate.seconds,
        _overhead(machine),
        ((device.memory, estimate.read_bytes),),
        ((device.memory, estimate.write_bytes),),
        tuple(actions),
        estimate.compute_seconds,
        estimate.memory_seconds,
        estimate.note,
    )


def _together(kernels: Sequence[Kernel]) -> Kernel:
    """Kernels one after the other as one."""
    if len(kernels) == 1:
        return kernels[0]
    actions: dict[tuple[str, str, float | None], float] = {}
    for action in (action for kernel in kernels for action in kernel.actions):
        key = (action.component, action.action, action.energy_joules)
        actions[key] = actions.get(key, 0.0) + action.count
    return Kernel(
        sum(kernel.seconds for kernel in kernels),
        sum(kernel.overhead_seconds for kernel in kernels),
        _summed(kernel.reads_bytes for kernel in kernels),
        _summed(kernel.writes_bytes for kernel in kernels),
        tuple(Action(component, action, count, energy) for (component, action, energy), count in actions.items()),
        sum(kernel.compute_seconds for kernel in kernels),
        sum(kernel.memory_seconds for kernel in kernels),
        "; ".join(kernel.note for kernel in kernels),
    )


def _summed(rows: Iterable[tuple[tuple[str, float], ...]]) -> tuple[tuple[str, float], ...]:
    sums: dict[str, float] = {}
    for name, size in (pair for row in rows for pair in row):
        sums[name] = sums.get(name, 0.0) + size
    return tuple(sums.items())
