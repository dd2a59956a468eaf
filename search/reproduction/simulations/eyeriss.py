"""All convolutions of a network on Eyeriss together, as the abstract counts them."""

from __future__ import annotations

from hwsim.config import load_chip
from mapper.estimate import estimate
from search.validation.eyeriss import cases

IMAGES = 4
BYTES_PER_WORD = 2
BATCHES = {"alexnet": 4, "vgg-16": 3}
"""Those of the abstract."""
_ROLES = ("weight", "activation", "input", "output", "state")


def values(_: bool) -> dict[str, float]:
    """Frames per second, average power and words of DRAM traffic per 1,000 MACs with the printed mapping of AlexNet.

    Also ``NETWORK: frames per second`` with the mapper's own, for data without zeros.
    """
    cells = {(one.layer, one.column): one.simulated for one in cases()}
    layers = sorted({layer for layer, _ in cells})
    milliseconds = sum(cells[layer, "total latency"] for layer in layers)
    microjoules = sum(cells[layer, "power"] * cells[layer, "total latency"] for layer in layers)
    megawords = sum(cells[layer, "DRAM"] for layer in layers) / BYTES_PER_WORD
    return {
        "frames per second": 1e3 * IMAGES / milliseconds,
        "milliwatts": microjoules / milliseconds,
        "words per 1000 MACs": megawords / sum(cells[layer, "MACs"] for layer in layers),
        **{f"{name}: frames per second": _frames_per_second(name) for name in BATCHES},
    }


def _frames_per_second(network: str) -> float:
    report = estimate(network, load_chip("eyeriss"), batch=BATCHES[network], bits=dict.fromkeys(_ROLES, 16))
    return BATCHES[network] / sum(op.seconds for op in report.ops if op.kind == "conv2d")
