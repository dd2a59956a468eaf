# pyright: basic
"""DARTS (second order, "V2") for ImageNet. Source: Liu et al., ICLR 2019, Figures 4 and 5 and Table 3: 14 cells, 48
channels, 4.7 million parameters, 574 million multiply-adds at 224 x 224.
"""

from __future__ import annotations

import torch
from torch import nn

from workloads.models import Built, batched
from workloads.models.genotype_layers import FactorizedReduce, relu_conv_norm

Choice = tuple[str, int]
NORMAL: tuple[Choice, ...] = (
    ("separable_3x3", 0), ("separable_3x3", 1), ("separable_3x3", 0), ("separable_3x3", 1),
    ("separable_3x3", 1), ("skip", 0), ("skip", 0), ("dilated_3x3", 2),
)  # fmt: skip
REDUCTION: tuple[Choice, ...] = (
    ("max_3x3", 0), ("max_3x3", 1), ("skip", 2), ("max_3x3", 1),
    ("max_3x3", 0), ("skip", 2), ("skip", 2), ("max_3x3", 1),
)  # fmt: skip
"""Operator and state it acts on; two make a new state. State 0 is the last cell but one, state 1 the last."""
STATES = 4


def _depthwise(channels: int, stride: int, dilation: int) -> tuple[nn.Module, ...]:
    """ReLU, depthwise 3x3 and pointwise convolution, batch norm."""
    return (
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, stride, dilation, dilation, channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    )


def _operator(name: str, channels: int, stride: int) -> nn.Module:
    if name == "separable_3x3":
        return nn.Sequential(*_depthwise(channels, stride, 1), *_depthwise(channels, 1, 1))
    if name == "dilated_3x3":
        return nn.Sequential(*_depthwise(channels, stride, 2))
    if name == "max_3x3":
        return nn.MaxPool2d(3, stride, 1)
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)


class Cell(nn.Module):
    """Four sums of two operators on earlier states, concatenated.

    Args:
        before, last: channels of the two inputs.
        channels: of every state.
        reduces: whether the cell halves the resolution.
        halve: whether the input from before the last cell has twice the resolution.
    """

    def __init__(self, before: int, last: int, channels: int, reduces: bool, halve: bool) -> None:
        super().__init__()
        self.squeeze_before = (
            FactorizedReduce(before, channels) if halve else nn.Sequential(*relu_conv_norm(before, channels))
        )
        self.squeeze_last = nn.Sequential(*relu_conv_norm(last, channels))
        self.choices = REDUCTION if reduces else NORMAL
        self.operators = nn.ModuleList(
            _operator(name, channels, 2 if reduces and state < 2 else 1) for name, state in self.choices
        )

    def forward(self, before: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        """Two images to one of four times the channels."""
        states = [self.squeeze_before(before), self.squeeze_last(last)]
        for number in range(0, len(self.choices), 2):
            (_, left), (_, right) = self.choices[number : number + 2]
            states.append(self.operators[number](states[left]) + self.operators[number + 1](states[right]))
        return torch.cat(states[-STATES:], 1)


class Darts(nn.Module):
    """[B, 3, h, w] to [B, 1000]; cells at a third and two thirds of the depth reduce."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.stem0 = nn.Sequential(
            nn.Conv2d(3, channels // 2, 3, 2, 1, bias=False), nn.BatchNorm2d(channels // 2), nn.ReLU(),
            nn.Conv2d(channels // 2, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip
        self.stem1 = nn.Sequential(*relu_conv_norm(channels, channels, 3, 2))
        before = last = channels
        halve = True
        cells: list[nn.Module] = []
        for index in range(depth):
            reduces = index in (depth // 3, 2 * depth // 3)
            channels *= 2 if reduces else 1
            cells.append(Cell(before, last, channels, reduces, halve))
            before, last, halve = last, STATES * channels, reduces
        self.cells = nn.ModuleList(cells)
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(last, 1000)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Class scores of a batch of images."""
        before = self.stem0(image)
        last = self.stem1(before)
        for cell in self.cells:
            before, last = last, cell(before, last)
        return self.fc(self.pool(last).flatten(1))


def build(channels: int = 48, depth: int = 14, size: int = 224, batch: int = 2) -> Built:
    """The network (by default that of the paper's Table 3) and an example batch of images."""
    return batched(Darts(channels, depth), torch.empty(batch, 3, size, size))
