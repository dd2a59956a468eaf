from __future__ import annotations

import subprocess
import sys

import pytest

import workloads
from workloads import catalog, serialize
from workloads.bind import bind
from workloads.catalog import UnknownModelError
from workloads.graph import Role, check, graph_macs, role_bytes
from workloads.model import Choices, bind_model

REQUIRED = frozenset(
    {
        "alexnet", "vgg-16", "resnet-18", "resnet-50", "mobilenet-v2", "convnext-t", "efficientnet-b0",
        "regnet-y-4gf", "unet", "vit-b16", "swin-t", "dit-xl2", "bert-base", "bert-large", "t5-base",
        "whisper-small", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "gpt3-small", "gpt3-medium",
        "gpt3-large", "gpt3-xl", "opt-6.7b", "opt-66b", "llama-2-7b", "llama-2-13b", "llama-2-70b",
        "llama-3-8b", "llama-3-70b", "llama-3.1-405b", "qwen2.5-72b", "mixtral-8x7b", "glam-143b", "grok-1",
        "gpt-oss-20b", "gpt-oss-120b", "deepseek-v3", "mamba-2.8b", "mamba2-2.7b", "lstm-kws", "lstm-ptb",
        "gcn-cora", "densenet-121", "resnext-50", "r2plus1d-18", "s3d", "fcn-resnet50", "deeplabv3-resnet50",
        "lraspp-mobilenet-v3-large", "transformer", "pnasnet-5-large", "nasnet-a-large", "amoebanet-d", "darts",
        "m3vit",
    }
)  # fmt: skip

PARAMETERS = {
    "alexnet": 60_965_224,
    "vgg-16": 138_357_544,
    "resnet-18": 11_689_512,
    "resnet-50": 25_557_032,
    "mobilenet-v2": 3_504_872,
    "convnext-t": 28_589_128,
    "efficientnet-b0": 5_288_548,
    "regnet-y-4gf": 20_646_656,
    "vit-b16": 86_567_656,
    "m3vit": 17_910_336,
    "swin-t": 28_288_354,
    "unet": 859_520_964,
    "dit-xl2": 675_129_632 - 256 * 1152,
    "bert-base": 109_482_240,
    "bert-large": 335_141_888,
    "t5-base": 222_903_552,
    "whisper-small": 241_734_912,
    "gpt2": 124_439_808,
    "gpt2-medium": 354_823_168,
    "gpt2-large": 774_030_080,
    "gpt2-xl": 1_557_611_200,
    "opt-6.7b": 6_658_473_984,
    "llama-2-7b": 6_738_415_616,
    "llama-2-70b": 68_976_648_192,
    "llama-3-8b": 8_030_261_248,
    "llama-3-70b": 70_553_706_496,
    "llama-3.1-405b": 405_853_388_800,
    "qwen2.5-72b": 72_706_203_648,
    "mixtral-8x7b": 46_702_792_704,
    "gpt-oss-20b": 20_914_757_184,
    "gpt-oss-120b": 116_829_156_672,
    "deepseek-v3": 671_026_404_352,
    "mamba-2.8b": 2_768_345_600,
    "mamba2-2.7b": 2_702_599_680,
}
"""As published: model cards and checkpoints on huggingface.co, torchvision; DiT without its fixed position table."""

FORWARD_MACS = {
    "alexnet": 724_406_816,
    "vgg-16": 15_470_264_320,
    "resnet-18": 1_814_073_344,
    "resnet-50": 4_089_184_256,
    "mobilenet-v2": 300_774_272,
    "efficientnet-b0": 385_814_752,
}
"""Counted by torchvision's conventions: convolutions and linear layers, biases and norms not counted."""


def test_the_catalog_has_every_required_model():
    assert set(catalog.names()) >= REQUIRED


@pytest.mark.parametrize("name", catalog.names())
def test_every_shipped_graph_is_valid_and_matches_its_index(name: str):
    entry = catalog.describe(name)
    for phase in entry.phases:
        graph = catalog.find(name).symbolic(phase)
        check(graph)
        assert graph.model == name
        assert graph.phase == phase
        assert graph.unknown == ()
        assert serialize.structural_hash(graph) == dict(entry.hashes)[phase]
        assert graph_macs(workloads.load(name, phase)) == dict(entry.macs)[phase]


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_equal_the_published_count(name: str):
    assert catalog.describe(name).parameters == PARAMETERS[name]


@pytest.mark.parametrize("name", FORWARD_MACS)
def test_convolutional_networks_have_the_known_macs(name: str):
    assert graph_macs(workloads.load(name)) == FORWARD_MACS[name]


@pytest.mark.parametrize("batch", [1, 4])
def test_llama_decode_has_the_known_linear_macs(batch: int):
    assert graph_macs(workloads.load("llama-3-8b", batch=batch), ["linear"]) == 7_504_658_432 * batch


@pytest.mark.parametrize(
    ("name", "expected"), [("deepseek-v3", 70_272), ("qwen2.5-72b", 327_680), ("llama-3.1-405b", 516_096)]
)
def test_cache_bytes_per_token(name: str, expected: int):
    one, two = (role_bytes(workloads.load(name, context=context), Role.STATE) for context in (100, 101))
    assert two - one == expected
    assert one == 100 * expected


def test_latent_attention_can_be_expanded():
    model = catalog.find("deepseek-v3")
    absorbed, expanded = (bind_model(model, "decode", Choices(mla=mla)) for mla in ("absorbed", "expanded"))
    assert graph_macs(expanded) > 10 * graph_macs(absorbed)


def test_weight_bytes_follow_the_chosen_precision():
    full, small = (workloads.load("gpt2", bits=bits) for bits in (None, {"weight": 4}))
    assert role_bytes(small, Role.WEIGHT) * 4 == role_bytes(full, Role.WEIGHT)


@pytest.mark.parametrize("name", ["llama-3-8b", "resnet-50", "mixtral-8x7b"])
def test_work_grows_with_the_batch(name: str):
    one, eight = (graph_macs(workloads.load(name, batch=batch)) for batch in (1, 8))
    assert eight == 8 * one


def test_wrong_names_are_refused_with_the_closest():
    with pytest.raises(UnknownModelError, match="did you mean 'llama-3-8b'"):
        workloads.load("llama3-8b")


def test_the_largest_graph_binds_at_other_sizes_than_its_own():
    paths = [catalog.graph_path(name, phase) for name in catalog.names() for phase in catalog.describe(name).phases]
    largest = max(paths, key=lambda path: path.stat().st_size)
    graph = serialize.load(largest.read_bytes())
    assert bind(graph, **dict.fromkeys(graph.symbols(), 64)).segments


def test_loading_imports_neither_torch_nor_other_heavy_packages():
    code = (
        "import sys, workloads; workloads.load('llama-3-8b'); "
        "print([m for m in ('torch', 'transformers', 'numpy', 'numba', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
