"""One style for all figures: colours, hatches and markers that also differ in grey, axes with units, files.

Drawn without pyplot, so nothing global changes. Colours are those of Okabe and Ito (2008) in the order of
``hwsim.plot.PALETTE``, whose neighbours differ in lightness; a hatch or a marker tells series apart without colour.
"""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from hwsim.plot import HATCHES, MARKERS, PALETTE
from hwsim.quantity import prefix_of
from hwsim.quantity import show as quantity
from hwsim.summary import number
from search.figures.charts import Measure, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter

DECADES = 2.0
"""A range wider than this is drawn on a logarithmic axis."""
DASHES: tuple[tuple[float, tuple[float, ...]], ...] = (
    (0, ()), (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)), (0, (8, 2, 2, 2)),
)  # fmt: skip
_AXIS_LETTERS = 44
_PREFIXED = ("s", "J", "W", "B", "B/s", "Hz", "J s", "MAC/s")
_LINE_COLORS = tuple("#000000" if color == "#F0E442" else color for color in PALETTE)
_DATES: dict[str, dict[str, None]] = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
_SETTINGS = {
    "svg.hashsalt": "hwsim", "pdf.fonttype": 42, "font.family": "DejaVu Sans", "font.size": 8.5,
    "axes.titlesize": 10, "axes.titlelocation": "left", "axes.titleweight": "bold", "axes.spines.top": False,
    "axes.spines.right": False, "axes.axisbelow": True, "axes.grid": False, "grid.color": "0.88",
    "hatch.linewidth": 0.6, "legend.frameon": False, "legend.fontsize": 8, "text.parse_math": False,
}  # fmt: skip


def styled() -> AbstractContextManager[None]:
    """The style, for as long as the block runs."""
    import matplotlib

    return matplotlib.rc_context(cast("Any", _SETTINGS))


@dataclass(frozen=True, slots=True)
class Look:
    """How one series looks: ``color`` and ``hatch`` of areas, ``line`` colour, ``marker`` and ``dashes`` of lines."""

    color: str
    hatch: str
    line: str
    marker: str
    dashes: tuple[float, tuple[float, ...]]


def look(index: int) -> Look:
    """The look of the series at a place; no two of the first 64 are alike."""
    turn = index // len(PALETTE)
    color = index % len(PALETTE)
    hatch = HATCHES[(index + 3 * turn) % len(HATCHES)]
    marker = MARKERS[(index + 3 * turn) % len(MARKERS)]
    return Look(PALETTE[color], hatch, _LINE_COLORS[color], marker, DASHES[(index + turn) % len(DASHES)])


def render(figure: Figure, file_format: str) -> bytes:
    """A figure as the bytes of a file ("png", "svg" or "pdf"); equal figures give equal bytes."""
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format=file_format, metadata=cast("Any", _DATES[file_format]))
    return buffer.getvalue()


def spans_decades(values: Sequence[float]) -> bool:
    """Whether positive numbers range over so much that only a logarithmic axis shows all of them."""
    return bool(values) and min(values) > 0 and math.log10(max(values) / min(values)) > DECADES


def label(value: Value, measure: Measure) -> str:
    """A value as it is written beside a bar: ``2.31 ms``, ``1,234``, or the word that stands for it."""
    if isinstance(value, str):
        return value
    if measure.unit in _PREFIXED:
        return quantity(value, measure.unit)
    return number(value) if value >= 1000 else f"{value:.3g}"


def ink(color: str) -> str:
    """Black or white, whichever is read better on a colour such as ``#0072B2`` (ITU-R BT.601 luma)."""
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 125 else "white"


def outlined() -> list[Any]:
    """Path effects that keep small text readable over lines."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=1.8, foreground="white")]


def set_axis(axes: Axes, which: str, measure: Measure, values: Sequence[float], from_zero: bool = True) -> bool:
    """Scale, ticks with units, grid and name of one axis.

    Args:
        axes: where.
        which: "x" or "y".
        measure: what it shows.
        values: what will be drawn along it.
        from_zero: whether a linear axis begins at zero.

    Returns:
        Whether the axis is logarithmic.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    axis, limits = (axes.xaxis, axes.set_xlim) if which == "x" else (axes.yaxis, axes.set_ylim)
    positive = [value for value in values if value > 0]
    logarithmic = spans_decades(positive)
    unit, scale = measure.unit, 1.0
    if logarithmic:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        low, high = 10 ** math.floor(math.log10(min(positive)) - 0.01), max(positive)
        limits(low, high * (high / low) ** 0.06)
        axis.set_major_locator(LogLocator(numticks=9))
        axis.set_major_formatter(ticks(lambda value: _tick(value, measure)))
        axis.set_minor_formatter(NullFormatter())
        unit = "" if unit in _PREFIXED else unit
    else:
        if unit in _PREFIXED and positive:
            found, prefix = prefix_of(max(positive))
            scale, unit = found or 1.0, f"{prefix}{unit}"
        axis.set_major_formatter(ticks(lambda value: _plain(value / scale)))
        if from_zero:
            limits(0, max(positive, default=1.0) * 1.18)
    axes.grid(True, axis=cast("Any", which))
    axis.set_label_text(textwrap.fill(f"{measure.name} ({unit})" if unit else measure.name, _AXIS_LETTERS))
    return logarithmic


def ticks(text: Callable[[float], str]) -> Formatter:
    """A formatter that writes ticks as a function says."""
    from matplotlib.ticker import FuncFormatter

    def written(value: float, _: int | None = None) -> str:
        return text(value)

    return FuncFormatter(written)


def _tick(value: float, measure: Measure) -> str:
    return quantity(value, measure.unit, 1) if measure.unit in _PREFIXED else f"{value:,.12g}"


def _plain(value: float) -> str:
    return f"{value:,.6g}"


def wrapped(text: str, width: int) -> str:
    """A long name on several lines, broken at (plain) spaces, hyphens and underscores."""
    lines = [""]
    for word in re.findall(r"[^ _=-]*[ _=-]*", text):
        if lines[-1] and len(lines[-1]) + len(word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return "\n".join(line.rstrip() for line in lines)
