"""FlightLLM beside GPUs: what a generation costs, and which of the stated ratios come out."""

from __future__ import annotations

import pytest

from hwsim.config import load_chip
from hwsim.cost import dollars_per_million
from mapper.estimate import estimate
from search.validation.flightllm import BITS, CHIPS, OUTPUT, PROMPT, ratios, run_of


def test_a_generation_costs_what_its_time_and_energy_cost() -> None:
    chip = load_chip("flightllm_u280")
    report = estimate("llama-2-7b", chip, phase="generate", prompt=PROMPT, output=8, bits=BITS)
    expected = dollars_per_million(chip, report.seconds, 8, report.average_power_watts)
    assert report.price_dollars_per_million == pytest.approx(expected, rel=1e-9)


def test_a_generation_on_a_chip_without_a_price_has_no_cost() -> None:
    report = estimate("llama-2-7b", load_chip("intar_vpk180"), phase="generate", prompt=4, output=2, bits=BITS)
    assert report.price_dollars_per_million is None


def test_at_their_board_limits_the_gpus_are_as_far_behind_as_stated_within_a_third() -> None:
    for ratio in ratios():
        assert ratio.at_limit == pytest.approx(ratio.published, rel=1 / 3), ratio.what
        assert ratio.simulated <= ratio.at_limit


def test_the_fpgas_give_more_tokens_per_dollar_and_joule_than_both_gpus() -> None:
    runs = [run_of("llama-2-7b", chip) for chip in CHIPS]
    for value in ([run.rate / run.price for run in runs], [run.rate / run.board_watts for run in runs]):
        assert min(value[:2]) > max(value[2:])
    assert runs[0].rate == pytest.approx(OUTPUT / runs[0].seconds)
