"""The networks of the COSMA comparison as scratchpad problems: from the catalog, or from a folder of operator lists.

A list is a JSON file with ``tensors`` (name to size and kind) and ``ops`` (name, kind, ins, outs, and pb: bytes of
parameters).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from mapper.scratchpad.problem import Buffer, Kind, Operator, Problem

FOLDED = {
    "batch_norm", "batchnorm", "relu", "relu_", "hardswish", "hardswish_", "hardsigmoid", "sigmoid", "gelu",
    "add", "add_",
}  # fmt: skip
"""What a fused operator takes in after its first part."""

HUMAN = {
    "resnet-50": "resnet50", "densenet-121": "densenet121", "resnext-50": "resnext50", "r2plus1d-18": "r2plus1d_18",
    "s3d": "s3d", "fcn-resnet50": "fcn_resnet50", "lraspp-mobilenet-v3-large": "lraspp",
    "deeplabv3-resnet50": "deeplabv3", "transformer": "transformer", "vit-b16": "vit_b_16",
}  # fmt: skip
"""By name in the catalog, the file of the list."""

NAS = {
    "pnasnet-5-large": "pnasnet5large", "amoebanet-d": "amoebanet_d", "nasnet-a-large": "nasnet_a", "darts": "darts",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Node:
    """An operator with the names of its tensors."""

    name: str
    kind: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    parameters: int


@dataclass(frozen=True, slots=True)
class Network:
    """Operators in default order, and size and kind of every tensor."""

    nodes: tuple[Node, ...]
    tensors: dict[str, tuple[int, Kind]]


def listed(path: Path) -> Network:
    """A network from its list."""
    document = json.loads(path.read_text(encoding="utf-8"))
    kinds: dict[str, Kind] = {"act": "intermediate", "input": "input", "output": "output"}
    nodes = tuple(
        Node(op["name"], op["kind"], tuple(dict.fromkeys(op["ins"])), tuple(op["outs"]), op["pb"])
        for op in document["ops"]
    )
    return Network(nodes, {name: (one["size"], kinds[one["kind"]]) for name, one in document["tensors"].items()})


def traced(name: str) -> Network:
    """A network from the catalog: 8 bits, batch norms kept; the copies of one concatenation are one operator."""
    from workloads import catalog
    from workloads.graph import Role, size_bytes
    from workloads.model import Choices, bind_model
    from workloads.unfold import unfold

    bits = {role.value: 8 for role in Role}
    graph = unfold(bind_model(catalog.find(name), choices=Choices(bits=bits, fold_batchnorms=False)))
    tensors = dict(graph.by_name)
    nodes: list[Node] = []
    current: dict[str, str] = {}
    for _, op in graph.walk():
        tensors |= {tensor.name: tensor for tensor in op.internal}
        for part in op.parts or (op,):
            names = dict.fromkeys(access.tensor for access in part.reads)
            reads = [current.get(one, one) for one in names if tensors[one].role is not Role.WEIGHT]
            for one in {access.tensor for access in part.writes} & names.keys():
                # In place: what is written counts as another tensor.
                current[one] = f"{one} after {part.kind}"
                tensors[current[one]] = tensors[one]
            writes = tuple(current.get(access.tensor, access.tensor) for access in part.writes)
            parameters = sum(size_bytes(tensors[one]) for one in names if tensors[one].role is Role.WEIGHT)
            if nodes and part.kind == nodes[-1].kind == "cat" and nodes[-1].writes == writes:
                reads = [*nodes.pop().reads, *reads]
            nodes.append(Node(part.name, part.kind, tuple(dict.fromkeys(reads)), writes, parameters))
    kinds: dict[Role, Kind] = {Role.INPUT: "input", Role.OUTPUT: "output"}
    return Network(
        tuple(nodes),
        {name: (size_bytes(one), kinds.get(one.role, "intermediate")) for name, one in tensors.items()},
    )


def fused(network: Network) -> Network:
    """Norms, activations and additions folded into the operator before them, where nothing else reads its result."""
    readers: dict[str, int] = {}
    for node in network.nodes:
        for name in node.reads:
            readers[name] = readers.get(name, 0) + 1
    found: dict[str, Node] = {}
    for node in network.nodes:
        folds = [name for name in node.reads if name in found and readers[name] == 1] if node.kind in FOLDED else []
        if folds:
            first = found.pop(folds[-1])
            reads = dict.fromkeys((*first.reads, *(name for name in node.reads if name != folds[-1])))
            parameters = first.parameters + node.parameters
            node = replace(first, reads=tuple(reads), writes=node.writes, parameters=parameters)
        found[node.writes[0]] = node
    return Network(tuple(found.values()), network.tensors)


def problem(network: Network, parameters: bool) -> Problem:
    """The network without a capacity yet; the parameters of an operator are one buffer."""
    numbers: dict[str, int] = {}
    buffers: list[Buffer] = []

    def number(name: str, size: int, kind: Kind) -> int:
        if name not in numbers:
            numbers[name] = len(buffers)
            buffers.append(Buffer(name, size, kind))
        return numbers[name]

    operators: list[Operator] = []
    for node in network.nodes:
        reads = [number(name, *network.tensors[name]) for name in node.reads]
        if parameters and node.parameters:
            reads.append(number(f"{node.name} parameters", node.parameters, "parameter"))
        writes = [number(name, *network.tensors[name]) for name in node.writes]
        operators.append(Operator(node.name, tuple(reads), tuple(writes)))
    return Problem(tuple(buffers), tuple(operators), 0)
