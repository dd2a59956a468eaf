"""Lowerings without torch: what is known of one call, and the loop nest it becomes."""

from __future__ import annotations

import math

import pytest

from workloads.graph import Family, Role, operations, points
from workloads.lowering.call import Call, Value, find_lowering
from workloads.lowering.move import is_free
from workloads.symbols import symbol


def value(name: str, *shape: int, strides: tuple[int, ...] | None = None, role: Role = Role.ACTIVATION) -> Value:
    dense = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
    return Value(name, shape, shape, strides or dense, 16, role)


def lower(target: str, out: Value, **arguments: object):
    lowering = find_lowering(target)
    assert lowering is not None
    return lowering(Call("op", target, arguments, (out,), "op"))


@pytest.mark.parametrize(
    ("strides", "new", "free"),
    [
        ((20, 5, 1), (12, 5), True),
        ((20, 5, 1), (3, 2, 2, 5), True),
        ((20, 1, 4), (12, 5), False),
        ((20, 1, 4), (3, 4, 5), True),
        ((4, 1, 12), (12, 5), True),
        ((0, 5, 1), (12, 5), False),
    ],
)
def test_a_reshape_is_free_exactly_where_torch_can_view(strides, new, free):
    source = value("x", 3, 4, 5, strides=strides)
    assert is_free(Call("op", "aten.reshape", {"self": source}, (value("y", *new),), "")) is free


def test_a_symbolic_batch_stays_symbolic_in_the_nest():
    batch = symbol("B")
    source = Value("x", (batch, 4, 8), (3, 4, 8), (32, 8, 1), 16, Role.ACTIVATION)
    out = Value("y", (batch, 4, 16), (3, 4, 16), (64, 16, 1), 16, Role.ACTIVATION)
    (op,) = lower("aten.linear", out, input=source, weight=value("w", 16, 8, role=Role.WEIGHT), bias=None)
    assert [(loop.name, str(loop.extent)) for loop in op.loops] == [("m", "4*B"), ("n", "16"), ("k", "8")]


def test_a_broadcast_batch_of_a_matmul_is_not_indexed():
    (op,) = lower("aten.matmul", value("y", 2, 3, 4, 6), self=value("a", 2, 3, 4, 5), other=value("b", 3, 5, 6))
    assert [loop.extent for loop in op.loops] == [2, 3, 4, 6, 5]
    assert [loop for axis in op.reads[1].index for loop, _ in axis] == ["b1", "k", "n"]


def test_loops_of_extent_one_are_dropped_from_a_convolution():
    (op,) = lower(
        "aten.conv2d", value("y", 1, 16, 8, 8), input=value("x", 1, 3, 8, 8), weight=value("w", 16, 3, 1, 1),
        bias=None, stride=[1], padding=[0], dilation=[1], groups=1,
    )  # fmt: skip
    assert [loop.name for loop in op.loops] == ["k", "c", "p", "q"]


def test_a_depthwise_convolution_has_one_group_per_channel():
    (op,) = lower(
        "aten.conv2d", value("y", 2, 8, 4, 4), input=value("x", 2, 8, 9, 9), weight=value("w", 8, 1, 3, 3),
        bias=value("b", 8), stride=[2, 2], padding=[0, 0], dilation=[1, 1], groups=8,
    )  # fmt: skip
    assert {loop.name: loop.extent for loop in op.loops} == {"n": 2, "g": 8, "p": 4, "q": 4, "r": 3, "s": 3}
    assert op.reads[2].index == ((("g", 1),),)
    assert dict(op.params)["stride"] == 2


def test_a_transposed_convolution_spreads_its_output():
    (op,) = lower(
        "aten.conv_transpose2d", value("y", 1, 4, 12, 12), input=value("x", 1, 8, 6, 6), weight=value("w", 8, 4, 4, 4),
        bias=None, stride=[2, 2], padding=[1, 1], dilation=[1, 1], groups=1,
    )  # fmt: skip
    assert op.writes[0].index[2] == (("p", 2), ("r", 1))
    assert math.prod(int(str(loop.extent)) for loop in op.loops) == 36 * 8 * 4 * 16


def test_softmax_walks_twice_over_rows():
    (op,) = lower("aten.softmax", value("y", 2, 3, 5), self=value("x", 2, 3, 5), dim=1)
    assert ([loop.extent for loop in op.loops], op.passes) == ([10, 3], 2)


def test_an_embedding_touches_only_the_rows_it_picks():
    table, indices = value("w", 1000, 16, role=Role.WEIGHT), value("ids", 2, 7)
    (op,) = lower("aten.embedding", value("y", 2, 7, 16), weight=table, indices=indices)
    assert [loop.extent for loop in op.loops] == [14, 16]
    assert op.param("rows") == 1000


def test_concatenation_copies_every_operand_once():
    ops = lower("aten.cat", value("y", 5, 4), tensors=[value("a", 2, 4), value("b", 3, 4)], dim=0)
    assert [loop.extent for op in ops for loop in op.loops] == [8, 12]
    assert {op.writes[0].tensor for op in ops} == {"y"}


