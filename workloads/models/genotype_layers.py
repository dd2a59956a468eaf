# pyright: basic
"""Small layers that AmoebaNet and DARTS share; padding is symmetric, as in PyTorch."""

from __future__ import annotations

import torch
from torch import nn


def relu_conv_norm(
    inputs: int, outputs: int, kernel: int | tuple[int, int] = 1, stride: int = 1
) -> tuple[nn.Module, ...]:
    """ReLU, a convolution that keeps the size up to its stride, batch norm."""
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (sides[0] // 2, sides[1] // 2)
    return nn.ReLU(), nn.Conv2d(inputs, outputs, sides, stride, padding, bias=False), nn.BatchNorm2d(outputs)


class FactorizedReduce(nn.Module):
    """Half the resolution by two strided 1x1 convolutions, one shifted by a pixel, each half of the channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs // 2, 1, 2, bias=False)
        self.conv2 = nn.Conv2d(inputs, outputs // 2, 1, 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, h, w], h and w even, to [B, outputs, h / 2, w / 2]."""
        x = x.relu()
        return self.norm(torch.cat([self.conv1(x), self.conv2(x[:, :, 1:, 1:])], 1))
