"""A DRAM channel played clock by clock: every bank streams whole visits, one column and one row command per clock.

The slow and plain counterpart of hwsim/dram/bandwidth.py. Banks are taken in turns, bank groups fastest; each always
has a next visit waiting, so the result is what the device allows and not what a queue of some length finds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hwsim.dram.timing import Standard

LONG_AGO = -(10**9)


@dataclass
class Bank:
    """State of one bank; times are clocks of the last command."""

    group: int
    visit: int
    left: int = 0
    opened: int = LONG_AGO
    closed: int = LONG_AGO
    column: int = LONG_AGO
    is_open: bool = False


@dataclass
class Oracle:
    """One channel that reads ``bursts`` bursts of every row it opens."""

    standard: Standard
    bursts: int
    banks: list[Bank] = field(default_factory=list)
    activates: list[int] = field(default_factory=list)
    last_of_group: dict[int, int] = field(default_factory=dict)
    last_column: int = LONG_AGO
    row_free: int = 0
    finished: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        groups = self.standard.bank_groups
        self.banks = [Bank(index % groups, index) for index in range(self.standard.banks)]

    def run(self, visits: int) -> float:
        """Clocks per visit, measured over the second half of so many."""
        clock = 0
        while len(self.finished) < visits:
            self.read(clock)
            self.open_or_close(clock)
            clock += 1
        half = visits // 2
        return (self.finished[visits - 1] - self.finished[half - 1]) / (visits - half)

    def read(self, clock: int) -> None:
        """The oldest visit whose next burst may go."""
        t = self.standard.clocks
        if clock - self.last_column < max(t.burst, t.ccd_short):
            return
        for bank in sorted(self.banks, key=lambda bank: bank.visit):
            long = t.ccd_long if self.standard.bank_groups > 1 else t.ccd_short
            same = clock - self.last_of_group.get(bank.group, LONG_AGO) >= long
            if bank.is_open and bank.left and same and clock - bank.opened >= t.rcd:
                bank.left -= 1
                bank.column = self.last_column = self.last_of_group[bank.group] = clock
                if not bank.left:
                    self.finished.append(clock)
                return

    def open_or_close(self, clock: int) -> None:
        """The oldest visit that can be opened, else a bank that is done and can be closed."""
        t = self.standard.clocks
        if clock < self.row_free:
            return
        ordered = sorted(self.banks, key=lambda bank: bank.visit)
        for bank in ordered:
            if not bank.is_open and self.may_open(bank, clock):
                bank.is_open, bank.opened, bank.left = True, clock, self.bursts
                self.activates.append(clock)
                self.row_free = clock + t.row_bus - 1
                return
        for bank in ordered:
            if bank.is_open and not bank.left and clock - bank.opened >= t.ras and clock - bank.column >= t.rtp:
                bank.is_open, bank.closed = False, clock
                bank.visit += len(self.banks)
                return

    def may_open(self, bank: Bank, clock: int) -> bool:
        """Whether the distances to the activates before are kept; other bank groups are at the shorter one."""
        t = self.standard.clocks
        apart = t.rrd_short if self.standard.bank_groups > 1 else t.rrd_long
        recent = not self.activates or clock - self.activates[-1] >= apart
        window = len(self.activates) < 4 or clock - self.activates[-4] >= t.faw
        return recent and window and clock - bank.opened >= t.rc and clock - bank.closed >= t.rp


def refresh_stall(standard: Standard) -> int:
    """Clocks from closing all banks to the first column command after a refresh, counted command by command."""
    t = standard.clocks
    clock, state, since = 0, "closing", 0
    while True:
        if state == "closing" and clock - since >= t.rp:
            state, since = "refreshing", clock
        elif state == "refreshing" and clock - since >= t.rfc:
            state, since = "opening", clock
        elif state == "opening" and clock - since >= t.rcd:
            return clock
        clock += 1
