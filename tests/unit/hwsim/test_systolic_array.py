"""Systolic array: the closed form and its options, and traffic against a walk over the folds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from hwsim.access import COMPUTE
from hwsim.nest import Nest
from hwsim.schedule import Level, TileLoop
from hwsim.units.registry import build_unit
from hwsim.units.systolic_array import SystolicArray
from tests.unit.hwsim.nests import DEFAULT_MEMORIES, chip_with, conv_nest, matmul_nest
from workloads.inline import parse_inline


def array_of(memories: dict[str, Any] | None = None, **fields: Any) -> SystolicArray:
    unit = {"kind": "systolic_array", "rows": 4, "columns": 8, "dataflow": "ws", "rates": {8: 1, 16: 0.5}, **fields}
    built = build_unit("unit", chip_with(unit, memories))
    assert isinstance(built, SystolicArray)
    return built


def cycles_of(array: SystolicArray, nest: Nest) -> int:
    (inner,) = array.inner_options(nest)
    return int(array.tile_cycles(nest, inner, nest.full))


@pytest.mark.parametrize(
    ("dataflow", "expected"),
    [("os", 3 * 3 * (20 + 4 + 8 - 2)), ("ws", 5 * 3 * (10 + 8 + 8 - 2)), ("is", 5 * 2 * (17 + 8 + 8 - 2))],
)
def test_every_fold_pays_fill_and_drain(dataflow: str, expected: int) -> None:
    assert cycles_of(array_of(dataflow=dataflow), matmul_nest(10, 17, 20)) == expected


def test_batches_multiply() -> None:
    array = array_of()
    assert cycles_of(array, matmul_nest(10, 17, 20, batch=6)) == 6 * cycles_of(array, matmul_nest(10, 17, 20))


def test_hidden_fill_is_paid_once() -> None:
    assert cycles_of(array_of(hide_fill=True), matmul_nest(10, 17, 20)) == 15 * (10 + 4) + 10


def test_double_buffered_weights_load_behind_the_previous_fold() -> None:
    assert cycles_of(array_of(weight_double_buffer=True), matmul_nest(10, 17, 20)) == 4 + 15 * (10 + 10)


def test_a_short_stream_waits_for_the_next_weights() -> None:
    array = array_of(weight_double_buffer=True, hide_fill=True)
    assert cycles_of(array, matmul_nest(1, 17, 20)) == 4 + 14 * 4 + 1 + 10


def test_wider_operands_take_the_next_listed_rate() -> None:
    array = array_of()
    narrow, wide = matmul_nest(40, 8, 4), matmul_nest(40, 8, 4, bits=12)
    assert cycles_of(array, wide) - cycles_of(array, narrow) == 40


def test_a_rate_above_one_is_a_dot_product_along_k() -> None:
    double = array_of(rates={8: 2})
    assert cycles_of(double, matmul_nest(10, 8, 64)) == cycles_of(array_of(), matmul_nest(10, 8, 32))


def test_copies_split_the_tile_in_the_fastest_way() -> None:
    one, four = array_of(), array_of(count=4)
    assert cycles_of(four, matmul_nest(10, 8 * 4, 20)) == cycles_of(one, matmul_nest(10, 8, 20))
    assert cycles_of(four, matmul_nest(10, 16, 20, batch=2)) == cycles_of(one, matmul_nest(10, 8, 20))
    assert cycles_of(four, matmul_nest(400, 8, 20)) == cycles_of(one, matmul_nest(100, 8, 20))


def test_a_slow_buffer_limits_the_array() -> None:
    memories = {**DEFAULT_MEMORIES, "sram": {"kind": "sram", "size": "1 GiB", "bandwidth": "1 GB/s"}}
    # 4 x 4 inputs, 4 x 8 weights and 4 x 8 results of one byte at one byte per cycle.
    assert cycles_of(array_of(memories), matmul_nest(4, 8, 4)) == 16 + 32 + 32


def test_masked_blocks_are_skipped() -> None:
    nest = matmul_nest(10, 17, 20)
    half = Nest(nest.dims, nest.extents, nest.operands, nest.active_points // 2)
    assert cycles_of(array_of(), half) == cycles_of(array_of(), nest) // 2


def walk_folds(dataflow: str, rows: int, columns: int, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Elements of input, weight and output that pass the edge of the array, fold by fold."""
    m, n, k = shape
    down, across = {"os": (m, n), "ws": (k, n), "is": (k, m)}[dataflow]
    counts = np.zeros(3, dtype=np.int64)
    for top in range(0, down, rows):
        for left in range(0, across, columns):
            height, width = min(rows, down - top), min(columns, across - left)
            counts += {
                "os": (height * k, k * width, height * width),
                "ws": (m * height, height * width, m * width),
                "is": (height * width, height * n, width * n),
            }[dataflow]
    return tuple(int(count) for count in counts)  # type: ignore[return-value]


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@pytest.mark.parametrize("tile", [(10, 17, 20), (7, 17, 6), (3, 5, 20), (10, 1, 13)])
def test_traffic_to_the_array_is_the_sum_over_all_folds_of_all_tiles(dataflow: str, tile: tuple[int, int, int]) -> None:
    m, n, k = 10, 17, 20
    array, nest = array_of(dataflow=dataflow), matmul_nest(m, n, k)
    (inner,) = array.inner_options(nest)
    loops = tuple(TileLoop(dim, size) for dim, size in zip("mnk", tile, strict=True))
    rows = {row.operand: row for row in array.traffic(nest, (Level("dram", loops), *inner)) if row.inner == COMPUTE}
    expected = np.zeros(3, dtype=np.int64)
    for top in range(0, m, tile[0]):
        for left in range(0, n, tile[1]):
            for deep in range(0, k, tile[2]):
                piece = (min(tile[0], m - top), min(tile[1], n - left), min(tile[2], k - deep))
                expected += walk_folds(dataflow, 4, 8, piece)
    assert (rows["input"].outer_reads, rows["weight"].outer_reads, rows["output"].outer_writes) == tuple(expected)
    assert rows["output"].outer_reads == rows["output"].outer_writes - m * n
    assert rows["output"].final_writes == m * n


