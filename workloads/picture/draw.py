"""Drawing laid out frames with matplotlib: columns of frames, read from top to bottom and left to right."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from workloads.graph import OperatorGraph
from workloads.picture.boxes import PORT, frames
from workloads.picture.layout import LABEL, LINE, MARGIN, TITLE, Layout, Placed, Route, lay_out

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMN_GAP = 34.0
FRAME_GAP = 26.0
STACK = 4.0
HEAD = 30.0
WANTED_ASPECT = 1.5
SLACK = 1.1
"""How far a column may exceed an equal share of the height."""
COLOURS = {
    "contraction": "#cfe3f5",
    "pointwise": "#d6efe4",
    "reduction": "#fdf3c4",
    "gather": "#fbe0c4",
    "scan": "#f3d9e8",
    "move": "#e6e6e6",
    PORT: "#ffffff",
}
FONT, SMALL, BOLD = 8.0, 7.0, 8.0


def draw_graph(graph: OperatorGraph, file_format: str) -> bytes:
    """A picture of an operator graph as the bytes of a file; equal graphs give equal bytes.

    Args:
        graph: symbolic or bound; blocks that repeat are drawn once with their count.
        file_format: png, svg or pdf.
    """
    import matplotlib
    from matplotlib.figure import Figure

    layouts = [lay_out(frame, _measure) for frame in frames(graph)]
    columns = _columns(layouts)
    width = sum(_width(column) for column in columns) + COLUMN_GAP * (len(columns) + 1)
    height = max(_height(column) for column in columns) + HEAD + 2 * MARGIN
    with matplotlib.rc_context(cast("Any", {"svg.hashsalt": "hwsim"})):
        figure = Figure(figsize=(width / 72, height / 72), dpi=110)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.set_axis_off()
        axes.text(COLUMN_GAP, 20, _title(graph), fontsize=11, fontweight="bold")
        _legend(axes, COLUMN_GAP + _measure(_title(graph), True) * 1.5 + 20, graph)
        _draw_columns(axes, columns)
        buffer = io.BytesIO()
        dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(buffer, format=file_format, metadata=dates.get(file_format))
    return buffer.getvalue()


def _title(graph: OperatorGraph) -> str:
    count = sum(segment.count * len(segment.ops) for segment in graph.segments)
    return f"{graph.model}, {graph.phase}: {count:,} operators, {graph.parameters:,} parameters"


@functools.cache
def _measure(text: str, bold: bool) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=BOLD if bold else FONT, weight="bold" if bold else "normal")
    return float(text_to_path.get_text_width_height_descent(text or " ", font, ismath=False)[0])


def _legend(axes: Axes, x: float, graph: OperatorGraph) -> None:
    used = {op.family.value for _, op in graph.walk()}
    for family, colour in COLOURS.items():
        if family in used:
            _rectangle(axes, x, 12, 10, 10, colour)
            axes.text(x + 14, 20, family, fontsize=FONT)
            x += _measure(family, False) + 30


def _columns(layouts: Sequence[Layout]) -> list[list[Layout]]:
    """Frames in as many columns as make the picture a little wider than high."""
    total = sum(layout.height + FRAME_GAP for layout in layouts)
    tallest = max(layout.height + FRAME_GAP for layout in layouts)
    best: tuple[float, list[list[Layout]]] | None = None
    for count in range(1, len(layouts) + 1):
        columns = _filled(layouts, max(total / count, tallest))
        width = sum(_width(column) + COLUMN_GAP for column in columns)
        aspect = width / max(_height(column) for column in columns)
        off = max(aspect / WANTED_ASPECT, WANTED_ASPECT / aspect)
        if best is None or off < best[0]:
            best = (off, columns)
    return best[1] if best is not None else []


def _filled(layouts: Sequence[Layout], limit: float) -> list[list[Layout]]:
    columns: list[list[Layout]] = [[]]
    for layout in layouts:
        if columns[-1] and _height([*columns[-1], layout]) > limit * SLACK:
            columns.append([])
        columns[-1].append(layout)
    return columns


def _width(column: Sequence[Layout]) -> float:
    return max(layout.width for layout in column) + 2 * STACK


def _height(column: Sequence[Layout]) -> float:
    return sum(layout.height + FRAME_GAP for layout in column)


def _draw_columns(axes: Axes, columns: Sequence[Sequence[Layout]]) -> None:
    left = COLUMN_GAP
    last: tuple[float, float] | None = None
    for column in columns:
        top, width = HEAD + MARGIN, _width(column)
        for place, layout in enumerate(column):
            corner = left + (width - layout.width) / 2
            middle = corner + layout.width / 2
            if last is not None and place:
                _arrow(axes, [last, (middle, top)], 1.6)
            elif last is not None:
                gutter = left - COLUMN_GAP / 2
                rise = HEAD + MARGIN - 8
                path = [last, (last[0], last[1] + 8), (gutter, last[1] + 8), (gutter, rise), (middle, rise)]
                _arrow(axes, [*path, (middle, top)], 1.6)
            _draw_frame(axes, layout, corner, top)
            last = (middle, top + layout.height)
            top += layout.height + FRAME_GAP
        left += width + COLUMN_GAP


def _rectangle(
    axes: Axes, x: float, y: float, width: float, height: float, colour: str, line: float = 0.7, z: float = 2
) -> None:
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0,rounding_size=3"
    axes.add_artist(
        FancyBboxPatch(
            (x, y), width, height, boxstyle=style, facecolor=colour, edgecolor="#444", linewidth=line, zorder=z
        )
    )


def _arrow(axes: Axes, points: Sequence[tuple[float, float]], width: float = 0.8, dashed: bool = False) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    axes.add_artist(
        FancyArrowPatch(
            path=Path(list(points)), arrowstyle="-|>", mutation_scale=7 + 2 * width, linewidth=width, color="#555",
            linestyle="--" if dashed else "-", zorder=1.5, shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip


def _draw_frame(axes: Axes, layout: Layout, left: float, top: float) -> None:
    frame = layout.frame
    for shift in (2 * STACK, STACK) if frame.count > 1 else ():
        _rectangle(axes, left + shift, top + shift, layout.width, layout.height, "#eef1f4", 0.8, 0.8)
    _rectangle(axes, left, top, layout.width, layout.height, "#f8f9fb", 0.8, 1)
    axes.text(left + MARGIN, top + TITLE - 6, frame.title, fontsize=BOLD, fontweight="bold", color="#333")
    if frame.count > 1:
        right = left + layout.width - MARGIN
        axes.text(
            right, top + TITLE - 6, f"×{frame.count}", fontsize=11, fontweight="bold", ha="right", color="#a33b00"
        )
    for route in layout.routes:
        _draw_route(axes, route, left, top)
    for placed in layout.boxes:
        _draw_box(axes, placed, left, top)
    _draw_labels(axes, layout, left, top)


def _draw_route(axes: Axes, route: Route, left: float, top: float) -> None:
    points = [(x + left, y + top) for x, y in route.points]
    _arrow(axes, points, dashed=route.edge.state)


def _draw_box(axes: Axes, placed: Placed, left: float, top: float) -> None:
    x, y = placed.x + left, placed.y + top
    port = placed.box.look == PORT
    corner = (x - placed.width / 2, y - placed.height / 2)
    _rectangle(axes, *corner, placed.width, placed.height, COLOURS[placed.box.look], 0.5 if port else 0.8)
    first = y - (len(placed.box.lines) - 1) * LINE / 2
    for place, line in enumerate(placed.box.lines):
        weight = "normal" if place or port else "bold"
        style = "italic" if port else "normal"
        axes.text(
            x, first + place * LINE, line, fontsize=FONT, fontweight=weight, style=style, ha="center",
            va="center_baseline", zorder=3, color="#555" if port else "#111",
        )  # fmt: skip


def _draw_labels(axes: Axes, layout: Layout, left: float, top: float) -> None:
    """The shapes of what a box makes, each once below it, on the paper's colour so that lines don't cross it."""
    seen: dict[str, list[str]] = {}
    for route in layout.routes:
        text = f"state {route.edge.label}" if route.edge.state else route.edge.label
        shown = seen.setdefault(route.edge.source, [])
        if text in shown:
            continue
        x, y = route.points[0][0] + left, route.points[0][1] + top + LABEL + LINE * len(shown)
        shown.append(text)
        paper = {"facecolor": "#f8f9fb", "edgecolor": "none", "pad": 0.6}
        axes.text(x, y, text, fontsize=SMALL, ha="center", va="center", color="#0a4f8a", zorder=2.5, bbox=paper)
