# pyright: basic
"""GLaM: a decoder whose layers alternate between a dense gated feed-forward and a mixture of experts.

Source: Du et al., ICML 2022, Table 4 (143B parameters, 64 experts, top 2) and section 4: dense layers have a gated
linear unit with GELU, experts have two plain matrices. The relative position bias, one scalar per head and distance,
is left out. Attention, cache and experts are the one-node operators of the tracer.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from workloads import torch_ops  # noqa: F401  (registers the operators below)
from workloads.models import Built


class Attention(nn.Module):
    """Causal self-attention over a cache."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (nn.Linear(hidden, hidden, bias=False) for _ in range(4))

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """[B, S, hidden] attending to a cache as long as ``context``."""
        q, k, v = (project(x).unflatten(-1, (self.heads, -1)) for project in (self.q, self.k, self.v))
        keys = torch.ops.hwsim.kv_append(k, context, "k_cache")
        values = torch.ops.hwsim.kv_append(v, context, "v_cache")
        return self.o(torch.ops.hwsim.attention(q, keys, values, None, None, 0, True).flatten(2))


class Dense(nn.Module):
    """Feed-forward with a gated linear unit."""

    def __init__(self, hidden: int, ffn: int) -> None:
        super().__init__()
        self.gate, self.up = nn.Linear(hidden, ffn, bias=False), nn.Linear(hidden, ffn, bias=False)
        self.down = nn.Linear(ffn, hidden, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, S, hidden] unchanged in shape."""
        return self.down(F.gelu(self.gate(x)) * self.up(x))


class Experts(nn.Module):
    """Router and experts of two matrices each."""

    def __init__(self, hidden: int, ffn: int, experts: int, top_k: int) -> None:
        super().__init__()
        self.top_k = top_k
        self.router = nn.Linear(hidden, experts, bias=False)
        self.up = nn.Parameter(torch.empty(experts, ffn, hidden))
        self.down = nn.Parameter(torch.empty(experts, hidden, ffn))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, S, hidden] unchanged in shape."""
        flat = x.flatten(0, 1)
        routing = torch.topk(F.softmax(self.router(flat), dim=-1), self.top_k, dim=-1).values
        out = torch.ops.hwsim.experts(flat, routing, self.up, self.down, [], False, "gelu")
        return out.view_as(x)


class Layer(nn.Module):
    """Attention and feed-forward, each normalized before and added to the residual."""

    def __init__(self, hidden: int, heads: int, feed_forward: nn.Module) -> None:
        super().__init__()
        self.norm1, self.attention = nn.RMSNorm(hidden), Attention(hidden, heads)
        self.norm2, self.feed_forward = nn.RMSNorm(hidden), feed_forward

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """[B, S, hidden] unchanged in shape."""
        x = x + self.attention(self.norm1(x), context)
        return x + self.feed_forward(self.norm2(x))


class Glam(nn.Module):
    """Tokens [B, S] to the scores of the next token [B, 1, vocabulary]; the embedding is also the output head."""

    def __init__(self, *, vocabulary: int, hidden: int, layers: int, heads: int, ffn: int, experts: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.layers = nn.ModuleList(
            Layer(hidden, heads, Experts(hidden, ffn, experts, 2) if i % 2 else Dense(hidden, ffn))
            for i in range(layers)
        )
        self.norm = nn.RMSNorm(hidden)

    def forward(self, tokens: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Scores after the last token; ``context`` [T] stands for the length of the cache."""
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, context)
        return F.linear(self.norm(x[:, -1:]), self.embedding.weight)


def build(phase: str, vocabulary: int, hidden: int, layers: int, heads: int, ffn: int, experts: int) -> Built:
    """The network with example tokens: several for prefill, one per sequence for decode."""
    model = Glam(vocabulary=vocabulary, hidden=hidden, layers=layers, heads=heads, ffn=ffn, experts=experts)
    tokens = torch.zeros(3, 1 if phase == "decode" else 11, dtype=torch.long)
    axes = {0: "B"} if phase == "decode" else {0: "B", 1: "S"}
    return model, (tokens, torch.empty(17)), {0: axes, 1: {0: "T"}}
