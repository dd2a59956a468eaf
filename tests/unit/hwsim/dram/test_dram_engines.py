from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.dram import compiled, reference
from hwsim.dram.device import Device, load_device
from hwsim.dram.patterns import from_lines, lines_of, pattern, pseudo_random
from hwsim.dram.policy import Policy, ramulator2
from hwsim.dram.requests import Outcome, Requests, trace_lines
from workloads.errors import UserError

NAMES = ("gddr6", "hbm2", "hbm2_pim", "hbm3", "ddr5", "lpddr5")


def crowded(device: Device, seed: int, count: int, writes: int, rows: int, gap: int) -> Requests:
    """Requests to few rows of all banks: hits, conflicts, forwarding and merging."""
    values = pseudo_random(seed, count).astype(np.uint64) >> np.uint64(16)
    part = [((values >> np.uint64(shift)) % np.uint64(size)).astype(np.int64) for shift, size in
            ((0, device.banks), (8, rows), (16, min(device.columns, 8)), (24, 4))]  # fmt: skip
    time = np.arange(count) * gap if gap >= 0 else -1
    return from_lines(device, lines_of(device, part[0], part[1], part[2]), write=part[3] < writes, time=time)


def assert_equal(device: Device, one: Outcome, other: Outcome) -> None:
    assert trace_lines(device, one.commands) == trace_lines(device, other.commands)
    assert one.depart.tolist() == other.depart.tolist()
    assert one.arrive.tolist() == other.arrive.tolist()
    for field in ("cycles", "counts", "hits", "misses", "conflicts", "forwarded", "merged", "stalled"):
        assert getattr(one, field) == getattr(other, field), field


policies = st.builds(
    Policy,
    scheduler=st.sampled_from(("hit_first", "first_ready", "first_ready_row_hit", "fcfs")),
    row_policy=st.sampled_from(("open", "closed", "closed_cap")),
    refresh=st.sampled_from(("none", "all_bank")),
    cap=st.integers(1, 3),
    postpone=st.integers(0, 2),
    read_depth=st.sampled_from((1, 4, 32)),
    patience=st.sampled_from((20, 200, 2000)),
    corrected=st.booleans(),
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(NAMES), policies, st.integers(0, 2**32), st.integers(0, 3), st.integers(-1, 40))
def test_the_compiled_engine_equals_the_plain_one(name: str, policy: Policy, seed: int, writes: int, gap: int) -> None:
    device = load_device(name)
    # A short refresh interval, so that a short trace meets refreshes.
    refresh = replace(device.refresh, all_bank=900 + device.time("nRFC") if name != "gddr6" else 1300)
    device = replace(device, refresh=refresh)
    requests = crowded(device, seed, 70, writes, 3, gap)
    assert_equal(device, compiled.play(device, policy, requests), reference.play(device, policy, requests))


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("hbm3", ramulator2(refresh="paired_bank")),
        ("hbm3", ramulator2(refresh="per_bank", row_policy="closed_cap", cap=1)),
        ("hbm3", ramulator2("first_ready_row_hit", "all_bank")),
        ("lpddr5", ramulator2(refresh="per_bank")),
        ("lpddr5", ramulator2(refresh="all_bank", row_policy="closed_cap", cap=1)),
        ("hbm2", ramulator2(refresh="per_bank")),
        ("ddr5", ramulator2(refresh="all_bank", row_policy="closed_cap", cap=1)),
        ("gddr6", Policy(refresh="per_bank")),
    ],
    ids=str,
)
def test_the_engines_agree_with_refreshes_on_the_way(name: str, policy: Policy) -> None:
    device = load_device(name)
    requests = crowded(device, 5, 250, 2, 4, 30)
    assert_equal(device, compiled.play(device, policy, requests), reference.play(device, policy, requests))


@pytest.mark.parametrize("name", NAMES)
def test_a_read_takes_what_its_commands_take(name: str) -> None:
    device = load_device(name)
    policy = Policy(refresh="none")
    outcome = compiled.play(device, policy, pattern("ping-pong", device, 2))
    latency = (outcome.depart - outcome.arrive).tolist()
    rcd = device.time("nRCD") if dict(device.timing).get("nRCD") else device.time("nRCDRD")
    # Commands of several ticks count from their last one; half clocks and CAS add a tick.
    assert latency[0] - device.read_latency - rcd in (1, 2, 3)
    assert outcome.counts[device.command("PREpb")] == 1
    assert latency[1] > latency[0]


@pytest.mark.parametrize("name", NAMES)
def test_opening_many_rows_meets_the_window_of_four_activates(name: str) -> None:
    device = load_device(name)
    outcome = compiled.play(device, Policy(refresh="none"), pattern("act-storm", device, 600))
    activate = max(device.command("ACT"), device.command("ACT1"))
    own = outcome.commands.bank // device.spans[1] == 0 if device.levels[1] == "PseudoChannel" else True
    clock = outcome.commands.clock[(outcome.commands.command == activate) & own]
    assert (clock[4:] - clock[:-4]).min() >= device.time("nFAW")
    assert (clock[1:] - clock[:-1]).min() >= device.time("nRRDS")


def test_a_cap_on_accesses_does_not_close_a_row_under_an_activated_request() -> None:
    device = load_device("hbm2")
    requests = crowded(device, 777, 4000, 1, 4, 0)
    policy = Policy(refresh="none", row_policy="closed_cap", cap=1)
    assert not compiled.play(device, policy, requests).stalled


def test_queues_that_are_too_deep_are_refused() -> None:
    device = load_device("ddr5")
    with pytest.raises(UserError, match="read_depth and write_depth: the compiled engine takes at most"):
        compiled.play(device, Policy(read_depth=5000), pattern("stream", device, 4))


def test_a_refresh_that_a_device_does_not_have_is_refused() -> None:
    device = load_device("ddr5")
    for engine in (compiled, reference):
        with pytest.raises(UserError, match="no refresh by REFpb"):
            engine.play(device, Policy(refresh="per_bank"), pattern("stream", device, 4))
