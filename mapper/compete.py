"""Which unit is faster, where one that takes whole operators competes with others for them.

Its times are exact, so they decide, instead of peak rates that one of the two may never come near (MAC units in a DRAM
beside a GPU). Operators are looked at one by one, with nothing resident and nothing hidden behind others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwsim.machine import Machine
from hwsim.pipeline import ticks_of
from hwsim.units.base import Holder
from hwsim.work import stream_bytes
from workloads.graph import Op, Role, Tensor, points


def fastest(op: Op, tensors: Mapping[str, Tensor], machine: Machine, willing: Sequence[str]) -> str | None:
    """The fastest of the units that do not refuse an operator; None where no kernel unit competes with others.

    Appends to a cache go to the unit that holds it, because their layout is its affair.
    """
    if len(willing) < 2 or not any(name in machine.kernels for name in willing):
        return None
    owners = [name for name in willing if _owns(machine, name, op, tensors)]
    return min((seconds_on(name, op, tensors, machine), name) for name in owners or willing)[1]


def whole_unit(op: Op, tensors: Mapping[str, Tensor], machine: Machine) -> str | None:
    """The kernel unit that runs a composite as a whole, unless others are faster with its parts."""
    willing = [name for name, unit in machine.kernels.items() if unit.refuses(op, tensors) is None]
    others = [unit for name, unit in machine.units.items() if name not in willing]
    if not willing or not any(unit.refuses(part, tensors) is None for unit in others for part in op.parts):
        return willing[0] if willing else None
    whole, name = min((seconds_on(name, op, tensors, machine), name) for name in willing)
    parts = 0.0
    for part in op.parts:
        takes = [one for one, unit in machine.units.items() if unit.refuses(part, tensors) is None]
        if not takes:
            return name
        chosen = fastest(part, tensors, machine, takes) or takes[0]
        parts += seconds_on(chosen, part, tensors, machine)
    return name if whole <= parts else None


def seconds_on(name: str, op: Op, tensors: Mapping[str, Tensor], machine: Machine) -> float:
    """Seconds of an operator on a unit that does not refuse it: exact on kernel units, else the longer of arithmetic at
    the peak rate and transfers at the port's rate.
    """
    unit = machine.units[name]
    if name in machine.kernels:
        one = machine.kernels[name].kernel(op, tensors)
        return one.seconds + one.overhead_seconds
    kept = () if machine.scratchpad(name) is None else _between(op, tensors)
    moved = machine.places[name].port.ticks(sum(stream_bytes(op, tensors, kept, 1))) / ticks_of(machine.chip, 1.0)
    return max(points(op) / unit.peak_operations(op, tensors), moved)


def _between(op: Op, tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Operands that only live between operators, which a scratchpad is likely to hold."""
    names = (access.tensor for access in (*op.reads, *op.writes))
    return tuple(name for name in names if tensors[name].role is Role.ACTIVATION)


def _owns(machine: Machine, name: str, op: Op, tensors: Mapping[str, Tensor]) -> bool:
    unit = machine.units[name]
    held = unit.held if isinstance(unit, Holder) else ()
    return op.kind == "kv_append" and all(tensors[access.tensor].role in held for access in op.writes)
