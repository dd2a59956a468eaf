"""Networks of ours traced at the sizes they were published at: multiply-accumulates as their authors count them."""

from __future__ import annotations

import importlib

import pytest

torch = pytest.importorskip("torch")

from workloads.graph import graph_macs  # noqa: E402
from workloads.phases import bind_phase  # noqa: E402
from workloads.trace import trace  # noqa: E402

AUXILIARY = (1024 * 256 * 9 + 256 * 21) * 65 * 65
"""Multiply-accumulates of the training head, which torchvision counts: on the third stage, an eighth of 520 x 520."""


def macs_at(build: str, size: int) -> int:
    module_name, _, function = build.partition(":")
    make = getattr(importlib.import_module(f"workloads.models.{module_name}"), function)
    with torch.device("meta"):
        module, inputs, axes = make(size=size)
    return graph_macs(bind_phase(trace(module, inputs, name=build, dynamic=axes)))


@pytest.mark.parametrize(
    ("build", "size", "left_out", "published"),
    [
        ("segmentation:build_fcn", 520, AUXILIARY, 152.717e9),
        ("segmentation:build_deeplab", 520, AUXILIARY, 178.722e9),
        ("segmentation:build_lraspp", 520, 0, 2.086e9),
        ("video:build_r2plus1d", 112, 0, 40.519e9),
    ],
)
def test_macs_at_the_published_size(build: str, size: int, left_out: int, published: float):
    """Torchvision's documentation, in units of 1e9; it counts convolutions and linear layers."""
    assert macs_at(build, size) + left_out == pytest.approx(published, rel=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("build", "published"), [("pnasnet:build", 25.0e9), ("nasnet:build", 23.8e9)])
def test_macs_of_networks_found_by_search(build: str, published: float):
    """Liu et al., ECCV 2018, Table 5; Zoph et al., CVPR 2018, Table 2."""
    assert macs_at(build, 331) == pytest.approx(published, rel=5e-3)
