"""The closed forms of bandwidth against commands played one by one."""

from __future__ import annotations

import pytest

from hwsim.dram import compiled
from hwsim.dram.bandwidth import Channel
from hwsim.dram.device import load_device
from hwsim.dram.patterns import pattern
from hwsim.dram.policy import Policy
from hwsim.dram.timing import load_standard

REQUESTS = 40_000


def played(name: str, kind: str, refresh: bool, mapping: str = "interleaved") -> float:
    """Bytes per second of a pattern."""
    device = load_device(name)
    # Deep enough to open rows in time: with 32 entries HBM3 reaches nine tenths of its peak.
    policy = Policy(refresh="all_bank" if refresh else "none", read_depth=128)
    outcome = compiled.play(device, policy, pattern(kind, device, REQUESTS, mapping), log=False)
    return REQUESTS * device.access_bytes / (outcome.cycles * device.tick)


def peak(name: str) -> float:
    """Bytes per second with bursts back to back, pseudo channels side by side."""
    device = load_device(name)
    channels = device.counts[1] if device.levels[1] == "PseudoChannel" else 1
    return channels * load_standard(name).peak_bytes_per_second


@pytest.mark.parametrize("name", ["gddr6", "hbm2", "hbm3", "ddr5", "lpddr5"])
def test_a_stream_without_refresh_reaches_the_peak_within_two_percent(name: str) -> None:
    assert played(name, "stream", refresh=False) == pytest.approx(peak(name), rel=0.02)


@pytest.mark.parametrize("name", ["gddr6", "ddr5", "lpddr5"])
def test_a_stream_with_refresh_loses_what_the_closed_form_says(name: str) -> None:
    lost = Channel(load_standard(name)).refresh_share()
    assert played(name, "stream", refresh=True) == pytest.approx(peak(name) * lost, rel=0.03)
