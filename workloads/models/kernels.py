# pyright: basic
"""The five multi-task kernels of InTAR's benchmark (arXiv:2502.08807; OswaldHe/InTAR, benchmark/), at their sizes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from workloads.models import Built, batched


class SelfAttention(nn.Module):
    """One head over 256 tokens of 1,024: [B, 256, 1024] unchanged in shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, width, bias=False) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores times values, without a projection of the result."""
        q, k, v = (project(x).unsqueeze(1) for project in (self.q, self.k, self.v))
        return F.scaled_dot_product_attention(q, k, v).squeeze(1)


class Convolutions(nn.Module):
    """Four 3x3 convolutions of one channel, two with a doubling of the picture after them, two with a halving."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(4))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[B, 1, 224, 224] unchanged in shape."""
        for layer in self.layers[:2]:
            image = F.interpolate(F.relu(layer(image)), scale_factor=2, mode="nearest")
        for layer in self.layers[2:]:
            image = F.max_pool2d(F.relu(layer(image)), 2)
        return image


class Autoencoder(nn.Module):
    """Two convolutions (8x8, 4x4), a sample of the latent picture, two transposed convolutions; two channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(2, 2, 8, bias=False), nn.Conv2d(2, 2, 4, bias=False)
        self.back1, self.back2 = nn.ConvTranspose2d(2, 2, 8, bias=False), nn.ConvTranspose2d(2, 2, 4, bias=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[B, 2, 28, 28] unchanged in shape."""
        mean = F.relu(self.conv2(F.relu(self.conv1(image))))
        sample = mean + 0.05 * torch.exp(0.5 * mean)
        return F.relu(self.back2(self.back1(sample)))


class GatingNet(nn.Module):
    """A gated feed-forward layer over 32 vectors: [B, 32, 4096] unchanged in shape."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up, self.gate = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Down of up times the gate."""
        return self.down(F.silu(self.up(x)) * self.gate(x))


def self_attention(batch: int = 2) -> Built:
    """Self-attention and an example input."""
    return batched(SelfAttention(1024), torch.empty(batch, 256, 1024))


def mlp(batch: int = 2) -> Built:
    """Three linear layers 256, 1024, 2048, 256 and an example input."""
    layers = [nn.Linear(256, 1024), nn.ReLU(), nn.Linear(1024, 2048), nn.ReLU(), nn.Linear(2048, 256)]
    return batched(nn.Sequential(*layers), torch.empty(batch, 256))


def convolutions(batch: int = 2) -> Built:
    """Four convolutions and an example picture."""
    return batched(Convolutions(), torch.empty(batch, 1, 224, 224))


def autoencoder(batch: int = 2) -> Built:
    """The autoencoder and an example picture."""
    return batched(Autoencoder(), torch.empty(batch, 2, 28, 28))


def gating_net(batch: int = 2) -> Built:
    """The gated layer and an example input."""
    return batched(GatingNet(4096, 11008), torch.empty(batch, 32, 4096))
