"""Eyeriss silicon, AlexNet: Chen et al., JSSC 2017, Table V (4 images, 200 MHz core), mapping of its Table III."""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.config import load_chip
from hwsim.machine import make_machine
from hwsim.nest import Nest, nest_of
from hwsim.schedule import Level, TileLoop
from search.validation.case import Case, Found, Group, Request
from workloads.inline import parse_inline

_Pairs = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution, its measured latency, and the row-stationary mapping.

    Attributes:
        text: the layer as an inline operator, padding included in its size.
        milliseconds: processing latency.
        images: images that share the filters of a lane.
        p, q: filters and channels per lane.
        rows, columns: what the axes of the array unroll, outermost first.
    """

    text: str
    milliseconds: float
    images: int
    p: int
    q: int
    rows: _Pairs
    columns: _Pairs


LAYERS = {
    "CONV1": Layer(
        "n=4,c=3,h=227,w=227,k=96,r=11,s=11,stride=4", 16.5, 1, 16, 1, (("r", 11),), (("k", 2), ("p", 7))
    ),
    "CONV2": Layer(
        "n=4,c=96,h=31,w=31,k=256,r=5,s=5,groups=2", 39.2, 1, 16, 2, (("p", 2), ("r", 5)), (("p", 14),)
    ),
    "CONV3": Layer("n=4,c=256,h=15,w=15,k=384,r=3,s=3", 21.8, 4, 16, 4, (("k", 4), ("r", 3)), (("p", 13),)),
    "CONV4": Layer(
        "n=4,c=384,h=15,w=15,k=384,r=3,s=3,groups=2", 16.0, 4, 16, 3, (("k", 2), ("c", 2), ("r", 3)), (("p", 13),)
    ),
    "CONV5": Layer(
        "n=4,c=384,h=15,w=15,k=256,r=3,s=3,groups=2", 10.0, 4, 16, 3, (("k", 2), ("c", 2), ("r", 3)), (("p", 13),)
    ),
}  # fmt: skip


def nest_of_layer(layer: Layer) -> Nest:
    """The layer's loops at 16 bits."""
    graph = parse_inline(f"conv2d:{layer.text},bits=16")
    return nest_of(graph.segments[0].ops[0], graph.by_name)


def levels_of(layer: Layer, nest: Nest, path: tuple[str, ...]) -> tuple[Level, ...]:
    """The published mapping as levels (``path``: the array's memories): filters stay while a row of windows passes."""
    lane = {**dict.fromkeys(nest.dims, 1), "k": layer.p, "c": layer.q, "s": nest.full["s"]}
    size = dict(lane)
    in_space: list[TileLoop] = []
    for axis, pairs in (("columns", layer.columns), ("rows", layer.rows)):
        for dim, lanes in reversed(pairs):
            in_space.insert(0, TileLoop(dim, size[dim], axis))
            size[dim] *= lanes
    images = ("n",) if layer.images == 1 else ()
    order = (*images, "g", "k", "p", "c", "r", "s", *(() if images else ("n",)), "q")
    loops = tuple(TileLoop(dim, size[dim]) for dim in order if dim in nest.full and size[dim] < nest.full[dim])
    _, buffer, filters, windows, sums = path
    return (
        Level(buffer, (*loops, *in_space)),
        Level(filters, (), ("weight",)),
        Level(windows, (), ("input",)),
        Level(sums, tuple(TileLoop(dim, 1) for dim in ("k", "c", "s") if lane.get(dim, 1) > 1), ("output",)),
    )


def _processing(_: Request) -> Found:
    chip = load_chip("eyeriss")
    array = make_machine(chip).arrays["array"]
    cases: list[Case] = []
    for name, layer in LAYERS.items():
        nest = nest_of_layer(layer)
        cycles = float(array.tile_cycles(nest, levels_of(layer, nest, array.spec.path), nest.full))
        milliseconds = cycles / chip.clock_hertz * 1e3
        source, quantity = "JSSC 2017, Table V", f"AlexNet {name}, processing latency"
        cases.append(Case(source, quantity, "ms", layer.milliseconds, milliseconds, "measured"))
    return Found(tuple(cases))


GROUPS = (
    Group(
        "eyeriss/processing",
        "Eyeriss silicon: processing latency of AlexNet",
        _processing,
        "The published mapping on the shipped chip; nothing is fitted. Another analytical model reaches 4.3 % mean "
        "error.",
    ),
)
