"""The multi-task kernels of InTAR's benchmark as stages, in the three styles, and what was measured of them.

A stage is written as the loops of its high-level synthesis (``hwsim.fpga.loops``). Sizes, lanes (products per cycle)
and what is read before what are those of the published kernels (OswaldHe/InTAR, benchmark/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

from hwsim.fpga.attention_designs import (
    attention_dataflow,
    attention_reconfigurable,
    attention_sequential,
    gating_dataflow,
    gating_sequential,
)
from hwsim.fpga.dataflow import Fifo, Group, Phase, Stage
from hwsim.fpga.image_designs import (
    autoencoder_dataflow,
    autoencoder_reconfigurable,
    autoencoder_sequential,
    cnn_dataflow,
    cnn_reconfigurable,
    cnn_sequential,
)
from hwsim.fpga.loops import inner_loop

Style: TypeAlias = Literal["sequential", "dataflow", "reconfigurable"]
Gives: TypeAlias = tuple[tuple[str, int], ...]

STYLES: tuple[Style, ...] = ("sequential", "dataflow", "reconfigurable")
LANES = 16


@dataclass(frozen=True, slots=True)
class Measured:
    """What the authors measured on the U280: cycles, milliseconds and DSP slices; where it is printed."""

    cycles: int
    milliseconds: float
    dsp: int


MLP = (256, 1024, 2048, 256)
HALF_BLOCK = LANES // 2


def mlp_sequential() -> tuple[Group, ...]:
    """Three layers on one engine of eight multipliers: each input element takes a loop of two trips of its own."""
    stages: list[Group] = []
    for layer, (inputs, outputs) in enumerate(pairwise(MLP)):
        element = inner_loop(LANES // HALF_BLOCK)
        phase = Phase(outputs // LANES, inputs * element)
        stages.append(Group((Stage(f"layer {layer + 1}", (phase,)),)))
    return tuple(stages)


def _dense(name: str, inputs: int, outputs: int, source: str, target: str) -> Stage:
    """A layer that has read its whole input before its first result: a block of ``LANES`` results per pass."""
    read = (Phase(inputs // LANES, 1, ((source, 1),)),) if source else ()
    gives: Gives = ((target, 1),) if target else ()
    return Stage(name, (*read, Phase(outputs // LANES, inner_loop(inputs), (), gives)))


def mlp_dataflow() -> tuple[Group, ...]:
    """A stage of ``LANES`` multipliers per layer; with a single input vector each waits for all of the one before."""
    names = ("", "hidden 1", "hidden 2", "")
    stages = tuple(
        _dense(f"layer {layer + 1}", MLP[layer], MLP[layer + 1], names[layer], names[layer + 1]) for layer in range(3)
    )
    return (Group(stages, (Fifo("hidden 1", 2), Fifo("hidden 2", 2))),)


def mlp_reconfigurable() -> tuple[Group, ...]:
    """First layer split over both engines; then the second on one, and the third beside it by outer products."""
    first, second, third = pairwise(MLP)
    split = tuple(
        Stage(f"layer 1, half {half}", (Phase(first[1] // LANES // 2, inner_loop(first[0])),)) for half in (1, 2)
    )
    blocks = second[1] // LANES
    producer = Stage("layer 2", (Phase(blocks, inner_loop(second[0]), (), (("hidden 2", 1),)),))
    consumer = Stage("layer 3", (Phase(blocks, inner_loop(third[1]), (("hidden 2", 1),)),))
    return Group(split), Group((producer, consumer), (Fifo("hidden 2", 2),))


DESIGNS: Mapping[tuple[str, Style], Callable[[], tuple[Group, ...]]] = {
    ("self-attention", "sequential"): attention_sequential,
    ("self-attention", "dataflow"): attention_dataflow,
    ("self-attention", "reconfigurable"): attention_reconfigurable,
    ("mlp", "sequential"): mlp_sequential,
    ("mlp", "dataflow"): mlp_dataflow,
    ("mlp", "reconfigurable"): mlp_reconfigurable,
    ("cnn-4l", "sequential"): cnn_sequential,
    ("cnn-4l", "dataflow"): cnn_dataflow,
    ("cnn-4l", "reconfigurable"): cnn_reconfigurable,
    ("vae", "sequential"): autoencoder_sequential,
    ("vae", "dataflow"): autoencoder_dataflow,
    ("vae", "reconfigurable"): autoencoder_reconfigurable,
    ("gating-net", "sequential"): gating_sequential,
    ("gating-net", "dataflow"): gating_dataflow,
    ("gating-net", "reconfigurable"): gating_dataflow,
}
"""The gating network is printed with the same cycles in both last styles: at so few slices its InTAR design is the
dataflow one (every task has an engine of its own all the time)."""

MEASURED: Mapping[tuple[str, Style], Measured] = {
    ("self-attention", "sequential"): Measured(348574419, 1267.0, 52),
    ("self-attention", "dataflow"): Measured(73143507, 252.0, 51),
    ("self-attention", "reconfigurable"): Measured(40520051, 139.0, 43),
    ("mlp", "sequential"): Measured(1374935, 4.77, 36),
    ("mlp", "dataflow"): Measured(181996, 0.742, 36),
    ("mlp", "reconfigurable"): Measured(140957, 0.582, 32),
    ("cnn-4l", "sequential"): Measured(2215282, 7.63, 580),
    ("cnn-4l", "dataflow"): Measured(713144, 2.53, 583),
    ("cnn-4l", "reconfigurable"): Measured(118729, 0.546, 439),
    ("vae", "sequential"): Measured(306935, 1.6, 190),
    ("vae", "dataflow"): Measured(28383, 0.232, 183),
    ("vae", "reconfigurable"): Measured(10295, 0.145, 239),
    ("gating-net", "sequential"): Measured(117702892, 446.0, 104),
    ("gating-net", "dataflow"): Measured(48668637, 211.0, 109),
    ("gating-net", "reconfigurable"): Measured(48668637, 211.0, 109),
}
"""benchmark/README.md of the InTAR repository."""
