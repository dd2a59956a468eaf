"""An explanation in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from hwsim.quantity import show
from mapper.explain import Explanation, OperatorTime, WhatIf

CAUSES = {
    "full_compute": "arithmetic at full rate",
    "under_utilization": "under-utilization of the units",
    "transfers": "waiting for transfers",
    "overhead": "launch overhead",
    "dependencies": "waiting for dependencies",
}
"""What the causes are called in print."""

LEAST = 1.01
"""Ratios below this are not worth a word."""

NOTABLE = 0.15
"""Shares of the time above this are."""


def why(row: OperatorTime) -> str:
    """Why one operator is above its roofline: its largest cause in words, and the next if that matters too."""
    ranked = sorted(
        ((name, seconds / row.seconds) for name, seconds in row.causes.items() if name != "full_compute"),
        key=lambda pair: -pair[1],
    )
    (cause, share), (other, rest) = ranked[0], ranked[1]
    also = f"; {rest:.0%} {CAUSES[other]}" if rest > NOTABLE else ""
    return f"{share:.0%} {CAUSES[cause]}: {_REASONS[cause](row)}{also}"


def _under_utilization(row: OperatorTime) -> str:
    rate = row.causes.full_compute / row.unit_seconds if row.unit_seconds else 0.0
    hidden = row.transfer_seconds - row.causes.transfers - row.causes.dependencies
    behind = f"; {show(hidden, 's')} of {row.outer} transfers hide behind it" if hidden > 0.1 * row.unit_seconds else ""
    return f"{row.unit} works {show(row.unit_seconds, 's')} at {rate:.1%} of its peak{behind}"


def _transfers(row: OperatorTime) -> str:
    moved = f"{show(row.traffic_bytes, 'B')} cross {row.outer} in {show(row.transfer_seconds, 's')}"
    return f"{moved}, {row.unit} works {show(row.unit_seconds, 's')}{_ratio(row)}"


def _ratio(row: OperatorTime) -> str:
    if not row.compulsory_bytes:
        return "; all of it between operators, which enough memory on chip would save"
    ratio = row.traffic_bytes / row.compulsory_bytes
    return f"; {ratio:.2f}x the compulsory bytes" if ratio > LEAST else "; all of it compulsory"


def _overhead(row: OperatorTime) -> str:
    return f"{row.count:,} {_runs(row)} with {show(row.causes.overhead / row.count, 's')} of launches each"


def _runs(row: OperatorTime) -> str:
    return "run" if row.count == 1 else "runs"


def _dependencies(row: OperatorTime) -> str:
    each = show(row.causes.dependencies / row.count, "s")
    return f"in {row.count:,} {_runs(row)} {row.unit} waits {each} each for first loads, last stores or a free buffer"


_REASONS = {
    "under_utilization": _under_utilization,
    "transfers": _transfers,
    "overhead": _overhead,
    "dependencies": _dependencies,
}


def verdict(explanation: Explanation) -> tuple[str, ...]:
    """The whole in a few sentences: how far above the bound and why, what bounds it, what would come next."""
    return tuple(_verdict(explanation))


def _verdict(explanation: Explanation) -> Iterator[str]:
    yield f"{_above(explanation)}; {bounding(explanation.bound_by)} bounds most of the time."
    ratio = explanation.traffic_bytes / explanation.compulsory_bytes if explanation.compulsory_bytes else 0.0
    if ratio > LEAST:
        moved, needed = show(explanation.traffic_bytes, "B"), show(explanation.compulsory_bytes, "B")
        yield f"{moved} cross the outermost memory, {ratio:.2f}x the compulsory {needed}."
    best = explanation.what_ifs[0] if explanation.what_ifs else None
    beyond = explanation.without_limit
    if best is None or beyond is None:
        yield "No resource alone would make it faster."
        return
    yield f"With {best.change}: {_gain(best)}."
    if beyond.change != best.change:
        yield f"With {beyond.change}: {_gain(beyond)}."


def _above(explanation: Explanation) -> str:
    bounds = explanation.bounds
    if not bounds.seconds:
        return "There is no lower bound to compare with"
    which = "memory" if bounds.memory_seconds >= bounds.compute_seconds else "compute"
    return f"The result is {explanation.above_bound:.2f}x the {which} bound of {show(bounds.seconds, 's')}"


def bounding(bound_by: str) -> str:
    """What bounds a result, readable: "compute:mxu" is "compute on mxu", "memory:hbm" is "hbm bandwidth"."""
    kind, _, name = bound_by.partition(":")
    if kind == "memory":
        return f"{name} bandwidth"
    return {"compute": f"compute on {name}", "dependency": f"{name} waiting", "overhead": "launch overhead"}.get(
        kind, "nothing"
    )


def _gain(idea: WhatIf) -> str:
    return f"{show(idea.seconds, 's')}, {idea.speedup:.2f}x as fast, then bound by {bounding(idea.bound_by)}"
