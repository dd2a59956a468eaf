"""Address mappings: which bits of an access number choose channel parts, bank, row and column.

A mapping is text, least significant field first: ``Column BankGroup Bank Row``. A field takes all bits of its level, or
so many: ``Column:1 BankGroup Bank Column Row``. ``Bank^Row`` also folds the lowest bits of the row into a level.
"""

from __future__ import annotations

import numpy as np

from hwsim.dram.device import Device
from hwsim.dram.requests import Integers
from workloads.errors import UserError, did_you_mean

MAPPINGS = ("row_bank_column", "row_column_bank", "interleaved", "permuted")


def mapping_text(name: str, device: Device) -> str:
    """The text of a named mapping for a device; any other text is returned as it is.

    ``row_bank_column`` keeps neighbours in one row, ``row_column_bank`` spreads them over all banks, ``interleaved``
    over bank groups and pseudo channels only, ``permuted`` is the same with banks folded by the row.
    """
    levels = list(device.levels[1:])
    groups = [level for level in levels if level not in ("Bank", "Rank", "Sid")]
    slow = [level for level in ("Bank", "Sid", "Rank") if level in levels]
    named = {
        "row_bank_column": ["Column", *levels, "Row"],
        "row_column_bank": [*levels, "Column", "Row"],
        "interleaved": [*groups, "Column", *slow, "Row"],
        "permuted": [*groups, "Column", *(f"{level}^Row" if level == "Bank" else level for level in slow), "Row"],
    }
    if name in named:
        return " ".join(named[name])
    if " " not in name:
        raise UserError(f"mapping: {name!r} is unknown{did_you_mean(name, MAPPINGS)}; one of {', '.join(MAPPINGS)}")
    return name


def _sizes(device: Device) -> dict[str, int]:
    sizes = dict(zip(device.levels[1:], device.counts[1:], strict=True))
    return {**sizes, "Row": device.rows, "Column": device.columns}


def _fields(text: str, device: Device) -> list[tuple[str, int, bool]]:
    """Level, number of values and whether it is folded, least significant first."""
    sizes, left = _sizes(device), dict[str, int]()
    fields: list[tuple[str, int, bool]] = []
    parts = text.split()
    for position, part in enumerate(parts):
        level, _, bits = part.replace("^Row", "").partition(":")
        if level not in sizes:
            raise UserError(f"mapping: no level is named {level!r}{did_you_mean(level, list(sizes))}")
        rest = left.get(level, sizes[level])
        count = 2 ** int(bits) if bits.isdigit() else rest
        if bits and (not bits.isdigit() or rest % count):
            raise UserError(f"mapping: {part!r}: expected a number of bits of {level}, which has {sizes[level]} values")
        left[level] = rest // count
        fields.append((level, count, "^" in part))
        if "^" in part and (level == "Row" or count & (count - 1) or position == len(parts)):
            raise UserError(f"mapping: {part!r}: only a level with a power of two of nodes can be folded by the row")
    missing = [level for level in sizes if left.get(level, sizes[level]) > 1]
    if missing:
        raise UserError(f"mapping: no address bits are left for {', '.join(missing)} in {text!r}")
    return fields


def decode(line: Integers, device: Device, mapping: str = "row_bank_column") -> tuple[Integers, Integers, Integers]:
    """Bank (flat), row and column of access numbers; numbers beyond the memory wrap around.

    Raises:
        UserError: a mapping that does not cover the device's levels, or names one it does not have.
    """
    values: dict[str, Integers] = {level: np.zeros_like(line) for level in _sizes(device)}
    weight = dict.fromkeys(values, 1)
    folded: list[tuple[str, int]] = []
    rest = line
    for level, count, fold in _fields(mapping_text(mapping, device), device):
        values[level] = values[level] + rest % count * weight[level]
        weight[level] *= count
        rest = rest // count
        if fold:
            folded.append((level, count))
    for level, count in folded:
        values[level] = values[level] ^ (values["Row"] % count)
    bank = np.zeros_like(line)
    for level, count in zip(device.levels[1:], device.counts[1:], strict=True):
        bank = bank * count + values[level]
    return bank, values["Row"], values["Column"]
