"""When a command of a processing-in-memory channel may follow another: numbers from the chip file, rules as data.

All commands of a channel are broadcast to its banks, so a channel has one state. Times are cycles of the unit's clock.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from hwsim.chip import Part

Command: TypeAlias = Literal[
    "ACT", "PRE", "MAC", "WR_GB", "WR_BIAS", "RD_MAC", "AF", "RD_AF", "EWMUL", "WR", "MODE", "REF"
]
"""ACT and PRE open and close a row in all banks; MAC multiplies one column of every open row with the buffer; WR_GB
writes a burst of the input to the global buffer (or every unit's registers), WR_BIAS sets the accumulators, RD_MAC
reads them, AF looks an activation function up in a row of its own, RD_AF reads its results, EWMUL multiplies columns
element by element, WR writes a burst to one bank, MODE switches between array and registers, REF refreshes all of them.
"""

REGISTER: frozenset[Command] = frozenset({"WR_GB", "WR_BIAS", "RD_MAC", "RD_AF"})
"""Commands that need the register mode, where switching takes time."""

Cycles: TypeAlias = Annotated[int, Field(ge=0, le=10**6)]
Interval: TypeAlias = Annotated[int, Field(ge=1, le=10**6)]


class PimTiming(Part):
    """Command timing of a channel, in cycles of the unit's clock.

    Attributes:
        rcd_mac, rcd_wr, rcd_af: from opening a row to the first MAC, write or activation-function lookup.
        ras, rp, rc: a row stays open, closes, and the two together (absent means their sum).
        ccd: from one MAC to the next.
        burst: from one burst on the interface to the next.
        rtp: from the last MAC to closing its row.
        wr: from the start of the last write to closing its row: write latency, burst and write recovery.
        mac_write, write_mac: from a MAC to a write of the buffer and back, where both share the data path.
        read_write, write_read: from reading results to writing the buffer and back.
        mode: switching between array and registers; 0 where there is nothing to switch.
        result: from the last read of a result to its data outside.
        rfc, refi: a refresh of all banks, and how often one is due.
    """

    rcd_mac: Interval
    rcd_wr: Interval
    rcd_af: Cycles = 0
    ras: Interval
    rp: Interval
    rc: Interval | None = None
    ccd: Interval
    burst: Interval
    rtp: Cycles
    wr: Cycles
    mac_write: Cycles = 0
    write_mac: Cycles = 0
    read_write: Cycles = 0
    write_read: Cycles = 0
    mode: Cycles = 0
    result: Cycles = 0
    rfc: Interval
    refi: Interval

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> PimTiming:
        """A row is open at least until its first column can be used, and refresh leaves time for work."""
        if self.ras < min(self.rcd_mac, self.rcd_wr):
            raise ValueError(f"ras: a row open for {self.ras} cycles closes before its first column at {self.rcd_wr}")
        if self.rc is not None and self.rc < self.ras + self.rp:
            raise ValueError(f"rc: must be at least ras + rp = {self.ras + self.rp}, got {self.rc}")
        if self.refi <= self.rfc:
            raise ValueError(f"refi: refreshes of {self.rfc} cycles every {self.refi} leave no time for work")
        return self

    @property
    def row_cycle(self) -> int:
        """From opening a row to opening the next in the same bank."""
        return self.ras + self.rp if self.rc is None else self.rc


RULES: tuple[tuple[tuple[Command, ...], tuple[Command, ...], str], ...] = (
    (("ACT",), ("MAC", "EWMUL"), "rcd_mac"),
    (("ACT",), ("WR",), "rcd_wr"),
    (("ACT",), ("AF",), "rcd_af"),
    (("ACT",), ("PRE",), "ras"),
    (("ACT",), ("ACT", "REF"), "row_cycle"),
    (("PRE",), ("ACT", "REF"), "rp"),
    (("REF",), ("ACT", "REF"), "rfc"),
    (("MAC", "AF", "EWMUL"), ("PRE",), "rtp"),
    (("WR",), ("PRE",), "wr"),
    (("MAC", "EWMUL", "RD_MAC", "RD_AF"), ("MAC", "EWMUL", "RD_MAC", "RD_AF"), "ccd"),
    (("WR_GB", "WR_BIAS", "WR"), ("WR_GB", "WR_BIAS", "WR"), "burst"),
    (("RD_MAC", "RD_AF"), ("RD_MAC", "RD_AF"), "burst"),
    (("MAC", "EWMUL"), ("WR_GB", "WR_BIAS", "WR"), "mac_write"),
    (("WR_GB", "WR_BIAS", "WR"), ("MAC", "EWMUL"), "write_mac"),
    (("RD_MAC", "RD_AF"), ("WR_GB", "WR_BIAS", "WR"), "read_write"),
    (("WR_GB", "WR_BIAS", "WR"), ("RD_MAC", "RD_AF"), "write_read"),
)
"""(preceding, following, time): the time is a name of ``PimTiming``. Beside them, every command waits for the end of a
switch of mode."""

ROW_COMMANDS: frozenset[Command] = frozenset({"ACT", "PRE"})
"""Commands whose rules hold within one set of banks only, together with the column commands of that set."""


def constraints(timing: PimTiming) -> dict[Command, tuple[tuple[Command, int], ...]]:
    """For every command the commands it must wait for, and how long after each."""
    found: dict[Command, dict[Command, int]] = {}
    for before, after, name in RULES:
        for following in after:
            known = found.setdefault(following, {})
            for preceding in before:
                known[preceding] = max(known.get(preceding, 0), getattr(timing, name))
    return {command: tuple(waits.items()) for command, waits in found.items()}
