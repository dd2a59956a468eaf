"""Graphs of one of several devices: work, weights and caches shrink, and collectives join what was cut."""

from __future__ import annotations

from functools import cache

import pytest

from workloads.graph import Op, OperatorGraph, Role, graph_macs, macs, number, role_bytes
from workloads.model import Choices, bind_model
from workloads.parallel import ALONE, Parallel, parse_parallel
from workloads.partition import cuts, same_input
from workloads.phases import PhaseError
from workloads.shard import ShardError, shard_tensor
from workloads.user import open_model

DENSE = ("llama-3-8b", "opt-6.7b", "qwen2.5-72b")


@cache
def graph(model: str, phase: str = "decode", batch: int = 8, parallel: Parallel = ALONE) -> OperatorGraph:
    return bind_model(open_model(model), phase, Choices(batch, 512, parallel=parallel))


def collectives(sharded: OperatorGraph) -> list[tuple[Op, int]]:
    return [(op, s.count) for s, op in sharded.walk() if op.kind in ("all_reduce", "all_gather", "all_to_all")]


@pytest.mark.parametrize("devices", [2, 4, 8])
@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("model", DENSE)
def test_each_device_of_a_dense_model_does_its_share_of_the_work(model: str, phase: str, devices: int) -> None:
    whole, part = graph(model, phase), graph(model, phase, parallel=Parallel(tensor=devices))
    assert graph_macs(whole) == devices * graph_macs(part)
    assert role_bytes(whole, Role.WEIGHT) == pytest.approx(devices * role_bytes(part, Role.WEIGHT), rel=2e-3)
    assert role_bytes(whole, Role.STATE) == devices * role_bytes(part, Role.STATE)


def test_a_layer_ends_in_two_all_reduces_of_its_hidden_vector() -> None:
    found = collectives(graph("llama-3-8b", parallel=Parallel(tensor=8)))
    layers = [(op.kind, number(op.loops[0].extent)) for op, count in found if count == 32]
    assert layers == [("all_reduce", 8 * 4096)] * 2
    assert [(op.kind, number(op.loops[0].extent)) for op, count in found if count == 1] == [
        ("all_reduce", 8 * 4096),
        ("all_gather", 8 * 128256),
    ]


def test_one_device_is_the_whole_graph() -> None:
    assert shard_tensor(graph("llama-3-8b"), 1) is graph("llama-3-8b")


@pytest.mark.parametrize("model", ["gpt-oss-120b", "mixtral-8x7b"])
def test_experts_of_one_device_see_as_many_assignments_as_its_own_tokens_have(model: str) -> None:
    own, part = graph(model, batch=8), graph(model, batch=64, parallel=Parallel(expert=8))
    assert graph_macs(part) == graph_macs(own)
    experts = role_bytes(own, Role.WEIGHT) - role_bytes(part, Role.WEIGHT)
    assert experts / role_bytes(own, Role.WEIGHT) == pytest.approx(7 / 8, abs=0.04)
    hidden = int(dict(own.facts)["hidden"])
    top_k = int(dict(own.facts)["top_k"])
    sizes = {number(op.loops[0].extent) for op, _ in collectives(part)}
    assert sizes == {8 * top_k * hidden}


def test_the_cache_of_latent_attention_is_copied_to_all_devices() -> None:
    whole, part = graph("deepseek-v3"), graph("deepseek-v3", parallel=Parallel(tensor=8))
    assert role_bytes(whole, Role.STATE) == role_bytes(part, Role.STATE)
    assert 6 < graph_macs(whole) / graph_macs(part) < 8


def test_what_does_not_divide_is_refused_by_name() -> None:
    with pytest.raises(ShardError, match=r"attn\.attention: 25 heads do not divide by 2 devices"):
        graph("gpt2-xl", parallel=Parallel(tensor=2))
    with pytest.raises(ShardError, match="has no experts"):
        graph("llama-3-8b", parallel=Parallel(expert=2))
    with pytest.raises(ShardError, match="32 repeated blocks, too few for a pipeline of 64"):
        graph("llama-3-8b", batch=64, parallel=Parallel(pipeline=64))
    with pytest.raises(ShardError, match="a batch of 9 does not divide over 8"):
        graph("mixtral-8x7b", batch=9, parallel=Parallel(expert=8))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tensr=2", "tensor=N, expert=N or pipeline=N"),
        ("tensor=0", "from 1 to 4,096"),
        ("tensor=2,expert=2", "can't be combined"),
    ],
)
def test_a_wrong_way_of_spreading_is_refused(text: str, message: str) -> None:
    with pytest.raises(ShardError, match=message):
        parse_parallel(text)
    assert parse_parallel("tensor=8") == Parallel(tensor=8) and parse_parallel(None) == ALONE


@pytest.mark.parametrize("model", ["deepseek-v3", "llama-3-8b", "mixtral-8x7b"])
def test_the_stages_of_a_pipeline_share_the_layers_evenly(model: str) -> None:
    own, stage = graph(model, batch=2), graph(model, batch=8, parallel=Parallel(pipeline=4))
    (head,) = (op for _, op in own.walk() if op.name == "lm_head")
    layers, part = (graph_macs(g) - macs(head) for g in (own, stage))
    assert layers / 4 * 0.99 <= part <= layers / 4 * 1.15
    received = [op for _, op in stage.walk() if op.kind == "send"]
    assert [number(op.loops[0].extent) for op in received] == [2 * int(dict(own.facts)["hidden"])]
    assert role_bytes(stage, Role.STATE) >= role_bytes(own, Role.STATE) / 4


def test_a_stage_can_be_cut_over_devices_as_well() -> None:
    stage = graph("llama-3-8b", batch=8, parallel=Parallel(pipeline=2))
    both = graph("llama-3-8b", batch=8, parallel=Parallel(pipeline=2, tensor=4))
    assert graph_macs(stage) == 4 * graph_macs(both)


def test_generation_over_devices_is_refused() -> None:
    from workloads.model import plan_model

    with pytest.raises(PhaseError, match="generate runs on one device only"):
        plan_model(open_model("llama-3-8b"), 8, 8, Choices(parallel=Parallel(tensor=2)))


def test_the_places_of_a_layer_are_read_off_the_graph() -> None:
    found = {name.rpartition(".")[2]: str(cut) for name, cut in cuts(graph("llama-3-8b")).items()}
    assert found == {
        "embed_tokens": "embedding", "q_proj": "query", "k_proj": "cache", "v_proj": "cache", "attention": "attention",
        "o_proj": "output", "gate_proj": "up", "up_proj": "up", "down_proj": "down", "lm_head": "head",
    }  # fmt: skip
    beside = same_input(graph("llama-3-8b"), cuts(graph("llama-3-8b")))
    assert {name.rpartition(".")[2] for name in beside} == {"k_proj", "v_proj", "up_proj"}
