# pyright: basic
"""What the cells of NASNet and PNASNet are made of; sizes follow TensorFlow's "same" rule (half, rounded up)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

Windowed = Callable[[torch.Tensor, int], torch.Tensor]
"""An operator on an image, given the symmetric padding it shall use."""


def same(x: torch.Tensor, kernel: int, stride: int, operator: Windowed) -> torch.Tensor:
    """Apply a windowed operator so that the result has ceil(size / stride) positions.

    At stride 1 the padding is the operator's own; at stride 2 it is lopsided, so the image is padded first.
    """
    if stride == 1:
        return operator(x, kernel // 2)
    height, width = (max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in x.shape[-2:])
    padded = F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2)) if height + width else x
    return operator(padded, 0)


class SameConv(nn.Conv2d):
    """A convolution without bias under the "same" rule."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, h, w] to [B, outputs, ceil(h / stride), ceil(w / stride)]."""
        kernel, stride = self.kernel_size[0], self.stride[0]

        def convolve(image: torch.Tensor, padding: int) -> torch.Tensor:
            return F.conv2d(image, self.weight, None, stride, padding, 1, self.groups)

        return same(x, kernel, stride, convolve)


class SamePool(nn.Module):
    """Max or average pooling of 3x3 under the "same" rule."""

    def __init__(self, kind: str, stride: int = 1) -> None:
        super().__init__()
        self.pool, self.stride = {"max": F.max_pool2d, "average": F.avg_pool2d}[kind], stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, c, h, w] to [B, c, ceil(h / stride), ceil(w / stride)]."""
        return same(x, 3, self.stride, lambda image, padding: self.pool(image, 3, self.stride, padding))


def relu_conv_norm(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """ReLU, 1x1 convolution, batch norm."""
    return nn.Sequential(nn.ReLU(), SameConv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))


def separable(inputs: int, outputs: int, kernel: int, stride: int = 1, *, widen_first: bool = False) -> nn.Sequential:
    """Twice ReLU, depthwise and 1x1 convolution, batch norm; the channels change in the second, or in the first."""
    middle = outputs if widen_first else inputs
    return nn.Sequential(
        nn.ReLU(), SameConv(inputs, inputs, kernel, stride, inputs), SameConv(inputs, middle, 1),
        nn.BatchNorm2d(middle),
        nn.ReLU(), SameConv(middle, middle, kernel, 1, middle), SameConv(middle, outputs, 1),
        nn.BatchNorm2d(outputs),
    )  # fmt: skip


class FactorizedReduction(nn.Module):
    """Half the resolution by two grids of pixels, one shifted by a pixel; each gives half of the channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs // 2, 1, bias=False)
        self.conv2 = nn.Conv2d(inputs, outputs // 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, h, w] to [B, outputs, ceil(h / 2), ceil(w / 2)]."""
        x = x.relu()
        first = self.conv1(F.avg_pool2d(x, 1, 2))
        second = self.conv2(F.avg_pool2d(F.pad(x, (-1, 1, -1, 1)), 1, 2))
        return self.norm(torch.cat([first, second], 1))


class Head(nn.Module):
    """ReLU, global average, one linear layer: [B, channels, h, w] to [B, 1000]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(channels, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Class scores."""
        return self.fc(self.pool(x.relu()).flatten(1))
