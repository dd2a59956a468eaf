"""Folding of batch norms."""

from __future__ import annotations

from workloads.bind import bind
from workloads.catalog import find, load
from workloads.graph import check, graph_macs
from workloads.model import Choices, bind_model


def test_folding_removes_every_batch_norm_behind_a_convolution_and_no_product() -> None:
    folded, kept = (bind_model(find("resnet-50"), None, Choices(fold_batchnorms=fold)) for fold in (True, False))
    check(folded)
    assert graph_macs(folded) == graph_macs(kept) == 4_089_184_256
    assert sum(op.kind == "batchnorm" for _, op in kept.walk()) > 0
    assert not any(op.kind == "batchnorm" for _, op in folded.walk())
    assert all(len(op.reads) == 3 for _, op in folded.walk() if op.kind == "conv2d")


def test_a_network_without_batch_norms_is_left_alone() -> None:
    model = find("vit-b16")
    folded, kept = (bind_model(model, None, Choices(fold_batchnorms=fold)) for fold in (True, False))
    assert folded == kept
    assert bind(load("vit-b16")) == load("vit-b16")