def test_convolution_streams_its_im2col_rows() -> None:
    array, nest = array_of(), conv_nest(1, 8, 2, 6, 6, 3, 3)
    (inner,) = array.inner_options(nest)
    rows = {(row.operand, row.inner): row for row in array.traffic(nest, (Level("dram"), *inner))}
    assert rows["input", COMPUTE].outer_reads == 6 * 6 * 2 * 3 * 3
    assert rows["input", "sram"].outer_reads == 2 * 8 * 8


def test_it_refuses_what_it_cannot_multiply() -> None:
    array = array_of()
    wide = parse_inline("matmul:m=4,n=4,k=4,bits=32")
    soft = parse_inline("softmax:rows=4,columns=8")
    fine = parse_inline("matmul:m=4,n=4,k=4,bits=16")
    assert "32 bits" in (array.refuses(wide.segments[0].ops[0], wide.by_name) or "")
    assert "softmax" in (array.refuses(soft.segments[0].ops[0], soft.by_name) or "")
    assert array.refuses(fine.segments[0].ops[0], fine.by_name) is None


def test_energy_follows_the_given_number() -> None:
    array, nest = array_of(mac_energy="2 pJ/op"), matmul_nest(10, 17, 20)
    mac, register = array.actions(nest, array.inner_options(nest)[0])
    assert mac.energy_joules == 2e-12 and mac.count == 3400
    assert register.count == 3400 * (8 + 32)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("rows", 0, "greater than or equal to 1"),
        ("dataflow", "output_stationary", "'os', 'ws' or 'is'"),
        ("rates", {"eight": 1}, "width of 1 to 64 bits"),
        ("rates", {8: -1}, "positive number"),
        ("rates", {}, "such as"),
    ],
)
def test_bad_fields_are_named(field: str, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        array_of(**{field: value})
