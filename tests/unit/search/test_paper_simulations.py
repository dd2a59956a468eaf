"""Functions behind papers: what they compute agrees with counting by hand."""

from __future__ import annotations

import pytest

from hwsim.bounds import compulsory_bytes
from hwsim.config import load_chip
from hwsim.report import traffic_bytes
from mapper.estimate import estimate, make_estimator
from search.reproduction.paper_file import load_paper
from search.reproduction.simulations import arithmetic, deepseek_v3, duplex, llm_in_a_flash, sn40l, spike_driven
from workloads.graph import check, graph_macs
from workloads.model import Choices, bind_model
from workloads.spiking import firing, rate_of
from workloads.user import open_model


def test_every_measure_against_the_flash_reads_less_or_faster() -> None:
    values = llm_in_a_flash.simulate(False)
    times = [values[f"io {name}"] for name in llm_in_a_flash.PLANS]
    assert times == sorted(times, reverse=True)
    assert values["flash windowing"] == values["flash bundling"]
    assert values["flash naive"] == pytest.approx(6_658_473_984 * 2 / 1e9)
    parts = values["share attention"] + values["share feed-forward"] + values["share embeddings"]
    assert 99.8 < parts < 100


def test_a_switch_of_models_takes_its_bytes_over_the_bandwidth_of_the_node() -> None:
    weights = bind_model(open_model(sn40l.MODEL), "decode").parameters * 2
    for chip, rate in ((load_chip("sn40l"), 1e12), (sn40l.with_host(load_chip("h100_sxm"), 64e9), 64e9)):
        switch, run = sn40l.switch_and_run(make_estimator(chip))
        assert switch == pytest.approx(weights / rate, rel=0.005)
        assert run > 0


def test_fusion_leaves_the_bytes_of_what_crosses_its_kernels() -> None:
    rows, columns, depth, last = sn40l.MONARCH
    graph = sn40l.monarch()
    check(graph)
    outside = rows * depth + depth * columns + rows * last + columns * last
    between = rows * columns
    work = 2 * graph_macs(graph) + between
    found = sn40l.intensities()
    assert found["intensity full"] == pytest.approx(work / (2 * outside))
    assert found["intensity gemm0-mul-transpose"] == pytest.approx(work / (2 * (outside + 2 * between)))
    assert found["intensity none"] == pytest.approx(work / (2 * (outside + 6 * between)))


def test_a_chip_with_room_moves_what_full_fusion_leaves() -> None:
    graph = sn40l.monarch()
    read, written = traffic_bytes(make_estimator(load_chip("sn40l")).report(graph))["hbm"]
    assert read + written == compulsory_bytes(graph)


def test_an_exchange_with_experts_is_its_bytes_over_the_network() -> None:
    others = (deepseek_v3.DEVICES - 1) / deepseek_v3.DEVICES
    size = (1 + 2) * deepseek_v3.TOKENS * deepseek_v3.COPIES * 7168
    assert deepseek_v3.exchange_seconds(7168, ("units.infiniband.latency=0 s",)) == pytest.approx(size * others / 50e9)
    late = deepseek_v3.exchange_seconds(7168, ()) - size * others / 50e9
    assert late == pytest.approx(2 * 3.7e-6)
    assert deepseek_v3.exchanges(deepseek_v3.one_device()) == 2 * 58


def test_training_counts_six_operations_per_weight_and_the_attention() -> None:
    dense = 6 * (405_853_388_800 - 128_256 * 16384)
    attention = 6 * 126 * 2 * 16384 * (4096 + 1) / 2
    assert deepseek_v3.training_operations("llama-3.1-405b") == pytest.approx(dense + attention, rel=1e-3)


def test_spikes_cost_additions_and_the_image_products() -> None:
    model = "spikingformer-8-384"
    graph = bind_model(open_model(model), "forward", Choices(4, bits=spike_driven.BITS))
    rate = rate_of(graph, spike_driven.OPERATIONS[model])
    report = make_estimator(load_chip("snn_45nm")).report(firing(graph, rate))
    image = 4 * 3 * 9 * 48 * 224**2
    formula = 4.6e-12 * image + 0.9e-12 * spike_driven.OPERATIONS[model]
    # The formula counts the zeros around images, up to 9 % of a convolution at 14 x 14.
    assert 0.95 * formula < spike_driven.arithmetic_joules(report) < formula


def test_parts_of_the_energy_add_up_and_arithmetic_is_its_price() -> None:
    chip = load_chip(arithmetic.CHIP)
    report = estimate("matmul:m=64,n=256,k=256", chip, bits={"weight": 3, "input": 16, "output": 16})
    parts = arithmetic.energy_by_part(report)
    assert sum(parts.values()) == pytest.approx(report.energy_joules / report.work)
    assert parts["arithmetic"] == pytest.approx(64 * 256 * 256 * 0.345e-12)
    assert tuple(parts) == arithmetic.PARTS


def test_units_in_memory_help_experts_most_where_few_tokens_share_their_weights() -> None:
    both, gpu = (make_estimator(duplex.device(duplex.LOGIC, alone)) for alone in (False, True))
    steps = [duplex.Point("mixtral-8x7b", batch, 256) for batch in (8, 64)]
    few, many = (duplex.decode_step(gpu, step, 4).seconds / duplex.decode_step(both, step, 4).seconds for step in steps)
    assert few > 2 > many > 1


@pytest.mark.parametrize("name", ["arithmetic", "deepseek-v3", "duplex", "llm-in-a-flash", "sn40l", "spike-driven"])
def test_every_row_of_a_paper_has_a_source_and_says_what_it_is_worth(name: str) -> None:
    paper = load_paper(name)
    for panel in paper.panels:
        for row in panel.rows:
            if row.published is not None:
                assert (row.source or panel.source) not in ("", "none")
