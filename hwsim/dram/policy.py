"""What a memory controller decides: scheduling, rows, refresh, queue depths. The device's rules are not here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from workloads.errors import UserError, did_you_mean

Scheduler: TypeAlias = Literal["hit_first", "first_ready", "first_ready_row_hit", "fcfs"]
RowPolicy: TypeAlias = Literal["open", "closed", "closed_cap"]
RefreshPolicy: TypeAlias = Literal["none", "all_bank", "per_bank", "paired_bank"]

SCHEDULERS: tuple[Scheduler, ...] = ("hit_first", "first_ready", "first_ready_row_hit", "fcfs")
ROW_POLICIES: tuple[RowPolicy, ...] = ("open", "closed", "closed_cap")
REFRESH_POLICIES: tuple[RefreshPolicy, ...] = ("none", "all_bank", "per_bank", "paired_bank")


@dataclass(frozen=True, slots=True)
class Policy:
    """Decisions of a controller.

    Attributes:
        scheduler: ``hit_first``: row hits before others, no row closed while a queued request wants it, nobody waits
            longer than ``patience``. ``first_ready``: the oldest request whose next command may go, whatever it is.
            ``first_ready_row_hit``: the same, but no row closed for a request younger than a hit on it. ``fcfs``: the
            oldest request only.
        row_policy: ``open``: rows stay open. ``closed``: the last queued access of a row closes it. ``closed_cap``:
            a row is closed after ``cap`` more accesses.
        refresh: ``paired_bank`` refreshes the same bank of all pseudo channels together.
        postpone: refreshes that may be put off while there are requests.
        read_depth, write_depth: of the queues. drain_start, drain_stop: writes waiting at which the controller turns
            to writes, and back.
        patience: ticks after which a waiting request goes first (``hit_first``).
        corrected: whether the constraints that the sources leave out bind.
        faithful: also copy defects of the reference: an automatic precharge may close a row under a request that was
            activated for it.
    """

    scheduler: Scheduler = "hit_first"
    row_policy: RowPolicy = "open"
    refresh: RefreshPolicy = "all_bank"
    cap: int = 4
    postpone: int = 0
    read_depth: int = 32
    write_depth: int = 32
    drain_start: int = 26
    drain_stop: int = 6
    patience: int = 2000
    corrected: bool = True
    faithful: bool = False

    def __post_init__(self) -> None:
        for key, known in (
            ("scheduler", SCHEDULERS),
            ("row_policy", ROW_POLICIES),
            ("refresh", REFRESH_POLICIES),
        ):
            if getattr(self, key) not in known:
                name = getattr(self, key)
                raise UserError(f"{key}: {name!r} is unknown{did_you_mean(name, known)}; one of {', '.join(known)}")
        for key, least in (("cap", 1), ("postpone", 0), ("read_depth", 1), ("write_depth", 1), ("patience", 1)):
            if getattr(self, key) < least:
                raise UserError(f"{key}: must be at least {least}, got {getattr(self, key)}")
        if not 0 <= self.drain_stop < self.drain_start <= self.write_depth:
            raise UserError(
                f"drain_start: expected 0 <= drain_stop < drain_start <= write_depth, got {self.drain_stop},"
                f" {self.drain_start}, {self.write_depth}"
            )


def ramulator2(
    scheduler: Scheduler = "first_ready",
    refresh: RefreshPolicy = "none",
    row_policy: RowPolicy = "open",
    cap: int = 4,
) -> Policy:
    """The policy under which results equal those of Ramulator 2.1 to the tick."""
    return Policy(scheduler, row_policy, refresh, cap, corrected=False, faithful=True)
