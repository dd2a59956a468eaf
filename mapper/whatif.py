"""Chips with one resource made faster: the counterfactuals that show what bounds a result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hwsim.chip import Chip, UnitSpec

_OWN_CLOCKS = ("base_clock", "boost_clock")
_LAUNCHES = ("launch_overhead", "host_overhead")
_LATENCIES = ("memory_latency",)


@dataclass(frozen=True, slots=True)
class Change:
    """A chip with one thing changed.

    Attributes:
        key: what was changed, whatever the factor: "bandwidth:NAME", "clock:NAME", "overhead" or "latency".
        text: in words.
        settings: the same for ``--set``; empty where that would change something else too.
        chip: the changed chip.
    """

    key: str
    text: str
    settings: tuple[str, ...]
    chip: Chip


def changes(chip: Chip, units: Sequence[str], factor: float = 2.0) -> tuple[Change, ...]:
    """One chip for every resource that ``units`` use.

    Each memory of their paths with ``factor`` times the bandwidth (of an outermost one also its links), each unit with
    ``factor`` times the clock, memory latency divided by it, launch overhead gone. What a chip does not limit is left
    out.
    """
    return tuple(_changes(chip, units, factor))


def without_limit(chip: Chip, units: Sequence[str], key: str, factor: float) -> Change:
    """The change of one key by a large factor.

    Raises:
        StopIteration: ``changes`` has no such key.
    """
    return next(change for change in changes(chip, units, factor) if change.key == key)


def _changes(chip: Chip, units: Sequence[str], factor: float) -> Iterator[Change]:
    for name in dict.fromkeys(memory for unit in units for memory in chip.units[unit].path):
        change = _faster_memory(chip, name, factor)
        if change is not None:
            yield change
    for name in units:
        yield _faster_unit(chip, name, factor)
    for change in (_without_launches(chip, units), _shorter_latency(chip, units, factor)):
        if change is not None:
            yield change


def _faster_memory(chip: Chip, name: str, factor: float) -> Change | None:
    own = chip.memories[name].bandwidth
    outermost = any(unit.path[0] == name for unit in chip.units.values())
    links = {key: link.bandwidth for key, link in chip.links.items() if outermost and name in link.between}
    if own is None and not links:
        return None
    settings = [f"memories.{name}.bandwidth={_rate(own * factor)}"] if own is not None else []
    settings += [f"links.{key}.bandwidth={_rate(rate * factor)}" for key, rate in links.items()]
    memories, wires = dict(chip.memories), dict(chip.links)
    if own is not None:
        memories[name] = memories[name].model_copy(update={"bandwidth": own * factor})
    for key, rate in links.items():
        wires[key] = wires[key].model_copy(update={"bandwidth": rate * factor})
    changed = chip.model_copy(update={"memories": memories, "links": wires})
    return Change(f"bandwidth:{name}", f"{name} bandwidth x{factor:g}", tuple(settings), changed)


def _rate(bytes_per_second: float) -> str:
    return f"{bytes_per_second / 1e9:.12g} GB/s"


def _faster_unit(chip: Chip, name: str, factor: float) -> Change:
    """The unit gets a clock of its own, so that others on the same clock stay as they are."""
    spec = chip.units[name]
    own_clock = f"{name} x{factor:g}"
    clocks = {**chip.clocks, own_clock: chip.clocks[spec.clock] * factor}
    update: dict[str, Any] = {"clock": own_clock}
    update |= {key: getattr(spec, key) * factor for key in _fields(spec, _OWN_CLOCKS)}
    units = {**chip.units, name: spec.model_copy(update=update)}
    alone = [key for key, other in chip.units.items() if other.clock == spec.clock] == [name]
    settings = (f"clocks.{spec.clock}={_hertz(clocks[own_clock])}",) if alone else ()
    settings += tuple(f"units.{name}.{key}={_hertz(update[key])}" for key in _fields(spec, _OWN_CLOCKS))
    changed = chip.model_copy(update={"clocks": clocks, "units": units})
    return Change(f"clock:{name}", f"{name} clock x{factor:g}", settings, changed)


def _hertz(value: float) -> str:
    return f"{value / 1e6:.12g} MHz"


def _fields(spec: UnitSpec, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in type(spec).model_fields)


def _without_launches(chip: Chip, units: Sequence[str]) -> Change | None:
    settings: list[str] = []
    specs = dict(chip.units)
    for unit in units:
        found = [name for name in _fields(specs[unit], _LAUNCHES) if getattr(specs[unit], name)]
        specs[unit] = specs[unit].model_copy(update=dict.fromkeys(found, 0.0))
        settings += [f"units.{unit}.{name}=0 s" for name in found]
    if not settings:
        return None
    return Change("overhead", "no launch overhead", tuple(settings), chip.model_copy(update={"units": specs}))


def _shorter_latency(chip: Chip, units: Sequence[str], factor: float) -> Change | None:
    settings: list[str] = []
    parts: dict[str, dict[str, Any]] = {"memories": dict(chip.memories), "links": dict(chip.links)}
    for group, members in parts.items():
        for name, part in members.items():
            if part.latency:
                members[name] = part.model_copy(update={"latency": part.latency / factor})
                settings.append(f"{group}.{name}.latency={_nanoseconds(part.latency / factor)}")
    parts["units"] = dict(chip.units)
    for unit in units:
        for key in _fields(chip.units[unit], _LATENCIES):
            value = getattr(chip.units[unit], key) / factor
            parts["units"][unit] = parts["units"][unit].model_copy(update={key: value})
            settings.append(f"units.{unit}.{key}={_nanoseconds(value)}")
    if not settings:
        return None
    return Change("latency", f"memory latency /{factor:g}", tuple(settings), chip.model_copy(update=parts))


def _nanoseconds(seconds: float) -> str:
    return f"{seconds * 1e9:.12g} ns"
