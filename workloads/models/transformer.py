# pyright: basic
"""The encoder-decoder Transformer. Source: Vaswani et al., NeurIPS 2017, Table 3 (base), without embeddings.

As in PyTorch's ``nn.Transformer``: norms after the residuals, and one more after either stack.
"""

from __future__ import annotations

import torch
from torch import nn

from workloads.models import Built, batched


class Attention(nn.Module):
    """Multi-head attention; queries, keys and values of one source come from one projection."""

    def __init__(self, width: int, heads: int, across: bool) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width) if across else None
        self.packed = nn.Linear(width, (2 if across else 3) * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        """[B, S, width] over [B, M, width]; ``memory`` is ``x`` for self-attention."""
        if self.query is None:
            q, k, v = self.packed(x).chunk(3, -1)
        else:
            q = self.query(x)
            k, v = self.packed(memory).chunk(2, -1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)) for part in (q, k, v))
        return self.out(torch.ops.hwsim.attention(q, k, v, None, None, 0, False).flatten(2))


class Layer(nn.Module):
    """Self-attention, in the decoder cross-attention, and two linear layers, each with residual and norm."""

    def __init__(self, width: int, heads: int, ffn: int, decoder: bool) -> None:
        super().__init__()
        self.attention, self.norm1 = Attention(width, heads, False), nn.LayerNorm(width)
        self.cross, self.norm2 = (Attention(width, heads, True), nn.LayerNorm(width)) if decoder else (None, None)
        self.linear1, self.linear2, self.norm3 = nn.Linear(width, ffn), nn.Linear(ffn, width), nn.LayerNorm(width)

    def forward(self, x: torch.Tensor, memory: torch.Tensor | None = None) -> torch.Tensor:
        """[B, S, width] unchanged in shape."""
        x = self.norm1(x + self.attention(x, x))
        if self.cross is not None and self.norm2 is not None and memory is not None:
            x = self.norm2(x + self.cross(x, memory))
        return self.norm3(x + self.linear2(self.linear1(x).relu()))


class Transformer(nn.Module):
    """Embedded source and target, each [B, S, width], to features of the target, [B, S, width]."""

    def __init__(self, width: int, heads: int, ffn: int, depth: int) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(Layer(width, heads, ffn, False) for _ in range(depth))
        self.encoder_norm = nn.LayerNorm(width)
        self.decoder = nn.ModuleList(Layer(width, heads, ffn, True) for _ in range(depth))
        self.decoder_norm = nn.LayerNorm(width)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Encode the source once, then all positions of the target at a time."""
        memory = source
        for layer in self.encoder:
            memory = layer(memory)
        memory = self.encoder_norm(memory)
        x = target
        for layer in self.decoder:
            x = layer(x, memory)
        return self.decoder_norm(x)


def build(
    width: int = 512, heads: int = 8, ffn: int = 2048, depth: int = 6, tokens: int = 128, batch: int = 2
) -> Built:
    """The network (by default base) and an example batch of embedded sentences."""
    sentences = torch.empty(batch, tokens, width)
    return batched(Transformer(width, heads, ffn, depth), sentences, torch.empty_like(sentences))
