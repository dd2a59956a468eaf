"""The optimal mapper against brute force by the plain cost: every tile size, every lane count, every loop order."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from hwsim.access import tile_extents
from hwsim.machine import Machine
from hwsim.nest import Nest, volume
from hwsim.schedule import Level
from hwsim.units.base import Folds, Lanes
from mapper.base import Found, Goal, InfeasibleError, Objective, Task, get_mapper, rank
from mapper.cost import held_bytes
from mapper.evaluate import evaluate
from mapper.optimal.mapping import Choice, Unrolled, assignments, write_levels
from mapper.optimal.problem import Flat, flat_problem
from tests.unit.mapper.small_chips import CHIPS, machine_of, random_operator, task_of

OBJECTIVES: tuple[Objective, ...] = ("latency", "energy", "edp", "traffic")
MOST_EVALUATIONS, CASES = 200, 6


def _lane_bits(flat: Flat, memory: tuple[str, ...], lane: Mapping[str, int]) -> float:
    nest = flat.task.nest
    widths = {"input": nest.operands[0].bits, "weight": nest.operands[1].bits, "output": nest.partial_bits}
    return sum(float(volume(one, lane)) * widths[one.role] for one in nest.operands if one.role in memory)


def _sizes(nest: Nest, lanes: tuple[int, ...], alone: bool) -> Iterator[tuple[tuple[int, int, int], ...]]:
    """Lane, array and buffer tile of every dimension, all of them."""
    options: list[list[tuple[int, int, int]]] = []
    for extent, most in zip(nest.extents, lanes, strict=True):
        some: list[tuple[int, int, int]] = []
        for lane in range(1, 2 if alone else extent + 1):
            for many in range(1, min(most, -(-extent // lane)) + 1):
                tiles = {min(extent, count * lane * many) for count in range(1, -(-extent // (lane * many)) + 1)}
                some += [(lane, lane * many, tile) for tile in tiles]
        options.append(some)
    yield from itertools.product(*options)


def _in_every_order(levels: tuple[Level, ...]) -> Iterator[tuple[Level, ...]]:
    ways: list[list[Level]] = []
    for level in levels[:2]:
        timed = [loop for loop in level.loops if not loop.axis]
        spaced = tuple(loop for loop in level.loops if loop.axis)
        ways.append([Level(level.memory, (*order, *spaced), level.keeps) for order in itertools.permutations(timed)])
    for outer, inner in itertools.product(*ways):
        yield (outer, inner, *levels[2:])


def _mappings(flat: Flat, machine: Machine) -> Iterator[tuple[Level, ...]]:
    nest, space = flat.task.nest, flat.space
    lanes = assignments(nest, space) if isinstance(space, Lanes) else []
    plain = isinstance(space, Folds)
    for unrolled in lanes or [None]:
        most = unrolled.most(nest.dims) if unrolled else (1,) * len(nest.dims)
        for sizes in _sizes(nest, most, plain or not space.rooms):
            lane, array, tile = zip(*sizes, strict=True)
            named = dict(zip(nest.dims, lane, strict=True))
            if isinstance(space, Lanes) and any(_lane_bits(flat, r.operands, named) > r.bits for r in space.rooms):
                continue
            held = float(held_bytes(flat.task, machine, dict(zip(nest.dims, tile, strict=True))))
            if held <= flat.task.capacity_bytes:
                choice = Choice(lane, array, tile, (0, -1, 0, -1), unrolled or Unrolled({}, {}))
                yield from _in_every_order(write_levels(flat, choice))


def _brute_force(flat: Flat, machine: Machine) -> dict[Objective, tuple[float, ...]] | None:
    """The best key of every objective over the whole space; None if the space is too large; empty if nothing fits."""
    best: dict[Objective, tuple[float, ...]] = {}
    every = list(itertools.islice(_mappings(flat, machine), MOST_EVALUATIONS + 1))
    if len(every) > MOST_EVALUATIONS:
        return None
    for levels in every:
        cost = evaluate(flat.task, machine, levels)
        for objective in OBJECTIVES:
            key = rank(objective, cost.seconds, cost.energy_joules, cost.outer_bytes)
            best[objective] = min(best.get(objective, key), key)
    return best


def _found(task: Task, machine: Machine, objective: Objective) -> Found | None:
    try:
        return get_mapper("optimal")(task, machine, Goal(objective))
    except InfeasibleError:
        return None


@pytest.mark.parametrize("name", sorted(CHIPS))
def test_nothing_in_the_whole_space_beats_the_optimal_mapping(name: str, tmp_path: Path) -> None:
    machine, seed, compared = machine_of(tmp_path, name), random.Random(f"optimum {name}"), 0
    for _ in range(200):
        if compared == CASES:
            break
        task = task_of(machine, random_operator(seed, 2), seed.choice((40.0, 80.0, 2048.0)))
        flat = None if task is None else flat_problem(task, machine)
        best = None if flat is None else _brute_force(flat, machine)
        if task is None or best is None:
            continue
        compared += 1
        for objective in OBJECTIVES:
            found = _found(task, machine, objective)
            assert (found is None) == (not best)
            if found is not None:
                key = rank(objective, found.seconds, found.energy_joules, found.outer_bytes)
                assert key[0] == pytest.approx(best[objective][0], rel=1e-9, abs=0)
                assert found.proof is not None and found.proof.gap == 0
    assert compared == CASES


@pytest.mark.parametrize("name", sorted(CHIPS))
def test_the_optimal_mapping_is_legal_and_never_worse_than_the_fast_one(name: str, tmp_path: Path) -> None:
    machine, seed = machine_of(tmp_path, name), random.Random(f"fast {name}")
    for _ in range(4):
        task = task_of(machine, random_operator(seed, 8), 600.0)
        if task is None or not task.nest.dims or flat_problem(task, machine) is None:
            continue
        for objective in OBJECTIVES:
            found, fast = _found(task, machine, objective), get_mapper("fast")(task, machine, Goal(objective))
            assert found is not None
            tile = tile_extents(task.nest, found.levels, 1)
            assert float(held_bytes(task, machine, tile)) <= task.capacity_bytes
            keys = [rank(objective, one.seconds, one.energy_joules, one.outer_bytes)[0] for one in (found, fast)]
            assert keys[0] <= keys[1] * (1 + 1e-9)


def test_a_search_out_of_time_returns_a_legal_mapping_and_an_honest_bound(tmp_path: Path) -> None:
    machine = machine_of(tmp_path, "row stationary")
    task = task_of(machine, "conv2d:n=1,c=24,h=20,w=20,k=32,r=3,s=3", 2048.0)
    assert task is not None
    best = get_mapper("optimal")(task, machine, Goal("energy"))
    hasty = get_mapper("optimal")(task, machine, Goal("energy", budget_seconds=0.0))
    assert hasty.proof is not None and best.proof is not None
    assert hasty.proof.bound <= best.energy_joules * (1 + 1e-9) <= hasty.energy_joules * (1 + 2e-9)
    assert hasty.proof.gap == pytest.approx(1 - hasty.proof.bound / hasty.energy_joules)


def test_the_same_question_has_the_same_answer(tmp_path: Path) -> None:
    machine = machine_of(tmp_path, "lanes")
    task = task_of(machine, "matmul:m=20,n=30,k=40", 2048.0)
    assert task is not None
    assert get_mapper("optimal")(task, machine, Goal("edp")) == get_mapper("optimal")(task, machine, Goal("edp"))
    assert math.isfinite(get_mapper("optimal")(task, machine, Goal("edp")).seconds)
