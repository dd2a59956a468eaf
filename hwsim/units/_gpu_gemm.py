"""Matrix products on a GPU: output tiles in waves over the SMs, their operands through L2, split along k if too few.

Times are evaluated for the whole menu of tiles and splits at once (arrays [tile, split]); the fastest is the library's
choice. Several groups of rows with one n and k (the experts of a mixture) share a launch and its waves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim.units._gpu_spec import Machine

SPLITS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
MAX_RESIDENT = 4
ACCUMULATOR_BYTES = 4


@dataclass(frozen=True, slots=True)
class Product:
    """Independent products [m, k] x [k, n] in one launch.

    Attributes:
        rows: (m, number of products with this m); all have the same n and k.
        rate: operations per clock and SM.
        left_bits, right_bits, output_bits: width of one element.
        left_bytes, right_bytes, output_bytes: distinct bytes in DRAM of all products together (a convolution's input
            is smaller than the matrix it is unfolded to; one right operand may serve all products).
        density: fraction of the points that a mask leaves; fully masked tiles are skipped.
        extra_bytes: read besides the two operands (a bias, a sum to continue).
    """

    rows: tuple[tuple[int, int], ...]
    n: int
    k: int
    rate: float
    left_bits: int
    right_bits: int
    output_bits: int
    left_bytes: float
    right_bytes: float
    output_bytes: float
    density: float = 1.0
    extra_bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Time of one launch in seconds (without overhead) and the bytes it moves; ``note`` names the chosen kernel."""

    seconds: float
    compute_seconds: float
    memory_seconds: float
    read_bytes: float
    write_bytes: float
    l2_bytes: float
    shared_bytes: float
    note: str


@dataclass(frozen=True, slots=True)
class _Menu:
    """Tiles as columns [tile, 1] and splits as a row [1, split], with the blocks that fit on one SM."""

    m: Any
    n: Any
    k: Any
    split: Any
    resident: Any


def _menu(machine: Machine, product: Product) -> _Menu:
    spec = machine.spec
    m, n, k = (np.array([tile[axis] for tile in spec.tiles], dtype=float)[:, None] for axis in range(3))
    pieces = [split for split in SPLITS if split == 1 or product.k / split >= spec.split_minimum]
    by_shared = spec.shared_memory / (spec.stages * k * (m * product.left_bits + n * product.right_bits) / 8)
    by_registers = spec.register_file / (m * n * ACCUMULATOR_BYTES)
    resident = within(np.floor(np.minimum(by_shared, by_registers)), 1, MAX_RESIDENT)
    return _Menu(m, n, k, np.array(pieces, dtype=float)[None, :], resident)


def _ceil(a: Any, b: Any) -> Any:
    return np.ceil(a / b)


def within(value: Any, least: Any, most: Any) -> Any:
    """Clipped values; several times faster than numpy.clip on arrays this small."""
    return np.maximum(np.minimum(value, most), least)


