# pyright: basic
"""MobileNetV3-Large without its classifier. Source: Howard et al., ICCV 2019, Table 1.

With ``dilated`` the last stage keeps its resolution, as segmentation heads need it (section 6.4: output stride 16).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True, slots=True)
class Row:
    """One row of Table 1: kernel, expanded and output channels, squeeze-and-excite, activation, stride."""

    kernel: int
    expanded: int
    outputs: int
    excite: bool
    hard_swish: bool
    stride: int


ROWS = (
    Row(3, 16, 16, False, False, 1), Row(3, 64, 24, False, False, 2), Row(3, 72, 24, False, False, 1),
    Row(5, 72, 40, True, False, 2), Row(5, 120, 40, True, False, 1), Row(5, 120, 40, True, False, 1),
    Row(3, 240, 80, False, True, 2), Row(3, 200, 80, False, True, 1), Row(3, 184, 80, False, True, 1),
    Row(3, 184, 80, False, True, 1), Row(3, 480, 112, True, True, 1), Row(3, 672, 112, True, True, 1),
    Row(5, 672, 160, True, True, 2), Row(5, 960, 160, True, True, 1), Row(5, 960, 160, True, True, 1),
)  # fmt: skip
LAST_STAGE = 12
LOW_LEVEL = 3
"""Row whose result has an eighth of the resolution and goes to a segmentation head."""
HIGH_CHANNELS = 960


def _multiple_of_eight(channels: float) -> int:
    """The nearest multiple of 8, at least 8, and not below nine tenths of the wish."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class SqueezeExcite(nn.Module):
    """A scale per channel from the global average."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = _multiple_of_eight(channels / 4)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(channels, inner, 1), nn.Conv2d(inner, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, channels, h, w] unchanged in shape."""
        return F.hardsigmoid(self.fc2(self.fc1(self.pool(x)).relu())) * x


class ConvNorm(nn.Module):
    """Convolution that keeps the size up to its stride, batch norm, and an activation ("relu", "swish", "none")."""

    def __init__(self, inputs: int, outputs: int, kernel: int, act: str, stride: int = 1, dilation: int = 1,
                 groups: int = 1) -> None:  # fmt: skip
        super().__init__()
        padding = (kernel - 1) // 2 * dilation
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.act = act

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, h, w] to [B, outputs, h / stride, w / stride]."""
        x = self.bn(self.conv(x))
        if self.act == "none":
            return x
        return x.relu() if self.act == "relu" else F.hardswish(x)


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, squeeze-and-excite, projection; residual where the shape stays."""

    def __init__(self, inputs: int, row: Row, dilation: int) -> None:
        super().__init__()
        act = "swish" if row.hard_swish else "relu"
        stride = 1 if dilation > 1 else row.stride
        layers: list[nn.Module] = []
        if row.expanded != inputs:
            layers.append(ConvNorm(inputs, row.expanded, 1, act))
        layers.append(ConvNorm(row.expanded, row.expanded, row.kernel, act, stride, dilation, row.expanded))
        if row.excite:
            layers.append(SqueezeExcite(row.expanded))
        layers.append(ConvNorm(row.expanded, row.outputs, 1, "none"))
        self.block = nn.Sequential(*layers)
        self.residual = row.stride == 1 and inputs == row.outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, h, w] to [B, row.outputs, h / stride, w / stride]."""
        out = self.block(x)
        return out + x if self.residual else out


class Features(nn.Module):
    """[B, 3, h, w] to features at an eighth, [B, 40, h / 8, w / 8], and at the end, [B, 960, h / 16, w / 16]."""

    def __init__(self, dilated: bool) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 16, 3, "swish", 2)
        channels = 16
        blocks: list[nn.Module] = []
        for number, row in enumerate(ROWS):
            blocks.append(InvertedResidual(channels, row, 2 if dilated and number >= LAST_STAGE else 1))
            channels = row.outputs
        self.blocks = nn.ModuleList(blocks)
        self.last = ConvNorm(channels, HIGH_CHANNELS, 1, "swish")

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of low and of high level."""
        x = self.stem(image)
        low = x
        for number, block in enumerate(self.blocks):
            x = block(x)
            low = x if number == LOW_LEVEL else low
        return low, self.last(x)
