"""SambaNova SN40L (MICRO 2024, arXiv 2405.07518): switching between models, and operational intensity of fusion.

A node of eight sockets or GPUs runs Llama-2-7B cut over all of them; a switch of models is the graph that fetches all
weights of one from DDR (SN40L) or from the host (DGX).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hwsim.bounds import compulsory_bytes
from hwsim.chip import Chip, Memory
from hwsim.config import load_chip
from hwsim.machine import storage_bytes
from hwsim.units.registry import read_unit_spec
from mapper.estimate import Estimator, make_estimator
from workloads.composites import axes, contraction, nest
from workloads.graph import Access, Family, Op, OperatorGraph, Role, Segment, Tensor, operations
from workloads.model import Choices, bind_model
from workloads.offload import only_fetches
from workloads.parallel import Parallel
from workloads.user import open_model

MODEL = "llama-2-7b"
SOCKETS = 8
PROMPT, WRITTEN = 512, 20
"""Tokens of a request; the prompt is our choice."""
HOST_BANDWIDTH = {"a100_80gb_sxm": 32e9, "h100_sxm": 64e9}
"""Bytes per second from a DGX's host to its GPUs, by notes on the paper."""
EXPERTS = 850
"""Models that a node of SN40L holds, by notes on the paper."""
MONARCH = (512, 2048, 16, 256)
"""Rows, columns and depth of the first product and columns of the second: powers of two that give the published
intensities of two of three levels; the figure with the paper's shapes was not available."""


def simulate(_: bool) -> Mapping[str, float]:
    """Milliseconds, ratios and operations per byte.

    Keys: ``switch CHIP``, ``request CHIP``, ``switch ratio CHIP``, ``request ratio CHIP``, ``intensity LEVEL``,
    ``models``, ``nodes`` and ``tokens``.
    """
    nodes = {name: make_estimator(with_host(load_chip(name), rate)) for name, rate in HOST_BANDWIDTH.items()}
    own = make_estimator(load_chip("sn40l"))
    values: dict[str, float] = {}
    for name, estimator in {"sn40l": own, **nodes}.items():
        switch, run = switch_and_run(estimator)
        values |= {f"switch {name}": 1e3 * switch, f"request {name}": 1e3 * (switch + run)}
    for name in nodes:
        for what in ("switch", "request"):
            values[f"{what} ratio {name}"] = values[f"{what} {name}"] / values[f"{what} sn40l"]
    weights = bind_model(open_model(MODEL), "decode").parameters * 2
    values["models"] = SOCKETS * storage_bytes(load_chip("sn40l")) // weights
    values["nodes"] = math.ceil(EXPERTS * weights / (SOCKETS * load_chip("a100_80gb_sxm").memories["hbm"].size))
    values["tokens"] = own.report(_cut("llama-3-8b", "decode", PROMPT)).throughput
    return {**values, **intensities()}


def with_host(chip: Chip, bandwidth: float) -> Chip:
    """A GPU of a DGX with its part of the host's memory and link; bytes per second are those of all GPUs."""
    outer = next(iter(chip.units.values())).path[0]
    rate = bandwidth / SOCKETS
    host = Memory.model_validate({"kind": "dram", "size": "256 GiB", "bandwidth": f"{rate:.0f} B/s"})
    reads = ({"piece": "64 KiB", "bandwidth": f"{rate:.0f} B/s"},)
    link = read_unit_spec({"kind": "storage", "clock": chip.clock, "path": ("host", outer), "reads": reads})
    return chip.model_copy(
        update={"memories": {**chip.memories, "host": host}, "units": {**chip.units, "host_link": link}}
    )


def switch_and_run(estimator: Estimator) -> tuple[float, float]:
    """Seconds to bring a model in, and to read the prompt and write the answer with it."""
    step = _cut(MODEL, "decode", PROMPT + WRITTEN // 2)
    switch = estimator.report(only_fetches(step)).seconds
    run = estimator.report(_cut(MODEL, "prefill", PROMPT)).seconds + (WRITTEN - 1) * estimator.report(step).seconds
    return switch, run


def _cut(model: str, phase: str, context: int) -> OperatorGraph:
    return bind_model(open_model(model), phase, Choices(1, context, parallel=Parallel(tensor=SOCKETS)))


def monarch() -> OperatorGraph:
    """Product, twiddle factors, transposition and product: a step of a Monarch decomposition of an FFT, 16 bits."""
    rows, columns, depth, last = MONARCH
    sizes = {
        "x": (rows, depth), "w0": (depth, columns), "y0": (rows, columns), "y1": (rows, columns),
        "y2": (columns, rows), "w1": (rows, last), "y3": (columns, last),
    }  # fmt: skip
    roles = {"x": Role.INPUT, "w0": Role.WEIGHT, "w1": Role.WEIGHT, "y3": Role.OUTPUT}
    tensors = tuple(Tensor(name, shape, roles.get(name, Role.ACTIVATION)) for name, shape in sizes.items())
    plane = nest(m=rows, n=columns)
    ops = (
        contraction(
            "gemm0",
            nest(m=rows, n=columns, k=depth),
            (Access("x", axes("m", "k")), Access("w0", axes("k", "n"))),
            Access("y0", axes("m", "n")),
        ),
        Op("mul", "mul", Family.POINTWISE, plane, (Access("y0", axes("m", "n")),), (Access("y1", axes("m", "n")),),
           (("mul", 1),)),
        Op("transpose", "copy", Family.MOVE, plane, (Access("y1", axes("m", "n")),), (Access("y2", axes("n", "m")),)),
        contraction(
            "gemm1",
            nest(m=columns, n=last, k=rows),
            (Access("y2", axes("m", "k")), Access("w1", axes("k", "n"))),
            Access("y3", axes("m", "n")),
        ),
    )  # fmt: skip
    return OperatorGraph("monarch", "forward", tensors, (Segment("monarch", ops),))


LEVELS: Mapping[str, Sequence[int]] = {"none": (1, 1, 1, 1), "gemm0-mul-transpose": (3, 1), "full": (4,)}
"""How many operators in a row run as one kernel."""


def intensities() -> Mapping[str, float]:
    """Operations per byte that must cross the memory when every kernel's operands and results do."""
    graph = monarch()
    ops = graph.segments[0].ops
    work = sum(count * (2 if kind == "mac" else 1) for op in ops for kind, count in operations(op).items())
    found: dict[str, float] = {}
    for level, sizes in LEVELS.items():
        places = [sum(sizes[:index]) for index in range(len(sizes))]
        kernels = (ops[first : first + size] for first, size in zip(places, sizes, strict=True))
        found[f"intensity {level}"] = work / sum(compulsory_bytes(kernel_graph(graph, part)) for part in kernels)
    return found


def kernel_graph(graph: OperatorGraph, ops: Sequence[Op]) -> OperatorGraph:
    """Some operators of a graph as a network of their own: what others make or use are its inputs and outputs."""
    made = {access.tensor for op in ops for access in op.writes}
    used = {access.tensor for op in ops for access in op.reads}
    outside = [op for _, op in graph.walk() if op not in ops]
    wanted = {access.tensor for op in outside for access in op.reads}

    def role(tensor: Tensor) -> Role:
        if tensor.role is not Role.ACTIVATION:
            return tensor.role
        return Role.INPUT if tensor.name not in made else Role.OUTPUT if tensor.name in wanted else Role.ACTIVATION

    tensors = tuple(replace(tensor, role=role(tensor)) for tensor in graph.tensors if tensor.name in made | used)
    return OperatorGraph(graph.model, graph.phase, tensors, (Segment("kernel", tuple(ops)),))
