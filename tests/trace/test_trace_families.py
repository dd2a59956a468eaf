"""Encoders, encoder-decoders and image classifiers from their configurations."""

from __future__ import annotations

import pytest

pytest.importorskip("transformers")
from transformers import (
    BertConfig,
    MobileNetV2Config,
    PretrainedConfig,
    ResNetConfig,
    SwinConfig,
    T5Config,
    ViTConfig,
    WhisperConfig,
)

from workloads.bind import bind
from workloads.errors import TraceError
from workloads.graph import OperatorGraph, Role, graph_macs, role_bytes
from workloads.huggingface import trace_config

T5 = T5Config(d_model=64, d_kv=16, d_ff=128, num_layers=3, num_heads=4, vocab_size=100)
WHISPER = WhisperConfig(
    d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
    encoder_ffn_dim=128, decoder_ffn_dim=128, vocab_size=100, max_source_positions=50, pad_token_id=0,
    bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
)  # fmt: skip


def forward(config: PretrainedConfig) -> OperatorGraph:
    return trace_config(config, name="test")["forward"]


def counts(graph: OperatorGraph, kind: str) -> int:
    return sum(segment.count for segment, op in graph.walk() if op.kind == kind)


@pytest.mark.parametrize(
    ("config", "macs", "parameters"),
    [
        (ResNetConfig(num_labels=1000), 4_089_184_256, 25_557_032),
        (MobileNetV2Config(num_labels=1000), 300_774_272, 3_504_872),
    ],
    ids=["resnet-50", "mobilenet-v2"],
)
def test_macs_of_image_classifiers_are_those_of_the_literature(config, macs, parameters):
    graph = forward(config)
    assert graph_macs(bind(graph, B=2)) == 2 * macs
    assert graph.parameters == parameters
    assert role_bytes(bind(graph, B=1), Role.WEIGHT) == 2 * parameters


def test_bert_attends_to_everything_and_folds_to_its_layers():
    graph = forward(BertConfig(hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=128))
    op = next(op for _, op in graph.walk() if op.kind == "attention")
    assert (op.param("causal"), str(op.param("queries"))) == ("full", "S")
    assert counts(graph, "attention") == 3
    assert graph.symbols() == {"B", "S"}


def test_vit_has_one_attention_node_per_layer_and_only_the_batch_open():
    graph = forward(ViTConfig(hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=128))
    assert counts(graph, "attention") == 3
    assert graph.symbols() == {"B"}


def test_shifted_windows_of_swin_fold_in_pairs_and_roll_twice():
    graph = forward(SwinConfig(embed_dim=24, depths=[2, 4], num_heads=[3, 6], image_size=56, window_size=7))
    assert counts(graph, "attention") == 6
    assert counts(graph, "roll") == 2
    assert max(segment.count for segment in graph.segments) >= 2


def test_t5_prefill_runs_the_encoder_and_decode_only_reads_its_cache():
    graphs = trace_config(T5, name="test")
    assert graphs["prefill"].symbols() == {"B", "E"}
    assert graphs["decode"].symbols() == {"B", "E", "T"}
    assert counts(graphs["prefill"], "attention") == 9
    assert counts(graphs["decode"], "attention") == 6
    assert counts(graphs["decode"], "kv_append") == 6
    keys = {str(op.param("keys")) for _, op in graphs["decode"].walk() if op.kind == "attention"}
    assert keys == {"E", "T"}


def test_relative_bias_is_read_by_self_attention_only():
    graph = trace_config(T5, name="test", phases=("decode",))["decode"]
    bias = {str(op.param("keys")): op.param("bias") for _, op in graph.walk() if op.kind == "attention"}
    assert bias == {"T": "relative", "E": "none"}


def test_cross_attention_caches_hold_the_encoder_length():
    graph = bind(trace_config(T5, name="test", phases=("decode",))["decode"], B=1, E=7, T=3)
    caches = {t.name.rsplit(".", 1)[-1]: t.shape for t in graph.tensors if t.role is Role.STATE}
    assert caches["cross_k_cache"] == (1, 7, 4, 16)
    assert caches["k_cache"] == (1, 3, 4, 16)
    assert role_bytes(graph, Role.STATE) == 2 * 2 * 3 * (7 + 3) * 64


def test_whisper_decodes_over_its_encoder_length():
    graphs = trace_config(WHISPER, name="test")
    keys = [op.param("keys") for _, op in graphs["prefill"].walk() if op.kind == "attention"]
    assert keys == [50, 1, 50]
    assert graphs["decode"].symbols() == {"B", "E", "T"}
    assert dict(graphs["decode"].facts)["default_E"] == 50


def test_a_phase_that_a_model_lacks_is_a_clear_error():
    with pytest.raises(TraceError, match="no phase 'decode'; it has forward"):
        trace_config(ResNetConfig(), name="test", phases=("decode",))


def test_a_gelu_written_out_by_a_transformers_class_is_one_operator() -> None:
    config = {
        "model_type": "gpt2",
        "n_layer": 2,
        "n_embd": 64,
        "n_head": 4,
        "vocab_size": 100,
        "activation_function": "gelu_new",
    }
    kinds = [op.kind for _, op in trace_config(config, name="tiny", phases=("decode",))["decode"].walk()]
    assert kinds.count("gelu") == 1
    assert "tanh" not in kinds
