"""The block diagram of a chip, drawn from its file: memories in columns towards the units, and what joins them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hwsim.chip import Chip, Link, Memory, UnitSpec
from hwsim.quantity import show
from search.html.tags import Markup, tag

BOX_WIDTH = 184
ROW = 17
GAP_X = 96
GAP_Y = 24
MARGIN = 10
LETTER = 6.4
"""Width of a letter of the labels; names that would not fit in a box are cut."""


@dataclass(frozen=True, slots=True)
class Block:
    """A box: the lines in it, its column from the left, and the blocks that feed it."""

    name: str
    kind: str
    lines: tuple[str, ...]
    column: int
    feeds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """A block with its place in pixels."""

    block: Block
    x: float
    y: float
    height: float


def chip_diagram(chip: Chip) -> Markup:
    """The diagram as inline SVG; colours come from the page's style."""
    boxes = _placed(_blocks(chip))
    width = max(box.x for box in boxes.values()) + BOX_WIDTH + MARGIN
    height = max(box.y + box.height for box in boxes.values()) + MARGIN
    title = f"Block diagram of {chip.title}"
    svg = tag(
        "svg",
        tag("title", title),
        *(part for box in boxes.values() for part in _wires(chip, box, boxes)),
        *(part for box in boxes.values() for part in _drawn(box)),
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=title,
        style=f"max-width:{1.3 * width:.0f}px;min-width:{0.8 * width:.0f}px",
    )
    return tag("div", svg, class_="diagram", tabindex="0", role="region", aria_label=title)


def _blocks(chip: Chip) -> tuple[Block, ...]:
    """Memories stand in the column of their longest way from the outside, units right of all of them."""
    columns = dict.fromkeys(chip.memories, 0)
    feeds: dict[str, dict[str, None]] = {name: {} for name in chip.memories}
    for unit in chip.units.values():
        for place, name in enumerate(unit.path):
            columns[name] = max(columns[name], place)
            if place:
                feeds[name].setdefault(unit.path[place - 1])
    for link in chip.links.values():
        outer, inner = sorted(link.between, key=lambda name: columns[name])
        if outer not in feeds[inner] and outer != inner:
            feeds[inner].setdefault(outer)
            columns[inner] = max(columns[inner], columns[outer] + 1)
    memories = [
        Block(name, "memory", _memory_lines(memory), columns[name], tuple(feeds[name]))
        for name, memory in chip.memories.items()
    ]
    last = max(columns.values()) + 1
    units = [Block(name, "unit", _unit_lines(chip, unit), last, unit.path[-1:]) for name, unit in chip.units.items()]
    return (*memories, *units)


def _memory_lines(memory: Memory) -> tuple[str, ...]:
    kind = memory.kind if memory.family is None else f"{memory.kind}, {memory.family}"
    times = f"{memory.instances:,} x " if memory.instances > 1 else ""
    lines = [kind, times + _size(memory.size)]
    if memory.bandwidth is not None:
        used = f", {memory.efficiency:.0%} used" if memory.efficiency < 1 else ""
        lines.append(show(memory.bandwidth, "B/s") + used)
    return tuple(lines)


def _size(size: float) -> str:
    """A capacity, in powers of two where it is a round number of them."""
    for scale, prefix in ((2.0**30, "Gi"), (2.0**20, "Mi"), (2.0**10, "Ki")):
        if scale <= size < 1024 * scale and size % (scale / 4) == 0:
            return f"{size / scale:g} {prefix}B"
    return show(size, "B")


def _unit_lines(chip: Chip, unit: UnitSpec) -> tuple[str, ...]:
    times = f"{unit.count:,} x " if unit.count > 1 else ""
    lines = [f"{times}{unit.kind.replace('_', ' ')}", f"{unit.clock} clock, {show(chip.clocks[unit.clock], 'Hz')}"]
    values: dict[str, Any] = {key: getattr(unit, key) for key in type(unit).model_fields}
    if isinstance(values.get("rows"), int) and isinstance(values.get("columns"), int):
        lines.append(f"{values['rows']:,} rows x {values['columns']:,} columns")
    elif isinstance(values.get("lanes"), int):
        lines.append(f"{values['lanes']:,} lanes")
    return tuple(lines)


def _placed(blocks: Sequence[Block]) -> dict[str, Box]:
    """Boxes in columns, each near what feeds it and without overlaps; all columns centred on the tallest."""
    columns = sorted({block.column for block in blocks})
    placed: dict[str, Box] = {}
    for number, column in enumerate(columns):
        ours = [block for block in blocks if block.column == column]
        ours.sort(key=lambda block: (_middle(block, placed), blocks.index(block)))
        top = float(MARGIN)
        for block in ours:
            height = ROW * (len(block.lines) + 1) + 12
            top = max(top, _middle(block, placed) - height / 2)
            placed[block.name] = Box(block, MARGIN + number * (BOX_WIDTH + GAP_X), top, height)
            top += height + GAP_Y
    return placed


def _middle(block: Block, placed: dict[str, Box]) -> float:
    """Where the blocks that feed this one stand on average; 0 without any."""
    above = [placed[name].y + placed[name].height / 2 for name in block.feeds if name in placed]
    return sum(above) / len(above) if above else 0.0


def _drawn(box: Box) -> Iterator[Markup]:
    yield tag(
        "rect", x=f"{box.x:g}", y=f"{box.y:g}", width=BOX_WIDTH, height=f"{box.height:g}", rx=5, class_=box.block.kind
    )
    room = int((BOX_WIDTH - 16) / LETTER)
    for place, line in enumerate((box.block.name, *box.block.lines)):
        text = line if len(line) <= room else line[: room - 2] + ".."
        kind = "line" if place else "name"
        yield tag("text", text, x=f"{box.x + 8:g}", y=f"{box.y + 6 + ROW * (place + 0.8):g}", class_=kind)


def _wires(chip: Chip, box: Box, boxes: dict[str, Box]) -> Iterator[Markup]:
    """Curves to a box from what feeds it, with the name and bandwidth of the link.

    A wire that passes other columns reaches the height of its box in the first gap, so that it runs beside their boxes.
    """
    for name in box.block.feeds:
        other = boxes[name]
        x1, y1 = other.x + BOX_WIDTH, other.y + other.height / 2
        x2, y2 = box.x, box.y + box.height / 2
        half, turned = GAP_X / 2, x1 + GAP_X
        curve = f"M{x1:g} {y1:g} C{x1 + half:g} {y1:g} {turned - half:g} {y2:g} {turned:g} {y2:g} L{x2:g} {y2:g}"
        yield tag("path", d=curve)
        link = _link(chip, name, box.block.name)
        if link is not None:
            text = show(link[1].bandwidth, "B/s")
            middle, height = x1 + half, (y1 + y2) / 2
            yield tag("text", link[0], x=f"{middle:g}", y=f"{height - 6:g}", class_="dim", text_anchor="middle")
            yield tag("text", text, x=f"{middle:g}", y=f"{height + 14:g}", class_="dim", text_anchor="middle")


def _link(chip: Chip, one: str, other: str) -> tuple[str, Link] | None:
    return next(((name, link) for name, link in chip.links.items() if set(link.between) == {one, other}), None)
