"""FlightLLM's streams: busy times of the published profile, padding, sparsity, what on-chip decode saves."""

from __future__ import annotations

import pytest

from hwsim.chip import Chip
from hwsim.config import ChipFileError, load_chip
from hwsim.report import Report
from hwsim.simulation import play_schedule
from mapper.estimate import estimate
from mapper.graph import map_graph
from mapper.pieces import NoUnitError
from search.validation.groups.fpga import BITS, decode_seconds
from workloads.catalog import load
from workloads.inline import parse_inline


@pytest.fixture(scope="module")
def chip() -> Chip:
    return load_chip("flightllm_vhk158")


def decode(chip: Chip, context: int, model: str = "llama-2-7b") -> Report:
    graph = load(model, "decode", context=context, bits=BITS)
    return play_schedule(graph, map_graph(graph, chip), chip).report


@pytest.mark.parametrize(("tokens", "vector_ms", "total_ms"), [(512, 9.072071, 9.809803), (1024, 9.527, 10.615)])
def test_a_decode_step_takes_as_long_as_published(chip: Chip, tokens: int, vector_ms: float, total_ms: float) -> None:
    graph = load("llama-2-7b", "decode", context=tokens, bits=BITS)
    played = play_schedule(graph, map_graph(graph, chip), chip)
    ops = played.report.ops
    # Rows name the seconds that the matrix-vector engine and nothing else computes.
    assert sum(row.busy_seconds for row in ops) * 1e3 == pytest.approx(vector_ms, rel=1e-4)
    assert played.report.seconds * 1e3 == pytest.approx(total_ms, rel=1e-3)


def test_the_first_published_sum_of_decode_steps_is_met() -> None:
    assert decode_seconds("flightllm_vhk158", 128, 512) * 1e3 == pytest.approx(4946.4, rel=1e-3)


def test_lengths_between_two_multiples_of_sixteen_cost_the_same(chip: Chip) -> None:
    seconds = [decode(chip, length).seconds for length in (512, 513, 528, 529)]
    # Only the cache that is read once more when appending grows by single tokens.
    assert seconds[2] - seconds[1] < 1e-5 < seconds[1] - seconds[0]
    assert seconds == sorted(seconds)


def test_scores_times_values_pay_for_512_columns_although_a_head_has_128(chip: Chip) -> None:
    padded = decode(chip, 512)
    narrow = decode(load_chip("flightllm_vhk158", ["units.core.vector.columns=128"]), 512)
    macs = 32 * 32 * (512 - 128) * 512
    saved = macs / (1024 * 225e6 * 3.2)
    ours = sum(row.busy_seconds for row in padded.ops) - sum(row.busy_seconds for row in narrow.ops)
    # The feed-forward layers and the head pad to the next multiple of their columns too.
    assert ours == pytest.approx(saved + 32 * 2 * 256 * 4096 / (1024 * 225e6 * 3.2) + 256 * 4096 / (1024 * 225e6 * 3.2))


def test_weights_that_are_left_out_cost_neither_time_nor_traffic(chip: Chip) -> None:
    dense = decode(load_chip("flightllm_vhk158", ["units.core.sparse=[]"]), 512)
    sparse = decode(chip, 512)
    per_layer = 2 * 4096 * 4096
    assert dense.seconds - sparse.seconds == pytest.approx(32 * 0.3 * per_layer / (1024 * 225e6 * 3.2), rel=0.05)
    read = [sum(row.read_bytes for row in report.traffic) for report in (dense, sparse)]
    assert read[0] - read[1] == pytest.approx(32 * 0.3 * per_layer / 2)


def test_keeping_activations_on_chip_makes_a_decode_step_faster(chip: Chip) -> None:
    kept = decode(load_chip("flightllm_vhk158", ["units.core.on_chip_decode=true"]), 512)
    passed = decode(chip, 512)
    assert 0.9 < kept.seconds / passed.seconds < 0.99
    assert sum(row.write_bytes for row in kept.traffic) < sum(row.write_bytes for row in passed.traffic)


@pytest.mark.parametrize("model", ["llama-2-7b", "opt-6.7b"])
def test_the_promised_command_estimates_with_four_bit_weights(model: str) -> None:
    report = estimate(model, load_chip("flightllm_u280"), phase="generate", prompt=16, output=64)
    assert any("8 bits (weights 4)" in warning for warning in report.warnings)
    assert 30 < report.throughput < 60
    assert report.average_power_watts == pytest.approx(45)


def test_four_dies_at_full_efficiency_are_faster_by_their_inverse(chip: Chip) -> None:
    ideal = decode(load_chip("flightllm_vhk158", ["units.core.die_efficiency=1.0"]), 512)
    assert decode(chip, 512).seconds / ideal.seconds == pytest.approx(1 / 0.8, rel=1e-6)


def test_a_design_that_exceeds_its_board_is_refused_with_the_resource() -> None:
    with pytest.raises(ChipFileError, match=r"units.core: dsp: 9,220 needed, the board has 9,024"):
        load_chip("flightllm_u280", ["units.core.matrix.m=192"])
    with pytest.raises(ChipFileError, match="no board is named 'u281'; did you mean 'u280'"):
        load_chip("flightllm_u280", ["units.core.board=u281"])


def test_wide_operands_are_refused_with_the_width(chip: Chip) -> None:
    eight = load("llama-2-7b", "decode", context=64, bits={**BITS, "weight": 8})
    with pytest.raises(NoUnitError, match="core takes weights of 4 bits"):
        map_graph(eight, chip)
    recurrent = parse_inline("conv2d:n=1,c=8,h=16,w=16,k=12,r=3,s=3,bits=16")
    with pytest.raises(NoUnitError, match="core takes activations of 8 bits"):
        map_graph(recurrent, chip)
