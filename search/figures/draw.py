"""Charts to a figure: one, or several as panels; and to the bytes of a file."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from search.figures.bars import Keys, bars_size, claims_size, draw_bars, draw_claims
from search.figures.charts import Bars, Chart, Claims, Lines, Roofline, Scatter, Stacks
from search.figures.lines import draw_lines, lines_size
from search.figures.points import draw_roofline, draw_scatter, points_size
from search.figures.stacks import draw_stacks, stacks_size
from search.figures.style import render, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150
_NOTE_SIZE = 7.0
_LINE_INCHES = 0.18
_LETTER_INCHES = 0.13
_LETTERS_PER_INCH = 12
_TITLE_INCHES = 0.3
_WIDE_INCHES = 9.0
_BELOW_INCHES = 0.55
"""Room for ticks and the name of an axis above a legend."""
_KINDS: dict[type, tuple[Callable[[Any], tuple[float, float]], Callable[[Any, Any], Keys]]] = {
    Bars: (bars_size, draw_bars),
    Claims: (claims_size, draw_claims),
    Stacks: (stacks_size, draw_stacks),
    Lines: (lines_size, draw_lines),
    Roofline: (points_size, draw_roofline),
    Scatter: (points_size, draw_scatter),
}


def draw(charts: Chart | Sequence[Chart], title: str = "", note: str = "", columns: int = 2) -> Figure:
    """A figure of one chart, or of several as panels in rows; equal legends are written once, under the last.

    Args:
        charts: at least one.
        title: over all panels.
        note: small, below them.
        columns: panels beside each other at most; wide ones stand alone.
    """
    from matplotlib.figure import Figure

    panels: list[Chart] = list(charts) if isinstance(charts, Sequence) else [charts]
    sizes = [_KINDS[type(chart)][0](chart) for chart in panels]
    across = 1 if max(width for width, _ in sizes) > _WIDE_INCHES else min(columns, len(panels))
    widths = [max(width for width, _ in sizes[column::across]) for column in range(across)]
    heights = [max(height for _, height in sizes[first : first + across]) for first in range(0, len(panels), across)]
    with styled():
        figure = Figure(figsize=(sum(widths), sum(heights)), dpi=DOTS_PER_INCH, layout="constrained")
        grid = figure.add_gridspec(len(heights), across, width_ratios=widths)
        places = [figure.add_subplot(grid[index // across, index % across]) for index in range(len(panels))]
        legends = [_KINDS[type(chart)][1](axes, chart) for axes, chart in zip(places, panels, strict=True)]
        text = textwrap.fill(note, int(sum(widths) * 14))
        if len({_texts(keys) for keys in legends if keys}) == 1:
            below = _common_legend(figure, legends, sum(widths), text)
        else:
            room = _own_legends(figure, places, legends, widths)
            heights = [height + max(room[row * across : (row + 1) * across]) for row, height in enumerate(heights)]
            below = _LINE_INCHES * (text.count("\n") + 1) if note else 0.0
            if note:
                figure.supxlabel(text, fontsize=_NOTE_SIZE, x=0.01, ha="left")
        if title:
            figure.suptitle(
                textwrap.fill(title, int(sum(widths) * 9.5)), fontsize=11.5, fontweight="bold", x=0.01, ha="left"
            )
        grid.set_height_ratios(heights)
        figure.set_size_inches(sum(widths), sum(heights) + below + (_TITLE_INCHES if title else 0.0))
        # Laid out once here, instead of at each of several files.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    for axes in places:
        _round_place(axes)
    return figure


def _round_place(axes: Axes) -> None:
    """Round where axes are: the solver differs in the last bit at times, and names in SVG files hash all bits."""
    left, bottom, width, height = (round(value, 6) for value in axes.get_position(original=True).bounds)
    axes.set_position((left, bottom, width, height))


def picture(
    charts: Chart | Sequence[Chart], file_format: str, title: str = "", note: str = "", columns: int = 2
) -> bytes:
    """The bytes of a file with the figure that ``draw`` makes; equal charts give equal bytes.

    Args:
        charts, title, note, columns: as for ``draw``.
        file_format: "png", "svg" or "pdf".
    """
    return render(draw(charts, title, note, columns), file_format)


def _texts(keys: Keys) -> tuple[str, ...]:
    return tuple(text for _, text in keys)


def _common_legend(figure: Figure, legends: Sequence[Keys], width: float, note: str) -> float:
    """One legend for all panels, under the note; the inches that it takes."""
    keys = next(keys for keys in legends if keys)
    legend, rows = _legend(figure, keys, width, "outside lower center")
    legend.set_title(note or None, {"size": _NOTE_SIZE})
    return _LINE_INCHES * (rows + (note.count("\n") + 1 if note else 0))


def _own_legends(
    figure: Figure, places: Sequence[Axes], legends: Sequence[Keys], widths: Sequence[float]
) -> list[float]:
    """A legend under the last panel of those with equal ones; the inches that each panel's takes."""
    from matplotlib.transforms import ScaledTranslation

    last = {_texts(keys): place for place, keys in enumerate(legends)}
    taken: list[float] = []
    for place, (axes, keys) in enumerate(zip(places, legends, strict=True)):
        taken.append(0.0)
        if keys and last[_texts(keys)] == place:
            legend, rows = _legend(axes, keys, widths[place % len(widths)], "upper center")
            inches = _BELOW_INCHES + _LETTER_INCHES * _lines_below(axes)
            below = axes.transAxes + ScaledTranslation(0, -inches, figure.dpi_scale_trans)
            legend.set_bbox_to_anchor((0.5, 0.0), transform=below)
            taken[place] = _LINE_INCHES * rows
    return taken


def _lines_below(axes: Axes) -> int:
    """Lines between the axes and a legend beyond the two for which there is room: of names, and of a remark below."""
    labels = axes.get_xticklabels()
    names = max((text.get_text().count("\n") + 1 for text in labels), default=1)
    turned = any(text.get_rotation() for text in labels)
    return max(0, names + 2 * turned + bool(axes.get_xlabel()) - 2)


def _legend(owner: Any, keys: Keys, width: float, place: str) -> tuple[Any, int]:
    """A legend in as many columns as fit, and its rows."""
    handles, texts = [cast("Any", handle) for handle, _ in keys], _texts(keys)
    columns = max(1, min(len(texts), int(width * _LETTERS_PER_INCH / (max(map(len, texts)) + 6))))
    return owner.legend(handles, texts, loc=place, ncols=columns, handlelength=2.6), -(-len(texts) // columns)
