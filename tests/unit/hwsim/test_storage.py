from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hwsim.bounds import DoesNotFitError
from hwsim.config import load_chip
from hwsim.machine import capacity_bytes, storage_bytes
from hwsim.units.storage import ReadRate, StorageSpec, read_bandwidth
from mapper.base import CannotMapError
from mapper.estimate import make_estimator
from workloads.graph import OperatorGraph
from workloads.model import Choices, bind_model
from workloads.offload import FEED_FORWARD, FETCH, Offload, offload, only_fetches
from workloads.user import open_model

READS = tuple(
    ReadRate.model_validate({"piece": piece, "bandwidth": rate})
    for piece, rate in (("4 KiB", "1.25 GB/s"), ("32 KiB", "2.25 GB/s"), ("1 MiB", "6 GB/s"))
)


@pytest.fixture(scope="module")
def step() -> OperatorGraph:
    return bind_model(open_model("opt-6.7b"), "decode", Choices(1, 256))


def test_bandwidth_is_that_of_the_chip_file_at_its_sizes_and_flat_above() -> None:
    for read in READS:
        assert read_bandwidth(READS, read.piece) == pytest.approx(read.bandwidth)
    assert read_bandwidth(READS, 2**30) == 6e9
    assert read_bandwidth(READS, 2048) == pytest.approx(1.25e9 / 2)


@settings(deadline=None)
@given(st.lists(st.floats(1, 2**31), min_size=2, max_size=6))
def test_longer_reads_are_never_slower_per_byte_nor_quicker_in_all(pieces: list[float]) -> None:
    rates = [(piece, read_bandwidth(READS, piece)) for piece in sorted(pieces)]
    for (short, slow), (long, fast) in pairwise(rates):
        assert fast >= slow * (1 - 1e-12)
        assert long / fast >= short / slow * (1 - 1e-9)


def test_fetching_a_model_takes_its_bytes_over_the_bandwidth_of_long_reads(step: OperatorGraph) -> None:
    report = make_estimator(load_chip("m1_max_flash")).report(only_fetches(step))
    moved = sum(row.read_bytes for row in report.traffic if row.memory == "flash")
    assert moved == report.weight_bytes
    assert moved == sum(row.write_bytes for row in report.traffic if row.memory == "lpddr5")
    long = sum(row.seconds for row in report.ops if "norm" not in row.name and "bias" not in row.name)
    assert long == pytest.approx(moved / 6e9, rel=0.001)


def test_half_the_fetches_take_half_the_time_and_pieces_more(step: OperatorGraph) -> None:
    estimator = make_estimator(load_chip("m1_max_flash"))

    def seconds(plan: Offload) -> float:
        return sum(row.seconds for row in estimator.report(offload(step, plan)).ops if row.kind == FETCH)

    whole, half = (seconds(Offload(FEED_FORWARD, fetched=share)) for share in (1.0, 0.5))
    assert half == pytest.approx(whole / 2, rel=1e-6)
    assert seconds(Offload(FEED_FORWARD, piece_bytes=4096)) == pytest.approx(whole * 6 / 1.25, rel=1e-6)


def test_a_storage_adds_no_room_for_what_is_not_offloaded(step: OperatorGraph) -> None:
    small = load_chip("m1_max_flash", ["memories.lpddr5.size=8 GiB"])
    assert capacity_bytes(small) == 8 * 2**30
    assert storage_bytes(small) == 10**12
    estimator = make_estimator(small)
    with pytest.raises(DoesNotFitError):
        estimator.report(step)
    half = estimator.report(offload(step, Offload(held=0.5, fetched=0.5)))
    assert "fetched weights lie in a storage; memory holds 50% of them" in half.conventions
    with pytest.raises(DoesNotFitError, match="lie in a storage"):
        make_estimator(load_chip("m1_max_flash", ["memories.flash.size=1 GB"])).report(offload(step, Offload()))


def test_without_a_storage_nothing_can_be_fetched(step: OperatorGraph) -> None:
    with pytest.raises(CannotMapError, match="gpu is neither interconnect nor storage"):
        make_estimator(load_chip("t4")).report(only_fetches(step))


def test_sizes_of_reads_have_to_grow() -> None:
    with pytest.raises(ValidationError, match="expected sizes that grow"):
        StorageSpec.model_validate({"kind": "storage", "clock": "c", "path": ("a", "b"), "reads": READS[::-1]})
