"""Clocks of regular AiM programs on one channel as closed forms; tests hold them to the commands played one by one."""

from __future__ import annotations

from hwsim.dram.device import Device

_DECODE, _END = 1, 1


def _last_mac(device: Device, columns: int) -> int:
    """From opening a row in all banks to the last of its multiply-accumulates."""
    return device.time("nRCDRDMAC") + (columns - 1) * device.time("nCCDL")


def row_clocks(device: Device, columns: int) -> int:
    """From opening a row in all banks to opening the next one, with so many multiply-accumulates in between."""
    close = max(_last_mac(device, columns) + device.time("nRTP"), device.time("nRAS"))
    return max(close + device.time("nRP"), device.time("nRC"))


def mac_rows_clocks(device: Device, rows: int, columns: int) -> int:
    """Clocks of MAC_ABK over ``rows`` rows, ``columns`` columns of each, from the first decoding to the end."""
    done = dict(device.completion)["MAC16"]
    return _DECODE + (rows - 1) * row_clocks(device, columns) + _last_mac(device, columns) + done + _END


def gemv_clocks(device: Device, tiles: int, columns: int) -> int:
    """Clocks of a matrix-vector product: the vector once, then bias, a row of MACs and the results for each tile.

    Args:
        tiles: of one output per bank, one row each. columns: of each row, 16 values each.
    """
    done, mode, step = dict(device.completion), device.time("nMODCH"), device.time("nCCDL")
    write_to_bias, bias = device.time("nCCDS"), _DECODE + mode
    clock = bias + (columns - 1) * step + write_to_bias
    opened, answered = None, 0
    for tile in range(min(tiles, 4)):
        if tile:
            # The results came, the next bias was decoded and goes in the same mode, a write-to-read turn apart.
            clock = clock + done["RDMAC16"] + _DECODE
            clock = max(clock, answered + device.time("nCLREG") + device.time("nBL") + 3)
        clock = _open_after(device, clock + 1 + mode, opened, columns, tile)
        opened = clock
        answered = clock + _last_mac(device, columns) + step + mode
        clock = answered
    if tiles > 4:
        clock += (tiles - 4) * _tile_clocks(device, columns)
    return clock + done["RDMAC16"] + 2


def _open_after(device: Device, clock: int, opened: int | None, columns: int, tile: int) -> int:
    """When the row of a tile is open everywhere, given when commands may go again and when the last one was opened."""
    if opened is None:
        return clock
    closed = max(clock, opened + device.time("nRAS"), opened + _last_mac(device, columns) + device.time("nRTP"))
    return max(closed + device.time("nRP"), opened + device.time("nRC"))


def _tile_clocks(device: Device, columns: int) -> int:
    return gemv_clocks(device, 4, columns) - gemv_clocks(device, 3, columns)
