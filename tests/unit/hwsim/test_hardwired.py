"""Hardwired matrices and the collectives between their chips."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.bounds import DoesNotFitError
from hwsim.chip import Chip
from hwsim.collectives import Collective, Topology, UnsupportedError, exchange, seconds
from hwsim.config import ChipFileError, load_chip
from hwsim.report import Report
from hwsim.simulation import simulate
from mapper.estimate import estimate, make_estimator
from mapper.graph import map_graph
from workloads.model import Choices, bind_model
from workloads.user import open_model

COLLECTIVES: tuple[Collective, ...] = ("all_reduce", "reduce", "all_gather", "reduce_scatter")


@pytest.fixture(scope="module")
def chip() -> Chip:
    return load_chip("hnlpu")


def decode(chip: Chip, batch: int, context: int) -> Report:
    graph = bind_model(open_model("gpt-oss-120b"), "decode", Choices(batch, context, {"weight": 4}))
    return simulate(graph, map_graph(graph, chip), chip)


def test_the_column_link_carries_the_published_bytes_of_a_layer(chip: Chip) -> None:
    unit = make_estimator(chip).search.machine.units["grid"]
    graph = bind_model(open_model("gpt-oss-120b"), "decode", Choices(1, 2048, {"weight": 4}))
    layer = next(segment for segment in graph.segments if segment.count > 1)
    column = sum(
        one.link_bytes
        for op in layer.ops
        for step, one in unit.exchanges(op, graph.by_name)  # type: ignore[attr-defined]
        if step.over == "column"
    )
    assert column == 2 * 11_872, "a segment holds two layers, one with and one without a window"


def test_throughput_rises_with_the_tokens_in_flight_and_then_stays(chip: Chip) -> None:
    rates = [decode(chip, batch, 2048).throughput for batch in (1, 27, 108, 216, 432, 1080)]
    assert rates[:4] == sorted(rates[:4]) and rates[3] > 8 * rates[0]
    assert rates[4] == pytest.approx(rates[3], rel=0.01) and rates[5] == pytest.approx(rates[3], rel=0.01)


def test_longer_contexts_are_never_faster_and_sharing_the_engines_never_helps(chip: Chip) -> None:
    shared = load_chip("hnlpu", ["units.grid.attention.shared=true", "units.grid.attention.heads_per_cycle=128.0"])
    times = [decode(chip, 216, context).seconds for context in (2048, 8192, 65536)]
    assert times == sorted(times)
    assert decode(shared, 216, 8192).seconds > times[1]


def test_attention_that_is_not_shared_says_what_it_leaves_out(chip: Chip) -> None:
    warnings = " ".join(decode(chip, 216, 65536).warnings)
    assert "the engines alone would take" in warnings and "exceeds the 5.12 GB of attention_buffer" in warnings
    honest = load_chip("hnlpu", ["units.grid.attention.shared=true"])
    assert not any("engines alone" in warning for warning in decode(honest, 216, 65536).warnings)


def test_weights_neither_move_nor_need_memory(chip: Chip) -> None:
    report = decode(chip, 1, 2048)
    assert report.bounds.compulsory_bytes < 0.01 * report.weight_bytes
    small = load_chip("hnlpu", ["memories.hbm.size=2 GB"])
    assert decode(small, 1, 2048).seconds == report.seconds


def test_a_model_with_more_weights_than_the_metal_does_not_fit(chip: Chip) -> None:
    with pytest.raises(DoesNotFitError, match=r"405.* billion weights, the arrays hold 11"):
        estimate("llama-3.1-405b", chip, phase="decode", bits={"weight": 4})


def test_four_bit_weights_are_chosen_where_the_metal_holds_no_more(chip: Chip) -> None:
    report = estimate("gpt-oss-120b", chip, phase="decode")
    assert any("16 bits (weights 4)" in warning for warning in report.warnings)


def test_an_array_without_an_area_is_refused() -> None:
    with pytest.raises(ChipFileError, match=r"blocks\.array: its area is missing"):
        load_chip("hnlpu", ["units.grid.blocks={control: {area: 1 mm2, power: 1 W}}"])


@given(
    collective=st.sampled_from(COLLECTIVES),
    topology=st.sampled_from(["fully_connected", "ring", "tree", "switch"]),
    members=st.integers(2, 64),
    size=st.floats(1, 1e9),
)
def test_no_link_carries_less_than_the_data_that_must_leave_a_member(
    collective: Collective, topology: Topology, members: int, size: float
) -> None:
    one = exchange(collective, topology, members, size)
    ports = members - 1 if topology == "fully_connected" else 2 if topology in ("ring", "tree") else 1
    assert one.link_bytes * ports >= size * (members - 1) / members * (1 - 1e-12) * (0.5 if topology == "ring" else 1)
    assert one.steps >= 1
    assert seconds(one, 1e9, 1e-7) >= one.link_bytes / 1e9


def test_an_all_reduce_is_a_reduce_scatter_and_an_all_gather_on_ring_and_switch() -> None:
    for topology in ("ring", "switch"):
        whole = exchange("all_reduce", topology, 8, 1e6)
        halves = [exchange(name, topology, 8, 1e6) for name in ("reduce_scatter", "all_gather")]
        assert whole.link_bytes == pytest.approx(sum(half.link_bytes for half in halves))
        assert whole.steps == sum(half.steps for half in halves)


def test_a_group_of_one_exchanges_nothing_and_a_tree_has_no_all_to_all() -> None:
    assert exchange("all_reduce", "ring", 1, 1e6).link_bytes == 0
    with pytest.raises(UnsupportedError, match="no all_to_all on a tree"):
        exchange("all_to_all", "tree", 4, 1.0)


def test_the_parts_of_the_time_add_up(chip: Chip) -> None:
    from hwsim.simulation import play_schedule

    graph = bind_model(open_model("gpt-oss-120b"), "decode", Choices(216, 2048, {"weight": 4}))
    played = play_schedule(graph, map_graph(graph, chip), chip)
    names = [place for place, name in enumerate(played.machine.resources) if name.startswith("grid: ")]
    parts = math.fsum(row[place] for row in played.own_seconds for place in names)
    assert parts == pytest.approx(played.report.seconds, rel=1e-6)
