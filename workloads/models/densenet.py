# pyright: basic
"""DenseNet: every layer reads the concatenation of all layers before it in its block.

Source: Huang et al., CVPR 2017, Table 1 (DenseNet-121: growth 32, blocks of 6, 12, 24, 16 layers).
"""

from __future__ import annotations

import torch
from torch import nn

from workloads.models import Built, batched

BOTTLENECK = 4


class DenseLayer(nn.Module):
    """Norm, 1x1 convolution to four times the growth, norm, 3x3 convolution to the growth."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        inner = BOTTLENECK * growth
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, inner, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(inner), nn.Conv2d(inner, growth, 3, padding=1, bias=False)

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """The block's features so far, each [B, c, h, w], to [B, growth, h, w]."""
        hidden = self.conv1(self.norm1(torch.cat(features, 1)).relu())
        return self.conv2(self.norm2(hidden).relu())


class DenseBlock(nn.Module):
    """Layers that each add ``growth`` channels; the result is the concatenation of all."""

    def __init__(self, inputs: int, depth: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DenseLayer(inputs + i * growth, growth) for i in range(depth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, h, w] to [B, inputs + depth * growth, h, w]."""
        features = [x]
        for layer in self.layers:
            features.append(layer(features))
        return torch.cat(features, 1)


class Transition(nn.Module):
    """Half the channels, half the resolution."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, inputs // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, h, w] to [B, inputs / 2, h / 2, w / 2]."""
        return self.pool(self.conv(self.norm(x).relu()))


class DenseNet(nn.Module):
    """[B, 3, h, w] to [B, classes]."""

    def __init__(self, depths: tuple[int, ...], growth: int, classes: int) -> None:
        super().__init__()
        channels = 2 * growth
        self.conv0, self.norm0 = nn.Conv2d(3, channels, 7, 2, 3, bias=False), nn.BatchNorm2d(channels)
        self.pool0 = nn.MaxPool2d(3, 2, 1)
        parts: list[nn.Module] = []
        for number, depth in enumerate(depths):
            parts.append(DenseBlock(channels, depth, growth))
            channels += depth * growth
            if number < len(depths) - 1:
                parts.append(Transition(channels))
                channels //= 2
        self.blocks = nn.ModuleList(parts)
        self.norm5 = nn.BatchNorm2d(channels)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Class scores of a batch of images."""
        x = self.pool0(self.norm0(self.conv0(image)).relu())
        for block in self.blocks:
            x = block(x)
        return self.classifier(self.pool(self.norm5(x).relu()).flatten(1))


def build(depths: tuple[int, ...] = (6, 12, 24, 16), growth: int = 32, size: int = 224, batch: int = 2) -> Built:
    """The network (by default DenseNet-121) and an example batch of images."""
    return batched(DenseNet(tuple(depths), growth, 1000), torch.empty(batch, 3, size, size))
