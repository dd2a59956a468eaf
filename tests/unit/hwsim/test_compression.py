"""Run-length coded links: the expected size against an encoder, what stays plain, and that bounds know of it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hwsim.chip import Chip, Compression
from hwsim.compression import stored_fraction, values_per_pair
from hwsim.config import load_chip
from hwsim.machine import make_machine
from hwsim.nest import nest_of
from hwsim.report import traffic_bytes
from mapper.estimate import make_estimator
from workloads.inline import parse_inline
from workloads.sparsity import with_zeros

CODE = Compression(code="run_length", run_bits=5, value_bits=16, pairs_per_word=3, word_bits=64)
LAYER = "conv2d:n=2,c=32,h=14,w=14,k=64,r=3,s=3,padding=1"


def pairs_of(values: list[bool], longest: int) -> int:
    """Pairs that an encoder makes of values, True where one is zero."""
    pairs = run = 0
    for zero in values:
        if zero and run < longest:
            run += 1
        else:
            pairs, run = pairs + 1, 0
    return pairs + (run > 0)


@pytest.mark.parametrize("zeros", [0.0, 0.3, 0.6, 0.9, 0.97, 1.0])
@pytest.mark.parametrize("run_bits", [2, 5])
def test_expected_pairs_are_those_of_an_encoder(zeros: float, run_bits: int) -> None:
    rng = random.Random(1)
    values = [rng.random() < zeros for _ in range(200_000)]
    found = len(values) / pairs_of(values, 2**run_bits - 1)
    assert found == pytest.approx(values_per_pair(run_bits, zeros), rel=0.02)


def test_three_pairs_of_64_bits_pay_off_from_a_quarter_of_zeros_on() -> None:
    assert stored_fraction(CODE, 0.0, 16) == 1.0 == stored_fraction(CODE, 0.2499, 16)
    assert stored_fraction(CODE, 0.5, 16) == pytest.approx(2 / 3)
    assert stored_fraction(CODE, 1.0, 16) == pytest.approx(64 / 3 / 16 / 32)
    assert stored_fraction(CODE, 0.9, 32) == 1.0, "values wider than the code's stay plain"


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_zeros_are_never_larger(one: float, two: float) -> None:
    less, more = sorted((one, two))
    assert stored_fraction(CODE, more, 16) <= stored_fraction(CODE, less, 16) * (1 + 1e-12)


def test_pairs_that_do_not_fit_a_word_are_refused() -> None:
    with pytest.raises(ValidationError, match="4 pairs need 84 bits"):
        Compression(code="run_length", run_bits=5, value_bits=16, pairs_per_word=4, word_bits=64)


def test_padding_counts_as_zeros_of_the_input() -> None:
    graph = parse_inline(LAYER)
    nest = nest_of(graph.segments[0].ops[0], graph.by_name)
    assert nest.operand("input").zeros == pytest.approx(1 - 14 * 14 / (16 * 16))
    half = with_zeros(graph, {"input": 0.5})
    assert nest_of(half.segments[0].ops[0], half.by_name).operand("input").zeros == pytest.approx(
        1 - 0.5 * 14 * 14 / (16 * 16)
    )


def test_positions_skipped_by_a_stride_are_no_padding() -> None:
    graph = parse_inline("conv2d:n=1,c=4,h=16,w=16,k=4,r=1,s=1,stride=2")
    assert nest_of(graph.segments[0].ops[0], graph.by_name).operand("input").zeros == 0


@pytest.mark.parametrize("zeros", [0.0, 0.5, 0.95])
def test_bytes_of_the_outer_memory_stay_above_the_compulsory_ones(zeros: float) -> None:
    graph = with_zeros(parse_inline(LAYER), {"activation": zeros, "weight": 0.2})
    report = make_estimator(load_chip("eyeriss")).report(graph)
    assert sum(traffic_bytes(report)["dram"]) >= report.bounds.compulsory_bytes * (1 - 1e-12)
    assert report.seconds >= report.bounds.seconds


def test_only_named_operands_are_coded() -> None:
    graph = with_zeros(parse_inline(LAYER), {"activation": 0.75, "weight": 0.75})
    machine = make_machine(load_chip("eyeriss"))
    stored = machine.stored("array", nest_of(graph.segments[0].ops[0], graph.by_name))
    assert set(stored) == {"input", "output"}
    assert stored["output"] == pytest.approx(1 / 3, rel=1e-3)


def test_gating_saves_multiplications_and_filter_reads_but_no_time() -> None:
    chip = load_chip("eyeriss")
    plain = load_chip("eyeriss", ("units.array.zero_gating=false",))
    graph = with_zeros(parse_inline("conv2d:n=2,c=32,h=14,w=14,k=64,r=3,s=3"), {"input": 0.6})
    gated, full = (make_estimator(one).report(graph) for one in (chip, plain))
    assert gated.seconds == full.seconds
    counts = [{(r.component, r.action): r.count for r in report.energy} for report in (gated, full)]
    for row in (("array", "mac"), ("filter_spad", "read bit")):
        assert counts[0][row] == pytest.approx(0.4 * counts[1][row])
    assert counts[0]["psum_spad", "read bit"] == counts[1]["psum_spad", "read bit"]


def without_prefetch(chip: Chip) -> Chip:
    buffer = chip.memories["global_buffer"].model_copy(update={"prefetched": ()})
    return chip.model_copy(update={"memories": {**chip.memories, "global_buffer": buffer}})


def test_filters_fetched_ahead_are_hidden() -> None:
    chip, graph = load_chip("eyeriss"), parse_inline("conv2d:n=2,c=64,h=14,w=14,k=256,r=3,s=3")
    ahead, late = (make_estimator(one).report(graph) for one in (chip, without_prefetch(chip)))
    assert ahead.seconds < 0.97 * late.seconds
