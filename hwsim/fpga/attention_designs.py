"""InTAR's self-attention (256 x 1,024, one head) and gating network (32 x 4,096, hidden 11,008) as they were built.

Loops, lanes and the order of reads are those of OswaldHe/InTAR, benchmark/self-attn and benchmark/gating-net.
"""

from __future__ import annotations

from hwsim.fpga.dataflow import Fifo, Group, Phase, Stage
from hwsim.fpga.loops import DEPTH, float_chain, handshakes, inner_loop, rows_of

LANES = 16
ATTENTION = (256, 1024)
ATTENTION_LANES = 32
"""Products per cycle of a projection of the dataflow design."""
GATING = (32, 4096, 11008)
GATING_LANES = 32


def attention_sequential() -> tuple[Group, ...]:
    """One engine of 16 products; q, k and v go to memory and back.

    The last product repeats every block of 16 columns as often as there are blocks, as its source does.
    """
    length, width = ATTENTION
    blocks = width // LANES
    step = handshakes(blocks) + blocks * inner_loop(length)
    projections = tuple(_alone(name, Phase(width, step)) for name in ("q", "k", "v"))
    row = handshakes(blocks) + length * handshakes(blocks)
    weighted = handshakes(length) * 2 + length * blocks * inner_loop(length)
    return (
        *projections,
        _alone("scores", Phase(length, row)),
        _alone("softmax", Phase(length, _softmax_row(length))),
        _alone("weighted", Phase(blocks, weighted)),
    )


def _alone(name: str, *phases: Phase) -> Group:
    return Group((Stage(name, phases),))


def _softmax_row(length: int) -> int:
    """Two passes over a row: exponentials and their sum, then the division."""
    return 2 * length + 2 * float_chain(2)


def attention_dataflow() -> tuple[Group, ...]:
    """A stage per product. V waits in a FIFO of two columns until the whole score matrix is known.

    The scores are an outer product with one multiplier, 65,536 products per column of q and k.
    """
    length, width = ATTENTION
    column = length * inner_loop(width // ATTENTION_LANES) + handshakes(width // ATTENTION_LANES)
    score = rows_of(length, length) + 2 * handshakes(length // ATTENTION_LANES)
    weighted = length * inner_loop(length // ATTENTION_LANES) + 2 * handshakes(length // ATTENTION_LANES)
    stages = (
        Stage("q", (Phase(width, column, (), (("q", 1),)),)),
        Stage("k", (Phase(width, column, (), (("k", 1),)),)),
        Stage("v", (Phase(width, column, (), (("v", 1),)),)),
        Stage("scores", (Phase(width, score, (("q", 1), ("k", 1))), Phase(length, 1, (), (("rows", 1),)))),
        Stage("softmax", (Phase(length, _softmax_row(length), (("rows", 1),), (("soft", 1),)),)),
        Stage("weighted", (Phase(length, 1, (("soft", 1),)), Phase(width, weighted, (("v", 1),)))),
    )
    return (Group(stages, tuple(Fifo(name, 2) for name in ("q", "k", "v", "rows", "soft"))),)


def attention_reconfigurable() -> tuple[Group, ...]:
    """Q, then K with the scores, then V with the softmax, then scores times values, on two engines."""
    length, width = ATTENTION
    blocks = width // LANES
    block = width + length * inner_loop(width)
    half = tuple(Stage(f"half {part}", (Phase(blocks // 2, block),)) for part in (1, 2))
    keys = Stage("keys", (Phase(blocks, block, (), (("keys", 1),)),))
    score = inner_loop(blocks) + inner_loop(LANES - 1)
    scores = Stage("scores", (Phase(blocks, 1, (("keys", 1),)), Phase(length, blocks + length * score)))
    values = tuple(Stage(f"V {part}", (Phase(blocks // 2, block),)) for part in (1, 2))
    weighted = tuple(Stage(f"AV {part}", (Phase(length * blocks // 2, inner_loop(length)),)) for part in (1, 2))
    return Group(half), Group((keys, scores), (Fifo("keys", 2),)), Group(values), Group(weighted)


def gating_sequential() -> tuple[Group, ...]:
    """Up and gate share a pass; their product goes to memory; down is an outer product over the hidden size."""
    batch, inputs, hidden = GATING
    row = inputs // GATING_LANES
    both = 2 * handshakes(row) + rows_of(batch, row) + DEPTH
    down = handshakes(row) + DEPTH + inner_loop(batch * row)
    return _alone("up and gate", Phase(hidden, both)), _alone("down", Phase(hidden, down))


def gating_dataflow() -> tuple[Group, ...]:
    """Up and gate side by side, column by column of the weights; down beside them by outer products."""
    batch, inputs, hidden = GATING
    row = inputs // GATING_LANES
    column = row + batch * inner_loop(row)
    stages = (
        Stage("up", (Phase(hidden, column, (), (("up", 1),)),)),
        Stage("gate", (Phase(hidden, column, (), (("gate", 1),)),)),
        Stage("multiply", (Phase(hidden, batch, (("up", 1), ("gate", 1)), (("product", 1),)),)),
        Stage("down", (Phase(hidden, column, (("product", 1),)),)),
    )
    return (Group(stages, tuple(Fifo(name, 2) for name in ("up", "gate", "product"))),)
