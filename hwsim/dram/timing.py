"""DRAM standards: geometry, timing and currents of one channel, read from ``standards/<name>.yaml``.

Clocks are those of the command clock (tCK). A file covers its numbers with ``sources`` as a chip file does.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import Field, ValidationError

from hwsim.chip import Count, Part, Source
from hwsim.dram.device_file import DeviceFile
from hwsim.quantity import Amperes, Bytes, Seconds, Volts
from hwsim.yaml_text import read_yaml
from workloads.errors import UserError, did_you_mean

FOLDER = Path(__file__).with_name("standards")
Clocks: TypeAlias = Annotated[int, Field(ge=1, le=10**6)]


class Timing(Part):
    """Minimum distances in clocks.

    Attributes:
        burst: occupation of the data bus by one burst.
        ccd_short, ccd_long: column command to column command, in another and in the same bank group (tCCD_S, tCCD_L).
        rcd: activate to column command (tRCD, of reads).
        rp, ras, rc: precharge, activate to precharge, activate to activate of one bank (tRP, tRAS, tRC).
        rtp: read to precharge (tRTP).
        rrd_short, rrd_long: activate to activate, in another and in the same bank group (tRRD_S, tRRD_L).
        faw: window of four activates (tFAW).
        rfc, refi: an all-bank refresh, and the distance between two (tRFC, tREFI).
        cl, cwl: read and write latency. wtr_long: end of written data to read, same bank group (tWTR_L).
        row_bus: clocks that the activate and the precharge of one visit take on their command bus, times the (pseudo)
            channels that share it.
    """

    burst: Clocks
    ccd_short: Clocks
    ccd_long: Clocks
    rcd: Clocks
    rp: Clocks
    ras: Clocks
    rc: Clocks
    rtp: Clocks
    rrd_short: Clocks
    rrd_long: Clocks
    faw: Clocks
    rfc: Clocks
    refi: Clocks
    cl: Clocks
    cwl: Clocks
    wtr_long: Clocks
    row_bus: Clocks


class Currents(Part):
    """Supply currents of one device as its data sheet defines them.

    Attributes:
        vdd: supply voltage.
        idd0: one bank activated and precharged every ``row_cycle``, open for ``row_open`` of it.
        idd2n, idd3n: standby with all banks precharged, and with one open.
        devices: devices of a channel, all of which activate a row together.
    """

    vdd: Volts
    idd0: Amperes
    idd2n: Amperes
    idd3n: Amperes
    row_cycle: Seconds
    row_open: Seconds
    devices: Count


class Standard(Part):
    """One channel of a DRAM standard.

    Attributes:
        clock: period of the command clock.
        burst: bytes of one column command.
        row: bytes of one row over all devices of the channel.
        bank_groups, banks: of the channel; ``banks`` counts all of them.
        power: absent where no currents are public.
        device: the channel at the level of commands, for hwsim.dram.device; the closed forms do not use it.
    """

    title: str
    clock: Seconds
    burst: Bytes
    row: Bytes
    bank_groups: Count
    banks: Count
    clocks: Timing
    power: Currents | None = None
    device: DeviceFile | None = None
    sources: tuple[Source, ...]

    @property
    def peak_bytes_per_second(self) -> float:
        """Bandwidth of one channel with bursts back to back."""
        return self.burst / (self.clocks.burst * self.clock)


def standard_names() -> tuple[str, ...]:
    """Names of the standards that come with the program."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def load_standard(name: str) -> Standard:
    """A standard by name.

    Raises:
        UserError: there is none of this name, or its file is wrong.
    """
    known = standard_names()
    if name not in known:
        raise UserError(f"no DRAM standard is named {name!r}{did_you_mean(name, known)}; there is {', '.join(known)}")
    path = FOLDER / f"{name}.yaml"
    try:
        return Standard.model_validate(read_yaml(path.read_text(encoding="utf-8"), path.name).data)
    except ValidationError as error:
        raise UserError(f"{path.name}: {error}") from None
