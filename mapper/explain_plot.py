"""The mapping of an operator as a picture: memories around memories, the loops between them, and the unit inside.

Every memory is a frame around all that is nearer to the unit. Its bar shows how much of it the tiles take; a loop is a
strip that shows its dimension cut into tiles, the last one as ragged as it is. Lanes (loops in space) are hatched.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from hwsim.plot import PALETTE
from hwsim.quantity import show
from mapper.explain_nest import HeldView, LevelView, LoopView
from mapper.explain_op import OperatorDetail, TrafficView

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW = 22.0
INDENT = 15.0
WIDTH = 780.0
MARGIN = 14.0
STRIP = 230.0
"""Length of the strips and bars, at the right of the picture."""
MOST_CELLS = 48
"""A loop with more tiles shows the first of them and the last."""
SHOWN_CELLS = 16
OPERAND_COLOURS = {"input": PALETTE[0], "weight": PALETTE[1], "output": PALETTE[2]}
LANE, TILE = "#f3d9a8", "#cfe3f5"
FRAMES = ("#f4f6f8", "#ffffff")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the picture at a depth: a memory, what crosses below it, a loop, or the unit."""

    depth: int
    level: LevelView | None = None
    crossing: tuple[TrafficView, ...] = ()
    loop: LoopView | None = None
    text: str = ""


def nest_picture(detail: OperatorDetail, file_format: str) -> bytes:
    """The picture as the bytes of a file; equal details give equal bytes.

    Args:
        detail: an operator with its mapping; one without levels (a unit that takes it whole) is shown by its loops.
        file_format: png, svg or pdf.
    """
    import matplotlib
    from matplotlib.figure import Figure

    lines = nest_lines(detail)
    height = ROW * (len(lines) + 3) + 2 * MARGIN + 6 * len(detail.levels)
    with matplotlib.rc_context(cast("Any", {"svg.hashsalt": "hwsim", "hatch.linewidth": 0.6, "font.size": 8.5})):
        figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=110)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(height, 0)
        axes.set_axis_off()
        _title(axes, detail)
        _draw(axes, lines, 2 * ROW + MARGIN)
        buffer = io.BytesIO()
        dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(buffer, format=file_format, metadata=dates.get(file_format))
    return buffer.getvalue()


def nest_lines(detail: OperatorDetail) -> tuple[Line, ...]:
    """What is drawn, from top to bottom."""
    return tuple(_lines(detail))


def _lines(detail: OperatorDetail) -> Iterator[Line]:
    depth = 0
    for level in detail.levels:
        yield Line(depth, level=level)
        depth += 1
        crossing = tuple(row for row in detail.traffic if row.memory == level.memory)
        if crossing:
            yield Line(depth, crossing=crossing)
        for loop in level.loops:
            yield Line(depth, loop=loop)
            depth += 1
    if not detail.levels:
        for dim, extent in detail.loops:
            yield Line(depth, loop=LoopView(dim, extent, extent, 1, ""))
            depth += 1
    extents = ", ".join(f"{dim} {size}" for dim, size in detail.innermost)
    unit = detail.time.unit
    yield Line(
        depth, text=f"{unit} takes {extents or 'one point'} at a time" if detail.levels else f"{unit}: {detail.note}"
    )


def _title(axes: Axes, detail: OperatorDetail) -> None:
    axes.text(MARGIN, MARGIN + 8, detail.time.name, fontsize=11, fontweight="bold")
    words = f"{detail.time.kind} on {detail.time.unit}, {detail.points:,} points, utilization {detail.utilization:.1%}"
    axes.text(MARGIN, MARGIN + 26, f"{words}, one execution", color="#444")
    x = WIDTH - MARGIN - STRIP
    for name, colour in OPERAND_COLOURS.items():
        _box(axes, x, MARGIN + 19, 9, 9, colour)
        axes.text(x + 13, MARGIN + 27, name)
        x += 60


def _draw(axes: Axes, lines: Sequence[Line], top: float) -> None:
    """Frames first, each down to the end of the picture, then the lines."""
    places: list[float] = []
    for line in lines:
        top += 6 if line.level is not None else 0
        places.append(top)
        top += ROW
    levels = [place for place, line in enumerate(lines) if line.level is not None]
    for order, place in enumerate(levels):
        inset = MARGIN + INDENT * lines[place].depth
        bottom = top + 4 * (len(levels) - order)
        right = WIDTH - MARGIN + 4 - 3 * order
        _box(axes, inset - 6, places[place], right - inset + 6, bottom - places[place], FRAMES[order % 2], z=order)
    for line, y in zip(lines, places, strict=True):
        x, middle = MARGIN + INDENT * line.depth, y + ROW / 2
        if line.level is not None:
            _memory(axes, line.level, x, middle)
        elif line.loop is not None:
            _loop(axes, line.loop, x, middle)
        elif line.crossing:
            axes.text(x, middle, _crossing(line.crossing), va="center", fontsize=7.5, color="#0a4f8a", zorder=30)
        else:
            axes.text(x, middle, line.text, va="center", fontweight="bold", color="#00523c", zorder=30)


