"""Fused attention (FlashAttention, arXiv:2205.14135 and 2307.08691): scores never leave the SM.

A block of query rows walks along the keys; in decoding, all query heads of a group share a block and the keys are split
over blocks (flash-decoding), so that a single query still uses the whole GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hwsim.units._gpu_gemm import MAX_RESIDENT, SPLITS, Estimate, within
from hwsim.units._gpu_spec import Machine, best_rate, required_rate
from hwsim.units._gpu_stream import SPECIAL, distinct_bytes, touched_bytes
from workloads.graph import Op, Tensor, number, points

BLOCK_ROWS = (16, 64, 128)
BLOCK_KEYS = 64
STAGES = 2


@dataclass(frozen=True, slots=True)
class Fused:
    """One fused attention kernel.

    Attributes:
        groups: independent sets of keys (batch x key/value heads); ``rows`` query rows share each.
        keys: per group; ``density`` is the fraction of (row, key) pairs that a mask leaves.
        flop_per_pair: of both products; ``exponentials`` and ``operations`` of the softmax, per pair.
        key_bytes: of one key with its value, ``kv_bytes`` of all distinct ones, ``query_bytes`` with bias and sinks.
        value_width: elements of one output row.
        rate: matrix operations per clock and SM.
    """

    groups: int
    rows: int
    keys: int
    density: float
    flop_per_pair: float
    exponentials: float
    operations: float
    key_bytes: float
    kv_bytes: float
    query_bytes: float
    output_bytes: float
    value_width: int
    rate: float


@dataclass(frozen=True, slots=True)
class AttentionParts:
    """Parts of a composite: those before, inside and after the fused kernel."""

    before: tuple[Op, ...]
    scores: tuple[Op, ...]
    softmax: Op
    values: Op
    after: tuple[Op, ...]


def split_parts(op: Op) -> AttentionParts | None:
    """Find scores, softmax and values by the tensor of scores between them; None if the composite has none."""
    softmax = next((part for part in op.parts if part.kind == "softmax"), None)
    if softmax is None:
        return None
    scores_name = softmax.writes[0].tensor
    inside = [part for part in op.parts if any(a.tensor == scores_name for a in (*part.reads, *part.writes))]
    scores = tuple(part for part in inside if part is not softmax and part.writes[0].tensor == scores_name)
    values = next((part for part in inside if part.writes[0].tensor != scores_name), None)
    if not scores or values is None:
        return None
    first, last = op.parts.index(scores[0]), op.parts.index(values)
    return AttentionParts(op.parts[:first], scores, softmax, values, op.parts[last + 1 :])


def fused_of(machine: Machine, parts: AttentionParts, tensors: Mapping[str, Tensor]) -> Fused:
    """The fused kernel of an attention.

    Raises:
        GraphError: no part of the GPU multiplies operands of this width.
    """
    loops = {loop.name: number(loop.extent) for loop in parts.softmax.loops}
    groups, rows, keys = loops["b"] * loops["g"], loops["r"] * loops["q"], loops["t"]
    products = (*parts.scores, parts.values)
    bits = max(tensors[access.tensor].bits for part in parts.scores for access in part.reads[:2])
    depths = [number(loop.extent) for part in products for loop in part.loops if loop.name in ("d", "e")]
    cached: dict[str, float] = {}
    for part in products:
        access = part.reads[1]
        cached[access.tensor] = max(cached.get(access.tensor, 0.0), touched_bytes(access, part, tensors))
    kv_bytes = sum(cached.values())
    pairs = points(parts.softmax)
    counts = dict(parts.softmax.arithmetic)
    queries = sum(touched_bytes(part.reads[0], part, tensors) for part in parts.scores)
    return Fused(
        groups,
        rows,
        keys,
        pairs / (groups * rows * keys),
        2.0 * sum(depths),
        sum(count for kind, count in counts.items() if kind in SPECIAL),
        sum(count for kind, count in counts.items() if kind not in SPECIAL),
        kv_bytes / (groups * keys),
        kv_bytes,
        queries + distinct_bytes(parts.softmax.reads[1:], parts.softmax, tensors),
        distinct_bytes(parts.values.writes, parts.values, tensors),
        depths[-1],
        required_rate(machine.spec, bits, parts.softmax),
    )


def flash(machine: Machine, fused: Fused) -> Estimate:
    """Time and traffic of the best block height and split of the keys.

    Within a block the two products and the softmax overlap in a p-norm (``attention_overlap``). Keys and values are
    read once if those of all groups at work fit in half of L2, else once per wave of blocks.
    """
    spec, p = machine.spec, machine.spec.overlap_exponent
    height = np.array([rows for rows in BLOCK_ROWS if rows == BLOCK_ROWS[0] or rows < 2 * fused.rows], float)[:, None]
    pieces = [split for split in SPLITS if split == 1 or fused.keys / split >= spec.split_minimum]
    split = np.array(pieces, dtype=float)[None, :]
    per_group = np.ceil(fused.rows / height)
    blocks = fused.groups * per_group * split
    buffer = STAGES * BLOCK_KEYS * fused.key_bytes + height * fused.key_bytes
    resident = within(np.floor(spec.shared_memory / buffer), 1, MAX_RESIDENT)

    keys = np.ceil(fused.keys / split) * fused.density
    lanes = (best_rate(spec.vector, 32) or max(spec.vector.values())) / 2
    matrix = height * fused.flop_per_pair / (fused.rate * spec.tensor_efficiency)
    softmax = height * (fused.exponentials / spec.special_per_clock + fused.operations / lanes)
    q = spec.attention_overlap
    per_key = np.maximum((matrix**q + softmax**q) ** (1 / q) / machine.clock, fused.key_bytes / machine.l2)

    read = fused.query_bytes + fused.kv_bytes * _key_passes(machine, fused, per_group, resident)
    in_flight = np.minimum(blocks, machine.sms * resident) * STAGES * BLOCK_KEYS * fused.key_bytes
    bandwidth = np.minimum(machine.dram * spec.dram_efficiency, in_flight / spec.memory_latency)
    memory = (read + fused.output_bytes) / bandwidth + spec.memory_latency
    partial = 2 * split * fused.groups * fused.rows * fused.value_width * 4
    joining = np.where(split > 1, spec.split_overhead + partial / (machine.sms * machine.l2), 0)

    waves, fluid = np.ceil(blocks / machine.sms), np.maximum(blocks / machine.sms, 1)
    compute = waves * keys * per_key + np.ceil(waves / resident) * spec.round_overhead
    smooth = fluid * keys * per_key + np.maximum(fluid / resident, 1) * spec.round_overhead
    rounded_total = (compute**p + memory**p) ** (1 / p) + joining
    smooth_total = (smooth**p + memory**p) ** (1 / p) + joining
    row, column = (int(i) for i in np.unravel_index(int(np.argmin(rounded_total)), rounded_total.shape))
    feed = float((blocks * keys * fused.key_bytes)[row, column]) + fused.query_bytes + fused.output_bytes
    seconds = (1 - spec.fluid_share) * rounded_total[row, column] + spec.fluid_share * smooth_total.min()
    return Estimate(
        float(seconds),
        float(compute[row, column]),
        float(memory[row, column]),
        float(np.broadcast_to(read, rounded_total.shape)[row, column]),
        fused.output_bytes,
        feed,
        3 * feed,
        f"flash attention, {height[row, 0]:.0f} rows, split {pieces[column]}, {waves[row, column]:.0f} waves",
    )


def _key_passes(machine: Machine, fused: Fused, per_group: np.ndarray, resident: np.ndarray) -> np.ndarray:
    at_work = machine.sms * resident
    groups = within(np.ceil(at_work / per_group), 1, fused.groups)
    fits = groups * fused.keys * fused.key_bytes <= machine.spec.l2_size / 2
    return np.where(fits, 1.0, np.maximum(np.ceil(per_group / at_work), 1.0))
