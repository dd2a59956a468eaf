# pyright: basic
"""AmoebaNet-D. Source: Real et al., AAAI 2019; its cells as in the benchmarks of GPipe (Huang et al., NeurIPS 2019):
``depth`` normal cells before, between and after two reductions, behind a stem of two more.
"""

from __future__ import annotations

import torch
from torch import nn

from workloads.models import Built, batched
from workloads.models.genotype_layers import FactorizedReduce, relu_conv_norm

Choice = tuple[int, str]
NORMAL: tuple[tuple[Choice, Choice], ...] = (
    ((1, "conv_1x1"), (1, "max_3x3")),
    ((1, "none"), (0, "conv_1x7_7x1")),
    ((0, "conv_1x1"), (0, "conv_1x7_7x1")),
    ((2, "max_3x3"), (2, "none")),
    ((1, "mean_3x3"), (5, "conv_1x1")),
)
REDUCTION: tuple[tuple[Choice, Choice], ...] = (
    ((0, "max_2x2"), (0, "max_3x3")),
    ((2, "none"), (1, "conv_3x3")),
    ((2, "conv_1x7_7x1"), (2, "max_3x3")),
    ((3, "none"), (1, "max_2x2")),
    ((2, "mean_3x3"), (3, "conv_1x1")),
)
"""Pairs whose sum is a new state: (state, operator). State 0 is the last cell's result, 1 that of the one before."""
NORMAL_RESULT, REDUCTION_RESULT = (0, 3, 4, 6), (4, 5, 6)


def _operator(name: str, channels: int, stride: int) -> nn.Module:
    quarter = channels // 4
    if name == "conv_1x1":
        return nn.Sequential(*relu_conv_norm(channels, channels, 1, stride))
    if name == "conv_3x3":
        return nn.Sequential(
            *relu_conv_norm(channels, quarter), *relu_conv_norm(quarter, quarter, 3, stride),
            *relu_conv_norm(quarter, channels),
        )  # fmt: skip
    if name == "conv_1x7_7x1":
        return nn.Sequential(
            *relu_conv_norm(channels, quarter), *relu_conv_norm(quarter, quarter, (1, 7)),
            *relu_conv_norm(quarter, quarter, (7, 1)), *relu_conv_norm(quarter, channels),
        )  # fmt: skip
    pools = {
        "none": nn.Identity(), "max_2x2": nn.MaxPool2d(2, stride), "max_3x3": nn.MaxPool2d(3, stride, 1),
        "mean_3x3": nn.AvgPool2d(3, stride, 1),
    }  # fmt: skip
    return pools[name]


class Cell(nn.Module):
    """Five sums of two operators on earlier states; some states are concatenated.

    Args:
        before, last: channels of the two inputs.
        channels: of every state.
        reduces: whether the cell halves the resolution.
        halve: whether the input from before the last cell has twice the resolution.
    """

    def __init__(self, before: int, last: int, channels: int, reduces: bool, halve: bool) -> None:
        super().__init__()
        self.squeeze_last = nn.Sequential(*relu_conv_norm(last, channels))
        self.squeeze_before = nn.Identity()
        if halve:
            self.squeeze_before = FactorizedReduce(before, channels)
        elif before != channels:
            self.squeeze_before = nn.Sequential(*relu_conv_norm(before, channels))
        pairs = REDUCTION if reduces else NORMAL
        self.pairs, self.result = pairs, REDUCTION_RESULT if reduces else NORMAL_RESULT
        self.operators = nn.ModuleList(
            _operator(name, channels, 2 if reduces and state < 2 else 1) for pair in pairs for state, name in pair
        )

    def forward(self, before: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        """Two images to one of ``len(result)`` times the channels."""
        states = [self.squeeze_last(last), self.squeeze_before(before)]
        for number, ((left, _), (right, _)) in enumerate(self.pairs):
            one, two = self.operators[2 * number], self.operators[2 * number + 1]
            states.append(one(states[left]) + two(states[right]))
        return torch.cat([states[index] for index in self.result], 1)


class AmoebaNet(nn.Module):
    """[B, 3, h, w] to [B, 1000]."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.ReLU(), nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels))
        before = last = channels
        halve = False
        cells: list[nn.Module] = []
        for width, reduces in _widths(channels, depth):
            cells.append(Cell(before, last, width, reduces, halve))
            before, last, halve = last, width * len(REDUCTION_RESULT if reduces else NORMAL_RESULT), reduces
        self.cells = nn.ModuleList(cells)
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(last, 1000)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Class scores of a batch of images."""
        before = last = self.stem(image)
        for cell in self.cells:
            before, last = last, cell(before, last)
        return self.fc(self.pool(last).flatten(1))


def _widths(channels: int, depth: int) -> list[tuple[int, bool]]:
    """Channels of every cell, and whether it reduces."""
    widths = [(channels // 2, True), (channels, True)]
    for stage in range(3):
        widths += [(channels << stage, True)] if stage else []
        widths += [(channels << stage, False)] * depth
    return widths


def build(channels: int = 64, depth: int = 6, size: int = 224, batch: int = 2) -> Built:
    """The network (by default L = 18, F = 256, of which a state has a quarter) and an example batch of images."""
    return batched(AmoebaNet(channels, depth), torch.empty(batch, 3, size, size))
