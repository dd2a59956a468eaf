# pyright: basic
"""Our own attention, experts, rotary embedding, scan and cache, plugged into transformers for the time of a trace.

Attention and experts go through the interfaces transformers offers. Functions that a model file calls by name (rotary
embedding, selective scan) are replaced in that file's namespace within ``one_node_functions`` and put back after.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from transformers import AttentionInterface
from transformers.activations import ACT2FN
from transformers.cache_utils import EncoderDecoderCache
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS

from workloads.torch_ops import patched

NAME = "hwsim"
"""Under this name attention and experts are registered. Masks have no entry of that name, so models make none."""


def attention(module, query, key, value, attention_mask, *, sliding_window=None, s_aux=None, is_causal=None,
              position_bias=None, **_ignored):  # fmt: skip
    """Attention as one node; query [b, h, s, d], key and value [b, g, t, d] as transformers has them.

    Options that change no size (scaling, dropout, soft capping) are ignored.
    """
    causal = bool(getattr(module, "is_causal", True) if is_causal is None else is_causal)
    q = query.transpose(1, 2)
    if hasattr(module, "kv_lora_rank") and hasattr(module, "kv_b_proj"):
        latent, rope = key.squeeze(1), value.squeeze(1)
        weight = module.kv_b_proj.weight
        return torch.ops.hwsim.mla_attention(q, latent, rope, weight, module.v_head_dim, causal), None
    k, v = key.transpose(1, 2), value.transpose(1, 2)
    bias = attention_mask if position_bias is None else position_bias
    return torch.ops.hwsim.attention(q, k, v, s_aux, bias, int(sliding_window or 0), causal), None


def experts(module, hidden_states, top_k_index, top_k_weights):
    """All experts of a layer as one node; which token goes where is data, and the indices are not read."""
    shape = hidden_states.shape
    up = module.gate_up_proj if module.has_gate else module.up_proj
    down = module.down_proj
    if module.is_transposed:
        up, down = up.transpose(1, 2), down.transpose(1, 2)
    names = ("gate_up_proj_bias" if module.has_gate else "up_proj_bias", "down_proj_bias")
    biases = [getattr(module, name) for name in names] if module.has_bias else []
    config = module.config
    activation = str(getattr(config, "hidden_act", None) or getattr(config, "hidden_activation", None) or "silu")
    flat = hidden_states.reshape(-1, shape[-1])
    routing = top_k_weights.reshape(-1, top_k_weights.shape[-1])
    out = torch.ops.hwsim.experts(flat, routing, up, down, biases, bool(module.has_gate), activation)
    return out.reshape(shape)


AttentionInterface.register(NAME, attention)
ALL_EXPERTS_FUNCTIONS.register(NAME, experts)


def _rotary(q, k, cos, sin, unsqueeze_dim=1, **_ignored):
    cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
    return torch.ops.hwsim.rope(q, cos, sin), torch.ops.hwsim.rope(k, cos, sin)


def _causal_convolution(hidden_states, weight, bias=None, activation=None, **_ignored):
    out, _ = torch.ops.hwsim.causal_conv(hidden_states.transpose(1, 2), weight, bias, "conv_state")
    return (out if activation is None else ACT2FN[activation](out)).transpose(1, 2)


def _selective_scan(hidden_states, dt, A, B, C, D=None, z=None, delta_bias=None, return_last_state=False, **_ignored):
    x, gate = hidden_states.transpose(1, 2), None if z is None else z.transpose(1, 2)
    steps = (dt.transpose(1, 2), A, B.transpose(1, 2), C.transpose(1, 2))
    out, state = torch.ops.hwsim.selective_scan(x, *steps, D, gate, delta_bias, "ssm_state")
    return (out.transpose(1, 2), state) if return_last_state else out.transpose(1, 2)


def _chunk_scan(hidden_states, dt, A, B, C, chunk_size=None, D=None, z=None, dt_bias=None,
                return_final_states=False, **_ignored):  # fmt: skip
    out, state = torch.ops.hwsim.selective_scan(hidden_states, dt, A, B, C, D, z, dt_bias, "ssm_state")
    return (out, state) if return_final_states else out


_FUNCTIONS: dict[str, Callable] = {
    "apply_rotary_pos_emb": _rotary,
    "apply_rotary_pos_emb_interleave": _rotary,
    "causal_conv1d_fn": _causal_convolution,
    "mamba_selective_scan": _selective_scan,
    "mamba2_chunk_scan": _chunk_scan,
}


@contextmanager
def one_node_functions(model: torch.nn.Module) -> Iterator[None]:
    """Within the block, the model's files call our functions, and latent attention keeps its cache compressed."""
    files = {type(module).__module__ for module in model.modules()}
    with ExitStack() as undo:
        for file in sorted(files):
            for name, function in _FUNCTIONS.items():
                if file.startswith("transformers.") and name in vars(sys.modules[file]):
                    undo.enter_context(patched(sys.modules[file], name, function))
        for module in model.modules():
            if hasattr(module, "expand_kv") and hasattr(module, "kv_b_proj"):
                undo.enter_context(patched(module, "expand_kv", lambda latent, rope: (latent, rope)))
        yield


