"""LLM in a flash (arXiv 2312.11514): a model twice the size of the memory, its weights in flash.

Each configuration is a decode step of OPT-6.7B whose graph fetches what memory does not hold (``workloads.offload``),
on a chip with flash behind its memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from hwsim.config import load_chip
from hwsim.report import Report
from mapper.estimate import make_estimator
from workloads.graph import OperatorGraph, Role, role_bytes, size_bytes, tensor_repeats
from workloads.model import Choices, bind_model
from workloads.offload import FEED_FORWARD, FETCH, Offload, offload
from workloads.partition import Cut, cuts
from workloads.user import open_model

MODEL, CHIP = "opt-6.7b", "m1_max_flash"
CONTEXT = 256
"""A prompt of 128 tokens and 256 written ones: the middle step."""
ACTIVE, WINDOW, NEW = 0.10, 0.24, 0.024
"""Of the feed-forward neurons: predicted active for a token, those of the last five tokens, and new in one token."""
WIDTH_BYTES = 4096 * 2
"""One neuron's weights in one of the two matrices; bundled, those of both lie side by side."""

PLANS: Mapping[str, Offload] = {
    "naive": Offload(),
    "hybrid": Offload(held=0.5, fetched=0.5),
    "predictor": Offload(FEED_FORWARD, fetched=ACTIVE, active=ACTIVE, piece_bytes=WIDTH_BYTES),
    "windowing": Offload(FEED_FORWARD, held=WINDOW, fetched=NEW, active=ACTIVE, piece_bytes=WIDTH_BYTES),
    "bundling": Offload(FEED_FORWARD, held=WINDOW, fetched=NEW, active=ACTIVE, piece_bytes=2 * WIDTH_BYTES),
}
"""Configurations as the paper builds them up, each with what the one before has."""


def simulate(_: bool) -> Mapping[str, float]:
    """Milliseconds and gigabytes per token of every configuration, and percent of the model by part.

    Keys: ``io NAME``, ``compute NAME``, ``total NAME``, ``flash NAME``, ``speedup``, and ``share PART``.
    """
    graph = bind_model(open_model(MODEL), "decode", Choices(1, CONTEXT))
    estimator = make_estimator(load_chip(CHIP))
    reports = {name: estimator.report(offload(graph, plan)) for name, plan in PLANS.items()}
    values: dict[str, float] = {}
    for name, report in reports.items():
        io = 1e3 * sum(row.seconds for row in report.ops if row.kind == FETCH)
        values |= {f"io {name}": io, f"total {name}": 1e3 * report.seconds, f"flash {name}": flash_bytes(report) / 1e9}
        values[f"compute {name}"] = values[f"total {name}"] - io
    values["speedup"] = values["total naive"] / values["total bundling"]
    return {**values, **shares(graph)}


def flash_bytes(report: Report) -> float:
    """Bytes read from flash."""
    return sum(row.read_bytes for row in report.traffic if row.memory == "flash")


def shares(graph: OperatorGraph) -> Mapping[str, float]:
    """Percent of the model's weights: ``share embeddings``, ``attention``, ``feed-forward``, ``window``, and what is in
    memory of them, ``share memory``.
    """
    place, repeats = cuts(graph), tensor_repeats(graph)
    attention = frozenset({Cut.QUERY, Cut.CACHE, Cut.OUTPUT})
    parts = {"attention": attention, "feed-forward": frozenset(FEED_FORWARD), "embeddings": frozenset({Cut.EMBEDDING})}
    whole = role_bytes(graph, Role.WEIGHT)
    found: dict[str, float] = {}
    for part, wanted in parts.items():
        names = {
            access.tensor
            for _, op in graph.walk()
            if place.get(op.name) in wanted
            for access in op.reads
            if graph.by_name[access.tensor].role is Role.WEIGHT
        }
        size = sum(size_bytes(graph.by_name[name]) * repeats.get(name, 1) for name in names)
        found[f"share {part}"] = 100 * size / whole
    found["share window"] = WINDOW * found["share feed-forward"]
    found["share memory"] = found["share attention"] + found["share embeddings"] + found["share window"]
    return found
