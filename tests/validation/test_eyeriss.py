"""Processing latency of AlexNet's convolutions on the Eyeriss chip, with the published mapping and nothing fitted.

Silicon: Chen et al., JSSC 2017, Table V (N = 4, 200 MHz core); mapping parameters: the same paper, Table III. The bar
is 4.3 % mean error, that of another analytical model.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hwsim.nest import Nest
from hwsim.schedule import Level, TileLoop
from hwsim.units.registry import build_unit
from hwsim.units.spatial_array import SpatialArray
from tests.unit.hwsim.nests import conv_nest, eyeriss_like

CYCLES_PER_MS = 200_000


@dataclass(frozen=True)
class Layer:
    """A convolution, its measured latency, and the row-stationary mapping: how many images share the filters, p filters
    and q channels per lane, and what the two axes of the array unroll, outermost first."""

    nest: Nest
    milliseconds: float
    images: int
    p: int
    q: int
    rows: tuple[tuple[str, int], ...]
    columns: tuple[tuple[str, int], ...]


LAYERS = {
    "CONV1": Layer(
        conv_nest(4, 96, 3, 55, 55, 11, 11, stride=4, bits=16), 16.5, 1, 16, 1, (("r", 11),), (("k", 2), ("p", 7))
    ),
    "CONV2": Layer(
        conv_nest(4, 128, 48, 27, 27, 5, 5, groups=2, bits=16), 39.2, 1, 16, 2, (("p", 2), ("r", 5)), (("p", 14),)
    ),
    "CONV3": Layer(conv_nest(4, 384, 256, 13, 13, 3, 3, bits=16), 21.8, 4, 16, 4, (("k", 4), ("r", 3)), (("p", 13),)),
    "CONV4": Layer(
        conv_nest(4, 192, 192, 13, 13, 3, 3, groups=2, bits=16),
        16.0, 4, 16, 3, (("k", 2), ("c", 2), ("r", 3)), (("p", 13),),
    ),
    "CONV5": Layer(
        conv_nest(4, 128, 192, 13, 13, 3, 3, groups=2, bits=16),
        10.0, 4, 16, 3, (("k", 2), ("c", 2), ("r", 3)), (("p", 13),),
    ),
}  # fmt: skip


def levels_of(layer: Layer, array: SpatialArray) -> tuple[Level, ...]:
    """The published mapping as levels: filters stay while a row of windows slides past."""
    nest = layer.nest
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
    filters, windows, sums = array.lane_memories
    return (
        Level(array.shared_memory, (*loops, *in_space)),
        Level(filters, (), ("weight",)),
        Level(windows, (), ("input",)),
        Level(sums, tuple(TileLoop(dim, 1) for dim in ("k", "c", "s") if lane.get(dim, 1) > 1), ("output",)),
    )


def simulated_milliseconds(layer: Layer) -> float:
    array = build_unit("unit", eyeriss_like())
    assert isinstance(array, SpatialArray)
    return float(array.tile_cycles(layer.nest, levels_of(layer, array), layer.nest.full)) / CYCLES_PER_MS


def test_mean_error_of_processing_latency_is_below_the_bar() -> None:
    errors = {name: simulated_milliseconds(layer) / layer.milliseconds - 1 for name, layer in LAYERS.items()}
    assert sum(abs(error) for error in errors.values()) / len(errors) < 0.043, errors
    assert all(abs(error) < 0.07 for error in errors.values()), errors


@pytest.mark.parametrize("name", LAYERS)
def test_our_own_mapping_is_not_slower_than_the_published_one(name: str) -> None:
    layer = LAYERS[name]
    array = build_unit("unit", eyeriss_like())
    assert isinstance(array, SpatialArray)
    best = array.inner_options(layer.nest)[0]
    ours = array.tile_cycles(layer.nest, best, layer.nest.full)
    assert ours <= array.tile_cycles(layer.nest, levels_of(layer, array), layer.nest.full)