class TraceCache:
    """Stands in for a key-value cache: ``update`` is one append node per tensor, into a cache of the context's length.

    Args:
        context: a tensor whose only axis is as long as the cache, the new tokens included.
    """

    is_compileable = False
    is_sliding = is_linear = is_dummy = (False,)

    def __init__(self, context: torch.Tensor, label: str = "") -> None:
        self._context = context
        self._label = label

    def update(self, keys, values, layer_idx, *_args, **_kwargs):
        """New keys and values [b, g, s, d] appended; returns the whole caches as [b, g, t, d]."""
        append = torch.ops.hwsim.kv_append
        return (
            append(keys.transpose(1, 2), self._context, f"{self._label}k_cache").transpose(1, 2),
            append(values.transpose(1, 2), self._context, f"{self._label}v_cache").transpose(1, 2),
        )

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens seen before; positions are given from outside, so none are claimed."""
        return 0

    def get_query_offset(self, layer_idx: int = 0) -> int:
        """Position of the first query, for masks that are never made."""
        return 0

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """Length and offset, for masks that are never made."""
        return query_length, 0


class _FilledLayer:
    """One layer of a cross-attention cache that prefill has filled."""

    def __init__(self, cache: FilledCache) -> None:
        self._cache = cache

    @property
    def keys(self) -> torch.Tensor:
        return self._cache.read("cross_k_cache")

    @property
    def values(self) -> torch.Tensor:
        return self._cache.read("cross_v_cache")


class FilledCache:
    """The cross-attention cache as decode finds it: ``layers[i].keys`` and ``.values`` are [b, g, e, d].

    Args:
        like: any tensor whose first axis is the batch.
        context: a tensor whose only axis is as long as the encoder's result.
        heads, width: of keys and values.
    """

    def __init__(self, like: torch.Tensor, context: torch.Tensor, heads: int, width: int) -> None:
        self._like, self._context = like, context
        self._heads, self._width = heads, width
        self.layers = defaultdict(lambda: _FilledLayer(self))

    def read(self, label: str) -> torch.Tensor:
        """Keys or values of the layer that asks."""
        read = torch.ops.hwsim.cache_read
        return read(self._like, self._context, self._heads, self._width, label).transpose(1, 2)


class _SameForAll(dict):
    """Answers for every layer what it was made with."""

    def __init__(self, answer: bool) -> None:
        super().__init__()
        self._answer = answer

    def get(self, key, default=None):
        return self._answer


class TraceCrossCache(EncoderDecoderCache):
    """Self- and cross-attention cache of an encoder-decoder; ``filled`` says that prefill is over."""

    def __init__(self, own: TraceCache, cross: TraceCache | FilledCache) -> None:
        self.self_attention_cache = own
        self.cross_attention_cache = cross
        self.is_updated = _SameForAll(isinstance(cross, FilledCache))

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """See ``TraceCache``."""
        return self.self_attention_cache.get_seq_length(layer_idx)

    def get_query_offset(self, layer_idx: int = 0) -> int:
        """See ``TraceCache``."""
        return self.self_attention_cache.get_query_offset(layer_idx)

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """See ``TraceCache``."""
        return self.self_attention_cache.get_mask_sizes(query_length, layer_idx)
