# pyright: basic
"""What to feed a transformers model: one file of wrappers and example inputs, one entry per family of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageClassification,
    AutoModelForSeq2SeqLM,
    AutoModelForSpeechSeq2Seq,
    PretrainedConfig,
)
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES,
)

from workloads.errors import TraceError
from workloads.hf_interfaces import FilledCache, TraceCache, TraceCrossCache

BATCH, NEW_TOKENS, CONTEXT, SOURCE = 3, 11, 29, 23
"""Extents of the example inputs; small primes that no model dimension equals."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A wrapped model with its example inputs; see ``workloads.trace.trace`` for ``dynamic`` and ``constants``."""

    module: torch.nn.Module
    inputs: tuple[torch.Tensor, ...]
    dynamic: Mapping[int, Mapping[int, str]]
    constants: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class FamilyOfModels:
    """How one family of models is built and fed: its class, its phases, and the feed of each."""

    factory: type
    phases: tuple[str, ...]
    feed: Callable[[torch.nn.Module, PretrainedConfig, str], Feed]


class _Wrapper(torch.nn.Module):
    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.hwsim_root = model


class _Decoder(_Wrapper):
    """Logits of the last token."""

    def forward(self, input_ids, position_ids, context):
        options = {"use_cache": True, "past_key_values": TraceCache(context), "position_ids": position_ids}
        return self.hwsim_root(input_ids=input_ids, logits_to_keep=1, return_dict=True, **options).logits


class _Recurrent(_Wrapper):
    """Logits of the last token of a model that has a state and no cache; the state nodes come from our scans."""

    def forward(self, input_ids):
        return self.hwsim_root(input_ids=input_ids, logits_to_keep=1, return_dict=True, use_cache=False).logits


class _Encoder(_Wrapper):
    """All hidden states, and the pooled one where the model has it."""

    def forward(self, input_ids):
        return self.hwsim_root(input_ids=input_ids, return_dict=False)


class _Image(_Wrapper):
    """Class scores."""

    def forward(self, pixel_values):
        return self.hwsim_root(pixel_values=pixel_values, return_dict=True).logits


class _Prefill(_Wrapper):
    """Encoder and first decoder step of an encoder-decoder."""

    def __init__(self, model: torch.nn.Module, source: str) -> None:
        super().__init__(model)
        self._source = source

    def forward(self, source, decoder_input_ids, own, cross):
        cache = TraceCrossCache(TraceCache(own), TraceCache(cross, "cross_"))
        options = {self._source: source, "decoder_input_ids": decoder_input_ids}
        return self.hwsim_root(past_key_values=cache, use_cache=True, return_dict=True, **options).logits


class _Decode(_Wrapper):
    """One later decoder step; the encoder has run."""

    def __init__(self, model: torch.nn.Module, heads: int, width: int) -> None:
        super().__init__(model)
        self._heads, self._width = heads, width

    def forward(self, encoded, decoder_input_ids, own, cross):
        filled = FilledCache(decoder_input_ids, cross, self._heads, self._width)
        cache = TraceCrossCache(TraceCache(own), filled)
        return self.hwsim_root(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
            decoder_input_ids=decoder_input_ids,
            past_key_values=cache,
            use_cache=True,
            return_dict=True,
        ).logits


def _tokens(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.long, device="meta")


def _values(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, device="meta")


def _feed_decoder(model: torch.nn.Module, config: PretrainedConfig, phase: str) -> Feed:
    new = 1 if phase == "decode" else NEW_TOKENS
    tokens = {0: "B"} if phase == "decode" else {0: "B", 1: "S"}
    if not hasattr(config, "num_attention_heads"):
        return Feed(_Recurrent(model), (_tokens(BATCH, new),), {0: tokens})
    inputs = (_tokens(BATCH, new), _tokens(BATCH, new), _values(CONTEXT))
    return Feed(_Decoder(model), inputs, {0: tokens, 1: tokens, 2: {0: "T"}}, frozenset({1}))


def _feed_encoder(model: torch.nn.Module, config: PretrainedConfig, phase: str) -> Feed:
    return Feed(_Encoder(model), (_tokens(BATCH, NEW_TOKENS),), {0: {0: "B", 1: "S"}})


def _feed_image(model: torch.nn.Module, config: PretrainedConfig, phase: str) -> Feed:
    size = getattr(config, "image_size", None) or 224
    height, width = (size, size) if isinstance(size, int) else size
    return Feed(_Image(model), (_values(BATCH, getattr(config, "num_channels", 3), height, width),), {0: {0: "B"}})


def _feed_text_to_text(model: torch.nn.Module, config: PretrainedConfig, phase: str) -> Feed:
    steps = _tokens(BATCH, 1)
    if phase == "prefill":
        dynamic = {0: {0: "B", 1: "E"}, 1: {0: "B"}, 3: {0: "E"}}
        return Feed(_Prefill(model, "input_ids"), (_tokens(BATCH, SOURCE), steps, _values(1), _values(SOURCE)), dynamic)
    return _feed_step(model, config)


def _feed_speech(model: torch.nn.Module, config: PretrainedConfig, phase: str) -> Feed:
    if phase == "decode":
        return _feed_step(model, config)
    length = config.max_source_positions
    sound = _values(BATCH, config.num_mel_bins, 2 * length)
    inputs = (sound, _tokens(BATCH, 1), _values(1), _values(length))
    return Feed(_Prefill(model, "input_features"), inputs, {0: {0: "B"}, 1: {0: "B"}})


def _feed_step(model: torch.nn.Module, config: PretrainedConfig) -> Feed:
    heads = getattr(config, "decoder_attention_heads", None) or config.num_heads
    width = getattr(config, "d_kv", None) or config.d_model // heads
    inputs = (_values(BATCH, SOURCE, config.d_model), _tokens(BATCH, 1), _values(CONTEXT), _values(SOURCE))
    dynamic = {0: {0: "B", 1: "E"}, 1: {0: "B"}, 2: {0: "T"}, 3: {0: "E"}}
    return Feed(_Decode(model, heads, width), inputs, dynamic)


DECODER = FamilyOfModels(AutoModelForCausalLM, ("prefill", "decode"), _feed_decoder)
ENCODER = FamilyOfModels(AutoModel, ("forward",), _feed_encoder)
IMAGE = FamilyOfModels(AutoModelForImageClassification, ("forward",), _feed_image)
TEXT_TO_TEXT = FamilyOfModels(AutoModelForSeq2SeqLM, ("prefill", "decode"), _feed_text_to_text)
SPEECH = FamilyOfModels(AutoModelForSpeechSeq2Seq, ("prefill", "decode"), _feed_speech)


def family_of(config: PretrainedConfig) -> FamilyOfModels:
    """The family of a configuration.

    Raises:
        TraceError: none of the families has this model type.
    """
    kind = config.model_type
    if kind in MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES:
        return SPEECH
    if getattr(config, "is_encoder_decoder", False):
        return TEXT_TO_TEXT
    if kind in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES:
        return IMAGE
    if kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False):
        return ENCODER
    if kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return DECODER
    raise TraceError(f"model type {kind!r} is no language model, encoder, encoder-decoder or image classifier")
