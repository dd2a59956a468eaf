"""Pictures of graphs: every operator is in one box, blocks keep their counts, nothing overlaps, bytes are the same."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from workloads import catalog
from workloads.graph import OperatorGraph
from workloads.phases import default_phase
from workloads.picture.boxes import PORT, Frame, frames
from workloads.picture.draw import draw_graph
from workloads.picture.files import PlotError, picture_format
from workloads.picture.layout import Layout, lay_out

NETWORKS = ("resnet-50", "mobilenet-v2", "llama-3-8b", "deepseek-v3", "googlenet", "densenet-121", "t5-small")


def graph_of(name: str) -> OperatorGraph:
    model = catalog.find(name)
    return model.symbolic(default_phase(model.phases))


def measure(text: str, bold: bool) -> float:
    return 5.0 * len(text)


def steps(frame: Frame) -> int:
    """Operators in a frame: a box has its name, then a line per operator."""
    return sum(len(box.lines) - 1 for box in frame.boxes if box.look != PORT)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name in catalog.names()])
def test_every_operator_is_drawn_once_and_blocks_keep_their_counts(name: str) -> None:
    graph = graph_of(name)
    drawn = frames(graph)
    assert sum(frame.count * steps(frame) for frame in drawn) == sum(s.count * len(s.ops) for s in graph.segments)
    folded = [segment.count for segment in graph.segments if segment.count > 1]
    assert [frame.count for frame in drawn if frame.count > 1] == folded


@pytest.mark.parametrize("name", [name for name in NETWORKS if name in catalog.names()])
def test_boxes_are_apart_and_edges_lead_down(name: str) -> None:
    for frame in frames(graph_of(name)):
        layout = lay_out(frame, measure)
        check_apart(layout)
        for route in layout.routes:
            assert all(upper[1] <= lower[1] for upper, lower in pairwise(route.points))


def check_apart(layout: Layout) -> None:
    boxes = [(b.x - b.width / 2, b.y - b.height / 2, b.x + b.width / 2, b.y + b.height / 2) for b in layout.boxes]
    for place, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0
        assert right <= layout.width
        assert bottom <= layout.height
        for other in boxes[place + 1 :]:
            assert other[0] >= right or other[2] <= left or other[1] >= bottom or other[3] <= top


def test_a_tensor_that_comes_from_an_earlier_block_enters_by_a_port_with_its_shape() -> None:
    first, second, *_ = frames(graph_of("llama-3-8b"))
    assert [box.lines for box in first.boxes if box.key.startswith("out ")] == [("model.embed_tokens",)]
    entering = [edge for edge in second.edges if edge.source == "in model.embed_tokens"]
    assert Counter(edge.label for edge in entering) == {"B×1×4096": 2}
    assert any(edge.state for edge in second.edges)
    assert any("14336×4096" in line for box in second.boxes for line in box.lines)


def test_an_activation_stands_in_the_box_of_what_it_reworks() -> None:
    boxes = [box for frame in frames(graph_of("resnet-50")) for box in frame.boxes]
    assert any([line.split("  ")[0] for line in box.lines[1:]] == ["conv2d", "batchnorm", "relu"] for box in boxes)
    assert not any(box.lines[1:] == ("relu",) for box in boxes if box.look != PORT)


@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml")], ids=["png", "svg"])
def test_equal_graphs_give_equal_bytes(kind: str, magic: bytes) -> None:
    graph = graph_of("alexnet")
    once = draw_graph(graph, kind)
    assert once.startswith(magic)
    assert once == draw_graph(graph, kind)


def test_only_known_formats_are_drawn() -> None:
    assert picture_format("a/B.PNG") == "png"
    with pytest.raises(PlotError, match=r"must end in \.png"):
        picture_format("graph.txt")
