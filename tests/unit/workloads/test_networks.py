"""The networks of the COSMA comparison: published sizes, and the reference lists of operators and tensors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import workloads
from workloads import catalog
from workloads.graph import OperatorGraph, Role, graph_macs, size_bytes
from workloads.model import Choices, bind_model
from workloads.unfold import unfold

AUXILIARY = 1024 * 256 * 9 + 2 * 256 + 256 * 21 + 21
"""Parameters of the head on the third stage that segmentation networks have in training only."""

PARAMETERS = {
    "densenet-121": 7_978_856, "resnext-50": 25_028_904, "r2plus1d-18": 31_505_325, "s3d": 8_320_048,
    "fcn-resnet50": 35_322_218 - AUXILIARY, "deeplabv3-resnet50": 42_004_074 - AUXILIARY,
    "lraspp-mobilenet-v3-large": 3_221_538, "transformer": 44_140_544, "pnasnet-5-large": 86_057_668,
    "nasnet-a-large": 88_753_150, "darts": 4_718_752,
}  # fmt: skip
"""Torchvision's documentation, torch.nn.Transformer, timm's table of results, and the published DARTS checkpoint."""

MACS = {"densenet-121": 2.83e9, "resnext-50": 4.23e9, "s3d": 17.98e9}
"""Torchvision's documentation, at the sizes of the catalog."""

LISTS = {
    "resnet-50": "resnet50", "densenet-121": "densenet121", "resnext-50": "resnext50", "r2plus1d-18": "r2plus1d_18",
    "s3d": "s3d", "fcn-resnet50": "fcn_resnet50", "lraspp-mobilenet-v3-large": "lraspp",
    "deeplabv3-resnet50": "deeplabv3", "transformer": "transformer", "amoebanet-d": "amoebanet_d",
    "pnasnet-5-large": "pnasnet5large",
}  # fmt: skip

Step = tuple[list[str], list[str]]
"""Names of the data that an operator reads (each once) and of what it writes."""


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_equal_the_published_count(name: str) -> None:
    assert catalog.describe(name).parameters == PARAMETERS[name]


@pytest.mark.parametrize("name", MACS)
def test_macs_equal_the_published_count(name: str) -> None:
    assert graph_macs(workloads.load(name)) == pytest.approx(MACS[name], rel=2e-3)


def test_video_networks_take_clips_of_sixteen_frames() -> None:
    for name in ("r2plus1d-18", "s3d"):
        (clip,) = (t for t in workloads.load(name).tensors if t.role is Role.INPUT)
        assert clip.shape == (1, 3, 16, 224, 224)


def flat(name: str) -> OperatorGraph:
    """Eight bits throughout, batch norms kept, nothing folded."""
    bits = {role.value: 8 for role in Role}
    return unfold(bind_model(catalog.find(name), choices=Choices(bits=bits, fold_batchnorms=False)))


def steps(graph: OperatorGraph) -> tuple[list[Step], dict[str, int]]:
    """Operators with the parts of composites, and bytes by tensor; the copies of one concatenation are one operator."""
    tensors = dict(graph.by_name)
    found: list[Step] = []
    last = ""
    for _, op in graph.walk():
        tensors |= {tensor.name: tensor for tensor in op.internal}
        for part in op.parts or (op,):
            reads = [a.tensor for a in part.reads if tensors[a.tensor].role is not Role.WEIGHT]
            writes = [access.tensor for access in part.writes]
            if part.kind == last == "cat" and found[-1][1] == writes:
                reads = found.pop()[0] + reads
            found.append((list(dict.fromkeys(reads)), writes))
            last = part.kind
    return found, {name: size_bytes(tensor) for name, tensor in tensors.items()}


def listed(path: Path) -> tuple[list[Step], dict[str, int]]:
    """A reference list; a padding that adds nothing is no operator here, so it is taken out there."""
    document = json.loads(path.read_text(encoding="utf-8"))
    sizes = {name: tensor["size"] for name, tensor in document["tensors"].items()}
    same: dict[str, str] = {}
    found: list[Step] = []
    for op in document["ops"]:
        reads = list(dict.fromkeys(same.get(name, name) for name in op["ins"]))
        (written,) = op["outs"]
        follows = [other["kind"] for other in document["ops"] if written in other["ins"]]
        if op["kind"] == "pad" and sizes[reads[0]] == sizes[written] and follows == ["conv2d"]:
            same[written] = reads[0]
        else:
            found.append((reads, [written]))
    return found, sizes


def wiring(found: list[Step], sizes: dict[str, int]) -> list[tuple[list[tuple[int, int]], list[int]]]:
    """For every operator who wrote what it reads (-1: an input) and how large that is, and the bytes it writes."""
    writer: dict[str, int] = {}
    result: list[tuple[list[tuple[int, int]], list[int]]] = []
    for position, (reads, writes) in enumerate(found):
        sources = sorted((writer.get(name, -1), sizes[name]) for name in reads)
        result.append((sources, [sizes[name] for name in writes]))
        writer.update(dict.fromkeys(writes, position))
    return result


def requirement(found: list[Step], sizes: dict[str, int]) -> int:
    """M_R: the most bytes that one operator reads and writes."""
    return max(sum(sizes[name] for name in (*reads, *writes)) for reads, writes in found)


@pytest.mark.parametrize("name", LISTS)
def test_order_wiring_and_bytes_equal_the_reference_list(name: str, reference: Path) -> None:
    ours, theirs = steps(flat(name)), listed(reference / "graphs" / f"{LISTS[name]}.json")
    assert wiring(*ours) == wiring(*theirs)
    assert requirement(*ours) == requirement(*theirs)


def test_vit_projects_queries_keys_and_values_apart_where_the_list_does_it_at_once(reference: Path) -> None:
    (ours, sizes), (theirs, their_sizes) = steps(flat("vit-b16")), listed(reference / "graphs" / "vit_b_16.json")
    assert len(ours) == len(theirs) + 2 * 12
    assert requirement(ours, sizes) == requirement(theirs, their_sizes)
    assert sum(sizes[n] for _, w in ours for n in w) == sum(their_sizes[n] for _, w in theirs for n in w)


def documented() -> dict[str, list[int]]:
    """The numbers of docs/networks.md by network: operators, bytes written, M_R, parameters, MACs."""
    text = (Path(__file__).parents[3] / "docs" / "networks.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: [int(cell.replace(",", "")) for cell in row[1:6]] for row in rows[1:]}


@pytest.mark.parametrize("name", documented())
def test_the_table_of_networks_is_true(name: str) -> None:
    found, sizes = steps(flat(name))
    entry = catalog.describe(name)
    written = sum(sizes[tensor] for _, writes in found for tensor in writes)
    expected = [len(found), written, requirement(found, sizes), entry.parameters, dict(entry.macs)["forward"]]
    assert documented()[name] == expected
