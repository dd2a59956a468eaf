"""Links between devices: collectives by the quickest protocol, and devices that share a model."""

from __future__ import annotations

import pytest

from hwsim.config import load_chip
from hwsim.report import Report
from hwsim.units.interconnect import Interconnect, InterconnectSpec
from mapper.base import CannotMapError
from mapper.estimate import estimate_model, make_estimator
from workloads.graph import Op, Role, Tensor
from workloads.model import Choices
from workloads.parallel import Parallel
from workloads.shard import exchange_op
from workloads.user import open_model


def decode(chip: str, parallel: Parallel, batch: int = 16) -> Report:
    choices = Choices(batch, 2048, parallel=parallel)
    return estimate_model(make_estimator(load_chip(chip)), open_model("llama-3-8b"), choices, "decode")


def seconds(size: int, devices: int, *changes: str) -> float:
    chip = load_chip("a100_80gb_sxm", changes)
    spec = chip.units["nvlink"]
    assert isinstance(spec, InterconnectSpec)
    tensor = Tensor("x", (size,), Role.ACTIVATION)
    op: Op = exchange_op("all_reduce", tensor, "join", devices, size)
    return Interconnect("nvlink", spec, chip).kernel(op, {"x": tensor}).seconds


def test_small_vectors_cost_the_overhead_and_large_ones_the_bandwidth() -> None:
    assert seconds(1, 2) == pytest.approx(22e-6, rel=1e-3)
    large = seconds(10**9, 2) - 42e-6
    assert large == pytest.approx(2e9 / (0.55 * 300e9), rel=1e-3)


def test_a_larger_vector_or_more_devices_never_take_less_time() -> None:
    times = [seconds(4**power, 8) for power in range(14)]
    assert times == sorted(times)
    times = [seconds(10**6, devices) for devices in range(2, 9)]
    assert times == sorted(times)


def test_twice_the_bandwidth_never_makes_an_exchange_slower() -> None:
    for size in (10, 10**5, 10**8):
        assert seconds(size, 8, "units.nvlink.bandwidth=600 GB/s") <= seconds(size, 8)


def test_more_devices_are_faster_but_not_in_proportion() -> None:
    one, two, eight = (decode("a100_80gb_sxm", Parallel(tensor=n)).seconds for n in (1, 2, 8))
    assert eight < two < one < 8 * eight


def test_the_report_says_that_it_is_of_one_device() -> None:
    report = decode("a100_80gb_sxm", Parallel(tensor=8))
    assert any("of one of 8 devices; throughput is that of all" in warning for warning in report.warnings)
    assert not any("devices" in warning for warning in decode("a100_80gb_sxm", Parallel()).warnings)


def test_a_chip_without_links_and_too_many_devices_are_refused() -> None:
    with pytest.raises(CannotMapError, match="gpu is neither interconnect nor storage"):
        decode("a100_80gb_pcie", Parallel(tensor=2))
    with pytest.raises(CannotMapError, match="joins at most 4 devices, not 8"):
        chip = load_chip("a100_80gb_sxm", ["units.nvlink.most=4"])
        estimate_model(make_estimator(chip), open_model("llama-3-8b"), Choices(parallel=Parallel(tensor=8)), "decode")


def test_a_pipeline_says_what_a_batch_alone_would_take() -> None:
    report = decode("a100_80gb_sxm", Parallel(pipeline=4))
    one = decode("a100_80gb_sxm", Parallel(), 4)
    assert one.seconds / 4 < report.seconds < one.seconds / 2
    assert any("passes its 4 stages in" in warning and "43% of it bubbles" in warning for warning in report.warnings)
