"""Nests: what a tile touches, and which dimensions make it a matrix product."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.nest import Gemm, gemm_of, nest_of, product, span, tile_bytes, volume
from tests.unit.hwsim.nests import conv_nest, matmul_nest
from workloads.graph import GraphError, Op
from workloads.inline import parse_inline

small = st.integers(1, 9)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(small, small, st.integers(1, 7), st.integers(1, 7))
def test_span_counts_every_position_of_a_sliding_window_once(p: int, r: int, stride: int, dilation: int) -> None:
    touched = {i * stride + j * dilation for i in range(p) for j in range(r)}
    assert span((("p", stride), ("r", dilation)), {"p": p, "r": r}) == len(touched)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(small, st.integers(1, 5)), min_size=3, max_size=3))
def test_span_of_three_dimensions_is_an_upper_bound(terms: list[tuple[int, int]]) -> None:
    touched = {0}
    for extent, stride in terms:
        touched = {value + stride * step for value in touched for step in range(extent)}
    axis = tuple((f"d{index}", stride) for index, (_, stride) in enumerate(terms))
    assert span(axis, {f"d{index}": extent for index, (extent, _) in enumerate(terms)}) >= len(touched)


def test_volume_takes_arrays_of_tiles() -> None:
    nest = conv_nest(1, 8, 4, 10, 10, 3, 3, stride=2)
    tiles = {dim: np.array([1, 2, extent]) for dim, extent in nest.full.items()}
    for operand in nest.operands:
        each = [volume(operand, {dim: int(sizes[i]) for dim, sizes in tiles.items()}) for i in range(3)]
        assert volume(operand, tiles).tolist() == each


def test_four_bit_elements_pack() -> None:
    nest = matmul_nest(3, 5, 7, bits=4)
    assert tile_bytes(nest.operand("weight"), nest.full) == 17.5


def test_convolution_is_its_im2col_product() -> None:
    assert gemm_of(conv_nest(2, 8, 4, 10, 11, 3, 5)) == Gemm((), ("n", "p", "q"), ("k",), ("c", "r", "s"))


def test_depthwise_convolution_is_a_batch_of_products_with_one_column() -> None:
    nest = conv_nest(1, 1, 1, 10, 11, 3, 3, groups=32)
    assert gemm_of(nest) == Gemm(("g",), ("p", "q"), (), ("r", "s"))


def test_inline_matmul_becomes_a_nest() -> None:
    graph = parse_inline("matmul:m=196,n=192,k=384,bits=8")
    op = graph.segments[0].ops[0]
    nest = nest_of(op, graph.by_name)
    gemm = gemm_of(nest)
    assert [product(dims, nest.full) for dims in (gemm.m, gemm.n, gemm.k)] == [196, 192, 384]
    assert nest.active_points == 196 * 192 * 384
    assert nest.density == 1


def test_a_softmax_is_not_a_nest() -> None:
    graph = parse_inline("softmax:rows=4,columns=8")
    op: Op = graph.segments[0].ops[0]
    with pytest.raises(GraphError, match="not a contraction"):
        nest_of(op, graph.by_name)
