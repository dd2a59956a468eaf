"""Sustained bandwidth of DRAM as closed forms of its timing.

A stream visits rows: every visit opens a row of one bank and moves some bytes of it in whole bursts before the bank
goes to another row. In the steady state a visit takes the longest of what limits it (all in clocks)::

    data      bursts x max(burst, tCCD_S, tCCD_L / bank groups)            the data bus, bank groups taken in turns
    activate  max(tRRD, tFAW / 4, row command bus)                         how often a row may be opened
    bank      max(tRC, max(tRAS, tRCD + (bursts - 1) tCCD_L + tRTP) + tRP) / banks     all banks busy all the time

Beside that, an all-bank refresh costs tRP + tRFC + tRCD of every tREFI (banks are closed before it and opened after),
and a change of direction there and back leaves the data bus silent for 2 + tWTR_L + CL.

These are limits of the device under a controller that reorders well; arbitration and queues only make it slower. A
bank state machine played clock by clock needs at most 6 % more (tests/unit/hwsim/test_dram_bandwidth.py).

Source: the parameters as the JEDEC standards define them; the bounds follow from counting commands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hwsim.chip import DramTiming, Memory
from hwsim.dram.timing import Standard, Timing, load_standard

_READ_TO_WRITE_GAP = 2
"""Clocks of write preamble between read data and write data (DDR3: a write follows a read by CL + burst + 2 - CWL)."""


class Runs(NamedTuple):
    """What a transfer is made of: ``count`` runs of neighbouring bytes, ``pitch`` bytes from start to start.

    Numbers, or arrays over candidates.
    """

    size: Any
    pitch: Any
    count: Any


STREAM = Runs(math.inf, math.inf, 1)
"""One endless run."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Timing of one channel at its data rate, in clocks that may be fractions.

    Attributes:
        analog: clocks per clock of the standard: array timings keep their nanoseconds when the data rate changes.
        standard: where the clocks come from.
    """

    standard: Standard
    analog: float = 1.0

    @property
    def _clocks(self) -> Timing:
        return self.standard.clocks

    def bursts(self, visit_bytes: Any, run_bytes: Any = math.inf) -> Any:
        """Bursts that move so many bytes of a row in runs of so many; the last burst of a run perhaps in part."""
        visit, burst = np.asarray(visit_bytes, dtype=float), self.standard.burst
        run = np.minimum(run_bytes, visit)
        return np.maximum(visit / run * np.ceil(run / burst), 1)

    def visit_clocks(self, bursts: Any) -> Any:
        """Clocks per row visit of so many bursts (numbers or arrays) in the steady state."""
        t, groups = self._clocks, self.standard.bank_groups
        long = max(t.ccd_short, t.ccd_long * self.analog) if groups > 1 else t.ccd_short
        data = bursts * max(t.burst, t.ccd_short, long / groups)
        activate = max((t.rrd_short if groups > 1 else t.rrd_long), t.faw / 4) * self.analog
        opened = np.maximum(t.ras * self.analog, (t.rcd + t.rtp) * self.analog + (bursts - 1) * long)
        bank = np.maximum(t.rc * self.analog, opened + t.rp * self.analog) / self.standard.banks
        return np.maximum(np.maximum(data, max(activate, t.row_bus)), bank)

    def refresh_share(self) -> float:
        """Fraction of the time that refresh leaves; the same at every data rate."""
        t = self._clocks
        return 1 - (t.rp + t.rfc + t.rcd) / t.refi

    def fraction(self, visit_bytes: Any, run_bytes: Any = math.inf) -> Any:
        """Sustained fraction of the peak, refresh included; 0..1.

        Args:
            visit_bytes: wanted bytes that every row visit moves.
            run_bytes: how many of them lie side by side; without it, all.
        """
        useful = np.asarray(visit_bytes) / self.standard.burst * self._clocks.burst
        return useful / self.visit_clocks(self.bursts(visit_bytes, run_bytes)) * self.refresh_share()

    def turnaround_clocks(self) -> float:
        """Clocks without data when reads give way to writes and come back."""
        t = self._clocks
        return (t.cl + t.wtr_long) * self.analog + _READ_TO_WRITE_GAP


@dataclass(frozen=True, slots=True)
class Dram:
    """All channels of a memory.

    Attributes:
        channel: timing of each.
        channels: how many work side by side.
        interleave: consecutive bytes of the address space that lie in one channel.
        peak: bytes per second of all together.
        overridden: fraction of the peak that the chip file states; the closed forms are then not used for time.
    """

    channel: Channel
    channels: int
    interleave: float
    peak: float
    overridden: float | None = None

    def bytes_per_visit(self, runs: Runs) -> Any:
        """Wanted bytes that one row visit moves.

        The rows of all channels together make a window of consecutive bytes. What a transfer wants of it is spread over
        the channels, in pieces of at most ``interleave``.
        """
        in_window = np.clip(self.channel.standard.row * self.channels / runs.pitch, 1, runs.count)
        piece = np.minimum(runs.size, self.interleave)
        share = np.minimum(runs.size, self.channel.standard.row * self.channels) * in_window / self.channels
        return np.minimum(np.maximum(piece, share), self.channel.standard.row)

    def bytes_per_second(self, runs: Runs) -> Any:
        """Sustained bandwidth of all channels for such runs."""
        if self.overridden is not None:
            return self.peak * self.overridden
        return self.peak * self.channel.fraction(self.bytes_per_visit(runs), runs.size)

    def activations(self, size_bytes: Any, runs: Runs) -> Any:
        """Rows opened to move so many bytes in such runs, all channels together."""
        return np.asarray(size_bytes) / self.bytes_per_visit(runs)

    @property
    def stream_bytes_per_second(self) -> float:
        """Sustained bandwidth of a long stream: whole rows."""
        return float(self.bytes_per_second(STREAM))

    @property
    def turnaround_seconds(self) -> float:
        """Time lost when a transfer in the other direction comes in between."""
        if self.overridden is not None:
            return 0.0
        clock = self.channel.standard.clock / self.channel.analog
        return self.channel.turnaround_clocks() * clock


def rate_ratio(timing: DramTiming, bandwidth: float) -> float:
    """Data rate of a channel over that of its standard, when all channels together move ``bandwidth`` bytes per second.

    Raises:
        UserError: the standard is unknown.
    """
    return bandwidth / timing.channels / load_standard(timing.standard).peak_bytes_per_second


def dram_of(memory: Memory) -> Dram | None:
    """The model of a memory whose chip file names a standard, else None.

    A bandwidth per channel other than the standard's is the same array at another data rate: its timings keep their
    nanoseconds, bursts and column commands of different bank groups their clocks.
    """
    if memory.timing is None or memory.bandwidth is None:
        return None
    stated = memory.efficiency if "efficiency" in memory.model_fields_set else None
    channel = Channel(load_standard(memory.timing.standard), rate_ratio(memory.timing, memory.bandwidth))
    return Dram(channel, memory.timing.channels, memory.timing.interleave, memory.bandwidth, stated)


def sustained_bytes_per_second(memory: Memory) -> float | None:
    """Bandwidth of a memory for long streams; None if it is unlimited."""
    if memory.bandwidth is None:
        return None
    dram = dram_of(memory)
    return memory.bandwidth * memory.efficiency if dram is None else dram.stream_bytes_per_second
