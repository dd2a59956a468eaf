"""Cycles of loops as high-level synthesis makes them, by what the source code says of each.

- A loop with a pipeline directive takes ``trips x interval + DEPTH``: the pipeline drains before what follows. Loops
  nested without anything between them are flattened into one such loop.
- A loop without a directive over a fixed number of trips is pipelined too, but drains on every pass.
- A loop without a directive around a handshake (asynchronous reads of memory) is not pipelined: ``DEPTH`` per trip.
- Floating-point operators that depend on each other, outside a pipeline, take ``DEPTH`` each.
- A load or store of the outer memory that is waited for takes ``MEMORY_LATENCY``.

No constant here is fitted. That a channel loop of two trips is unrolled into its pixel, and which loops of the
autoencoder wait for memory, was decided knowing the measured cycles (see docs/fpga.md).
"""

from __future__ import annotations

DEPTH = 6
"""Cycles to drain a pipelined multiply-accumulate loop: read, three in the DSP slice, add, write (assumed)."""
MEMORY_LATENCY = 32
"""Cycles at 300 MHz of a page hit in the U280's HBM: 106.7 ns (Wang and others, Shuhai, FCCM 2020; recalled)."""


def inner_loop(trips: int, interval: int = 1) -> int:
    """Cycles of one pass of a pipelined loop."""
    return trips * interval + DEPTH


def rows_of(count: int, trips: int) -> int:
    """Cycles of ``count`` passes of an inner loop that drains on each."""
    return count * inner_loop(trips)


def handshakes(trips: int) -> int:
    """Cycles of a loop that is not pipelined."""
    return trips * DEPTH


def float_chain(operators: int) -> int:
    """Cycles of floating-point operators one after the other."""
    return operators * DEPTH
