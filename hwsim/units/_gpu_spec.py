"""The terms in which a GPU is described, and the rates they imply."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from hwsim.chip import Chip, Count, Fraction, UnitSpec
from hwsim.quantity import Bytes, Hertz, JoulesPerBit, JoulesPerOp, Seconds
from workloads.graph import GraphError, Op

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


def _integer_keys(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {int(key) if isinstance(key, str) and key.isdigit() else key: rate for key, rate in value.items()}


Rates = Annotated[dict[int, Positive], BeforeValidator(_integer_keys)]
"""Operations per clock and SM by operand width in bits; operands of another width run at the best rate listed for
their width or a wider one."""

Menu = Annotated[tuple[tuple[Count, Count, Count], ...], Field(min_length=1)]


class GpuSpec(UnitSpec):
    """A GPU in the terms of its data sheet; the constants from ``launch_overhead`` on are the same for all GPUs.

    Those constants are empirical: chosen once on measured matrix products of five GPUs (A100, A40, V100, T4 and the
    A100 of another laboratory; errors, also on GPUs left out, in docs/validation.md), so their status is ``derived``.
    Energies of registers, shared memory and L2: AttAcc (ASPLOS 2024), configuration in its repository. Instruction
    overheads: W. Dally, DAC 2021 keynote (20 % of a matrix instruction's arithmetic, 20 times that of one
    half-precision FMA).

    Attributes:
        path: the memory that holds the model (``[hbm]``); its bandwidth is the data sheet's peak, because
            ``dram_efficiency`` and ``stream_efficiency`` are applied here (leave ``Memory.efficiency`` at 1).
        count: GPUs that act as one (dies of a package); their SMs add up.
        sms: streaming multiprocessors.
        base_clock, boost_clock: of the data sheet.
        clock_fraction: sustained clock as a fraction of boost, if calibrated; else it is the mean of base and boost.
        tensor: tensor-core operations (a multiply-accumulate is two) per clock and SM by operand bits, dense, e.g.
            ``{16: 2048, 8: 4096}`` for the A100. Empty without tensor cores: contractions then run at ``vector``.
        vector: the same for the CUDA cores, e.g. ``{32: 128, 16: 512}`` for the A100.
        special_per_clock: exponentials, reciprocals, roots per clock and SM.
        l2_size: bytes of last-level cache.
        l2_bandwidth_per_sm: bytes per clock from L2 that each SM can receive with all SMs active.
        cluster: thread blocks that share operand tiles by multicast (2 on Hopper, else 1).
        shared_memory: bytes of shared memory per SM.
        register_file: bytes of registers per SM.
        tiles: menu of output tiles [m, n, k-step] that the matrix library has.
        stages: copies of an operand tile in shared memory (2 on Volta and Turing, 3 or more with asynchronous copies).
        launch_overhead: between two dependent kernels when the host keeps up.
        host_overhead: further time per kernel of the program around it, for example an eager framework.
        tensor_efficiency: fraction of the peak rate that the main loop of a good kernel sustains.
        convolution_efficiency: what addressing leaves of that in the main loop of a convolution with a window.
        l2_efficiency, dram_efficiency, stream_efficiency: fractions of peak bandwidth reached by L2, by DRAM under a
            matrix kernel, and by DRAM under an element-wise kernel.
        memory_latency: of one DRAM access under load.
        round_overhead: prologue and epilogue of one round of resident tiles.
        split_overhead: joining the partial sums of a product split along k.
        split_minimum: shortest piece of k that a split leaves.
        overlap_exponent: p of the norm that adds compute and memory time; infinity would be a perfect overlap.
        attention_overlap: the same for the matrix products and the softmax of fused attention; 1.5 gives the 73 % of
            peak that FlashAttention-2 (arXiv:2307.08691) reports on the A100 at best.
        fluid_share: weight of the time without wave rounding (blocks of unequal age, persistent kernels).
        bw_efficiency: fraction of the DRAM peak by kind of operator, for kinds that differ from ``stream_efficiency``.
        flash_attention: whether attention is one fused kernel or its parts one by one.
        mac_energy: of one tensor multiply-accumulate at the width of its operands; absent means derived from the node.
        tensor_overhead: instruction energy of a tensor-core operation as a fraction of its arithmetic.
        vector_overhead: instruction energy of one vector operation in units of a 16-bit multiply-accumulate.
        register_energy, shared_energy, l2_energy: per bit read or written.
    """

    kind: Literal["gpu"]  # pyright: ignore[reportIncompatibleVariableOverride]  (frozen, so it cannot be assigned)
    sms: Count
    base_clock: Hertz
    boost_clock: Hertz
    clock_fraction: Fraction | None = None
    tensor: Rates = Field(default_factory=dict[int, Positive])
    vector: Annotated[Rates, Field(min_length=1)]
    special_per_clock: Positive = 16.0
    l2_size: Bytes
    l2_bandwidth_per_sm: Positive = 64.0
    cluster: Count = 1
    shared_memory: Bytes
    register_file: Bytes = 262144.0
    tiles: Menu = ((256, 128, 32), (128, 256, 32), (128, 128, 32), (128, 64, 32), (64, 128, 32), (64, 64, 32))
    stages: Count = 3
    launch_overhead: Seconds = 3e-6
    host_overhead: Seconds = 0.0
    tensor_efficiency: Fraction = 0.90
    convolution_efficiency: Fraction = 0.80
    l2_efficiency: Fraction = 0.85
    dram_efficiency: Fraction = 0.88
    stream_efficiency: Fraction = 0.85
    memory_latency: Seconds = 0.7e-6
    round_overhead: Seconds = 1e-6
    split_overhead: Seconds = 2e-6
    split_minimum: Count = 256
    overlap_exponent: Annotated[float, Field(ge=1)] = 2.5
    attention_overlap: Annotated[float, Field(ge=1)] = 1.5
    fluid_share: Annotated[float, Field(ge=0, le=1)] = 0.25
    bw_efficiency: dict[str, Fraction] = Field(default_factory=dict[str, Fraction])
    flash_attention: bool = True
    mac_energy: JoulesPerOp | None = None
    tensor_overhead: NotNegative = 0.20
    vector_overhead: NotNegative = 20.0
    register_energy: JoulesPerBit = 0.0675e-12 / 8
    shared_energy: JoulesPerBit = 1.28e-12 / 8
    l2_energy: JoulesPerBit = 2.4e-12 / 8


@dataclass(frozen=True, slots=True)
class Machine:
    """A GPU's specification with its rates in SI units.

    Attributes:
        sms: all SMs together.
        clock: sustained clock in hertz.
        peak_clock: the highest clock it may reach, for bounds.
        dram: peak bytes per second of the memory that holds the model.
        l2: bytes per second that each SM receives from L2.
        node: process node in metres.
    """

    spec: GpuSpec
    sms: int
    clock: float
    peak_clock: float
    dram: float
    l2: float
    node: float


def machine_of(spec: GpuSpec, chip: Chip) -> Machine:
    """The rates of a GPU in its chip."""
    memory = chip.memories[spec.path[0]]
    fraction = spec.clock_fraction
    clock = (spec.base_clock + spec.boost_clock) / 2 if fraction is None else fraction * spec.boost_clock
    dram = math.inf if memory.bandwidth is None else memory.bandwidth * memory.efficiency
    l2 = spec.l2_bandwidth_per_sm * spec.l2_efficiency * clock
    peak = max(spec.boost_clock, spec.base_clock)
    return Machine(spec, spec.sms * spec.count, clock, peak, dram, l2, chip.technology.node)


def best_rate(rates: Mapping[int, float], bits: int) -> float | None:
    """Operations per clock and SM for operands of so many bits, None if all listed widths are narrower."""
    return max((rate for width, rate in rates.items() if width >= bits), default=None)


def required_rate(spec: GpuSpec, bits: int, op: Op) -> float:
    """Operations per clock and SM of a matrix product.

    Raises:
        GraphError: operands wider than any listed.
    """
    chosen = contraction_rate(spec, bits)
    if chosen is None:
        widest = max((*spec.tensor, *spec.vector))
        raise GraphError(f"operator {op.name} ({op.kind}): operands of {bits} bits, the GPU has at most {widest}")
    return chosen[0]


def contraction_rate(spec: GpuSpec, bits: int) -> tuple[float, str] | None:
    """Operations per clock and SM of a matrix product and where it runs (``tensor`` or ``vector``), None if nowhere."""
    tensor = best_rate(spec.tensor, bits)
    if tensor is not None:
        return tensor, "tensor"
    vector = best_rate(spec.vector, bits)
    return None if vector is None else (vector, "vector")
