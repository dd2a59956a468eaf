"""Language models from their configurations: exact facts, one layer of each kind, the full depth as oracle."""

from __future__ import annotations

import pytest

pytest.importorskip("transformers")
from transformers import (
    DeepseekV3Config,
    Gemma2Config,
    GPT2Config,
    GptOssConfig,
    LlamaConfig,
    Mamba2Config,
    MambaConfig,
    MixtralConfig,
    OPTConfig,
    PretrainedConfig,
    Qwen2Config,
)

from workloads.bind import bind
from workloads.errors import TraceError
from workloads.graph import OperatorGraph, Role, graph_macs, role_bytes
from workloads.huggingface import trace_config
from workloads.serialize import structural_hash


def llama(**changes: int) -> LlamaConfig:
    values = {
        "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        "intermediate_size": 14336, "vocab_size": 128256,
    }  # fmt: skip
    return LlamaConfig(**{**values, **changes})


SMALL: dict[str, PretrainedConfig] = {
    "gpt2": GPT2Config(n_layer=3, n_embd=64, n_head=4, vocab_size=100),
    "llama": llama(num_hidden_layers=4, hidden_size=256, intermediate_size=512, vocab_size=1000),
    "opt": OPTConfig(
        hidden_size=64, num_hidden_layers=4, ffn_dim=128, num_attention_heads=2, max_position_embeddings=64,
        word_embed_proj_dim=64, vocab_size=100,
    ),
    "mixtral": MixtralConfig(num_hidden_layers=3, hidden_size=128, intermediate_size=256, vocab_size=100),
    "gpt-oss": GptOssConfig(num_hidden_layers=6, num_local_experts=16, vocab_size=100),
    "gemma2": Gemma2Config(
        num_hidden_layers=5, hidden_size=128, intermediate_size=256, vocab_size=100, num_attention_heads=4,
        num_key_value_heads=2, head_dim=32,
    ),
    "deepseek-v3": DeepseekV3Config(
        num_hidden_layers=6, n_routed_experts=32, num_local_experts=32, vocab_size=100, hidden_size=256
    ),
    "mamba": MambaConfig(hidden_size=64, num_hidden_layers=3, vocab_size=100),
    "mamba2": Mamba2Config(hidden_size=64, num_hidden_layers=3, num_heads=4, head_dim=32, n_groups=1, vocab_size=100),
}  # fmt: skip


def decode(config: PretrainedConfig) -> OperatorGraph:
    return trace_config(config, name="test", phases=("decode",))["decode"]


def kv_bytes_per_token(graph: OperatorGraph) -> int:
    return role_bytes(bind(graph, B=1, T=1), Role.STATE)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_one_layer_of_each_kind_gives_the_graph_of_the_full_depth(name, phase):
    reduced = trace_config(SMALL[name], name=name, phases=(phase,))[phase]
    full = trace_config(SMALL[name], name=name, phases=(phase,), reduced=False)[phase]
    assert structural_hash(reduced) == structural_hash(full)
    assert reduced == full


@pytest.mark.parametrize("name", SMALL)
def test_weights_of_all_repetitions_add_up_to_the_parameters(name):
    graph = decode(SMALL[name])
    weights = role_bytes(bind(graph, **dict.fromkeys(graph.symbols(), 2)), Role.WEIGHT) // 2
    untrained = {"deepseek-v3": 3 * 32, "gemma2": 1}
    assert weights == graph.parameters + untrained.get(name, 0)


def test_llama_3_8b_is_exact():
    graph = decode(llama())
    assert graph.parameters == 8_030_261_248
    assert graph_macs(bind(graph, B=3, T=100), kinds=["linear"]) == 3 * 7_504_658_432
    assert [segment.count for segment in graph.segments] == [1, 32, 1]


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (
            llama(hidden_size=8192, num_hidden_layers=80, num_attention_heads=64, intermediate_size=28672),
            70_553_706_496,
        ),
        (GptOssConfig(num_hidden_layers=36, num_local_experts=128), 116_829_156_672),
        (DeepseekV3Config(), 671_026_404_352),
    ],
    ids=["llama-3-70b", "gpt-oss-120b", "deepseek-v3"],
)
def test_parameters_of_published_models_are_exact(config, parameters):
    assert decode(config).parameters == parameters


