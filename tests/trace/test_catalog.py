"""The shipped graphs are what a fresh trace gives."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from workloads import build_catalog, catalog, serialize

ENTRIES = build_catalog.entries()
QUICK = ("alexnet", "gcn-cora", "lstm-ptb", "resnet-18", "gpt2", "llama-3-8b")


def assert_shipped_equals_traced(name: str) -> None:
    graphs = build_catalog.trace_entry(name, ENTRIES[name])
    assert tuple(graphs) == catalog.describe(name).phases
    for phase, graph in graphs.items():
        shipped = catalog.find(name).symbolic(phase)
        assert serialize.structural_hash(shipped) == serialize.structural_hash(graph)
        assert (shipped.parameters, shipped.facts) == (graph.parameters, graph.facts)


def test_every_entry_is_in_the_index():
    assert tuple(ENTRIES) == catalog.names()


@pytest.mark.parametrize("name", QUICK)
def test_a_fresh_trace_equals_the_shipped_graph(name: str):
    assert_shipped_equals_traced(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ENTRIES if name not in QUICK])
def test_a_fresh_trace_of_a_larger_model_equals_the_shipped_graph(name: str):
    assert_shipped_equals_traced(name)
