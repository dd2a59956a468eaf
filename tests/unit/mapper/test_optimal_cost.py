"""The compiled cost of the optimal mapper equals the plain one, on random mappings of random operators."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from hwsim.nest import Nest
from hwsim.units.base import Folds
from mapper.evaluate import evaluate
from mapper.optimal._table_kernels import array_row, buffer_row
from mapper.optimal._tile_kernels import evaluate as compiled
from mapper.optimal._tile_kernels import overlap_limit, partner
from mapper.optimal.mapping import Choice, Unrolled, assignments, loop_order, write_levels
from mapper.optimal.problem import Flat, flat_problem
from mapper.optimal.state import cost_room
from tests.unit.mapper.small_chips import CHIPS, machine_of, random_operator, task_of


def _sizes(flat: Flat, unrolled: Unrolled, seed: random.Random) -> tuple[tuple[int, ...], ...]:
    lane: list[int] = []
    array: list[int] = []
    tile: list[int] = []
    nest = flat.task.nest
    for extent, lanes in zip(nest.extents, unrolled.most(nest.dims), strict=True):
        lane.append(seed.randint(1, extent) if flat.arrays["room_count"] else 1)
        array.append(lane[-1] * seed.randint(1, max(1, min(lanes, -(-extent // lane[-1])))))
        tile.append(min(extent, array[-1] * seed.randint(1, -(-extent // array[-1]))))
    if isinstance(flat.space, Folds):
        return (1,) * len(lane), (1,) * len(lane), tuple(seed.randint(1, extent) for extent in nest.extents)
    return tuple(lane), tuple(array), tuple(tile)


def _stay(nest: Nest, active: frozenset[str], seed: random.Random) -> int | None:
    """An operand that really stays: one of its loops is innermost. Others are another class under a wrong name."""
    moving = [number for number, one in enumerate(nest.operands) if active - one.dims()]
    return seed.choice(moving) if moving else None if active else 0


def _carried(flat: Flat, stay: int, active: frozenset[str], choice: Choice) -> int:
    """The window dimension whose loop comes last of those that move the input, if no axis spreads it."""
    nest = flat.task.nest
    moving = [dim for dim in loop_order(nest, stay) if dim in active and dim in nest.operands[0].dims()]
    if not moving:
        return -1
    last = nest.dims.index(moving[-1])
    other = int(partner(flat.arrays, last))
    pair = (last, other)
    spread = other >= 0 and any(min(choice.array[d], nest.extents[d]) > choice.lane[d] for d in pair)
    return last if other >= 0 and not spread else -1


@pytest.mark.parametrize("name", sorted(CHIPS))
def test_the_compiled_cost_of_a_mapping_is_the_plain_one(name: str, tmp_path: Path) -> None:
    machine, seed, compared = machine_of(tmp_path, name), random.Random(f"cost {name}"), 0
    for _ in range(250):
        task = task_of(machine, random_operator(seed, 6), 2048.0)
        flat = None if task is None else flat_problem(task, machine)
        if flat is None:
            continue
        unrolled = Unrolled({}, {})
        if not isinstance(flat.space, Folds):
            unrolled = seed.choice(assignments(flat.task.nest, flat.space))
        compared += _compare(flat, unrolled, seed)
    assert compared > 60


def _compare(flat: Flat, unrolled: Unrolled, seed: random.Random) -> bool:
    nest = flat.task.nest
    lane, array, tile = _sizes(flat, unrolled, seed)
    outer = frozenset(d for d, size, extent in zip(nest.dims, tile, nest.extents, strict=True) if size < extent)
    inner = frozenset(d for d, small, size in zip(nest.dims, array, tile, strict=True) if small < size)
    stays = [_stay(nest, active, seed) for active in (inner, outer)]
    folds = isinstance(flat.space, Folds)
    if (stays[0] is None and not folds) or stays[1] is None or (not folds and not inner and outer):
        return False
    stay, outer_stay = stays[0] or 0, stays[1]
    choice = Choice(lane, array, tile, (stay, -1, outer_stay, -1), unrolled)
    carried = (-1, -1)
    if not folds:
        carried = (_carried(flat, stay, inner, choice), _carried(flat, outer_stay, outer, choice))
    dims = len(nest.dims)
    rows, tiles, value = np.zeros((dims, 9)), np.zeros((dims, 4)), np.zeros(3)
    for d, extent in enumerate(nest.extents):
        limit = float(overlap_limit(flat.arrays, d))
        array_row(float(extent), lane[d], array[d] / lane[d], limit, rows[d])
        buffer_row(float(extent), limit, rows[d], float(tile[d]), tiles[d])
    mode = np.array([stay, carried[0], outer_stay, carried[1], 0])
    room = cost_room(dims)
    compiled(flat.arrays, rows, tiles, mode, False, room, value)
    cost = evaluate(flat.task, flat.machine, write_levels(flat, choice))
    assert value.tolist() == pytest.approx([cost.seconds, cost.energy_joules, cost.outer_bytes], rel=1e-9, abs=0)
    return True
