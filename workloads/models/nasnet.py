# pyright: basic
"""NASNet-A. Source: Zoph et al., CVPR 2018, Figure 4 and Table 2 (Large, 6 @ 4032: 88.9 million parameters,
23.8 billion multiply-adds at 331 x 331).
"""

from __future__ import annotations

import torch
from torch import nn

from workloads.models import Built, batched
from workloads.models.nas_layers import FactorizedReduction, Head, SamePool, relu_conv_norm, separable


def _squeeze(inputs: int, channels: int, halve: bool) -> nn.Module:
    return FactorizedReduction(inputs, channels) if halve else relu_conv_norm(inputs, channels)


class NormalCell(nn.Module):
    """Five pairs of operators on the results of the last two cells, concatenated with the former of them."""

    def __init__(self, before: int, last: int, channels: int, halve: bool) -> None:
        super().__init__()
        self.squeeze_before, self.squeeze_last = _squeeze(before, channels, halve), relu_conv_norm(last, channels)
        self.last5, self.before3 = (separable(channels, channels, kernel) for kernel in (5, 3))
        self.before5, self.before3_again = (separable(channels, channels, kernel) for kernel in (5, 3))
        self.last3 = separable(channels, channels, 3)
        self.pool = SamePool("average")

    def forward(self, before: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        """Two images to one of six times the channels."""
        before, last = self.squeeze_before(before), self.squeeze_last(last)
        first = self.last5(last) + self.before3(before)
        second = self.before5(before) + self.before3_again(before)
        third = self.pool(last) + before
        fourth = self.pool(before) + self.pool(before)
        fifth = self.last3(last) + last
        return torch.cat([before, first, second, third, fourth, fifth], 1)


class ReductionCell(nn.Module):
    """Five pairs of operators that halve the resolution; four results are concatenated.

    In the network's first cell (``stem``) the input from before is the image's features, as they are.
    """

    def __init__(self, before: int, last: int, channels: int, halve: bool, stem: bool = False) -> None:
        super().__init__()
        self.squeeze_before = nn.Identity() if stem else _squeeze(before, channels, halve)
        self.squeeze_last = relu_conv_norm(last, channels)
        wide = before if stem else channels
        self.last5 = separable(channels, channels, 5, 2)
        self.before7 = separable(wide, channels, 7, 2, widen_first=stem)
        self.before7_again = separable(wide, channels, 7, 2, widen_first=stem)
        self.before5 = separable(wide, channels, 5, 2, widen_first=stem)
        self.first3 = separable(channels, channels, 3)
        self.max_pool, self.mean_pool, self.first_pool = (
            SamePool("max", 2), SamePool("average", 2), SamePool("average"),
        )  # fmt: skip

    def forward(self, before: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        """Two images to one of four times the channels and half the resolution."""
        last, before = self.squeeze_last(last), self.squeeze_before(before)
        first = self.last5(last) + self.before7(before)
        second = self.max_pool(last) + self.before7_again(before)
        third = self.mean_pool(last) + self.before5(before)
        fourth = self.first_pool(first) + second
        fifth = self.first3(first) + self.max_pool(last)
        return torch.cat([second, third, fourth, fifth], 1)


class NasNet(nn.Module):
    """A stem of two reductions, then three stages of normal cells with a reduction before the later two.

    A cell behind a reduction takes what the reduction took from before (as in the authors' code for the large network).
    """

    def __init__(self, channels: int, depth: int, stem: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, stem, 3, 2, bias=False), nn.BatchNorm2d(stem)
        quarter, half = channels // 4, channels // 2
        cells: list[nn.Module] = [
            ReductionCell(stem, stem, quarter, False, stem=True), ReductionCell(stem, 4 * quarter, half, True)
        ]  # fmt: skip
        before, last, halve = 4 * quarter, 4 * half, True
        for stage in range(3):
            for _ in range(depth):
                cells.append(NormalCell(before, last, channels, halve))
                before, last, halve = last, 6 * channels, False
            if stage < 2:
                channels *= 2
                cells.append(ReductionCell(before, last, channels, False))
                last, halve = 4 * channels, True
        self.cells = nn.ModuleList(cells)
        self.head = Head(last)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Class scores of a batch of images."""
        before = last = self.norm(self.conv(image))
        for number, cell in enumerate(self.cells):
            result = cell(before, last)
            before = before if number > 1 and isinstance(cell, ReductionCell) else last
            last = result
        return self.head(last)


def build(channels: int = 168, depth: int = 6, stem: int = 96, size: int = 331, batch: int = 2) -> Built:
    """The network (by default NASNet-A-Large) and an example batch of images."""
    return batched(NasNet(channels, depth, stem), torch.empty(batch, 3, size, size))
