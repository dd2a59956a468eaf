# pyright: basic
"""PNASNet-5. Source: Liu et al., ECCV 2018, Figure 1 and Table 5 (Large: N = 4, F = 216; 86.1 million parameters,
25.0 billion multiply-adds at 331 x 331).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from workloads.models import Built, batched
from workloads.models.nas_layers import FactorizedReduction, Head, SamePool, relu_conv_norm, separable


class Cell(nn.Module):
    """Five pairs of operators on the results of the last two cells, concatenated.

    Args:
        before, last: channels of the two inputs.
        channels: of each of the five results.
        stride: 2 in a reduction cell.
        halve: whether the input from before the last cell has twice the resolution.
    """

    def __init__(self, before: int, last: int, channels: int, stride: int, halve: bool) -> None:
        super().__init__()
        squeeze = FactorizedReduction if halve else relu_conv_norm
        self.squeeze_before = squeeze(before, channels)
        self.squeeze_last = relu_conv_norm(last, channels)
        self.before5 = separable(channels, channels, 5, stride)
        self.pool = SamePool("max", stride)
        self.last7 = separable(channels, channels, 7, stride)
        self.last5 = separable(channels, channels, 5, stride)
        self.last3 = separable(channels, channels, 3, stride)
        self.third3 = separable(channels, channels, 3)
        self.before3 = separable(channels, channels, 3, stride)
        self.last1: Callable = relu_conv_norm(channels, channels, stride) if stride > 1 else nn.Identity()

    def forward(self, before: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        """Two images to one of five times the channels."""
        left, right = self.squeeze_before(before), self.squeeze_last(last)
        return _combined(self, left, right)


class StemCell(nn.Module):
    """The first reduction: both inputs are the image's features, one of them squeezed."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.squeeze = relu_conv_norm(inputs, channels)
        self.before5 = separable(inputs, channels, 5, 2, widen_first=True)
        self.pool_before = nn.Sequential(
            SamePool("max", 2), nn.Conv2d(inputs, channels, 1, bias=False), nn.BatchNorm2d(channels)
        )
        self.pool = SamePool("max", 2)
        self.last7 = separable(channels, channels, 7, 2)
        self.last5 = separable(channels, channels, 5, 2)
        self.last3 = separable(channels, channels, 3, 2)
        self.third3 = separable(channels, channels, 3)
        self.before3 = separable(inputs, channels, 3, 2, widen_first=True)
        self.last1 = relu_conv_norm(channels, channels, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inputs, h, w] to [B, 5 * channels, h / 2, w / 2]."""
        return _combined(self, x, self.squeeze(x))


def _combined(cell: Cell | StemCell, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    pool_left = cell.pool_before if isinstance(cell, StemCell) else cell.pool
    first = cell.before5(left) + pool_left(left)
    second = cell.last7(right) + cell.pool(right)
    third = cell.last5(right) + cell.last3(right)
    fourth = cell.third3(third) + cell.pool(right)
    fifth = cell.before3(left) + cell.last1(right)
    return torch.cat([first, second, third, fourth, fifth], 1)


class PnasNet(nn.Module):
    """A stem of two reductions, then three stages of cells, the later two opened by a reduction."""

    def __init__(self, channels: int, depth: int, stem: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, stem, 3, 2, bias=False), nn.BatchNorm2d(stem)
        self.stem = StemCell(stem, channels // 4)
        before, last = stem, 5 * (channels // 4)
        cells: list[nn.Module] = [Cell(before, last, channels // 2, 2, True)]
        before, last = last, 5 * (channels // 2)
        halve = True
        for stage in range(3):
            for index in range(depth):
                reduces = stage > 0 and index == 0
                cells.append(Cell(before, last, channels, 2 if reduces else 1, halve))
                before, last, halve = last, 5 * channels, reduces
            channels *= 2
        self.cells = nn.ModuleList(cells)
        self.head = Head(last)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Class scores of a batch of images."""
        before = self.norm(self.conv(image))
        last = self.stem(before)
        for cell in self.cells:
            before, last = last, cell(before, last)
        return self.head(last)


def build(channels: int = 216, depth: int = 4, stem: int = 96, size: int = 331, batch: int = 2) -> Built:
    """The network (by default PNASNet-5-Large) and an example batch of images."""
    return batched(PnasNet(channels, depth, stem), torch.empty(batch, 3, size, size))
