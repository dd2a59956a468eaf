# pyright: basic
"""The conditional UNet of Stable Diffusion 1.x.

Source: Rombach et al., CVPR 2022; sizes from the v1-5 configuration (block_out_channels 320, 640, 1280, 1280, two
layers per block, 8 heads, cross-attention over 768 features). It has 859,520,964 parameters.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from workloads.models import Built, batched


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with the time embedding added between them."""

    def __init__(self, inputs: int, outputs: int, time: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(32, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(time, outputs)
        self.norm2 = nn.GroupNorm(32, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """[B, inputs, h, w] to [B, outputs, h, w]."""
        hidden = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(time))[:, :, None, None]
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(hidden)))


class Attention(nn.Module):
    """Multi-head attention of tokens over a context."""

    def __init__(self, width: int, context: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context, width, bias=False)
        self.to_v = nn.Linear(context, width, bias=False)
        self.to_out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """[B, N, width] over [B, M, context]."""
        q, k, v = (
            projected.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projected in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        return self.to_out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class SpatialTransformer(nn.Module):
    """Self-attention, cross-attention over the prompt and a gated MLP on every pixel."""

    def __init__(self, width: int, context: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, width)
        self.proj_in = nn.Conv2d(width, width, 1)
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(width, width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = Attention(width, context, heads)
        self.norm3 = nn.LayerNorm(width)
        self.gated = nn.Linear(width, 8 * width)
        self.fc = nn.Linear(4 * width, width)
        self.proj_out = nn.Conv2d(width, width, 1)

    def forward(self, image: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """[B, width, h, w] unchanged in shape."""
        x = self.proj_in(self.norm(image)).flatten(2).transpose(1, 2)
        normed = self.norm1(x)
        x = x + self.attn1(normed, normed)
        x = x + self.attn2(self.norm2(x), context)
        value, gate = self.gated(self.norm3(x)).chunk(2, dim=-1)
        x = x + self.fc(value * F.gelu(gate))
        return image + self.proj_out(x.transpose(1, 2).reshape(image.shape))


class Stage(nn.Module):
    """One resolution: residual blocks, each followed by a transformer where the stage has them, then a resampling."""

    def __init__(self, channels: list[tuple[int, int]], time: int, context: int, heads: int, resample: str) -> None:
        super().__init__()
        outputs = channels[-1][1]
        self.blocks = nn.ModuleList(ResidualBlock(i, o, time) for i, o in channels)
        self.transformers = nn.ModuleList(SpatialTransformer(o, context, heads) for _, o in channels if heads)
        self.down = nn.Conv2d(outputs, outputs, 3, stride=2, padding=1) if resample == "down" else None
        self.up = nn.Conv2d(outputs, outputs, 3, padding=1) if resample == "up" else None

    def apply_block(self, index: int, x: torch.Tensor, time: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """One residual block and its transformer."""
        x = self.blocks[index](x, time)
        return self.transformers[index](x, context) if len(self.transformers) else x


class Unet(nn.Module):
    """Noise prediction: latent [B, 4, h, w] under a prompt [B, M, context] to [B, 4, h, w]."""

    def __init__(self, widths: tuple[int, ...], context: int, heads: int) -> None:
        super().__init__()
        first, time = widths[0], 4 * widths[0]
        self.time1, self.time2 = nn.Linear(first, time), nn.Linear(time, time)
        self.conv_in = nn.Conv2d(4, first, 3, padding=1)
        last = len(widths) - 1
        self.down = nn.ModuleList(
            Stage(
                [(widths[max(i - 1, 0)], width), (width, width)],
                time,
                context,
                heads if i < last else 0,
                "down" if i < last else "",
            )
            for i, width in enumerate(widths)
        )
        top = widths[-1]
        self.middle1, self.middle2 = ResidualBlock(top, top, time), ResidualBlock(top, top, time)
        self.middle_transformer = SpatialTransformer(top, context, heads)
        self.up = nn.ModuleList(self._up_stages(widths, time, context, heads))
        self.norm_out = nn.GroupNorm(32, first)
        self.conv_out = nn.Conv2d(first, 4, 3, padding=1)

    @staticmethod
    def _up_stages(widths: tuple[int, ...], time: int, context: int, heads: int) -> list[Stage]:
        skips = [widths[0]]
        for i, width in enumerate(widths):
            skips += [width, width] + ([width] if i < len(widths) - 1 else [])
        stages: list[Stage] = []
        channels = widths[-1]
        for i, width in reversed(list(enumerate(widths))):
            pairs: list[tuple[int, int]] = []
            for _ in range(3):
                pairs.append((channels + skips.pop(), width))
                channels = width
            stages.append(Stage(pairs, time, context, heads if i < len(widths) - 1 else 0, "up" if i else ""))
        return stages

    def forward(self, latent: torch.Tensor, frequencies: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
        """Predicted noise; ``frequencies`` [B, 320] is the sinusoidal embedding of the time step."""
        time = self.time2(F.silu(self.time1(frequencies)))
        x = self.conv_in(latent)
        skips = [x]
        for stage in self.down:
            assert isinstance(stage, Stage)
            for index in range(2):
                x = stage.apply_block(index, x, time, prompt)
                skips.append(x)
            if stage.down is not None:
                x = stage.down(x)
                skips.append(x)
        x = self.middle2(self.middle_transformer(self.middle1(x, time), prompt), time)
        for stage in self.up:
            assert isinstance(stage, Stage)
            for index in range(3):
                x = stage.apply_block(index, torch.cat([x, skips.pop()], dim=1), time, prompt)
            if stage.up is not None:
                x = stage.up(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return self.conv_out(F.silu(self.norm_out(x)))


def build(
    widths: tuple[int, ...] = (320, 640, 1280, 1280),
    context: int = 768,
    heads: int = 8,
    size: int = 64,
    prompt: int = 77,
    batch: int = 2,
) -> Built:
    """The network and an example batch: latents of ``size`` x ``size``, a prompt of ``prompt`` tokens."""
    inputs = (torch.empty(batch, 4, size, size), torch.empty(batch, widths[0]), torch.empty(batch, prompt, context))
    return batched(Unet(tuple(widths), context, heads), *inputs)
