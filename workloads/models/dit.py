# pyright: basic
"""Diffusion transformer with adaptive layer norm. Source: Peebles and Xie, ICCV 2023 (DiT), Table 1 and section 3.2."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from workloads.models import Built, batched

FREQUENCIES = 256


class Block(nn.Module):
    """Attention and MLP whose norms are shifted, scaled and gated by the conditioning (adaLN-Zero)."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(hidden, elementwise_affine=False)
        self.norm2 = nn.LayerNorm(hidden, elementwise_affine=False)
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.proj = nn.Linear(hidden, hidden)
        self.fc1 = nn.Linear(hidden, 4 * hidden)
        self.fc2 = nn.Linear(4 * hidden, hidden)
        self.modulation = nn.Linear(hidden, 6 * hidden)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """Tokens [B, N, hidden] under a condition [B, hidden]."""
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(F.silu(condition)).unsqueeze(1).chunk(6, dim=2)
        x = x + gate1 * self.attend(self.norm1(x) * (1 + scale1) + shift1)
        hidden = F.gelu(self.fc1(self.norm2(x) * (1 + scale2) + shift2), approximate="tanh")
        return x + gate2 * self.fc2(hidden)

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        """Self-attention over the tokens."""
        batch, tokens, hidden = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, hidden // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, hidden))


class Dit(nn.Module):
    """Noise prediction on a latent image: [B, 4, size, size] to [B, 8, size, size]."""

    def __init__(self, hidden: int, heads: int, depth: int, patch: int, size: int, classes: int) -> None:
        super().__init__()
        self.patch, self.grid = patch, size // patch
        self.patches = nn.Conv2d(4, hidden, patch, stride=patch)
        self.register_buffer("positions", torch.empty(1, self.grid**2, hidden))
        self.time1 = nn.Linear(FREQUENCIES, hidden)
        self.time2 = nn.Linear(hidden, hidden)
        self.labels = nn.Embedding(classes + 1, hidden)
        self.blocks = nn.ModuleList(Block(hidden, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(hidden, elementwise_affine=False)
        self.modulation = nn.Linear(hidden, 2 * hidden)
        self.head = nn.Linear(hidden, patch * patch * 8)

    def forward(self, latent: torch.Tensor, frequencies: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Predicted noise and variance; ``frequencies`` [B, 256] is the sinusoidal embedding of the time step."""
        x = self.patches(latent).flatten(2).transpose(1, 2) + self.positions
        condition = self.time2(F.silu(self.time1(frequencies))) + self.labels(label)
        for block in self.blocks:
            x = block(x, condition)
        shift, scale = self.modulation(F.silu(condition)).unsqueeze(1).chunk(2, dim=2)
        x = self.head(self.norm(x) * (1 + scale) + shift)
        batch, grid, patch = x.shape[0], self.grid, self.patch
        x = x.view(batch, grid, grid, patch, patch, 8).permute(0, 5, 1, 3, 2, 4)
        return x.reshape(batch, 8, grid * patch, grid * patch)


def build(
    hidden: int, heads: int, depth: int, patch: int, size: int = 32, classes: int = 1000, batch: int = 2
) -> Built:
    """The network and an example batch of latents, time steps and labels."""
    inputs = (torch.empty(batch, 4, size, size), torch.empty(batch, FREQUENCIES), torch.zeros(batch, dtype=torch.long))
    return batched(Dit(hidden, heads, depth, patch, size, classes), *inputs)
