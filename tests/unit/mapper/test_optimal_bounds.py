"""No bound of the optimal mapper is above the cost of a mapping that it stands for, on random mappings."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwsim.units.base import Folds, Lanes
from mapper.optimal import _layout as k
from mapper.optimal._list_kernels import kept_entries
from mapper.optimal._outer_kernels import held
from mapper.optimal._search_kernels import fits_lanes, node_value
from mapper.optimal._table_kernels import array_row, buffer_row
from mapper.optimal._tile_kernels import evaluate, keys, open_tiles, ordered, overlap_limit, tighten_tiles
from mapper.optimal.lanes import Hunt, floor_of, listed_tiles, new_hunt, whole_rows
from mapper.optimal.problem import Flat, flat_problem
from mapper.optimal.search import search
from mapper.optimal.state import ORDERS, cost_room
from tests.unit.mapper.small_chips import CHIPS, machine_of, random_operator, task_of

SLACK = 1 + 1e-9
SYSTOLIC = [name for name in sorted(CHIPS) if "systolic" in CHIPS[name]]
SPATIAL = [name for name in sorted(CHIPS) if "systolic" not in CHIPS[name]]


@dataclass(frozen=True, slots=True)
class _Mapping:
    """One mapping in the numbers of the compiled search."""

    rows: Any
    tiles: Any
    mode: Any

    @property
    def visits(self) -> list[float]:
        return self.tiles[:, k.VISITS].tolist()


def _tasks(name: str, folder: Path, count: int) -> Iterator[tuple[Flat, random.Random]]:
    machine, seed = machine_of(folder, name), random.Random(f"bounds {name}")
    for _ in range(count):
        task = task_of(machine, random_operator(seed, 8), seed.choice((100.0, 400.0, 2048.0)))
        flat = None if task is None or not task.nest.dims else flat_problem(task, machine)
        if flat is not None:
            yield flat, seed


def _random_mapping(flat: Flat, most: Any, largest: Any, seed: random.Random) -> _Mapping | None:
    """Random array options and buffer tiles in a random order; None if they do not fit."""
    arrays, dims = flat.arrays, len(flat.task.nest.dims)
    rows, tiles = np.zeros((dims, 9)), np.zeros((dims, 4))
    for d, extent in enumerate(flat.task.nest.extents):
        limit = float(overlap_limit(arrays, d))
        lane = seed.randint(1, int(largest[d]))
        lanes = seed.randint(1, max(1, min(int(most[d]), -(-extent // lane))))
        array_row(float(extent), lane, lanes, limit, rows[d])
        factor = seed.choice((1, seed.randint(1, -(-extent // (lane * lanes)))))
        buffer_row(float(extent), limit, rows[d], float(factor * lane * lanes), tiles[d])
    mode = np.array([seed.randrange(3), -1, seed.randrange(3), -1, 0])
    fits = held(arrays, tiles) <= flat.task.capacity_bytes and fits_lanes(arrays, rows)
    return _Mapping(rows, tiles, mode) if fits else None


def _first_key(flat: Flat, one: _Mapping, order: int, optimist: bool = False) -> float:
    value, key = np.empty(3), np.empty(3)
    evaluate(flat.arrays, one.rows, one.tiles, one.mode, optimist, cost_room(len(one.rows)), value)
    keys(order, value, key)
    return float(key[0])


@pytest.mark.parametrize("name", SPATIAL)
def test_no_bound_of_a_spatial_array_is_above_a_mapping_under_it(name: str, tmp_path: Path) -> None:
    compared = 0
    for flat, seed in _tasks(name, tmp_path, 12):
        assert isinstance(flat.space, Lanes)
        for objective in ("latency", "energy", "edp", "traffic"):
            hunt = new_hunt(flat, flat.space, objective, math.inf, True)
            floor = floor_of(hunt)
            for _ in range(12):
                one = _random_mapping(flat, seed.choice(list(hunt.most)), hunt.largest, seed)
                if one is not None:
                    compared += 1
                    value = _first_key(flat, one, ORDERS[objective])
                    assert floor <= value * SLACK
                    assert _within_bounds(hunt, one, value)
    assert compared > 30


def _within_bounds(hunt: Hunt, one: _Mapping, value: float) -> bool:
    """Whether the bounds leave a mapping in a search with its own cost as the limit."""
    arrays, stay, outer = hunt.flat.arrays, int(one.mode[0]), int(one.mode[2])
    state, result, key = hunt.state, np.empty(3), np.empty(3)
    moves = arrays["moves"][stay, : len(one.rows)] > 0
    if stay == outer and (one.rows[moves, k.TRIPS] <= one.tiles[moves, k.VISITS]).all():
        node_value(arrays, one.rows, stay, 1, np.zeros(5), state.scratch, result)
        keys(hunt.order, result, key)
        return bool(key[0] <= value * SLACK)
    limit, best = value * SLACK, np.full(3, math.inf)
    entries, stays, count = listed_tiles(hunt, stay, limit)
    if count < 0:
        node_value(arrays, one.rows, stay, 0, hunt.least[stay][outer], state.scratch, result)
        keys(hunt.order, result, key)
        return bool(key[0] <= limit)
    same = [n for n in range(count) if entries[n, :, k.VISITS].tolist() == one.visits and stays[n] == outer]
    some, place = np.array(same, dtype=np.int64), np.arange(len(one.rows))
    left = kept_entries(
        arrays, hunt.order, one.rows, place, len(place), stay, entries, stays, some, len(same), limit, best,
        some, state.scratch,
    )  # fmt: skip
    return bool(left > 0)


@pytest.mark.parametrize("name", SPATIAL)
@pytest.mark.parametrize("operator", ["matmul:m=9,n=10,k=7", "conv2d:n=1,c=4,h=6,w=3,k=5,r=3,s=1"])
def test_options_that_others_beat_are_not_missed(name: str, operator: str, tmp_path: Path) -> None:
    machine = machine_of(tmp_path, name)
    task = task_of(machine, operator, 200.0)
    assert task is not None
    flat = flat_problem(task, machine)
    assert flat is not None
    for objective in ("latency", "energy", "edp", "traffic"):
        found, other = (search(flat, objective, math.inf, pruned) for pruned in (True, False))
        assert found.proven and other.proven
        assert found.bound == pytest.approx(other.bound, rel=1e-10, abs=0)


@pytest.mark.parametrize("name", SYSTOLIC)
def test_open_dimensions_of_a_systolic_array_are_bounded_from_below(name: str, tmp_path: Path) -> None:
    compared = 0
    for flat, seed in _tasks(name, tmp_path, 20):
        assert isinstance(flat.space, Folds)
        extents, arrays = flat.task.nest.extents, flat.arrays
        dims, rows = len(extents), whole_rows(extents)
        options, known = np.zeros((dims, max(extents), 4)), np.array(extents)
        for d, extent in enumerate(extents):
            for place in range(extent):
                limit = float(overlap_limit(arrays, d))
                buffer_row(float(extent), limit, rows[d], float(extent - place), options[d, place])
        tiles, lows, sequence = np.zeros((dims, 4)), np.zeros(dims, np.int64), np.zeros(dims, np.int64)
        ordered(known, dims, -1, sequence)
        free = open_tiles(arrays, rows, options, known, tiles)
        fits = tighten_tiles(arrays, rows, options, known, 0, free, sequence, lows, tiles)
        for _ in range(20):
            mode = np.array([0, -1, seed.randrange(3), -1, 0])
            mode[0] = mode[2]
            chosen = np.array([options[d, seed.randrange(extent)] for d, extent in enumerate(extents)])
            if held(arrays, chosen) <= flat.task.capacity_bytes:
                assert fits
                compared += 1
                for order in range(4):
                    bound = _first_key(flat, _Mapping(rows, tiles, mode), order, optimist=True)
                    assert bound <= _first_key(flat, _Mapping(rows, chosen, mode), order) * SLACK
    assert compared > 60