@pytest.mark.parametrize(
    ("config", "bytes_per_token"),
    [
        (DeepseekV3Config(), 70_272),
        (
            Qwen2Config(
                hidden_size=8192, num_hidden_layers=80, num_attention_heads=64, num_key_value_heads=8,
                intermediate_size=29568, vocab_size=152064,
            ),
            327_680,
        ),
        (
            llama(hidden_size=16384, num_hidden_layers=126, num_attention_heads=128, intermediate_size=53248),
            516_096,
        ),
    ],
    ids=["deepseek-v3", "qwen2.5-72b", "llama-3.1-405b"],
)  # fmt: skip
def test_cache_bytes_per_token_are_exact(config, bytes_per_token):
    assert kv_bytes_per_token(decode(config)) == bytes_per_token


def test_grouped_heads_stay_grouped_and_the_head_sees_one_token_in_prefill():
    graph = trace_config(SMALL["llama"], name="test", phases=("prefill",))["prefill"]
    ops = {op.kind: op for _, op in graph.walk()}
    assert (ops["attention"].param("heads"), ops["attention"].param("kv_heads")) == (32, 8)
    assert str(ops["attention"].param("queries")) == "S"
    assert str(ops["attention"].param("keys")) == "T"
    head = [op for _, op in graph.walk() if op.kind == "linear"][-1]
    assert [str(loop.extent) for loop in head.loops] == ["B", "1000", "256"]


def test_windows_and_sinks_of_gpt_oss_are_kept():
    graph = decode(SMALL["gpt-oss"])
    layers = [op for _, op in graph.walk() if op.kind == "attention"]
    assert [op.param("window") for op in layers] == [128, 0]
    assert all(op.reads[3].tensor.endswith("sinks") for op in layers)
    assert [(segment.count, len(segment.ops)) for segment in graph.segments][1][0] == 3


def test_latent_attention_keeps_its_cache_compressed():
    graph = decode(SMALL["deepseek-v3"])
    op = next(op for _, op in graph.walk() if op.kind == "mla_attention")
    assert (op.param("latent_dim"), op.param("rope_dim"), op.param("nope_dim"), op.param("value_dim")) == (
        512, 64, 128, 128,
    )  # fmt: skip
    shapes = [str(graph.by_name[access.tensor].shape[-1]) for access in op.reads[1:3]]
    assert shapes == ["512", "64"]


def test_experts_are_one_node_and_the_router_stays_outside():
    graph = decode(SMALL["mixtral"])
    op = next(op for _, op in graph.walk() if op.kind == "experts")
    assert (op.param("experts"), op.param("top_k"), op.param("gated"), op.param("ffn")) == (8, 2, "yes", 256)
    assert "topk" in {op.kind for _, op in graph.walk()}


def test_a_cache_append_moves_the_new_rows_only():
    graph = bind(decode(SMALL["llama"]), B=2, T=1000)
    op = next(op for _, op in graph.walk() if op.kind == "kv_append")
    assert [loop.extent for loop in op.loops] == [2, 1, 8, 8]
    assert graph.by_name[op.writes[0].tensor].shape == (2, 1000, 8, 8)


@pytest.mark.parametrize("name", ["mamba", "mamba2"])
def test_a_state_space_layer_is_one_scan_with_a_state(name):
    graph = decode(SMALL[name])
    scans = [op for _, op in graph.walk() if op.kind == "selective_scan"]
    assert len(scans) == 1
    assert graph.by_name[scans[0].writes[1].tensor].role is Role.STATE
    assert graph.symbols() == {"B"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"hidden_size": 3}, "model_type"),
        ({"model_type": "lama"}, "did you mean 'llama'"),
        ({"model_type": "llama", "hidden_size": 100, "num_attention_heads": 7}, "llama"),
        ({"model_type": "sam"}, "sam"),
    ],
)
def test_a_wrong_configuration_is_a_clear_error(config, message):
    with pytest.raises(TraceError, match=message):
        trace_config(config, name="test")


def test_a_windowed_cache_holds_the_window_only_in_decode():
    graphs = trace_config(SMALL["gpt-oss"], name="test")
    lengths = {
        phase: [str(graph.by_name[op.reads[1].tensor].shape[1]) for _, op in graph.walk() if op.kind == "attention"]
        for phase, graph in graphs.items()
    }
    assert lengths == {"prefill": ["T", "T"], "decode": ["min(T, 128)", "T"]}
