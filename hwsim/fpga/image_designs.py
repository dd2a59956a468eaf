"""InTAR's four convolutions and its autoencoder as they were built.

Loops, lanes and the order of reads are those of OswaldHe/InTAR, benchmark/cnn-4L and benchmark/vae.
"""

from __future__ import annotations

from hwsim.fpga.dataflow import Fifo, Group, Phase, Stage
from hwsim.fpga.loops import MEMORY_LATENCY, float_chain, handshakes, inner_loop, rows_of

LANES = 16
WINDOW_INTERVAL = 28
"""Cycles between two windows where the rows of a line buffer share their memory ports: one constant fitted to the two
measured designs without partitioned line buffers, which give 28.3 (sequential) and 28.4 (dataflow)."""
IMAGE = 224
ROWS = (IMAGE, 2 * IMAGE, 4 * IMAGE, 2 * IMAGE)
"""Rows and columns that each of the four convolutions computes."""
Gives = tuple[tuple[str, int], ...]


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


CHANNELS = 2
PICTURE = 28
HIDDEN = (21, 18, 25, 28)
"""Sizes of the pictures after two convolutions (8 x 8, 4 x 4) and two transposed ones (8 x 8, 4 x 4)."""
IMAGES = CHANNELS * CHANNELS
"""Pairs of input and output channel."""
SAMPLE_OPERATORS = 6
"""Floating-point operators of a latent sample: to float, exponential, to double, multiply, to integer, add."""


def _picture(size: int, interval: int = 1) -> int:
    """A whole picture in one pipelined loop."""
    return inner_loop(size * size, interval)


def autoencoder_sequential() -> tuple[Group, ...]:
    """One engine; the picture between the transposed convolutions and the one after them wait in the outer memory."""
    one, two, three, four = HIDDEN
    load = inner_loop((PICTURE // 4) ** 2, 2) + MEMORY_LATENCY
    first = Phase(IMAGES, load + _picture(one))
    sample = CHANNELS + float_chain(SAMPLE_OPERATORS)
    third = Phase(IMAGES * three * three, inner_loop(CHANNELS) + float_chain(1) + MEMORY_LATENCY)
    fourth = Phase(IMAGES, _picture(three, 2) + MEMORY_LATENCY + _picture(four, 2))
    fetched = Phase(CHANNELS * four * four, handshakes(1) + MEMORY_LATENCY)
    added = Phase(CHANNELS * four * four, handshakes(1) + 2 * MEMORY_LATENCY)
    return (
        Group((Stage("conv 1", (Phase(CHANNELS, rows_of(one, one)), first)),)),
        Group((Stage("conv 2 and sample", (Phase(CHANNELS, rows_of(one, one)), Phase(CHANNELS * two * two, sample))),)),
        Group((Stage("transposed 1", (third,)),)),
        Group((Stage("transposed 2", (fourth,)),)),
        Group((Stage("rectifier", (Phase(CHANNELS, rows_of(four, four)), fetched, added)),)),
    )


def _decoder(three: int, four: int) -> tuple[tuple[Stage, ...], tuple[Fifo, ...]]:
    """Both transposed convolutions: the second reads a picture, computes, and hands rows to the rectifier."""
    images = range(IMAGES)
    read = Phase(three * three, 1, (("pixels", 1),))
    compute = Phase(four, four, (), (("rows", 1),))
    rectify = Phase(four, inner_loop(four), (("rows", 1),))
    second = tuple(phase for _ in images for phase in (read, compute))
    return (
        (Stage("transposed 2", second), Stage("rectifier", tuple(rectify for _ in images))),
        (Fifo("pixels", 2), Fifo("rows", 2)),
    )


def autoencoder_dataflow() -> tuple[Group, ...]:
    """A stage per layer; the latent sample of each pixel is not pipelined."""
    one, two, three, four = HIDDEN
    channels = range(CHANNELS)
    half = Phase(1, rows_of(one, one), (("sums", 1),))
    whole = Phase(1, rows_of(one, one), (("sums", 1),), (("hidden", 1),))
    latent = (
        Phase(two * two, CHANNELS, (("coded", 1),)),
        Phase(two * two, CHANNELS + float_chain(SAMPLE_OPERATORS), (("coded", 1),)),
        Phase(IMAGES * three * three, CHANNELS, (), (("latent", 1),)),
    )
    second = tuple(
        phase
        for _ in channels
        for phase in (Phase(1, rows_of(one, one), (("hidden", 1),)), Phase(two * two, CHANNELS, (), (("coded", 1),)))
    )
    load = inner_loop((PICTURE // 4) ** 2)
    stages = (
        Stage("conv 1", (Phase(IMAGES, load + _picture(one), (), (("sums", 1),)),)),
        Stage("rectifier 1", tuple(phase for _ in channels for phase in (half, whole))),
        Stage("conv 2", second),
        Stage("latent", latent),
        Stage("transposed 1", (Phase(IMAGES * three * three, CHANNELS, (("latent", 1),), (("pixels", 1),)),)),
    )
    decoder, fifos = _decoder(three, four)
    depths = (("sums", 1), ("hidden", 1), ("coded", 2), ("latent", 2))
    return (Group((*stages, *decoder), (*(Fifo(name, depth) for name, depth in depths), *fifos)),)


def autoencoder_reconfigurable() -> tuple[Group, ...]:
    """Both engines share each convolution of the encoder; then they are the two stages of the decoder."""
    one, two, three, four = HIDDEN
    load = inner_loop((PICTURE // 4) ** 2)
    halves = tuple(Stage(f"conv 1, half {half}", (Phase(CHANNELS, load + _picture(one)),)) for half in (1, 2))
    coded = tuple(Stage(f"conv 2, half {half}", (Phase(1, _picture(two)),)) for half in (1, 2))
    decoder, fifos = _decoder(three, four)
    first = Stage("transposed 1", (Phase(IMAGES * three * three, CHANNELS, (), (("pixels", 1),)),))
    return Group(halves), Group(coded), Group((first, *decoder), fifos)
