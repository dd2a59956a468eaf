"""Boards: what an FPGA design may use. The numbers are in ``data/boards.yaml``, each with source and status."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from hwsim.chip import Source
from hwsim.fpga.resources import Resources
from hwsim.part import Count, Part
from hwsim.quantity import Bytes, BytesPerSecond, Dollars, Watts
from hwsim.yaml_text import read_yaml
from workloads.errors import UserError, did_you_mean

_FILE = Path(__file__).parents[1] / "data" / "boards.yaml"


class BoardMemory(Part):
    """The board's largest memory: kind, size, peak bandwidth and channels."""

    kind: str
    size: Bytes
    bandwidth: BytesPerSecond
    channels: Count


class Board(Part):
    """One board.

    Attributes:
        device: the FPGA on it.
        dies: pieces of silicon (super logic regions) that it consists of.
        resources: of the device, everything the vendor's shell takes included.
        shell: what the vendor's shell takes of them, absent where there is none or it is unknown.
        memory: its main memory.
        power: what the board may draw, absent where unknown.
        price: as listed by the vendor, absent where unknown.
        sources: where its numbers come from.
    """

    device: str
    dies: Count
    resources: Resources
    shell: Resources | None = None
    memory: BoardMemory
    power: Watts | None = None
    price: Dollars | None = None
    sources: tuple[Source, ...]


@cache
def boards() -> dict[str, Board]:
    """All boards by name."""
    data = read_yaml(_FILE.read_text(encoding="utf-8"), _FILE.name).data
    return TypeAdapter(dict[str, Board]).validate_python(data)


def board_named(name: str) -> Board:
    """One board.

    Raises:
        UserError: with the closest name.
    """
    if name not in boards():
        raise UserError(f"no board is named {name!r}{did_you_mean(name, boards())}; boards: {', '.join(boards())}")
    return boards()[name]


def check_board(name: str, dies: int | None) -> None:
    """Refuse a board that does not exist, or fewer dies on it than a design spans.

    Raises:
        ValueError: what is wrong, behind the key.
    """
    try:
        board = board_named(name)
    except UserError as error:
        raise ValueError(f"board: {error}") from None
    if dies is not None and dies > board.dies:
        raise ValueError(f"dies: {dies} asked, the {name} has {board.dies}")
