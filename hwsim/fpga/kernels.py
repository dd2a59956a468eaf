"""The multi-task kernels of InTAR's benchmark as stages, in the styles they were built in.

A stage is written as the loops of its high-level synthesis: an inner loop of ``trips`` iterations takes
``trips x initiation interval + DEPTH`` cycles, because the pipeline drains before the loop around it goes on. Sizes,
lanes (products per cycle) and what is read before what are those of the published kernels (OswaldHe/InTAR, benchmark/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

from hwsim.fpga.dataflow import Fifo, Group, Phase, Stage

Style: TypeAlias = Literal["sequential", "dataflow", "reconfigurable"]
Gives: TypeAlias = tuple[tuple[str, int], ...]

DEPTH = 6
"""Cycles to drain a pipelined multiply-accumulate loop: read, three in the DSP slice, add, write (assumed)."""
LANES = 16
WINDOW_INTERVAL = 28
"""Cycles between two windows where the rows of a line buffer share their memory ports: one constant fitted to the two
measured designs without partitioned line buffers, which give 28.3 (sequential) and 28.4 (dataflow)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the authors measured on the U280: cycles, milliseconds and DSP slices; where it is printed."""

    cycles: int
    milliseconds: float
    dsp: int


def inner_loop(trips: int, interval: int = 1) -> int:
    """Cycles of one pass of a pipelined loop."""
    return trips * interval + DEPTH


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


IMAGE = 224
ROWS = (IMAGE, 2 * IMAGE, 4 * IMAGE, 2 * IMAGE)
"""Rows and columns that each of the four convolutions computes."""


def cnn_sequential() -> tuple[Group, ...]:
    """Four 3x3 convolutions on one engine: ``LANES`` pixels per ``WINDOW_INTERVAL``, after each row's load."""
    return tuple(
        Group((Stage(f"conv {layer + 1}", (Phase(size, size // LANES * (1 + WINDOW_INTERVAL)),)),))
        for layer, size in enumerate(ROWS)
    )


def _conv(name: str, rows: int, per_row: int, source: str, target: str, rates: tuple[int, int]) -> Stage:
    """A convolution row by row: the first rows fill its line buffer, then each firing computes and hands on."""
    takes: Gives = ((source, rates[0]),) if source else ()
    gives: Gives = ((target, rates[1]),) if target else ()
    fill = (Phase(1, per_row, takes),) if source else ()
    steady = rows - 1 if source else rows
    tail = (Phase(1, per_row, (), gives),) if source else ()
    return Stage(name, (*fill, Phase(steady, per_row, takes, gives), *tail))


def cnn_dataflow() -> tuple[Group, ...]:
    """A stage per convolution; the third, four times the pixels of its input, decides: two rows per interval."""
    one = [size // LANES for size in ROWS]
    stages = (
        _conv("conv 1", ROWS[0], one[0] * 2, "", "up 1", (0, 1)),
        _conv("conv 2", ROWS[0], one[1] // 2 + 2 * one[1], "up 1", "up 2", (1, 2)),
        _conv("conv 3", ROWS[1], one[2] // 2 + WINDOW_INTERVAL * one[2], "up 2", "down 3", (1, 2)),
        _conv("conv 4", ROWS[0], 2 * one[3] + WINDOW_INTERVAL * one[3], "down 3", "", (4, 0)),
    )
    fifos = (Fifo("up 1", 2), Fifo("up 2", 4), Fifo("down 3", 8))
    return (Group(stages, fifos),)


def cnn_reconfigurable() -> tuple[Group, ...]:
    """Three convolutions as a pipeline with partitioned line buffers, then the fourth split over three engines."""
    one = [size // LANES for size in ROWS]
    stages = (
        _conv("conv 1", ROWS[0], one[0] * 2, "", "up 1", (0, 1)),
        _conv("conv 2", ROWS[0], one[1] // 2 + 2 * one[1], "up 1", "up 2", (1, 2)),
        _conv("conv 3", ROWS[1], one[2] // 2 + 2 * 2 * one[2], "up 2", "", (1, 0)),
    )
    share = -(-ROWS[3] // 3)
    last = tuple(Stage(f"conv 4, part {part}", (Phase(share, 2 * one[3]),)) for part in (1, 2, 3))
    return Group(stages, (Fifo("up 1", 2), Fifo("up 2", 4))), Group(last)


GATING = (32, 4096, 11008)
GATING_LANES = 32


def gating_dataflow() -> tuple[Group, ...]:
    """Up and gate side by side, column by column of the weights; down beside them by outer products."""
    batch, inputs, hidden = GATING
    row = inputs // GATING_LANES
    column = row + batch * inner_loop(row)
    stages = (
        Stage("up", (Phase(hidden, column, (), (("up", 1),)),)),
        Stage("gate", (Phase(hidden, column, (), (("gate", 1),)),)),
        Stage("multiply", (Phase(hidden, batch, (("up", 1), ("gate", 1)), (("product", 1),)),)),
        Stage("down", (Phase(hidden, column, (("product", 1),)),)),
    )
    return (Group(stages, tuple(Fifo(name, 2) for name in ("up", "gate", "product"))),)


ATTENTION = (256, 1024)


def attention_reconfigurable() -> tuple[Group, ...]:
    """Q, then K with the scores, then V with the softmax, then scores times values, on two engines."""
    length, width = ATTENTION
    blocks = width // LANES
    block = width + length * inner_loop(width)
    half = tuple(Stage(f"half {part}", (Phase(blocks // 2, block),)) for part in (1, 2))
    keys = Stage("keys", (Phase(blocks, block, (), (("keys", 1),)),))
    score = inner_loop(blocks) + inner_loop(LANES - 1)
    scores = Stage("scores", (Phase(blocks, 1, (("keys", 1),)), Phase(length, blocks + length * score)))
    values = tuple(Stage(f"V {part}", (Phase(blocks // 2, block),)) for part in (1, 2))
    weighted = tuple(Stage(f"AV {part}", (Phase(length * blocks // 2, inner_loop(length)),)) for part in (1, 2))
    return Group(half), Group((keys, scores), (Fifo("keys", 2),)), Group(values), Group(weighted)


DESIGNS: Mapping[tuple[str, Style], Callable[[], tuple[Group, ...]]] = {
    ("mlp", "sequential"): mlp_sequential,
    ("mlp", "dataflow"): mlp_dataflow,
    ("mlp", "reconfigurable"): mlp_reconfigurable,
    ("cnn-4l", "sequential"): cnn_sequential,
    ("cnn-4l", "dataflow"): cnn_dataflow,
    ("cnn-4l", "reconfigurable"): cnn_reconfigurable,
    ("gating-net", "dataflow"): gating_dataflow,
    ("self-attention", "reconfigurable"): attention_reconfigurable,
}

MEASURED: Mapping[tuple[str, Style], Measured] = {
    ("mlp", "sequential"): Measured(1374935, 4.77, 36),
    ("mlp", "dataflow"): Measured(181996, 0.742, 36),
    ("mlp", "reconfigurable"): Measured(140957, 0.582, 32),
    ("cnn-4l", "sequential"): Measured(2215282, 7.63, 580),
    ("cnn-4l", "dataflow"): Measured(713144, 2.53, 583),
    ("cnn-4l", "reconfigurable"): Measured(118729, 0.546, 439),
    ("gating-net", "dataflow"): Measured(48668637, 211.0, 109),
    ("self-attention", "reconfigurable"): Measured(40520051, 139.0, 43),
}
"""benchmark/README.md of the InTAR repository."""
