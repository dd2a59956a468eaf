"""Insights into DeepSeek-V3 (ISCA 2025, arXiv 2505.09343): caches, expert parallelism, work of training.

The exchange of tokens with experts is timed by the network unit of a chip, on vectors whose size comes from the traced
model. Two micro-batches in turn hide either their exchange or their computation, so that a layer takes at least twice
the time of its exchange, for both.
"""

from __future__ import annotations

from collections.abc import Mapping

from hwsim.config import load_chip
from hwsim.machine import make_machine
from mapper.estimate import make_estimator
from workloads.graph import OperatorGraph, Role, Tensor, graph_macs, macs, role_bytes
from workloads.model import Choices, bind_model
from workloads.parallel import Parallel
from workloads.partition import Cut, cuts
from workloads.shard import exchange_op
from workloads.user import open_model

MODEL, CHIP = "deepseek-v3", "h800_sxm"
MODELS = (MODEL, "qwen2.5-72b", "llama-3.1-405b")
DEVICES, TOKENS = 256, 32
"""One routed expert and 32 tokens per device."""
COPIES = 9
"""Of a token: eight routed experts and the shared one, which is served like them (section 2.3.2)."""
DISPATCH_BITS, COMBINE_BITS = 8, 16
CONTEXT = 4096
NETWORKS: Mapping[str, tuple[str, ...]] = {
    "InfiniBand": ("units.infiniband.latency=0 s",),
    "NVL72": ("units.infiniband.latency=0 s", "units.infiniband.bandwidth=900 GB/s"),
    "InfiniBand with latency": (),
}
"""Changes of the chip: the paper counts bandwidth alone, and puts that of a rack of 72 GPUs in its place."""


def simulate(_: bool) -> Mapping[str, float]:
    """Bytes per token, microseconds, milliseconds, tokens per second and GFLOP per token.

    Keys: ``cache MODEL``, ``exchange NETWORK`` (us), ``step NETWORK`` (ms, the limit), ``tokens NETWORK``, ``training
    MODEL``, and of the simulated step without overlap ``step`` and ``step exchange`` (ms).
    """
    values: dict[str, float] = {}
    for model in MODELS:
        step = bind_model(open_model(model), "decode", Choices(1, CONTEXT))
        values[f"cache {model}"] = role_bytes(step, Role.STATE) / CONTEXT
        values[f"training {model}"] = training_operations(model) / 1e9
    graph = one_device()
    layers = exchanges(graph) // 2
    hidden = int(dict(graph.facts)["hidden"])
    for network, overrides in NETWORKS.items():
        seconds = exchange_seconds(hidden, overrides)
        limit = 2 * layers * seconds
        values |= {f"exchange {network}": 1e6 * seconds, f"step {network}": 1e3 * limit, f"tokens {network}": 1 / limit}
    report = make_estimator(load_chip(CHIP)).report(graph)
    moved = sum(row.seconds for row in report.ops if row.kind == "all_to_all")
    return {**values, "step": 1e3 * report.seconds, "step exchange": 1e3 * moved}


def one_device() -> OperatorGraph:
    """A decode step of one device: weights and activations in 8 bits, the cache in 16."""
    bits = {"weight": 8, "activation": 8, "state": 16}
    choices = Choices(TOKENS * DEVICES, CONTEXT, bits, parallel=Parallel(expert=DEVICES))
    return bind_model(open_model(MODEL), "decode", choices)


def exchanges(graph: OperatorGraph) -> int:
    """All-to-alls of a step."""
    return sum(segment.count for segment, op in graph.walk() if op.kind == "all_to_all")


def exchange_seconds(hidden: int, overrides: tuple[str, ...]) -> float:
    """Seconds to send the tokens of a layer to their experts and back."""
    network = make_machine(load_chip(CHIP, overrides)).kernels["infiniband"]
    total = 0.0
    for name, bits in (("dispatch", DISPATCH_BITS), ("combine", COMBINE_BITS)):
        tensor = Tensor("tokens", (TOKENS, COPIES, hidden), Role.ACTIVATION, bits)
        op = exchange_op("all_to_all", tensor, name, DEVICES, TOKENS * COPIES * hidden)
        total += network.kernel(op, {tensor.name: tensor}).seconds
    return total


def training_operations(model: str) -> float:
    """Operations per token of a training step at a context of 4,096: three times those of a forward pass.

    The traced prefill runs its output head on the last token only; here it counts for all. Attention is causal.
    """
    graph = bind_model(open_model(model), "prefill", Choices(1, CONTEXT, mla="expanded"))
    place = cuts(graph)
    head = sum(macs(op) for _, op in graph.walk() if place.get(op.name) is Cut.HEAD)
    return 3 * 2 * (graph_macs(graph) + head * (CONTEXT - 1)) / CONTEXT
