"""Energy of a command trace: rows opened, bits moved, refreshes, standby."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.dram.device import Device
from hwsim.dram.device_file import EnergyFile
from hwsim.dram.energy import activation_joules
from hwsim.dram.requests import Commands
from hwsim.dram.timing import Currents, load_standard

_COLUMN_EFFECTS = ("read", "write", "read_close", "write_close")
STAGES = ("cell", "bank_group", "channel", "tsv", "interface")


@dataclass(frozen=True, slots=True)
class TraceEnergy:
    """Joules by cause.

    Attributes:
        activation: opening and closing rows. movement: of bits that leave the device, by stage.
        compute: bits taken in by processing units beside the banks, with their cells.
        refresh: above standby. background: standby of all devices, rows open or closed.
    """

    activation: float
    movement: tuple[tuple[str, float], ...]
    compute: float
    refresh: float
    background: float

    @property
    def total(self) -> float:
        """Sum of all causes."""
        moved = sum(joules for _, joules in self.movement)
        return self.activation + moved + self.compute + self.refresh + self.background


def device_energy(name: str) -> EnergyFile:
    """The energy data of a shipped standard with commands."""
    file = load_standard(name).device
    assert file is not None
    return file.energy


def row_joules(device: Device, energy: EnergyFile) -> float:
    """Joules to open and close one row of one bank in all devices; see ``energy.activation_joules``."""
    currents = Currents.model_construct(
        vdd=energy.vdd,
        idd0=energy.idd0,
        idd2n=energy.idd2n,
        idd3n=energy.idd3n,
        row_cycle=device.time("nRC") * device.tick,
        row_open=device.time("nRAS") * device.tick,
        devices=energy.devices,
    )
    return activation_joules(currents)


def refresh_joules(device: Device, energy: EnergyFile, command: str) -> float:
    """Joules of one refresh command above standby; one bank costs its share of all banks that REFab refreshes."""
    recovery = device.time("nRFCab" if "nRFCab" in dict(device.timing) else "nRFC") * device.tick
    whole = energy.devices * energy.vdd * (energy.idd5b - energy.idd3n) * recovery
    scope = device.commands[device.command("REFab")].scope
    return whole if command.endswith("ab") else whole / device.spans[scope]


def open_ticks(device: Device, commands: Commands, cycles: int) -> int:
    """Ticks during which at least one row of the channel is open."""
    held, opened, total, since = np.zeros(device.banks, dtype=bool), 0, 0, 0
    spans = device.spans
    columns = (field.tolist() for field in (commands.clock, commands.command, commands.bank))
    for clock, index, bank in zip(*columns, strict=True):
        command = device.commands[index]
        if command.effect not in ("open", "begin_open") and not command.closes:
            continue
        low = bank // spans[command.scope] * spans[command.scope]
        banks = slice(low, low + spans[command.scope])
        before, after = int(held[banks].sum()), 0 if command.closes else spans[command.scope]
        held[banks] = not command.closes
        if opened == 0 and after > 0:
            since = clock
        if opened > 0 and opened + after - before == 0:
            total += clock - since
        opened += after - before
    return total + (cycles - since if opened else 0)


def trace_energy(device: Device, commands: Commands, cycles: int) -> TraceEnergy:
    """Joules of a trace that lasted so many ticks.

    A column command moves one access over all stages; a computing command takes one access from the cells of every
    bank that it addresses. Writes cost what reads do.
    """
    energy, bits = device_energy(device.name), 8 * device.access_bytes
    counts = np.bincount(commands.command, minlength=len(device.commands)).tolist()
    rows = columns = computed = 0
    refresh = 0.0
    for index, command in enumerate(device.commands):
        banks = device.spans[command.scope]
        if command.effect == "open":
            rows += counts[index] * banks
        elif command.effect in _COLUMN_EFFECTS:
            columns += counts[index] * banks
        elif command.effect == "compute":
            computed += counts[index] * banks
        elif command.effect == "refresh" and counts[index]:
            refresh += counts[index] * refresh_joules(device, energy, command.name)
    open_seconds = open_ticks(device, commands, cycles) * device.tick
    closed_seconds = cycles * device.tick - open_seconds
    standby = energy.idd3n * open_seconds + energy.idd2n * closed_seconds
    return TraceEnergy(
        activation=rows * row_joules(device, energy),
        movement=tuple((stage, columns * bits * getattr(energy, stage)) for stage in STAGES),
        compute=computed * bits * (energy.cell + energy.compute),
        refresh=refresh,
        background=energy.devices * energy.vdd * standby,
    )
