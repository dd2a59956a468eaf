"""docs/conventions.md: the effect of every counting choice is what the tool computes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import pytest

import workloads
from hwsim.bounds import leaves
from hwsim.config import load_chip
from hwsim.peak import peak_operations
from hwsim.report import Report, traffic_bytes
from hwsim.work import touched_bytes
from mapper.estimate import estimate
from workloads.graph import macs

DOCUMENT = Path(__file__).parents[2] / "docs" / "conventions.md"
CHIP, TOKENS, LAYERS = "a100_80gb_pcie", 2048, 32
ATTENTION = f"attention:batch=1,heads=32,kv_heads=32,queries={TOKENS},keys={TOKENS},head_dim=128"


@dataclass(frozen=True)
class Cost:
    macs: float
    moved: float
    seconds: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.macs + other.macs, self.moved + other.moved, self.seconds + other.seconds)

    def times(self, factor: float) -> Cost:
        return Cost(factor * self.macs, factor * self.moved, factor * self.seconds)


def _cost(report: Report) -> Cost:
    return Cost(report.macs, sum(map(sum, traffic_bytes(report).values())), report.seconds)


@functools.cache
def _prefill(*overrides: str, phase: str = "prefill") -> Report:
    return estimate("llama-2-7b", load_chip(CHIP, overrides), phase=phase, context=TOKENS)


def _difference(more: str, less: str) -> Cost:
    chip = load_chip(CHIP)
    return _cost(estimate(more, chip)) + _cost(estimate(less, chip)).times(-1)


def _without_elementwise() -> Cost:
    """The products alone; their traffic is not told apart in a report."""
    report = _prefill()
    rows = [op for op in report.ops if op.kind not in ("linear", "attention")]
    assert not any(op.macs for op in rows)
    base = _cost(report)
    return Cost(base.macs, base.moved, base.seconds - sum(op.seconds for op in rows))


def _with(*overrides: str) -> Cost:
    return _cost(_prefill(*overrides))


def _effects() -> dict[str, Cost]:
    base = _cost(_prefill())
    clocks = load_chip(CHIP).units["gpu"]
    base_share = getattr(clocks, "base_clock") / getattr(clocks, "boost_clock")  # noqa: B009 - fields of one kind
    return {
        "head on all tokens": base + _difference(f"matmul:m={TOKENS},n=32000,k=4096", "matmul:m=1,n=32000,k=4096"),
        "whole square of attention": base + _difference(ATTENTION, f"{ATTENTION},causal=1").times(LAYERS),
        "scores written to memory": _with("units.gpu.flash_attention=false"),
        "matrix products only": _without_elementwise(),
        "base clock": _with(f"units.gpu.clock_fraction={base_share}"),
        "boost clock": _with("units.gpu.clock_fraction=1"),
        "bandwidth in GiB/s": _with("memories.hbm.bandwidth=1935 GiB/s"),
    }


UNKNOWN = {"matrix products only": 1}
"""Cells that a report can't tell."""


def _percent(value: float, base: float) -> str:
    change = 100 * (value / base - 1)
    return f"{change:+.1f} %" if abs(change) >= 0.05 else "0"


@pytest.fixture(scope="module")
def text() -> str:
    """The document as one line."""
    return " ".join(DOCUMENT.read_text(encoding="utf-8").split())


def test_the_table_of_effects_is_computed(text: str) -> None:
    base = _cost(_prefill())
    for name, cost in _effects().items():
        pairs = ((cost.macs, base.macs), (cost.moved, base.moved), (cost.seconds, base.seconds))
        cells = ["?" if UNKNOWN.get(name) == column else _percent(*pair) for column, pair in enumerate(pairs)]
        row = f"| {name} | {' | '.join(cells)} |"
        assert row in text, row


def _roofline_by_operator(keep_activations: bool) -> float:
    """Sum of every operator's roofline; scores of attention stay on chip in both cases."""
    graph, chip = workloads.load("llama-2-7b", phase="prefill", batch=1, context=TOKENS), load_chip(CHIP)
    peak, bandwidth = peak_operations(chip, 16) / 2, chip.memories["hbm"].bandwidth
    assert bandwidth is not None
    seconds = 0.0
    for segment, op in graph.walk():
        moved = sum(
            touched_bytes(leaf, access, tensor)
            for leaf in leaves(op)
            for access in (*leaf.reads, *leaf.writes)
            if (tensor := graph.by_name.get(access.tensor)) is not None
            and not (keep_activations and tensor.role == "activation")
        )
        seconds += segment.count * max(macs(op) / peak, moved / bandwidth)
    return seconds


def test_the_rooflines_are_computed(text: str) -> None:
    kept, moved = _roofline_by_operator(True), _roofline_by_operator(False)
    assert f"{1e3 * kept:.1f} ms where activations stay on chip" in text
    assert f"{1e3 * moved:.1f} ms ({_percent(moved, kept)}) where every operator reads and writes them" in text


def test_the_numbers_of_the_prefill_itself_are_computed(text: str) -> None:
    report, decode = _prefill(), _prefill(phase="decode")
    assert f"{report.macs / 1e12:.2f} TMAC" in text
    assert f"{_cost(report).moved / 1e9:.1f} GB of DRAM traffic" in text
    assert f"{report.seconds * 1e3:.1f} ms" in text
    slow = _prefill("memories.hbm.bandwidth=1935 GiB/s", phase="decode")
    assert f"a decode step {_percent(slow.seconds, decode.seconds)}" in text
    assert f"{report.weight_bytes / 1e9:.2f} GB or {report.weight_bytes / 2**30:.2f} GiB" in text
