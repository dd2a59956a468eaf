"""The first fidelity: the time of a schedule as a sum of closed forms, with the energy of its exact access counts.

Each step takes the larger of its unit's work and its transfers, plus launches; nothing overlaps between steps and no
first load is exposed. The energy differs from the engine's only by the static power of that difference in time.
"""

from __future__ import annotations

from collections.abc import Sequence

from hwsim.sequence import Entry


def closed_seconds(entries: Sequence[Entry]) -> float:
    """Seconds of all steps of a schedule, from ``hwsim.sequence.make_entries``."""
    return sum(
        (max(entry.work.compute_seconds, entry.work.memory_seconds) + entry.work.overhead_seconds) * entry.repeats
        for entry in entries
    )


def closed_joules(entries: Sequence[Entry], seconds: float, static_watts: float) -> float:
    """Joules of all actions of a schedule and of static power over its time."""
    actions = (
        (action.count * (action.energy_joules or 0.0)) * entry.repeats
        for entry in entries
        for action in entry.work.actions
    )
    return sum(actions) + seconds * static_watts
