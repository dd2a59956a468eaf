"""Pictures from the command line: the operator graph, and the loop nest of one operator."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwsim.config import load_chip
from hwsim.simulation import play_schedule
from mapper.estimate import estimator_for
from mapper.explain_nest import LoopView
from mapper.explain_op import OperatorDetail, explain_operator
from mapper.explain_plot import MOST_CELLS, loop_cells, nest_lines, nest_picture
from mapper.graph import map_with
from tests.end_to_end.conftest import Run
from workloads.inline import parse_inline


def detail_of(operator: str, chip: str) -> OperatorDetail:
    estimator = estimator_for(load_chip(chip))
    graph = parse_inline(operator)
    schedule = map_with(estimator.search, graph)
    simulation = play_schedule(graph, schedule, estimator.chip, estimator.search.machine)
    return explain_operator(graph, schedule, simulation, 0)


def test_the_graph_of_a_model_is_drawn(hwsim: Run, tmp_path: Path) -> None:
    picture = tmp_path / "graph.svg"
    result = hwsim("trace", "alexnet", "--graph", picture)
    assert result.code == 0
    assert f"drawn in {picture}" in result.out
    assert picture.read_bytes().startswith(b"<?xml")
    result = hwsim("trace", "alexnet", "--graph", tmp_path / "graph.txt")
    assert result.code == 2
    assert "must end in .png, .svg or .pdf" in result.err


def test_the_loop_nest_of_an_operator_is_drawn(hwsim: Run, tmp_path: Path) -> None:
    picture = tmp_path / "nest.png"
    assert hwsim("explain", "alexnet", "--chip", "eyeriss", "--op", "conv1", "--plot", picture).code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    result = hwsim("explain", "alexnet", "--chip", "eyeriss", "--plot", tmp_path / "other.png")
    assert result.code == 2
    assert "name it with --op" in result.err
    assert not (tmp_path / "other.png").exists()


@pytest.mark.parametrize("chip", ["eyeriss", "tpu_v4i", "a100_80gb_sxm"])
def test_the_picture_has_every_memory_and_loop_of_the_mapping(chip: str) -> None:
    detail = detail_of("matmul:m=100,n=70,k=130", chip)
    lines = nest_lines(detail)
    assert [line.level for line in lines if line.level is not None] == list(detail.levels)
    mapped = [loop for level in detail.levels for loop in level.loops]
    drawn = [line.loop for line in lines if line.loop is not None]
    assert drawn == (mapped if detail.levels else [LoopView(d, n, n, 1, "") for d, n in detail.loops])
    assert detail.time.unit in lines[-1].text
    assert [line.depth for line in lines] == sorted(line.depth for line in lines)
    assert nest_picture(detail, "svg") == nest_picture(detail, "svg")


@pytest.mark.parametrize("size", [1, 3, 7, 64, 100])
def test_the_cells_of_a_loop_cover_its_dimension(size: int) -> None:
    loop = LoopView("k", 100, size, -(-100 // size), "")
    cells = list(loop_cells(loop))
    if loop.trips <= MOST_CELLS:
        assert [start for start, _ in cells] == [float(size * n) for n in range(loop.trips)]
        assert cells[-1][0] + cells[-1][1] == 100
    else:
        assert len(cells) < MOST_CELLS
    assert all(0 < width <= size for _, width in cells)
