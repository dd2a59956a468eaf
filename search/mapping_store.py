"""Mappings shared between designs: the key holds what a mapping depends on of the chip, and nothing else.

A store belongs to one process. Because every entry is exactly what the mapper would find, results do not depend on
which designs came before.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from hwsim.machine import Machine
from mapper.base import Found
from mapper.graph import Search

LIMIT = 200_000
"""Entries after which a store is emptied; about 200 bytes each beside the nests, which are shared."""


@dataclass(slots=True)
class Store:
    """Found mappings by machine signature and contraction, and how often one was used again."""

    found: dict[Hashable, Found] = field(default_factory=dict[Hashable, Found])
    hits: int = 0


class _View(dict[Any, Any]):
    """The part of a store that belongs to one machine, as the mapper's own dictionary."""

    def __init__(self, store: Store, signatures: dict[str, Hashable]) -> None:
        super().__init__()
        self.store, self.signatures = store, signatures

    def _key(self, key: Any) -> Hashable:
        return (self.signatures[key[1]], key)

    def __contains__(self, key: object) -> bool:
        if super().__contains__(key):
            return True
        known = self.store.found.get(self._key(key))
        if known is None:
            return False
        self.store.hits += 1
        super().__setitem__(key, known)
        return True

    def __setitem__(self, key: Any, found: Any) -> None:
        super().__setitem__(key, found)
        if len(self.store.found) >= LIMIT:
            self.store.found.clear()
        self.store.found[self._key(key)] = found


def shared_search(search: Search, store: Store) -> Search:
    """The same search with mappings from the store, and what it finds put there."""
    search.found = _View(store, {name: signature(search, name) for name in search.machine.arrays})
    return search


def signature(search: Search, unit: str) -> Hashable:
    """What a mapping of one array depends on beside the contraction, its free scratchpad and what is resident.

    The size of the outer memory and of the scratchpad (the free part of which is in the key already), areas, leakage,
    other units, package and cost are left out. For latency the mappers rank by time, then by what the outer memory
    moves, so that the energy of inner memories is left out too.
    """
    machine = search.machine
    chip = machine.chip
    path = chip.units[unit].path
    return (
        search.mapper,
        search.goal,
        chip.units[unit].model_dump_json(),
        tuple(_memory(machine, name, place, search.goal.objective == "latency") for place, name in enumerate(path)),
        tuple(link.model_dump_json() for link in chip.links.values() if set(link.between) <= set(path)),
        (chip.clock_hertz, chip.clocks[chip.units[unit].clock]),
    )


def _memory(machine: Machine, name: str, place: int, timed: bool) -> Hashable:
    memory = machine.chip.memories[name]
    left_out = {"read_energy", "write_energy", "leakage", "area"} | ({"size"} if place < 2 else set())
    bits = machine.bits[name]
    energy = None if timed and place else (bits.read, bits.write)
    return (name, memory.model_dump_json(exclude=left_out), energy)
