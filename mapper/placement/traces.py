"""Synthetic routing of tokens over experts, for examples and tests where no trace of a real model is at hand."""

from __future__ import annotations

import itertools

import numpy as np

from mapper.placement.experts import Trace


def skewed_trace(
    layers: int,
    experts: int,
    tokens: int,
    *,
    skew: float = 0.6,
    affinity: float = 4.0,
    topics: int = 8,
    token_bytes: float = 8192.0,
    seed: int = 0,
) -> Trace:
    """A trace with popular experts and with paths through the layers that tokens of one topic prefer.

    In every layer experts are popular by a Zipf law in an order of its own. Every token has a topic, for which an
    eighth of the experts of every layer, at random, are more likely. One expert per token and layer. Not a measured
    model.

    Args:
        layers, experts, tokens: sizes.
        skew: exponent of the Zipf law; 0 makes all equally popular.
        affinity: how many times more likely the experts of a topic are, minus one; 0 makes layers independent.
        topics: of tokens, equally frequent.
        token_bytes: of a token's activation; the default is 4,096 elements of 16 bits.
        seed: of the random numbers.
    """
    rng = np.random.default_rng(seed)
    topic = rng.integers(0, topics, tokens)
    chosen = np.zeros((layers, tokens), dtype=np.int64)
    for layer in range(layers):
        popular = 1.0 / (1 + rng.permutation(experts)) ** skew
        liked = np.zeros((topics, experts))
        for one in range(topics):
            liked[one, rng.choice(experts, max(1, experts // 8), replace=False)] = affinity
        weights = popular * (1 + liked)
        ladder = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
        chosen[layer] = np.minimum((rng.random(tokens)[:, None] > ladder[topic]).sum(axis=1), experts - 1)
    counts = tuple(tuple(np.bincount(row, minlength=experts).tolist()) for row in chosen)
    routes: list[tuple[tuple[int, ...], ...]] = []
    for before, after in itertools.pairwise(chosen):
        table = np.bincount(before * experts + after, minlength=experts * experts).reshape(experts, experts)
        routes.append(tuple(tuple(row) for row in table.tolist()))
    return Trace(counts, tuple(routes), token_bytes)
