"""Formats that pictures are written in."""

from __future__ import annotations

from pathlib import Path

from workloads.errors import UserError

FORMATS = ("png", "svg", "pdf")


class PlotError(UserError):
    """A picture that cannot be drawn."""


def picture_format(path: str) -> str:
    """The format that a file's name asks for.

    Raises:
        PlotError: no suffix, or one that is not among ``FORMATS``.
    """
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise PlotError(f"{path}: a picture's name must end in .png, .svg or .pdf")
    return suffix
