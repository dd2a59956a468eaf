# pyright: basic
"""M3ViT as Edge-MoE runs it: a vision transformer whose every second feed-forward is a mixture of experts.

Source: sharc-lab/Edge-MoE, include/model.hpp (256 x 128 images in patches of 16, 192 wide, 12 layers, 3 heads,
feed-forward 768, 16 experts of 384, top 2). That the experts sit in every second layer is M3ViT's (NeurIPS 2022); the
task heads and the routers of other tasks are left out.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from workloads import torch_ops  # noqa: F401  (registers the operators below)
from workloads.models import Built, batched
from workloads.models.glam import Experts


class Attention(nn.Module):
    """Self-attention over all patches."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, patches, dim] unchanged in shape."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).unbind(2)
        mixed = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return self.proj(mixed.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two linear layers with GELU."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, patches, dim] unchanged in shape."""
        return self.down(F.gelu(self.up(x)))


class Block(nn.Module):
    """Attention and feed-forward, each normalized before and added to the residual."""

    def __init__(self, dim: int, heads: int, feed_forward: nn.Module) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(dim), Attention(dim, heads)
        self.norm2, self.feed_forward = nn.LayerNorm(dim), feed_forward

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, patches, dim] unchanged in shape."""
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class M3Vit(nn.Module):
    """Images [B, 3, height, width] to the features of all patches and the class token, [B, patches + 1, dim]."""

    def __init__(self, height: int, width: int, patch: int, dim: int, layers: int, heads: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, dim, patch, patch)
        self.token = nn.Parameter(torch.empty(1, 1, dim))
        self.place = nn.Parameter(torch.empty(1, height // patch * (width // patch) + 1, dim))
        self.blocks = nn.ModuleList(
            Block(dim, heads, Experts(dim, 2 * dim, 16, 2) if i % 2 else Mlp(dim, 4 * dim)) for i in range(layers)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Features of all layers' end."""
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), 1) + self.place
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


def build(height: int, width: int, patch: int, dim: int, layers: int, heads: int) -> Built:
    """The network with two example images."""
    return batched(M3Vit(height, width, patch, dim, layers, heads), torch.empty(2, 3, height, width))