def gemm(machine: Machine, product: Product) -> Estimate:
    """Time and traffic of the fastest tile and split for a product.

    Per unit of k a tile of bm x bn takes the longer of its arithmetic and its feed from L2; an SM works through
    ceil(tiles / SMs) of them. Compute and memory time combine in a p-norm; a share of the time is that without
    rounding to whole waves.

    Source: tile and wave quantization as in NVIDIA's "Matrix Multiplication Background User's Guide", the soft overlap
    and the constants from the measurements named in ``GpuSpec``.
    """
    spec, menu = machine.spec, _menu(machine, product)
    heights = np.array([m for m, _ in product.rows], dtype=float)[:, None, None]
    copies = np.array([count for _, count in product.rows], dtype=float)[:, None, None]
    tiles = (copies * _ceil(heights, menu.m)).sum(axis=0) * _ceil(product.n, menu.n) * product.density
    blocks = tiles * menu.split
    depth = _ceil(_ceil(product.k, menu.split), menu.k) * menu.k
    rows, columns = np.minimum(menu.m, heights.max()), np.minimum(menu.n, product.n)
    left, right = rows * product.left_bits / 8, columns * product.right_bits / 8
    shared = np.minimum(left, right) + np.maximum(left, right) / spec.cluster
    arithmetic = 2 * menu.m * menu.n / (product.rate * spec.tensor_efficiency * machine.clock)
    per_k = np.maximum(arithmetic, shared / machine.l2)

    read, write = _dram_bytes(machine, product, menu) + product.extra_bytes, product.output_bytes
    in_flight = np.minimum(blocks, machine.sms * menu.resident) * spec.stages * menu.k * (left + right)
    bandwidth = np.minimum(machine.dram * spec.dram_efficiency, in_flight / spec.memory_latency)
    memory = (read + write) / bandwidth + spec.memory_latency
    joining, partial = _joining(machine, product, menu)

    def total(waves: Any, rounds: Any) -> tuple[Any, Any]:
        compute = waves * depth * per_k + rounds * spec.round_overhead
        p = spec.overlap_exponent
        return compute, (compute**p + memory**p) ** (1 / p) + joining

    waves, fluid = np.ceil(blocks / machine.sms), np.maximum(blocks / machine.sms, 1)
    compute, rounded = total(waves, np.ceil(waves / menu.resident))
    _, smooth = total(fluid, np.maximum(fluid / menu.resident, 1))
    best = np.unravel_index(int(np.argmin(rounded)), rounded.shape)
    seconds = (1 - spec.fluid_share) * float(rounded[best]) + spec.fluid_share * float(smooth.min())
    feed = float((tiles * product.k * (left + right))[best[0], 0])
    bm, bn, _ = spec.tiles[int(best[0])]
    split = int(menu.split[0, best[1]])
    return Estimate(
        seconds,
        float(compute[best]),
        float(np.broadcast_to(memory, rounded.shape)[best]),
        float(read[best[0], 0]),
        write,
        feed + write + float(partial[0, best[1]]),
        3 * feed,
        f"tile {bm}x{bn}, split {split}, {float(waves[best]):.0f} waves",
    )


def _dram_bytes(machine: Machine, product: Product, menu: _Menu) -> Any:
    """Operand bytes read from DRAM [tile, 1].

    Once if the operands of one product fit in half of L2; otherwise every wave of tiles, arranged about square, reads
    the rows and columns it spans.
    """
    total = np.zeros(menu.m.shape)
    count = sum(number for _, number in product.rows)
    area = sum(m * number for m, number in product.rows)
    right = product.right_bytes / count
    for m, number in product.rows:
        left = product.left_bytes * m / area
        compulsory = left + right
        down, across = _ceil(m, menu.m), _ceil(product.n, menu.n)
        wave = np.minimum(machine.sms * menu.resident, down * across)
        height = within(np.round(np.sqrt(wave * menu.n / menu.m)), 1, down)
        width = within(_ceil(wave, height), 1, across)
        height = within(_ceil(wave, width), 1, down)
        spanned = left * np.minimum(height * menu.m, m) / m + right * np.minimum(width * menu.n, product.n) / product.n
        streamed = np.maximum(_ceil(down, height) * _ceil(across, width) * spanned, compulsory)
        total += number * (streamed if compulsory > machine.spec.l2_size / 2 else compulsory)
    return total


def _joining(machine: Machine, product: Product, menu: _Menu) -> tuple[Any, Any]:
    """Seconds to add up the partial sums of a split product [1, split], and their bytes written and read."""
    outputs = sum(m * count for m, count in product.rows) * product.n * ACCUMULATOR_BYTES
    partial = np.where(menu.split > 1, 2 * menu.split * outputs, 0)
    cached = menu.split * outputs < machine.spec.l2_size / 2
    bandwidth = np.where(cached, machine.sms * machine.l2, machine.dram * machine.spec.dram_efficiency)
    return np.where(menu.split > 1, machine.spec.split_overhead + partial / bandwidth, 0), partial
