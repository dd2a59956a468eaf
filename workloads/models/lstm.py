# pyright: basic
"""Recurrent networks: an LSTM between an embedding or features and a classifier."""

from __future__ import annotations

import torch
from torch import nn

from workloads.models import Built, batched


class LanguageModel(nn.Module):
    """Next-word scores of every step: tokens [B, S] to [B, S, vocabulary]."""

    def __init__(self, vocabulary: int, cells: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, cells)
        self.lstm = nn.LSTM(cells, cells, layers, batch_first=True)
        self.head = nn.Linear(cells, vocabulary)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Scores of the next word after each step."""
        return self.head(self.lstm(self.embedding(tokens))[0])


class KeywordSpotter(nn.Module):
    """One of a few words from audio features: [B, frames, features] to [B, classes]."""

    def __init__(self, features: int, cells: int, classes: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, cells, batch_first=True)
        self.head = nn.Linear(cells, classes)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Scores after the last frame."""
        return self.head(self.lstm(frames)[0][:, -1])


def build_language_model(vocabulary: int, cells: int, layers: int, steps: int, batch: int = 2) -> Built:
    """The language model and example tokens."""
    return batched(LanguageModel(vocabulary, cells, layers), torch.zeros(batch, steps, dtype=torch.long))


def build_keyword_spotter(features: int, frames: int, cells: int, classes: int, batch: int = 2) -> Built:
    """The keyword spotter and example features."""
    return batched(KeywordSpotter(features, cells, classes), torch.empty(batch, frames, features))
