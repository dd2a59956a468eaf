"""Figures of a comparison as files: all of them in a folder, or one with everything as panels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from hwsim.output import OutputError, check_writable
from hwsim.plot import picture_format
from search.comparison.figures import charts
from search.comparison.run import Comparison
from search.figures.draw import draw, picture
from search.figures.style import render
from search.sweep import precision_note

FOLDER_FORMATS = ("png", "svg")


def is_folder(path: str) -> bool:
    """Whether ``--plot`` names a folder: an existing one, or a name without a suffix."""
    return Path(path).is_dir() or path.endswith(("/", os.sep)) or not Path(path).suffix


def check_outputs(files: Iterable[str], plot: str | None) -> None:
    """Refuse files and figures that could not be drawn or written later, before the long work starts.

    Raises:
        PlotError: a figure of an unknown format.
        OutputError: a place where nothing can be written, or one file for two outputs.
    """
    if plot is None or is_folder(plot):
        check_writable(files)
        if plot is not None:
            _check_folder(plot)
        return
    picture_format(plot)
    check_writable([*files, plot])


def _check_folder(path: str) -> None:
    target = Path(os.path.realpath(path))
    standing = target if target.exists() else target.parent
    if not standing.is_dir():
        raise OutputError(f"{path}: there is no folder {standing}; create it or choose another place")
    if not os.access(standing, os.W_OK):
        raise OutputError(f"{path}: not writable; choose another folder")


def pictures(comparison: Comparison, path: str, baseline: int | None, title: str) -> Mapping[str, bytes]:
    """The files of a comparison's figures: ``DIR/latency.png``, ... for a folder, else one with all as panels.

    Raises:
        OutputError: there is nothing to draw, because no point has a result.
    """
    drawn = charts(comparison, baseline)
    if not drawn:
        raise OutputError(f"{path}: nothing to draw, because no model runs on any of the chips")
    note = precision_note(comparison.rows)
    if not is_folder(path):
        return {path: picture(list(drawn.values()), picture_format(path), title, note)}
    found: dict[str, bytes] = {}
    for name, chart in drawn.items():
        figure = draw(chart, note=note)
        for file_format in FOLDER_FORMATS:
            found[str(Path(path) / f"{name}.{file_format}")] = render(figure, file_format)
    return found
