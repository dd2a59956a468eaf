"""Small chips of every kind that the optimal mapper covers, and random small operators, for tests by brute force."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

from hwsim.config import load_chip
from hwsim.machine import Machine, make_machine
from hwsim.units.base import ArrayUnit
from hwsim.work import nest_for
from mapper.base import Task
from workloads.inline import InlineError, parse_inline

_HEAD = "title: tiny\ntechnology: {node: 28 nm}\nclock: core\nclocks: {core: 1 GHz}\nmemories:\n"
_DRAM = "  dram: {kind: dram, size: 1 GiB, bandwidth: 4 GB/s, latency: 50 ns}\n"
_TIMED = "  dram: {kind: dram, size: 1 GiB, bandwidth: 19.2 GB/s, timing: {standard: ddr4, channels: 1}}\n"
_SYSTOLIC = (
    "  array: {kind: systolic_array, clock: core, path: [dram, sram], rows: 4, columns: 4, rates: {16: 1}, %s}\n"
)
_SPATIAL = (
    "  array: {kind: spatial_array, clock: core, path: [%s], rows: 3, columns: 2, rates: {16: 1},"
    " axes: {rows: [r, c, k, p], columns: [p, k]}, %s}\n"
)
_NETWORKS = "networks: {input: 1, weight: 2, output: 2}"
_LANES = "dram, sram, weights, inputs, sums"


def _lanes(weights: int, inputs: int, sums: int, doubled: str) -> str:
    return (
        f"  weights: {{kind: sram, size: {weights} B, instances: 6, operands: [weight], double_buffered: {doubled}}}\n"
        f"  inputs: {{kind: register, size: {inputs} B, instances: 6, operands: [input], double_buffered: false}}\n"
        f"  sums: {{kind: register, size: {sums} B, instances: 6, operands: [output], double_buffered: {doubled}}}\n"
    )


CHIPS: Mapping[str, str] = {
    "weight stationary": _HEAD + _DRAM + "  sram: {kind: sram, size: 2 KiB}\nunits:\n" + _SYSTOLIC % "dataflow: ws",
    "output stationary, one buffer": _HEAD
    + _DRAM
    + "  sram: {kind: sram, size: 2 KiB, double_buffered: false}\nunits:\n"
    + _SYSTOLIC % "dataflow: os",
    "four arrays, timed memory": _HEAD
    + _TIMED
    + "  sram: {kind: sram, size: 2 KiB, bandwidth: 20 GB/s}\nunits:\n"
    + _SYSTOLIC % "dataflow: ws, count: 4, hide_fill: true, weight_double_buffer: true",
    "input stationary, two arrays": _HEAD
    + _DRAM
    + "  sram: {kind: sram, size: 2 KiB}\nunits:\n"
    + _SYSTOLIC % "dataflow: is, count: 2, hide_fill: true",
    "lanes without memory": _HEAD
    + _DRAM
    + "  sram: {kind: sram, size: 2 KiB}\nunits:\n"
    + _SPATIAL % ("dram, sram", _NETWORKS + ", network_energy: 0.1 pJ/bit"),
    "lanes": _HEAD
    + _DRAM
    + "  sram: {kind: sram, size: 2 KiB}\n"
    + _lanes(16, 12, 16, "false")
    + "units:\n"
    + _SPATIAL % (_LANES, "accumulator_bits: 32"),
    "lanes with two buffers, weights past the scratchpad": _HEAD
    + _DRAM
    + "  sram: {kind: sram, size: 2 KiB, operands: [input, output], bandwidth: 6 GB/s}\n"
    + _lanes(64, 24, 64, "true")
    + "units:\n"
    + _SPATIAL % (_LANES, _NETWORKS),
    "row stationary": _HEAD
    + _DRAM.replace(", latency: 50 ns", "")
    + "  sram: {kind: sram, size: 2 KiB, operands: [input, output], double_buffered: false, prefetched: [weight]}\n"
    + _lanes(16, 12, 16, "false")
    + "units:\n"
    + _SPATIAL % (_LANES, _NETWORKS + ", halo_reuse: true, streamed: [input, output], zero_gating: true"),
}


def machine_of(folder: Path, name: str) -> Machine:
    """One of the chips, made ready."""
    path = folder / "tiny.yaml"
    path.write_text(CHIPS[name])
    return make_machine(load_chip(path))


def random_operator(seed: random.Random, largest: int) -> str:
    """A matrix product or a convolution, with strides and dilation."""
    if seed.random() < 0.4:
        m, n, k = (seed.randint(1, 2 * largest) for _ in range(3))
        return f"matmul:m={m},n={n},k={k}"
    r, s = seed.randint(1, 3), seed.randint(1, 2)
    c, k = seed.randint(1, largest), seed.randint(1, largest)
    h, w = seed.randint(r, r + largest), seed.randint(s, s + 2)
    stride, dilation, padding = seed.choice((1, 1, 2)), seed.choice((1, 1, 2)), seed.choice((0, 1, 2))
    return f"conv2d:n=1,c={c},h={h},w={w},k={k},r={r},s={s},stride={stride},dilation={dilation},padding={padding}"


def task_of(machine: Machine, text: str, capacity: float) -> Task | None:
    """The task of an operator; None where the operator has no output or the array refuses it."""
    try:
        graph = parse_inline(text)
    except InlineError:
        return None
    _, op = next(graph.walk())
    unit = machine.units["array"]
    assert isinstance(unit, ArrayUnit)
    if unit.refuses(op, graph.by_name) is not None:
        return None
    return Task(nest_for(machine, "array", op, graph.by_name), unit, capacity, frozenset())
