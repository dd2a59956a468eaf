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
_LINE = 0.05
"""Height of a line of small text as a fraction of a chart's."""
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
        columns: panels beside each other.
    """
    from matplotlib.figure import Figure

    panels: list[Chart] = list(charts) if isinstance(charts, Sequence) else [charts]
    across = min(columns, len(panels))
    down = -(-len(panels) // across)
    sizes = [_KINDS[type(chart)][0](chart) for chart in panels]
    widths = [max(size[0] for size in sizes[column::across]) for column in range(across)]
    heights = [max(size[1] for size in sizes[row * across : (row + 1) * across]) for row in range(down)]
    with styled():
        figure = Figure(figsize=(sum(widths), sum(heights)), dpi=DOTS_PER_INCH, layout="constrained")
        grid = figure.add_gridspec(down, across, width_ratios=widths, height_ratios=heights)
        legends: list[Keys] = []
        places: list[Axes] = []
        for index, chart in enumerate(panels):
            axes = figure.add_subplot(grid[index // across, index % across])
            legends.append(_KINDS[type(chart)][1](axes, chart))
            places.append(axes)
        _add_legends(figure, places, legends, sum(widths), widths[0])
        if note:
            figure.supxlabel(textwrap.fill(note, int(sum(widths) * 14)), fontsize=7, x=0.01, ha="left")
        if title:
            figure.suptitle(title, fontsize=11.5, fontweight="bold", x=0.01, ha="left")
        # Laid out once here, instead of at each of several files.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    return figure


def picture(
    charts: Chart | Sequence[Chart], file_format: str, title: str = "", note: str = "", columns: int = 2
) -> bytes:
    """The bytes of a file with the figure that ``draw`` makes; equal charts give equal bytes.

    Args:
        charts, title, note, columns: as for ``draw``.
        file_format: "png", "svg" or "pdf".
    """
    return render(draw(charts, title, note, columns), file_format)


def _add_legends(figure: Figure, places: Sequence[Axes], legends: Sequence[Keys], width: float, panel: float) -> None:
    texts = {tuple(text for _, text in keys) for keys in legends if keys}
    if len(texts) == 1:
        keys = next(keys for keys in legends if keys)
        _legend(figure, keys, width, "outside lower center")
        return
    last = {tuple(text for _, text in keys): place for place, keys in enumerate(legends)}
    for place, (axes, keys) in enumerate(zip(places, legends, strict=True)):
        if keys and last[tuple(text for _, text in keys)] == place:
            legend = _legend(axes, keys, panel, "upper center")
            legend.set_bbox_to_anchor((0.5, -0.2 - _LINE * _lines_below(axes)))


def _lines_below(axes: Axes) -> int:
    """Lines between the axes and a legend beyond the two for which there is room: of names, and of a remark below."""
    names = max((text.get_text().count("\n") + 1 for text in axes.get_xticklabels()), default=1)
    return max(0, names + bool(axes.get_xlabel()) - 2)


def _legend(owner: Any, keys: Keys, width: float, place: str) -> Any:
    handles, texts = [cast("Any", handle) for handle, _ in keys], [text for _, text in keys]
    longest = max(map(len, texts))
    columns = max(1, min(len(texts), int(width * 13 / (longest + 6))))
    return owner.legend(handles, texts, loc=place, ncols=columns, handlelength=2.6)
