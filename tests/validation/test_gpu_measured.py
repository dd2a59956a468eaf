"""Errors of the GPU unit against measurements stay within what was reached; nothing is fitted per GPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.gpu_error import DataSet, calibrate, data_set, errors, mean_error, names

# Mean absolute error of all rows plus half a point. Convolutions are not claimed: the measured library of 2018 converts
# layouts, which the model does not know.
BOUNDS = {
    "a100 llama-2-7b": 0.070,
    "a100 llama-3-8b": 0.075,
    "a40 llama-2-7b": 0.083,
    "t4 deepbench": 0.095,
    "v100 deepbench": 0.125,
    "a100 matmul": 0.083,
    "a100 softmax": 0.096,
    "a100 layernorm": 0.094,
    "a100 gelu": 0.053,
    "t4 convolution": 0.225,
    "v100 convolution": 0.240,
}


def _thinned(name: str, reference: Path) -> DataSet:
    """Every third row of the large sets, which have four layers in turn; all rows of the others."""
    measured = data_set(reference, name)
    return replace(measured, samples=measured.samples[:: 3 if len(measured.samples) > 1000 else 1])


def test_every_data_set_has_a_bound() -> None:
    assert set(names()) == set(BOUNDS)


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_error_has_not_grown(name: str, reference: Path) -> None:
    found = errors(_thinned(name, reference))
    assert mean_error(found) <= BOUNDS[name]


@pytest.mark.parametrize("name", ["a100 llama-2-7b", "a100 llama-3-8b", "a100 matmul"])
def test_one_clock_fraction_brings_the_a100_under_seven_percent(name: str, reference: Path) -> None:
    _, held_out = calibrate(_thinned(name, reference))
    assert held_out <= 0.07


def test_a_deliberately_wrong_clock_is_noticed(reference: Path) -> None:
    measured = data_set(reference, "t4 deepbench")
    assert mean_error(errors(measured, clock_fraction=1.0)) > BOUNDS["t4 deepbench"]
