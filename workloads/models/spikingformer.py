# pyright: basic
"""Spikingformer: a vision transformer whose products take one-bit spikes, one time step.

A neuron compares its potential, of which half is kept, with a threshold; the state it keeps over the time steps is left
out. Attention has no softmax.

Source: Zhou et al., arXiv:2304.11954, section 3, and github.com/zhouchenlin2096/Spikingformer (ImageNet: four
convolutions of 3x3 with poolings and one without, then blocks at 14 x 14 with a feed-forward of four times the width).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from workloads.models import Built, batched


def fire(x: torch.Tensor) -> torch.Tensor:
    """One where a neuron's potential passes its threshold, else zero."""
    return (x * 0.5 >= 1.0).to(x.dtype)


class Product(nn.Module):
    """A convolution of spikes and its normalization; 1x1 unless said otherwise."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, bias: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, bias=bias)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, h, w] to [B, outputs, h, w]."""
        return self.norm(self.conv(x))


class Block(nn.Module):
    """Attention of spikes and feed-forward, each added to the potentials."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v = Product(width, width), Product(width, width), Product(width, width)
        self.proj = Product(width, width, bias=True)
        self.up, self.down = Product(width, 4 * width, bias=True), Product(4 * width, width, bias=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, width, h, w] unchanged in shape."""
        spikes = fire(x)
        q, k, v = (
            fire(part(spikes)).flatten(2).unflatten(1, (self.heads, -1)).transpose(-2, -1)
            for part in (self.q, self.k, self.v)
        )
        mixed = ((q @ k.transpose(-2, -1)) @ v) * 0.125
        mixed = fire(mixed).transpose(-2, -1).reshape(x.shape)
        x = x + self.proj(mixed)
        return x + self.down(fire(self.up(fire(x))))


class Spikingformer(nn.Module):
    """Images [B, 3, 224, 224] to classes."""

    def __init__(self, width: int, layers: int, heads: int, classes: int) -> None:
        super().__init__()
        widths = (width // 8, width // 4, width // 2, width)
        self.patches = nn.ModuleList(
            Product(before, after, 3) for before, after in zip((3, *widths[:-1]), widths, strict=True)
        )
        self.place = Product(width, width, 3)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.head = nn.Linear(width, classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Scores of the classes."""
        x = image
        for stage, part in enumerate(self.patches):
            x = F.max_pool2d(part(fire(x) if stage else x), 3, 2, 1)
        x = x + self.place(fire(x))
        for block in self.blocks:
            x = block(x)
        return self.head(fire(x).flatten(2).mean(2))


def build(width: int, layers: int, heads: int, classes: int) -> Built:
    """The network with two example images."""
    return batched(Spikingformer(width, layers, heads, classes), torch.empty(2, 3, 224, 224))
