from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.graph import OperatorGraph, Role, check, graph_macs
from workloads.model import Choices, bind_model
from workloads.spiking import SpikingError, firing, rate_of, spike_macs, spikes
from workloads.user import open_model


@pytest.fixture(scope="module")
def steps() -> OperatorGraph:
    return bind_model(open_model("spikingformer-8-384"), "forward", Choices(4))


def test_every_product_but_that_of_the_image_and_the_head_takes_spikes(steps: OperatorGraph) -> None:
    names = spikes(steps)
    without = {
        op.name
        for _, op in steps.walk()
        if op.kind in ("conv2d", "linear", "matmul") and not names & {access.tensor for access in op.reads[:2]}
    }
    assert without == {"patches.0.conv", "head"}
    assert all(steps.by_name[name].role is Role.ACTIVATION for name in names)


def test_products_with_spikes_and_without_add_up_to_all(steps: OperatorGraph) -> None:
    first, second = spike_macs(steps)
    image, head = 4 * 3 * 9 * 48 * 224**2, 4 * 384 * 1000
    assert first + second + image + head == graph_macs(steps)
    assert second == 4 * 8 * 196 * 196 * 384


def test_firing_changes_spikes_and_nothing_else(steps: OperatorGraph) -> None:
    fired, names = firing(steps, 0.25), spikes(steps)
    check(fired)
    for old, new in zip(steps.tensors, fired.tensors, strict=True):
        assert (new.bits, new.zeros) == ((1, 0.75) if old.name in names else (old.bits, old.zeros))
    assert fired.segments == steps.segments


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 1))
def test_the_rate_that_leaves_some_operations_leaves_them(steps: OperatorGraph, rate: float) -> None:
    first, second = spike_macs(steps)
    assert rate_of(steps, rate * first + second) == pytest.approx(rate, abs=1e-9)


def test_what_cannot_spike_is_refused(steps: OperatorGraph) -> None:
    with pytest.raises(SpikingError, match="from 0 to 1"):
        firing(steps, 1.5)
    with pytest.raises(SpikingError, match="no firing rate leaves"):
        rate_of(steps, 1e15)
    with pytest.raises(SpikingError, match="has no spikes"):
        firing(bind_model(open_model("vit-b16"), "forward"), 0.2)
