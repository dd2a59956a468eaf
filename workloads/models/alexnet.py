# pyright: basic
"""AlexNet as published: two groups in layers 2, 4 and 5, and local response normalization.

Source: Krizhevsky et al., NeurIPS 2012, with the input of 227 x 227 that its numbers imply (as in Caffe's
bvlc_alexnet and in the Eyeriss measurements). Torchvision's one-tower variant has other channel counts.
"""

from __future__ import annotations

import torch
from torch import nn

from workloads.models import Built, batched


class AlexNet(nn.Module):
    """Five convolutions and three linear layers: [B, 3, 227, 227] to [B, 1000]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, stride=4)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.fc6 = nn.Linear(256 * 6 * 6, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, 1000)
        self.norm1 = nn.LocalResponseNorm(5)
        self.norm2 = nn.LocalResponseNorm(5)
        self.pool = nn.MaxPool2d(3, stride=2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Class scores of a batch of images."""
        x = self.pool(self.norm1(self.conv1(image).relu()))
        x = self.pool(self.norm2(self.conv2(x).relu()))
        x = self.conv4(self.conv3(x).relu()).relu()
        x = self.pool(self.conv5(x).relu()).flatten(1)
        return self.fc8(self.fc7(self.fc6(x).relu()).relu())


def build(batch: int = 2) -> Built:
    """The network and an example batch of images."""
    return batched(AlexNet(), torch.empty(batch, 3, 227, 227))
