# pyright: basic
"""Graph convolutional network with gathers and scatters over an edge list. Source: Kipf and Welling, ICLR 2017."""

from __future__ import annotations

import torch
from torch import nn

from workloads.models import Built


class GraphConvolution(nn.Module):
    """Linear layer, then the sum over neighbours weighted by the normalized adjacency."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(
        self, x: torch.Tensor, source: torch.Tensor, target: torch.Tensor, weight: torch.Tensor
    ) -> torch.Tensor:
        """Features of every node, [nodes, inputs] to [nodes, outputs]; edges run from ``source`` to ``target``."""
        messages = self.linear(x).index_select(0, source) * weight.unsqueeze(1)
        index = target.unsqueeze(1).expand_as(messages)
        total = torch.zeros(x.shape[0], messages.shape[1], device=x.device).scatter_add(0, index, messages)
        return total + self.bias


class Gcn(nn.Module):
    """Two graph convolutions: [nodes, features] to [nodes, classes]."""

    def __init__(self, features: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.first = GraphConvolution(features, hidden)
        self.second = GraphConvolution(hidden, classes)

    def forward(
        self, x: torch.Tensor, source: torch.Tensor, target: torch.Tensor, weight: torch.Tensor
    ) -> torch.Tensor:
        """Class scores of every node."""
        return self.second(self.first(x, source, target, weight).relu(), source, target, weight)


def build(nodes: int, edges: int, features: int, hidden: int, classes: int) -> Built:
    """The network and an example graph; ``edges`` counts both directions and one self-loop per node."""
    ends = torch.zeros(edges, dtype=torch.long), torch.zeros(edges, dtype=torch.long)
    return Gcn(features, hidden, classes), (torch.empty(nodes, features), *ends, torch.empty(edges)), {}