def test_pooling_slides_with_its_stride():
    (op,) = lower(
        "aten.max_pool2d", value("y", 1, 8, 4, 4), self=value("x", 1, 8, 9, 9), kernel_size=[3, 3], stride=[2, 2]
    )
    assert op.reads[0].index[1] == (("p0", 2), ("r0", 1))
    assert op.arithmetic == (("compare", 1),)


def test_an_unknown_target_has_no_lowering():
    assert find_lowering("aten.no_such_operator") is None


def convolution(out: Value, image: Value, weight: Value, **window: object):
    settings = {"stride": [1], "padding": [0], "dilation": [1], "groups": 1, **window}
    (op,) = lower(f"aten.conv{len(out.shape) - 2}d", out, input=image, weight=weight, bias=None, **settings)
    return op


def test_a_convolution_in_space_and_time_has_three_windows():
    op = convolution(
        value("y", 2, 16, 4, 7, 7), value("x", 2, 8, 8, 14, 14), value("w", 16, 8, 3, 5, 5, role=Role.WEIGHT),
        stride=[2], padding=[1, 2, 2],
    )  # fmt: skip
    assert [loop.name for loop in op.loops] == ["n", "k", "c", "o", "p", "q", "t", "r", "s"]
    assert operations(op) == {"mac": 2 * 16 * 8 * (4 * 7 * 7) * (3 * 5 * 5)}
    assert op.reads[0].index[2:] == ((("o", 2), ("t", 1)), (("p", 2), ("r", 1)), (("q", 2), ("s", 1)))


def test_a_dilated_grouped_convolution_spreads_its_window_and_splits_its_channels():
    op = convolution(
        value("y", 1, 32, 9, 9), value("x", 1, 16, 9, 9), value("w", 32, 4, 3, 3, role=Role.WEIGHT),
        padding=[6], dilation=[6], groups=4,
    )  # fmt: skip
    assert operations(op) == {"mac": 32 * 4 * 81 * 9}
    assert op.reads[0].index == ((), (("g", 4), ("c", 1)), (("p", 1), ("r", 6)), (("q", 1), ("s", 6)))
    assert op.writes[0].index[1] == (("g", 8), ("k", 1))


def test_pooling_in_space_and_time_compares_or_adds_every_element_of_a_window():
    clip, out = value("x", 2, 8, 8, 14, 14), value("y", 2, 8, 4, 7, 7)
    (top,) = lower("aten.max_pool3d", out, self=clip, kernel_size=[3], stride=[2], padding=[1])
    (mean,) = lower("aten.adaptive_avg_pool3d", value("y", 2, 8, 1, 1, 1), self=clip, output_size=[1, 1, 1])
    assert operations(top) == {"compare": 2 * 8 * (4 * 7 * 7) * 27}
    assert operations(mean) == {"add": 2 * 8 * 8 * 14 * 14}


@pytest.mark.parametrize(("mode", "terms"), [("nearest2d", 0), ("bilinear2d", 4), ("bicubic2d", 16)])
def test_interpolation_weighs_its_neighbours_for_every_element_written(mode: str, terms: int):
    (op,) = lower(f"aten.upsample_{mode}", value("y", 1, 21, 56, 56), self=value("x", 1, 21, 7, 7))
    written = 21 * 56 * 56
    assert points(op) == written
    assert operations(op) == ({"add": (terms - 1) * written, "mul": terms * written} if terms else {})
    assert list(op.reads[0].index[1:]) == [(("p0", 1),), (("p1", 1),)]


@pytest.mark.parametrize(("small", "large"), [(7, 10), (10, 7), (33, 65)])
def test_interpolation_by_a_broken_factor_writes_every_element_once(small: int, large: int):
    (op,) = lower("aten.upsample_bilinear2d", value("y", 1, 3, large, 6), self=value("x", 1, 3, small, 2))
    assert points(op) == 3 * large * 6


@pytest.mark.parametrize(("pad", "free"), [([0, 0, 0, 0], True), ([-1, 1, -1, 1], False), ([1, 1, 0, 0], False)])
def test_padding_is_free_only_where_nothing_moves(pad: list[int], free: bool):
    source, rows = value("x", 1, 3, 8, 8), 8 + pad[0] + pad[1]
    assert is_free(Call("op", "aten.pad", {"self": source, "pad": pad}, (value("y", 1, 3, 8, rows),), "")) is free


def test_a_channel_shuffle_moves_every_element_once():
    (op,) = lower("aten.channel_shuffle", value("y", 1, 6, 4, 4), self=value("x", 1, 6, 4, 4), groups=2)
    assert (points(op), operations(op), op.family) == (96, {}, Family.MOVE)


def test_a_concatenation_copies_each_operand_once():
    parts = [value(f"x{i}", 1, channels, 4, 4) for i, channels in enumerate((3, 5))]
    ops = lower("aten.cat", value("y", 1, 8, 4, 4), tensors=parts, dim=1)
    assert [points(op) for op in ops] == [48, 80]
    assert {access.tensor for op in ops for access in op.writes} == {"y"}
