"""All convolutions of AlexNet on Eyeriss together, as the abstract counts them."""

from __future__ import annotations

from search.validation.eyeriss import cases

IMAGES = 4
BYTES_PER_WORD = 2


def values(_: bool) -> dict[str, float]:
    """Frames per second, average power and words of DRAM traffic per 1,000 multiply-accumulates."""
    cells = {(one.layer, one.column): one.simulated for one in cases()}
    layers = sorted({layer for layer, _ in cells})
    milliseconds = sum(cells[layer, "total latency"] for layer in layers)
    microjoules = sum(cells[layer, "power"] * cells[layer, "total latency"] for layer in layers)
    megawords = sum(cells[layer, "DRAM"] for layer in layers) / BYTES_PER_WORD
    return {
        "frames per second": 1e3 * IMAGES / milliseconds,
        "milliwatts": microjoules / milliseconds,
        "words per 1000 MACs": megawords / sum(cells[layer, "MACs"] for layer in layers),
    }
