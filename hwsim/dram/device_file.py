"""What a standard's YAML file says under ``device``, and the checks that catch a device that can not be."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from hwsim.chip import Count, Part
from hwsim.quantity import Amperes, JoulesPerBit, Seconds, Volts
from workloads.errors import UserError, did_you_mean

Ticks: TypeAlias = Annotated[int, Field(ge=0, le=10**9)]
Row: TypeAlias = tuple[str | int, ...]
_AT_LEAST = (
    ("nRAS", ("nRCD", "nRCDRD", "nRCDWR"), "a row has to stay open until it can be read"),
    ("nRC", ("nRAS", "nRP"), "a row is opened again only after it was open and closed"),
    ("nCCDL", ("nCCDS",), "the same bank group can not be faster than another one"),
    ("nRRDL", ("nRRDS",), "the same bank group can not be faster than another one"),
    ("nFAW", ("nRRDS",), "four activates take longer than two"),
)


class CommandFile(Part):
    """A command: what it does, to which level, and how long it takes its bus."""

    effect: Literal[
        "open",
        "begin_open",
        "close",
        "read",
        "write",
        "read_close",
        "write_close",
        "refresh",
        "sync",
        "compute",
        "mode",
    ]
    scope: str = "Bank"
    bus: Literal["shared", "row", "column"] = "shared"
    cycles: Count = 1


class RefreshFile(Part):
    """Names of the timings of a refresh; an empty name: not possible. ``paired``: pseudo channels together."""

    all_bank: str = ""
    per_bank: str = ""
    recovery: str = ""
    paired: bool = False


class ClockSync(Part):
    """How long a data clock stays on after a read and after a write; 0: it is always on."""

    read: str | int = 0
    write: str | int = 0


class EnergyFile(Part):
    """Supply currents of one device, and energy of moving a bit, stage by stage.

    Attributes:
        vdd: supply. idd0, idd2n, idd3n, idd5b: one bank cycling, standby closed and open, refreshing all banks.
        devices: devices of a channel that work together.
        cell: between cells and the row's sense amplifiers and column gates; bank_group: to the bank group's bus;
            channel: to the global bus; tsv: through a stack (0: none); interface: to the other chip.
        compute: of the processing unit beside the bank, per bit that it takes in.
    """

    vdd: Volts
    idd0: Amperes
    idd2n: Amperes
    idd3n: Amperes
    idd5b: Amperes
    devices: Count
    cell: JoulesPerBit
    bank_group: JoulesPerBit
    channel: JoulesPerBit
    tsv: JoulesPerBit
    interface: JoulesPerBit
    compute: JoulesPerBit


class DeviceFile(Part):
    """A channel at the level of commands.

    Attributes:
        tick: period in which times are counted: the command clock, or half of it with two ``edges``.
        organization: levels from the channel down to rows and columns, each with its count below the parent. A
            column is one access.
        timing: named times in ticks.
        constraints: [level, preceding, following, latency, window, "sibling"]; commands separated by blanks, the last
            two may be left out. corrections: the same, for what the source leaves out.
        reference_timing: the timings that the reference simulator uses instead, by defect. completion: ticks from the
            issue of a command to its answer, for devices that compute.
        activate_deadline: ticks from the first to the second half of a split activate; 0: not split.
    """

    tick: Seconds
    organization: dict[str, Count]
    timing: dict[str, Ticks]
    commands: dict[str, CommandFile]
    read_latency: str | int
    write_latency: str | int
    refresh: RefreshFile = RefreshFile()
    edges: Annotated[int, Field(ge=1, le=2)] = 1
    activate_deadline: str | int = 0
    clock_sync: ClockSync = ClockSync()
    reference_timing: dict[str, Ticks] = Field(default={})
    completion: dict[str, Count] = Field(default={})
    energy: EnergyFile
    constraints: tuple[Row, ...]
    corrections: tuple[Row, ...] = ()

    @property
    def levels(self) -> list[str]:
        """Levels that commands can address, from the channel to the bank."""
        names = list(self.organization)
        return names[: names.index("Bank") + 1]

    def constraint_fields(self, row: Row, where: str) -> tuple[str, list[str], list[str], str | int, int, bool]:
        """Level, preceding and following commands, latency, window and sibling of one constraint.

        Raises:
            UserError: the row has not four to six fields, or names an unknown level or command.
        """
        size = len(row)
        if not 4 <= size <= 6 or (size == 6 and row[-1] != "sibling"):
            raise UserError(f"{where}: expected [level, preceding, following, latency, window, sibling], got {row!r}")
        level, before, after = (str(field) for field in row[:3])
        window = list(row)[4] if size > 4 else 1
        if not isinstance(window, int) or not 1 <= window <= 64:
            raise UserError(f"{where}: expected a window of 1 to 64 commands, got {window!r}")
        self._known("level", level, self.levels, where)
        for name in before.split() + after.split():
            self._known("command", name, list(self.commands), where)
        return level, before.split(), after.split(), list(row)[3], window, size == 6

    @staticmethod
    def _known(what: str, name: str, known: list[str], where: str) -> None:
        if name not in known:
            raise UserError(f"{where}: no {what} is named {name!r}{did_you_mean(name, known)}")

    def check(self, where: str) -> None:
        """Refuse a device that contradicts itself.

        Raises:
            UserError: the key and what is wrong with it.
        """
        if "Bank" not in self.organization or list(self.organization)[-2:] != ["Row", "Column"]:
            raise UserError(f"{where}.organization: expected levels ending in Bank, Row, Column")
        for name, command in self.commands.items():
            self._known("level", command.scope, self.levels, f"{where}.commands.{name}.scope")
        for key in (self.refresh.all_bank, self.refresh.per_bank, self.refresh.recovery):
            if key:
                self._known("timing", key, list(self.timing), f"{where}.refresh")
        self._check_timing(where)

    def _check_timing(self, where: str) -> None:
        for name, others, reason in _AT_LEAST:
            for other in others:
                if self.timing.get(name, 10**9) < self.timing.get(other, 0):
                    values = f"{self.timing[name]} is less than {other} ({self.timing[other]})"
                    raise UserError(f"{where}.timing.{name}: {values}: {reason}")
