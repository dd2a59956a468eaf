# pyright: basic
"""VGG with 3x3 convolutions only. Source: Simonyan and Zisserman, ICLR 2015, Table 1 column D (VGG-16)."""

from __future__ import annotations

import torch
from torch import nn

from workloads.models import Built, batched

CHANNELS = (64, 128, 256, 512, 512)


class Vgg(nn.Module):
    """Five stages of 3x3 convolutions with max-pooling, three linear layers: [B, 3, 224, 224] to [B, 1000]."""

    def __init__(self, depths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for depth, width in zip(depths, CHANNELS, strict=True):
            for _ in range(depth):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Class scores of a batch of images."""
        return self.classifier(self.features(image).flatten(1))


def build(depths: tuple[int, ...] = (2, 2, 3, 3, 3), batch: int = 2) -> Built:
    """The network with the given convolutions per stage, and an example batch of images."""
    return batched(Vgg(tuple(depths)), torch.empty(batch, 3, 224, 224))
