# pyright: basic
"""Custom torch operators that stand for one whole node of the graph, and modules that are replaced by them.

Each operator has a shape rule only; nothing is ever computed. Importing this file registers them with torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch

_SCHEMAS = (
    "attention(Tensor q, Tensor k, Tensor v, Tensor? sinks, Tensor? bias, int window, bool causal) -> Tensor",
    "mla_attention(Tensor q, Tensor latent, Tensor rope, Tensor weight, int value_dim, bool causal) -> Tensor",
    "experts(Tensor x, Tensor routing, Tensor up, Tensor down, Tensor[] biases, bool gated, str activation) -> Tensor",
    "kv_append(Tensor rows, Tensor context, str label) -> Tensor",
    "cache_read(Tensor like, Tensor context, int heads, int width, str label) -> Tensor",
    "rmsnorm(Tensor x, Tensor weight) -> Tensor",
    "rope(Tensor x, Tensor cosine, Tensor sine) -> Tensor",
    "recurrent(Tensor gates, Tensor weight, Tensor? bias, str kind, str label) -> (Tensor, Tensor)",
    "selective_scan(Tensor x, Tensor dt, Tensor a, Tensor b, Tensor c, Tensor? d, Tensor? z, Tensor? dt_bias,"
    " str label) -> (Tensor, Tensor)",
    "causal_conv(Tensor x, Tensor weight, Tensor? bias, str label) -> (Tensor, Tensor)",
)

_library = torch.library.Library("hwsim", "DEF")
for _schema in _SCHEMAS:
    _library.define(_schema)


@torch.library.register_fake("hwsim::attention")
def _attention(q, k, v, sinks, bias, window, causal):
    return q.new_empty((*q.shape[:3], v.shape[3]))


@torch.library.register_fake("hwsim::mla_attention")
def _mla_attention(q, latent, rope, weight, value_dim, causal):
    return q.new_empty((*q.shape[:3], value_dim))


@torch.library.register_fake("hwsim::experts")
def _experts(x, routing, up, down, biases, gated, activation):
    return x.new_empty(x.shape)


@torch.library.register_fake("hwsim::kv_append")
def _kv_append(rows, context, label):
    return rows.new_empty((rows.shape[0], context.shape[0], *rows.shape[2:]))


@torch.library.register_fake("hwsim::cache_read")
def _cache_read(like, context, heads, width, label):
    return context.new_empty((like.shape[0], context.shape[0], heads, width))


@torch.library.register_fake("hwsim::rmsnorm")
def _rmsnorm(x, weight):
    return x.new_empty(x.shape)


@torch.library.register_fake("hwsim::rope")
def _rope(x, cosine, sine):
    return torch.empty_like(x)


@torch.library.register_fake("hwsim::recurrent")
def _recurrent(gates, weight, bias, kind, label):
    width = weight.shape[1]
    states = 2 if kind == "lstm" else 1
    return gates.new_empty((*gates.shape[:2], width)), gates.new_empty((gates.shape[0], states * width))


@torch.library.register_fake("hwsim::selective_scan")
def _selective_scan(x, dt, a, b, c, d, z, dt_bias, label):
    return x.new_empty(x.shape), x.new_empty((x.shape[0], *x.shape[2:], b.shape[-1]))


@torch.library.register_fake("hwsim::causal_conv")
def _causal_conv(x, weight, bias, label):
    return x.new_empty(x.shape), x.new_empty((x.shape[0], x.shape[2], weight.shape[-1]))


def _rmsnorm_forward(module: torch.nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    def forward(x: torch.Tensor, gate: torch.Tensor | None = None) -> torch.Tensor:
        gated = x if gate is None else x * torch.nn.functional.silu(gate)
        return torch.ops.hwsim.rmsnorm(gated, module.weight)

    return forward


def _recurrent_forward(module: torch.nn.RNNBase) -> Callable:
    """Forward of an LSTM, GRU or plain recurrent network: per layer and direction a projection and one scan node."""
    directions = 2 if module.bidirectional else 1
    kind = type(module).__name__.lower()

    def scan(x: torch.Tensor, suffix: str) -> torch.Tensor:
        inner, outer = (getattr(module, f"weight_{part}_{suffix}") for part in ("ih", "hh"))
        biases = [getattr(module, f"bias_{part}_{suffix}") if module.bias else None for part in ("ih", "hh")]
        gates = torch.nn.functional.linear(x, inner, biases[0])
        return torch.ops.hwsim.recurrent(gates, outer, biases[1], kind, f"state_{suffix}")[0]

    def forward(x: torch.Tensor, state: object = None) -> tuple[torch.Tensor, object]:
        x = x if module.batch_first else x.transpose(0, 1)
        for layer in range(module.num_layers):
            parts = [scan(x, f"l{layer}" + ("_reverse" if back else "")) for back in range(directions)]
            x = parts[0] if directions == 1 else torch.cat(parts, dim=-1)
        last = x[:, -1:].transpose(0, 1)
        return (x if module.batch_first else x.transpose(0, 1)), (last, last) if kind == "lstm" else last

    return forward


def replacement(module: torch.nn.Module) -> Callable | None:
    """A one-node forward for a module whose own forward would be taken apart, or None.

    Root-mean-square norms are recognised by the end of their class name and a single one-dimensional weight.
    """
    name = type(module).__name__
    if isinstance(module, torch.nn.LSTM | torch.nn.GRU | torch.nn.RNN) and module.proj_size == 0:
        return _recurrent_forward(module)
    parameters = dict(module.named_parameters(recurse=False))
    is_norm = name.endswith(("RMSNorm", "RMSNormGated", "T5LayerNorm")) and not isinstance(module, torch.nn.RMSNorm)
    if is_norm and set(parameters) == {"weight"} and parameters["weight"].dim() == 1:
        return _rmsnorm_forward(module)
    return _gelu if name in _GELUS and not parameters else None


_GELUS = frozenset({"NewGELUActivation", "FastGELUActivation", "AccurateGELUActivation", "GELUTanh", "PytorchGELUTanh"})
"""Classes of transformers that write the tanh form of GELU out as eight element-wise operators."""


def _gelu(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.gelu(x, approximate="tanh")


@contextmanager
def one_node_modules(root: torch.nn.Module) -> Iterator[None]:
    """Within the block, the modules that have a ``replacement`` use it."""
    with ExitStack() as undo:
        for module in root.modules():
            forward = replacement(module)
            if forward is not None:
                undo.enter_context(patched(module, "forward", forward))
        yield


@contextmanager
def patched(owner: object, name: str, value: object) -> Iterator[None]:
    """Within the block, ``owner.name`` is ``value``; afterwards what it was before, or gone if it was inherited."""
    missing = object()
    before = vars(owner).get(name, missing)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is missing:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
