"""Nests and chips for tests: a matrix product, a convolution, and the smallest chip around one unit."""

from __future__ import annotations

import math
from typing import Any

from hwsim.chip import Chip
from hwsim.nest import Axis, Nest, NestOperand

DEFAULT_MEMORIES: dict[str, Any] = {
    "dram": {"kind": "dram", "size": "1 TiB"},
    "sram": {"kind": "sram", "size": "1 GiB"},
}


def _nest(full: dict[str, int], axes: tuple[tuple[Axis, ...], ...], bits: int) -> Nest:
    kept = {dim: extent for dim, extent in full.items() if extent > 1}
    trimmed = [
        tuple(terms for terms in (tuple(term for term in axis if term[0] in kept) for axis in operand) if terms)
        for operand in axes
    ]
    operands = (
        NestOperand("input", trimmed[0], bits),
        NestOperand("weight", trimmed[1], bits),
        NestOperand("output", trimmed[2], bits),
    )
    return Nest(tuple(kept), tuple(kept.values()), operands, math.prod(kept.values()))


def matmul_nest(m: int, n: int, k: int, batch: int = 1, bits: int = 8) -> Nest:
    """``batch`` products of (m x k) by (k x n)."""
    b, mm, nn, kk = ((("b", 1),), (("m", 1),), (("n", 1),), (("k", 1),))
    return _nest({"b": batch, "m": m, "n": n, "k": k}, ((b, mm, kk), (b, kk, nn), (b, mm, nn)), bits)


def conv_nest(
    n: int,
    k: int,
    c: int,
    p: int,
    q: int,
    r: int,
    s: int,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    bits: int = 8,
) -> Nest:
    """A convolution with k and c channels per group."""
    full = {"n": n, "g": groups, "k": k, "c": c, "p": p, "q": q, "r": r, "s": s}
    image, channel, filters = (("n", 1),), (("g", c), ("c", 1)), (("g", k), ("k", 1))
    down, across = (("p", stride), ("r", dilation)), (("q", stride), ("s", dilation))
    weight = (filters, (("c", 1),), (("r", 1),), (("s", 1),))
    output = (image, filters, (("p", 1),), (("q", 1),))
    return _nest(full, ((image, channel, down, across), weight, output), bits)


def video_nest(k: int, c: int, out: tuple[int, int, int], window: tuple[int, int, int], bits: int = 8) -> Nest:
    """A three-dimensional convolution of one clip: loops o, p, q over the output, t, r, s over the window."""
    outer, inner = ("o", "p", "q"), ("t", "r", "s")
    full = {"k": k, "c": c, **dict(zip(outer, out, strict=True)), **dict(zip(inner, window, strict=True))}
    sliding = tuple(((p, 1), (r, 1)) for p, r in zip(outer, inner, strict=True))
    weight = ((("k", 1),), (("c", 1),), *(((r, 1),) for r in inner))
    output = ((("k", 1),), *(((p, 1),) for p in outer))
    return _nest(full, (((("c", 1),), *sliding), weight, output), bits)


def chip_with(unit: dict[str, Any], memories: dict[str, Any] | None = None, node: str = "45 nm") -> Chip:
    """A chip with one unit named "unit" at 1 GHz; without memories it has an unlimited dram and sram."""
    held = DEFAULT_MEMORIES if memories is None else memories
    return Chip.model_validate(
        {
            "title": "test",
            "technology": {"node": node},
            "clock": "core",
            "clocks": {"core": "1 GHz"},
            "memories": held,
            "units": {"unit": {"clock": "core", "path": tuple(held), **unit}},
        }
    )


def eyeriss_like(**changes: Any) -> Chip:
    """168 lanes with three small memories each (Chen et al., JSSC 2017)."""
    lane = {"instances": 168, "double_buffered": False}
    memories = {
        "dram": {"kind": "dram", "size": "4 GiB"},
        "buffer": {"kind": "sram", "size": "108 KiB"},
        "filters": {"kind": "sram", "size": "448 B", "operands": ("weight",), **lane},
        "windows": {"kind": "register", "size": "24 B", "operands": ("input",), **lane},
        "sums": {"kind": "register", "size": "48 B", "operands": ("output",), **lane},
    }
    unit = {
        "kind": "spatial_array",
        "rows": 12,
        "columns": 14,
        "rates": {16: 1},
        "axes": {"rows": ("r", "c", "k", "p"), "columns": ("p", "k")},
        "networks": {"input": 1.0, "weight": 4.0, "output": 4.0},
        "streamed": ("input", "output"),
        "accumulator_bits": 16,
        "halo_reuse": True,
        **changes,
    }
    return chip_with(unit, memories, node="65 nm")
