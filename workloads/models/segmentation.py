# pyright: basic
"""Semantic segmentation of 21 classes: FCN, DeepLabV3 and Lite R-ASPP, as at inference (no auxiliary head).

Sources: Long et al., CVPR 2015; Chen et al., arXiv 1706.05587 (atrous rates 12, 24, 36 at output stride 8); Howard et
al., ICCV 2019, section 6.4. With the auxiliary heads of training, torchvision's documentation counts 35.3 million
parameters for FCN and 42.0 for DeepLabV3, 3.2 for Lite R-ASPP, which has none.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from workloads.models import Built, batched, mobilenet_v3
from workloads.models.resnet import Features

CLASSES = 21
RATES = (12, 24, 36)


def _resized(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


def _conv_norm_relu(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class Segmenter(nn.Module):
    """Features, a head, and bilinear upsampling to the image's size: [B, 3, h, w] to [B, 21, h, w]."""

    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.features, self.head = features, head

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Class scores of every pixel."""
        return _resized(self.head(self.features(image)), image)


class ImagePooling(nn.Module):
    """The global average, convolved, at every position."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.conv = _conv_norm_relu(inputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, h, w] to [B, outputs, h, w]."""
        return _resized(self.conv(self.pool(x)), x)


class AtrousPyramid(nn.Module):
    """One 1x1 and three dilated 3x3 convolutions and the image's average, concatenated and projected."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        branches: list[nn.Module] = [_conv_norm_relu(inputs, outputs, 1)]
        branches += [_conv_norm_relu(inputs, outputs, 3, rate) for rate in RATES]
        self.branches = nn.ModuleList([*branches, ImagePooling(inputs, outputs)])
        self.project = _conv_norm_relu(len(self.branches) * outputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, h, w] to [B, outputs, h, w]."""
        return self.project(torch.cat([branch(x) for branch in self.branches], 1))


class LiteRaspp(nn.Module):
    """Lite R-ASPP: high-level features gated by their average, upsampled, and added to low-level scores."""

    def __init__(self, low: int, high: int, inner: int) -> None:
        super().__init__()
        self.conv = _conv_norm_relu(high, inner, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.scale = nn.Conv2d(high, inner, 1, bias=False)
        self.low_scores, self.high_scores = nn.Conv2d(low, CLASSES, 1), nn.Conv2d(inner, CLASSES, 1)

    def forward(self, features: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """[B, low, 2 h, 2 w] and [B, high, h, w] to [B, 21, 2 h, 2 w]."""
        low, high = features
        gated = self.conv(high) * torch.sigmoid(self.scale(self.pool(high)))
        upsampled = _resized(gated, low)
        return self.low_scores(low) + self.high_scores(upsampled)


def _dilated_resnet(depths: tuple[int, ...]) -> Features:
    return Features(depths, dilated=2)


def build_fcn(depths: tuple[int, ...] = (3, 4, 6, 3), size: int = 224, batch: int = 2) -> Built:
    """FCN on a dilated ResNet (by default 50) and an example batch of images."""
    head = nn.Sequential(_conv_norm_relu(2048, 512, 3), nn.Dropout(0.1), nn.Conv2d(512, CLASSES, 1))
    return batched(Segmenter(_dilated_resnet(tuple(depths)), head), torch.empty(batch, 3, size, size))


def build_deeplab(depths: tuple[int, ...] = (3, 4, 6, 3), size: int = 224, batch: int = 2) -> Built:
    """DeepLabV3 on a dilated ResNet (by default 50) and an example batch of images."""
    pyramid = AtrousPyramid(2048, 256)
    head = nn.Sequential(pyramid, _conv_norm_relu(256, 256, 3), nn.Conv2d(256, CLASSES, 1))
    return batched(Segmenter(_dilated_resnet(tuple(depths)), head), torch.empty(batch, 3, size, size))


def build_lraspp(inner: int = 128, size: int = 224, batch: int = 2) -> Built:
    """Lite R-ASPP on a dilated MobileNetV3-Large and an example batch of images."""
    head = LiteRaspp(mobilenet_v3.ROWS[mobilenet_v3.LOW_LEVEL].outputs, mobilenet_v3.HIGH_CHANNELS, inner)
    return batched(Segmenter(mobilenet_v3.Features(dilated=True), head), torch.empty(batch, 3, size, size))
