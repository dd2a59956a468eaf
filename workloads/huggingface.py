# pyright: basic
"""Trace models of the transformers library from their configuration alone: no weights, no downloads.

Symbols: B batch, S new tokens, T keys attended (cache length, new tokens included), E encoder tokens.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from workloads.errors import TraceError, did_you_mean
from workloads.graph import OperatorGraph
from workloads.hf_depth import keep_one_of_each
from workloads.hf_families import FamilyOfModels, family_of
from workloads.hf_interfaces import NAME, one_node_functions
from workloads.layers import NotALoopError, repeat_layers
from workloads.passes import run_passes
from workloads.trace import build_graph, capture, count_parameters


def config_from(source: PretrainedConfig | dict) -> PretrainedConfig:
    """A configuration object from one, or from the dictionary of a config.json (key ``model_type`` is needed).

    Raises:
        TraceError: transformers does not know the model type or refuses a value.
    """
    if isinstance(source, PretrainedConfig):
        return copy.deepcopy(source)
    values = dict(source)
    kind = values.pop("model_type", None)
    if not isinstance(kind, str):
        raise TraceError("the configuration has no key 'model_type'")
    if kind not in transformers.CONFIG_MAPPING:
        close = did_you_mean(kind, transformers.CONFIG_MAPPING)
        raise TraceError(f"transformers {transformers.__version__} has no model type {kind!r}{close}")
    try:
        return AutoConfig.for_model(kind, **values)
    except (ValueError, TypeError, KeyError, AttributeError, StrictDataclassError) as error:
        raise TraceError(f"configuration of model type {kind!r}: {_last_line(error)}") from error


def _last_line(error: Exception) -> str:
    """What a validation error of several lines comes to."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__


def trace_config(
    config: PretrainedConfig | dict,
    *,
    name: str,
    phases: Sequence[str] | None = None,
    reduced: bool = True,
    allow_unknown: bool = False,
) -> dict[str, OperatorGraph]:
    """The graphs of a model, one per phase.

    Language models have "prefill" (S new tokens, output head on the last one only; the caller binds S = T) and
    "decode" (one new token); encoder-decoders "prefill" (encoder over E tokens and first decoder step) and "decode";
    everything else "forward".

    Args:
        config: a transformers configuration or the dictionary of a config.json.
        name: for the graphs.
        phases: which ones; all that the model has by default.
        reduced: trace one layer of each kind and take the rest from the configuration; else the full depth.
        allow_unknown: count operators without a lowering as traffic.

    Raises:
        TraceError: the model cannot be built or exported, or does not have a phase.
        UnknownOperatorError: operators without a lowering.
    """
    known = config_from(config)
    family = family_of(known)
    wanted = family.phases if phases is None else tuple(phases)
    for phase in wanted:
        if phase not in family.phases:
            raise TraceError(f"{name}: no phase {phase!r}; it has {', '.join(family.phases)}")
    return {phase: _trace_phase(known, family, name, phase, reduced, allow_unknown) for phase in wanted}


def build_model(config: PretrainedConfig, factory: type) -> PreTrainedModel:
    """A model on the meta device, in evaluation mode, with our attention and experts where it lets us.

    Raises:
        TraceError: transformers refuses the configuration.
    """
    transformers.utils.logging.set_verbosity_error()
    config._experts_implementation = NAME
    try:
        with torch.device("meta"):
            return _with_attention(config, factory).eval()
    except KeyError as error:
        raise TraceError(
            f"model type {config.model_type!r} has no replaceable attention (looked up {error})"
        ) from error
    except (ValueError, TypeError, AttributeError, RuntimeError, ImportError) as error:
        raise TraceError(f"transformers cannot build {config.model_type!r}: {_last_line(error)}") from error


def _with_attention(config: PretrainedConfig, factory: type) -> PreTrainedModel:
    """Models without attention (convolutions) refuse the choice of one."""
    try:
        return factory.from_config(config, attn_implementation=NAME)
    except (ValueError, TypeError):
        return factory.from_config(config)


def _trace_phase(
    config: PretrainedConfig, family: FamilyOfModels, name: str, phase: str, reduced: bool, allow_unknown: bool
) -> OperatorGraph:
    model = build_model(copy.deepcopy(config), family.factory)
    parameters = count_parameters(model)
    depth = keep_one_of_each(model, model.config) if reduced else None
    feed = family.feed(model, config, phase)
    with one_node_functions(model):
        captured = capture(
            feed.module, feed.inputs, dynamic=feed.dynamic, constants=feed.constants, allow_unknown=allow_unknown
        )
    network = run_passes((tuple(captured.ops), captured.tensors))
    if depth is not None:
        try:
            network = repeat_layers(network, depth.prefix, depth.plan)
        except NotALoopError:
            return _trace_phase(config, family, name, phase, False, allow_unknown)
    return build_graph(captured, network, name, phase, parameters, config_facts(config))


_FACTS = {
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "layers": ("num_hidden_layers", "n_layer"),
    "heads": ("num_attention_heads", "n_head"),
    "kv_heads": ("num_key_value_heads",),
    "vocabulary": ("vocab_size",),
    "context_limit": ("max_position_embeddings", "n_positions"),
    "experts": ("num_local_experts", "n_routed_experts"),
    "top_k": ("num_experts_per_tok",),
    "window": ("sliding_window",),
    "latent_dim": ("kv_lora_rank",),
    "default_E": ("max_source_positions",),
}


def config_facts(config: PretrainedConfig) -> dict[str, int | str]:
    """Dimensions of a model that reports mention, as far as its configuration has them."""
    facts: dict[str, int | str] = {"architecture": config.model_type}
    for fact, keys in _FACTS.items():
        values = [getattr(config, key, None) for key in keys]
        found = [value for value in values if isinstance(value, int) and not isinstance(value, bool)]
        if found:
            facts[fact] = found[0]
    return facts
