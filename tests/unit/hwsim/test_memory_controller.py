"""The memory controller as a unit: its numbers are those of the command engine, and its decisions matter."""

from __future__ import annotations

import numpy as np
import pytest

from hwsim.config import ChipFileError, load_chip
from hwsim.dram.device import load_device
from hwsim.dram.patterns import mixed
from hwsim.dram.policy import Policy
from hwsim.dram.reference import play
from hwsim.report import Report
from hwsim.units.registry import build_unit
from mapper.estimate import estimate
from workloads.errors import UserError
from workloads.inline import parse_inline

BASE = "hw_configs/spaces/dram_controller_base.yaml"


def run(text: str, *changes: str) -> Report:
    return estimate(text, load_chip(BASE, changes))


def test_its_time_is_that_of_the_plain_engine() -> None:
    report = run("accesses:lines=300,random=40,writes=30,gap=3", "units.controller.row_policy=closed")
    device = load_device("ddr5")
    plain = play(device, Policy(row_policy="closed"), mixed(device, 300, 40, 30, 3, "interleaved"))
    assert report.seconds == pytest.approx(plain.cycles * device.tick, rel=1e-12)


def test_energy_is_all_of_the_commands() -> None:
    report = run("accesses:lines=300,random=40,writes=30")
    causes = {row.action: row.energy_joules for row in report.energy}
    assert {"activation", "movement interface", "background"} <= set(causes)
    assert report.energy_joules == pytest.approx(sum(causes.values()))


def test_streams_are_near_the_peak_and_scattered_accesses_far_from_it() -> None:
    stream, scattered = run("accesses:lines=8192"), run("accesses:lines=8192,random=100")
    peak = 8192 * 64 / 19.23e9
    assert peak < stream.seconds < 1.15 * peak
    assert scattered.seconds > 1.5 * stream.seconds


def test_looking_ahead_helps_scattered_accesses() -> None:
    text = "accesses:lines=2048,random=80"
    in_order = run(text, "units.controller.scheduler=fcfs")
    assert run(text).seconds < 0.8 * in_order.seconds


def test_accesses_are_as_mixed_as_asked_for() -> None:
    device = load_device("ddr5")
    requests = mixed(device, 4000, random=25, writes=10, gap=7, mapping="row_bank_column")
    follows = np.mean(np.diff(requests.line) == 1)
    assert follows == pytest.approx(0.75, abs=0.03)
    assert requests.write.mean() == pytest.approx(0.10, abs=0.02)
    assert requests.time.tolist() == [7 * place for place in range(4000)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("units.controller.drain_start=33", "drain_start"),
        ("units.controller.mapping=striped", "mapping: 'striped' is unknown"),
        ("units.controller.standard=ddr9", "ddr9"),
    ],
)
def test_nonsense_is_refused_with_the_key(change: str, message: str) -> None:
    with pytest.raises(ChipFileError, match=message):
        load_chip(BASE, [change])


def test_a_bandwidth_that_is_not_the_standards_is_refused() -> None:
    with pytest.raises(UserError, match=r"a channel of ddr5 has 19.23 GB/s"):
        build_unit("controller", load_chip(BASE, ["memories.dram.bandwidth=25 GB/s"]))


def test_other_operators_and_long_traces_are_refused() -> None:
    unit = build_unit("controller", load_chip(BASE))
    for text, reason in (
        ("softmax:rows=4,columns=4", "accesses only"),
        ("accesses:lines=2000000", "at most 1,000,000"),
    ):
        graph = parse_inline(text)
        assert reason in str(unit.refuses(graph.segments[0].ops[0], graph.by_name))
    with pytest.raises(UserError, match="percentage"):
        parse_inline("accesses:lines=4,random=101")