def _memory(axes: Axes, level: LevelView, x: float, y: float) -> None:
    each = f", each of {level.instances:,}" if level.instances > 1 else ""
    axes.text(x, y, level.memory, va="center", fontweight="bold", zorder=30)
    size = f"{show(level.capacity_bytes, 'B')}{each}"
    axes.annotate(
        size, (x, y), (7.0 * len(level.memory) + 8, 0), textcoords="offset points", va="center", color="#444", zorder=30
    )
    held = [one for one in level.holds if not (one.resident and one.tile_bytes == 0)]
    left = WIDTH - MARGIN - STRIP - 8
    _box(axes, left, y - 6, STRIP, 12, "#ffffff", z=31)
    taken = left
    for one in held:
        part = min(1.0, one.tile_bytes * one.buffers / level.capacity_bytes) * STRIP
        part = min(part, left + STRIP - taken)
        _box(axes, taken, y - 6, part, 12, OPERAND_COLOURS[one.operand], z=32)
        taken += part
    words = ", ".join(map(_held, held)) or "nothing"
    axes.text(left - 6, y, words, va="center", ha="right", fontsize=7.5, zorder=33, color="#444")


def _held(held: HeldView) -> str:
    times = " x2" if held.buffers == 2 else ""
    return f"{held.operand} {show(held.tile_bytes, 'B')}{times}{' kept' if held.resident else ''}"


def _loop(axes: Axes, loop: LoopView, x: float, y: float) -> None:
    word = ("lane" if loop.axis else "tile") + ("s" if loop.trips > 1 else "")
    where = f" on {loop.axis}" if loop.axis else ""
    name = "par" if loop.axis else "for"
    ragged = loop.extent % loop.size
    last = f", the last {ragged}" if ragged else ""
    text = f"{name} {loop.dim} in 0:{loop.extent:,} step {loop.size:,}{where}"
    axes.text(x, y, text, va="center", zorder=30, family="DejaVu Sans Mono", fontsize=8)
    left = WIDTH - MARGIN - STRIP - 8
    axes.text(
        left - 6, y, f"{loop.trips:,} {word}{last}", va="center", ha="right", fontsize=7.5, color="#444", zorder=33
    )
    scale = STRIP / loop.extent if loop.trips <= MOST_CELLS else STRIP / (loop.size * (SHOWN_CELLS + 2.5))
    for start, size in loop_cells(loop):
        _box(axes, left + start * scale, y - 6, size * scale, 12, LANE if loop.axis else TILE, bool(loop.axis), 32)
    if loop.trips > MOST_CELLS:
        axes.text(left + loop.size * scale * (SHOWN_CELLS + 0.75), y, "...", va="center", ha="center", zorder=33)


def loop_cells(loop: LoopView) -> Iterator[tuple[float, float]]:
    """Start and size of the tiles that are drawn, in points of the dimension."""
    last = loop.extent - loop.size * (loop.trips - 1)
    shown = loop.trips - 1 if loop.trips <= MOST_CELLS else SHOWN_CELLS
    for tile in range(shown):
        yield float(tile * loop.size), float(loop.size)
    yield float(shown * loop.size) if loop.trips <= MOST_CELLS else loop.size * (SHOWN_CELLS + 1.5), float(last)


def _crossing(rows: Sequence[TrafficView]) -> str:
    """What crosses below a memory: down is read, up is written."""
    down = [f"{_short(row.operand)} {show(row.read_bytes, 'B')}" for row in rows if row.read_bytes]
    up = [f"{_short(row.operand)} {show(row.write_bytes, 'B')}" for row in rows if row.write_bytes]
    return "   ".join(f"{arrow} {', '.join(part)}" for arrow, part in (("\u2193", down), ("\u2191", up)) if part)


def _short(name: str) -> str:
    """The last part of a dotted name."""
    return name.rpartition(".")[2]


def _box(
    axes: Axes, x: float, y: float, width: float, height: float, colour: str, lanes: bool = False, z: float = 2
) -> None:
    from matplotlib.patches import Rectangle

    hatch = "////" if lanes else None
    look = {"facecolor": colour, "edgecolor": "#555", "linewidth": 0.6, "hatch": hatch, "zorder": z}
    axes.add_artist(Rectangle((x, y), width, height, **cast("Any", look)))
