"""Elastic networks after Once-for-All (Cai et al., ICLR 2020) and NASAIC (Yang et al., DAC 2020), and accuracy proxies.

Only the shapes follow the papers (recalled, not checked: five stages of inverted residuals for Once-for-All, three
residual stages for NASAIC's CIFAR-10 network). **The accuracy proxies are made up**: no network was trained; they
only grow with capacity and saturate, so that a search has something to trade. Replace them by a plug-in before
believing a result.
"""

from __future__ import annotations

import math

from search.families import Knobs, accuracy_proxy, family

_STAGES = ((24, 2), (40, 2), (80, 2), (112, 1), (160, 2))
"""Output channels at width 1 and stride of the first block, as in MobileNetV3-Large (recalled)."""


@family("elastic_mobile")
def elastic_mobile(knobs: Knobs) -> list[tuple[str, int]]:
    """Inverted residuals; knobs: depth (blocks per stage), expand, width (of all channels), resolution.

    Activations between layers are not kept on chip, because every layer stands alone.
    """
    side, channels = int(knobs["resolution"]) // 2, _round(16 * knobs["width"])
    layers = [(f"conv2d:n=1,c=3,h={2 * side},w={2 * side},k={channels},r=3,s=3,stride=2,padding=1", 1)]
    for full, stride in _STAGES:
        wide = _round(full * knobs["width"])
        layers += _block(channels, wide, side, stride, int(knobs["expand"]), 1)
        side, channels = -(-side // stride), wide
        if knobs["depth"] > 1:
            layers += _block(channels, wide, side, 1, int(knobs["expand"]), int(knobs["depth"]) - 1)
    return [*layers, (f"matmul:m=1,n=1000,k={channels}", 1)]


def _block(inner: int, outer: int, side: int, stride: int, expand: int, count: int) -> list[tuple[str, int]]:
    wide, half = inner * expand, -(-side // stride)
    return [
        (f"conv2d:n=1,c={inner},h={side},w={side},k={wide},r=1,s=1", count),
        (f"conv2d:n=1,c={wide},h={side},w={side},k={wide},r=3,s=3,stride={stride},padding=1,groups={wide}", count),
        (f"conv2d:n=1,c={wide},h={half},w={half},k={outer},r=1,s=1", count),
    ]


@family("elastic_resnet")
def elastic_resnet(knobs: Knobs) -> list[tuple[str, int]]:
    """A residual network for 32 x 32 images; knobs: filters1 to filters3 (of its stages), blocks (per stage)."""
    channels, side = 64, 32
    layers = [(f"conv2d:n=1,c=3,h={side},w={side},k={channels},r=3,s=3,padding=1", 1)]
    for stage in (1, 2, 3):
        wide = int(knobs[f"filters{stage}"])
        layers.append((f"conv2d:n=1,c={channels},h={side},w={side},k={wide},r=3,s=3,stride=2,padding=1", 1))
        side, channels = side // 2, wide
        layers.append((f"conv2d:n=1,c={wide},h={side},w={side},k={wide},r=3,s=3,padding=1", 2 * int(knobs["blocks"])))
    return [*layers, (f"matmul:m=1,n=10,k={channels}", 1)]


def _round(channels: float) -> int:
    return max(8, int(channels + 4) // 8 * 8)


@accuracy_proxy(
    "elastic_mobile", "MADE UP: grows with depth, width, expansion, resolution and bits; nothing was trained"
)
def _mobile_accuracy(knobs: Knobs) -> float:
    size = knobs["depth"] * knobs["expand"] * knobs["width"] ** 2 * (knobs["resolution"] / 224) ** 2
    return 0.80 - 0.12 * math.exp(-size / 8) - 0.02 * max(0.0, 8 - knobs.get("bits", 8)) / 4


@accuracy_proxy("elastic_resnet", "MADE UP: grows with filters and blocks and saturates; nothing was trained")
def _resnet_accuracy(knobs: Knobs) -> float:
    size = sum(knobs[f"filters{stage}"] / 256 for stage in (1, 2, 3)) * knobs["blocks"]
    return 0.945 - 0.10 * math.exp(-size / 2)
