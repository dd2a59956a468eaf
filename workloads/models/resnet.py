# pyright: basic
"""Residual networks of bottleneck blocks: grouped (ResNeXt), and with dilation in place of stride (segmentation).

Sources: He et al., CVPR 2016, Table 1, with the stride in the 3x3 convolution ("v1.5"); Xie et al., CVPR 2017, Table 1
(ResNeXt-50, 32x4d: 25.0 million parameters, 4.1 or 4.2 billion multiply-adds).
"""

from __future__ import annotations

import torch
from torch import nn

from workloads.models import Built, batched

WIDTHS = (64, 128, 256, 512)
EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions around a residual connection; the last multiplies the width by four."""

    def __init__(self, inputs: int, width: int, inner: int, groups: int, stride: int, dilation: int) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.conv1, self.bn1 = nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, dilation, dilation, groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, h, w] to [B, 4 * width, h / stride, w / stride]."""
        hidden = self.bn1(self.conv1(x)).relu()
        hidden = self.bn2(self.conv2(hidden)).relu()
        hidden = self.bn3(self.conv3(hidden))
        shortcut = x if self.downsample is None else self.downsample(x)
        return (hidden + shortcut).relu()


class Features(nn.Module):
    """The convolutional part: [B, 3, h, w] to [B, 2048, h / f, w / f], f = 32 divided by two per dilated stage.

    Args:
        depths: blocks per stage.
        groups, group_width: of the 3x3 convolutions; a group is ``group_width`` wide in the first stage.
        dilated: last stages that dilate instead of striding.
    """

    def __init__(self, depths: tuple[int, ...], groups: int = 1, group_width: int = 64, dilated: int = 0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels, dilation = 64, 1
        stages: list[nn.Module] = []
        for number, (depth, width) in enumerate(zip(depths, WIDTHS, strict=True)):
            inner = width * group_width // 64 * groups
            stride = 2 if number else 1
            before = dilation
            if number >= len(depths) - dilated:
                dilation, stride = dilation * stride, 1
            blocks: list[nn.Module] = []
            for index in range(depth):
                first = index == 0
                blocks.append(
                    Bottleneck(channels, width, inner, groups, stride if first else 1, before if first else dilation)
                )
                channels = EXPANSION * width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Features of the last stage."""
        x = self.maxpool(self.bn1(self.conv1(image)).relu())
        for stage in self.stages:
            x = stage(x)
        return x


class Classifier(nn.Module):
    """Features, global average, one linear layer: [B, 3, h, w] to [B, classes]."""

    def __init__(self, features: Features, classes: int) -> None:
        super().__init__()
        self.features = features
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(EXPANSION * WIDTHS[-1], classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Class scores of a batch of images."""
        return self.fc(self.pool(self.features(image)).flatten(1))


def build_resnext(
    depths: tuple[int, ...] = (3, 4, 6, 3), groups: int = 32, group_width: int = 4, size: int = 224, batch: int = 2
) -> Built:
    """ResNeXt (by default 50, 32x4d) and an example batch of images."""
    network = Classifier(Features(tuple(depths), groups, group_width), 1000)
    return batched(network, torch.empty(batch, 3, size, size))
