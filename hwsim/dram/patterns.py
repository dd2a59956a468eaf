"""Request patterns with a known answer, for tests, benchmarks and the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hwsim.dram.device import Device
from hwsim.dram.mapping import decode
from hwsim.dram.requests import SERIAL, Integers, Requests
from workloads.errors import UserError, did_you_mean

PATTERNS = ("stream", "interleaved", "random", "act-storm", "ping-pong")
_FASTEST_FIRST = ("PseudoChannel", "BankGroup", "Bank", "Sid", "Rank")
_MULTIPLIER, _INCREMENT = 6364136223846793005, 1442695040888963407


def from_lines(
    device: Device, line: Integers, write: Any = 0, time: Any = 0, mapping: str = "row_bank_column"
) -> Requests:
    """Requests for access numbers; ``write`` and ``time`` are one number for all, or one each."""
    bank, row, column = decode(line, device, mapping)
    full = np.empty((2, len(line)), dtype=np.int64)
    full[0], full[1] = time, write
    return Requests(full[0], full[1], line, bank, row, column)


def pseudo_random(seed: int, count: int) -> Integers:
    """Values of a 64-bit linear congruential generator, as unsigned; the seed itself is not one of them.

    Source: the constants of Knuth's MMIX generator.
    """
    out = np.empty(count, dtype=np.uint64)
    state = seed
    for index in range(count):
        state = (state * _MULTIPLIER + _INCREMENT) % 2**64
        out[index] = state
    return out  # type: ignore[return-value]


def lines_of(device: Device, bank_turn: Integers, row: Integers, column: Integers) -> Integers:
    """Access numbers (mapping ``row_bank_column``) of places given by a turn that takes the banks round and round.

    Turns go through pseudo channels first, then bank groups, banks, stacks and ranks.
    """
    index: dict[str, Integers] = {}
    rest = bank_turn
    sizes = dict(zip(device.levels, device.counts, strict=True))
    for level in _FASTEST_FIRST:
        if level in sizes:
            index[level] = rest % sizes[level]
            rest = rest // sizes[level]
    line, weight = column.copy(), device.columns
    for level in device.levels[1:]:
        line += index[level] * weight
        weight *= sizes[level]
    return line + row * weight


def pattern(name: str, device: Device, count: int, mapping: str = "row_bank_column") -> Requests:
    """One of ``PATTERNS`` as reads that all wait from the start.

    ``stream``: consecutive accesses. ``interleaved``: rows of all banks read side by side. ``random``: uniform over the
    memory. ``act-storm``: another bank every time, always a new row. ``ping-pong``: two rows of one bank in turns, each
    sent when the one before is complete.

    Raises:
        UserError: an unknown pattern.
    """
    i = np.arange(count, dtype=np.int64)
    banks, columns = device.banks, device.columns
    if name == "stream":
        return from_lines(device, i % (banks * device.rows * columns), mapping=mapping)
    if name == "random":
        values = pseudo_random(12345, count) >> np.uint64(20)
        return from_lines(device, (values % np.uint64(banks * device.rows * columns)).astype(np.int64), mapping=mapping)
    if name == "interleaved":
        turn = i % banks, i // (banks * columns) % device.rows, i // banks % columns
        return from_lines(device, lines_of(device, *turn))
    if name == "act-storm":
        return from_lines(device, lines_of(device, i % banks, i // banks % device.rows, i * 0))
    if name == "ping-pong":
        return from_lines(device, lines_of(device, i * 0, i % 2, i // 2 % columns), time=SERIAL)
    raise UserError(f"pattern: {name!r} is unknown{did_you_mean(name, PATTERNS)}; one of {', '.join(PATTERNS)}")


def mixed(device: Device, count: int, random: int, writes: int, gap: int, mapping: str) -> Requests:
    """Accesses of which ``random`` percent go anywhere and the others follow the one before; ``writes`` percent write.

    One comes every ``gap`` ticks; 0 means that all wait from the start.
    """
    space = device.banks * device.rows * device.columns
    draws = pseudo_random(2024, 3 * count) >> np.uint64(20)
    jump, write, place = draws[0::3] % np.uint64(100), draws[1::3] % np.uint64(100), draws[2::3]
    jumps = jump < np.uint64(random)
    jumps[0] = True
    starts = np.flatnonzero(jumps)
    last = starts[np.cumsum(jumps) - 1]
    targets = (place % np.uint64(space)).astype(np.int64)
    line = (targets[last] + np.arange(count) - last) % space
    return from_lines(device, line, (write < np.uint64(writes)).astype(np.int64), np.arange(count) * gap, mapping)


def named_pattern(name: str, device: Device, count: int, mapping: str) -> Requests:
    """``pattern``, with a message that also thinks of files.

    Raises:
        UserError: neither a pattern nor a file.
    """
    if name not in PATTERNS:
        known = ", ".join(PATTERNS)
        raise UserError(f"pattern: {name!r} is neither a file nor one of {known}{did_you_mean(name, PATTERNS)}")
    return pattern(name, device, count, mapping)


def read_requests(path: Path, device: Device, mapping: str) -> Requests:
    """Requests of a file: one line each with tick, R or W, and number of the access.

    Raises:
        UserError: the line that can not be read.
    """
    fields: list[tuple[int, int, int]] = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = text.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            time, kind, line = int(words[0]), words[1], int(words[2], 0)
        except (ValueError, IndexError):
            raise UserError(f"{path.name}:{number}: expected tick, R or W, access number; got {text!r}") from None
        if kind not in ("R", "W") or line < 0 or time < SERIAL:
            raise UserError(f"{path.name}:{number}: expected tick, R or W, access number; got {text!r}")
        fields.append((time, int(kind == "W"), line))
    if not fields:
        raise UserError(f"{path.name}: there are no requests in it")
    columns = np.array(fields, dtype=np.int64)
    return from_lines(device, columns[:, 2].copy(), write=columns[:, 1], time=columns[:, 0], mapping=mapping)
