# pyright: basic
"""Video classification with three-dimensional convolutions that are split into space and time.

Sources: Tran et al., CVPR 2018 (R(2+1)D, 18 layers); Xie et al., ECCV 2018 (S3D). Clips of 16 frames, 400 classes.
"""

from __future__ import annotations

import torch
from torch import nn

from workloads.models import Built, batched

CLASSES = 400


def _norm_relu(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm3d(channels), nn.ReLU()]


def _space(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Conv3d:
    """A convolution within each frame."""
    pad = kernel // 2
    return nn.Conv3d(inputs, outputs, (1, kernel, kernel), (1, stride, stride), (0, pad, pad), bias=False)


def _time(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Conv3d:
    """A convolution along the frames of each pixel."""
    return nn.Conv3d(inputs, outputs, (kernel, 1, 1), (stride, 1, 1), (kernel // 2, 0, 0), bias=False)


class SplitBlock(nn.Module):
    """Two (2+1)-dimensional convolutions with a residual connection.

    The width between space and time gives the block the parameters of one with 3x3x3 kernels (section 3.5).
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        middle = (inputs * outputs * 27) // (inputs * 9 + 3 * outputs)
        self.first = nn.Sequential(
            _space(inputs, middle, 3, stride), *_norm_relu(middle), _time(middle, outputs, 3, stride),
            *_norm_relu(outputs),
        )  # fmt: skip
        self.second = nn.Sequential(
            _space(outputs, middle, 3, 1), *_norm_relu(middle), _time(middle, outputs, 3, 1), nn.BatchNorm3d(outputs)
        )
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs))

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        """[B, inputs, t, h, w] to [B, outputs, t / stride, h / stride, w / stride]."""
        hidden = self.second(self.first(clip))
        return (hidden + (clip if self.downsample is None else self.downsample(clip))).relu()


class SplitResNet(nn.Module):
    """R(2+1)D: a stem, four stages of residual blocks, one linear layer: [B, 3, t, h, w] to [B, 400]."""

    def __init__(self, depths: tuple[int, ...], widths: tuple[int, ...], stem: int) -> None:
        super().__init__()
        channels = widths[0]
        self.stem = nn.Sequential(
            _space(3, stem, 7, 2), *_norm_relu(stem), _time(stem, channels, 3, 1), *_norm_relu(channels)
        )
        blocks: list[nn.Module] = []
        for number, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            for index in range(depth):
                blocks.append(SplitBlock(channels, width, 2 if number and index == 0 else 1))
                channels = width
        self.blocks = nn.ModuleList(blocks)
        self.pool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(channels, CLASSES)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        """Class scores of a batch of clips."""
        x = self.stem(clip)
        for block in self.blocks:
            x = block(x)
        return self.fc(self.pool(x).flatten(1))


def _pointwise(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(inputs, outputs, 1, bias=False), *_norm_relu(outputs))


def _separable(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        _space(inputs, outputs, kernel, stride), *_norm_relu(outputs), _time(outputs, outputs, kernel, stride),
        *_norm_relu(outputs),
    )  # fmt: skip


class Inception(nn.Module):
    """Four branches (1x1x1; 1x1x1 and 3; 1x1x1 and 3; pool and 1x1x1), concatenated."""

    def __init__(self, inputs: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        one, reduce3, three, reduce5, five, pooled = widths
        self.one = _pointwise(inputs, one)
        self.three = nn.Sequential(_pointwise(inputs, reduce3), _separable(reduce3, three, 3))
        self.five = nn.Sequential(_pointwise(inputs, reduce5), _separable(reduce5, five, 3))
        self.pooled = nn.Sequential(nn.MaxPool3d(3, 1, 1), _pointwise(inputs, pooled))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, t, h, w] to [B, sum of the branches, t, h, w]."""
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], 1)


INCEPTIONS = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    ((192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
     (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128)),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)  # fmt: skip
"""Branch widths of the blocks between poolings; those of Inception-v1 (Szegedy et al., CVPR 2015, Table 1)."""


class S3d(nn.Module):
    """S3D: Inception-v1 with separable convolutions: [B, 3, 16, h, w] to [B, 400]."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            _separable(3, 64, 7, 2), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)), _pointwise(64, 64),
            _separable(64, 192, 3), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        ]  # fmt: skip
        channels = 192
        pools = (nn.MaxPool3d(3, 2, 1), nn.MaxPool3d(2, 2), nn.AvgPool3d((2, 7, 7), 1))
        for stage, pool in zip(INCEPTIONS, pools, strict=True):
            for widths in stage:
                layers.append(Inception(channels, widths))
                channels = widths[0] + widths[2] + widths[4] + widths[5]
            layers.append(pool)
        self.layers = nn.ModuleList(layers)
        self.classifier = nn.Conv3d(channels, CLASSES, 1)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        """Class scores of a batch of clips."""
        x = clip
        for layer in self.layers:
            x = layer(x)
        return self.classifier(x).mean((2, 3, 4))


def build_r2plus1d(
    depths: tuple[int, ...] = (2, 2, 2, 2), widths: tuple[int, ...] = (64, 128, 256, 512), stem: int = 45,
    frames: int = 16, size: int = 112, batch: int = 2,
) -> Built:  # fmt: skip
    """R(2+1)D (by default 18 layers) and an example batch of clips."""
    return batched(SplitResNet(tuple(depths), tuple(widths), stem), torch.empty(batch, 3, frames, size, size))


def build_s3d(frames: int = 16, size: int = 224, batch: int = 2) -> Built:
    """S3D and an example batch of clips of at least 14 frames."""
    return batched(S3d(), torch.empty(batch, 3, frames, size, size))
