"""Energy of the commands of a processing-in-memory channel, from what moves one bit at each level of the DRAM.

A MAC unit pays for a bit the way to where it stands: the bank alone, the bank group's wires too, or all wires and the
through-silicon vias down to the logic die. The interface is energy of the memory (``read_energy``, ``write_energy``).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from hwsim.chip import Part
from hwsim.dram.energy import activation_joules
from hwsim.dram.timing import Currents
from hwsim.quantity import JoulesPerBit, JoulesPerOp

Placement: TypeAlias = Literal["bank", "bank_group", "logic"]


class PimEnergy(Part):
    """Energies of a memory with MAC units.

    Attributes:
        row_bit: opening and closing a row, per bit of the row.
        cell_bit: a column's bit within its bank, read or written.
        group_bit, global_bit, via_bit: the same bit on the wires of the bank group, across the die, through the stack.
        buffer_bit: a bit of the input or of a result between the interface and the MAC units of all banks.
        mac: one multiply-accumulate.
        refresh: one refresh of all banks of a channel.
    """

    row_bit: JoulesPerBit
    cell_bit: JoulesPerBit
    group_bit: JoulesPerBit = 0.0
    global_bit: JoulesPerBit = 0.0
    via_bit: JoulesPerBit = 0.0
    buffer_bit: JoulesPerBit
    mac: JoulesPerOp
    refresh: JoulesPerOp


def column_joules_per_bit(energy: PimEnergy, placement: Placement) -> float:
    """Joules to bring one bit from its row to a MAC unit at a placement."""
    steps = {
        "bank": (),
        "bank_group": (energy.group_bit,),
        "logic": (energy.group_bit, energy.global_bit, energy.via_bit),
    }
    return energy.cell_bit + sum(steps[placement])


def row_joules(energy: PimEnergy, row_bits: float, currents: Currents | None) -> float:
    """Joules to open and close one row of one bank: from currents where the chip file has them, else per bit.

    Raises:
        CurrentsError: currents that are not those of a device, such as an IDD0 that is below IDD3N.
    """
    return energy.row_bit * row_bits if currents is None else activation_joules(currents)
