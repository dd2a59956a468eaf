"""Lower bounds that hold for every schedule, and whether a model fits a chip at all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from hwsim.chip import Chip
from hwsim.compression import least_fraction
from hwsim.machine import Machine, capacity_bytes, storage_bytes
from hwsim.nest import is_contraction
from hwsim.quantity import show
from hwsim.report import Bounds
from hwsim.work import touched_bytes
from workloads.errors import UserError
from workloads.graph import Access, Op, OperatorGraph, Role, Tensor, macs, role_bytes, size_bytes
from workloads.offload import stored_bytes

_KEPT = (Role.WEIGHT, Role.STATE, Role.INPUT, Role.OUTPUT)


class DoesNotFitError(UserError):
    """The model needs more memory than the chip has; ``short`` says it for the row of a table."""

    def __init__(self, subject: str, short: str, advice: str) -> None:
        super().__init__(f"{subject} {short} {advice}")
        self.short = short


class BoundError(AssertionError):
    """A simulated time below its lower bound: a bug in the simulator, never the user's fault."""


def leaves(op: Op) -> Iterator[Op]:
    """An operator's parts, or the operator itself."""
    if op.parts:
        for part in op.parts:
            yield from leaves(part)
    else:
        yield op


def compulsory_bytes(graph: OperatorGraph, chip: Chip | None = None, held: frozenset[Role] = frozenset()) -> float:
    """Bytes that must cross the outermost memory: weights, state and inputs touched once, outputs and new state
    written.

    Tensors that only live between operators cost nothing here, because a large enough chip would keep them. With a
    chip, tensors are as small as the best code of its links makes them. Roles ``held`` in a unit count nothing.
    """
    reads: dict[str, float] = {}
    writes: dict[str, float] = {}
    for segment, op in graph.walk():
        for leaf in leaves(op):
            for accesses, sums in ((leaf.reads, reads), (leaf.writes, writes)):
                for access in accesses:
                    tensor = graph.by_name.get(access.tensor)
                    if tensor is None or tensor.role not in _KEPT or tensor.role in held:
                        continue
                    times = 1 if tensor.shared else segment.count
                    size = times * _least_bytes(leaf, access, tensor, chip)
                    sums[tensor.name] = max(sums.get(tensor.name, 0.0), size)
    written = {name for name in writes if graph.by_name[name].role is Role.OUTPUT}
    # State written and read in the same run (a new row of the cache) counts once in each direction at least as written.
    return sum(size for name, size in reads.items() if name not in written) + sum(writes.values())


def _least_bytes(op: Op, access: Access, tensor: Tensor, chip: Chip | None) -> float:
    plain = touched_bytes(op, access, tensor)
    if chip is None or not tensor.zeros:
        return plain
    outer = {unit.path[0] for unit in chip.units.values()}
    return plain * min(least_fraction(chip, name, tensor.zeros, tensor.bits) for name in outer)


def bounds(graph: OperatorGraph, machine: Machine) -> Bounds:
    """The roofline: all multiply-accumulates at the peak of all units together, compulsory bytes at peak bandwidth."""
    compulsory = compulsory_bytes(graph, machine.chip, machine.held)
    bandwidth = _peak_bandwidth(machine)
    compute = 0.0
    peaks: dict[tuple[str, int], float] = {}
    for segment, op in graph.walk():
        for leaf, tensors in _with_tensors(op, graph):
            if is_contraction(leaf):
                key = (leaf.kind, max(tensors[access.tensor].bits for access in leaf.reads[:2]))
                if key not in peaks:
                    peaks[key] = _peak(leaf, machine, tensors)
                compute += segment.count * macs(leaf) / peaks[key] if peaks[key] else 0.0
    return Bounds(compute, compulsory / bandwidth if bandwidth else 0.0, compulsory)


def _peak_bandwidth(machine: Machine) -> float | None:
    """Bytes per second of all outer memories together, each limited by its fastest link; None if one is unlimited."""
    total = 0.0
    for name in {spec.path[0] for spec in machine.chip.units.values()}:
        own = machine.chip.memories[name].bandwidth
        links = [link.bandwidth for link in machine.chip.links.values() if name in link.between]
        limits = [rate for rate in (own, sum(links) if links else None) if rate is not None]
        if not limits:
            return None
        total += min(limits)
    return total


def _with_tensors(op: Op, graph: OperatorGraph) -> Iterator[tuple[Op, Mapping[str, Tensor]]]:
    tensors = {**graph.by_name, **{t.name: t for t in op.internal}} if op.internal else graph.by_name
    for leaf in leaves(op):
        yield leaf, tensors


def _peak(op: Op, machine: Machine, tensors: Mapping[str, Tensor]) -> float:
    units = machine.units.values()
    return sum(unit.peak_operations(op, tensors) for unit in units if unit.refuses(op, tensors) is None)


def needed_bytes(graph: OperatorGraph, hardwired: bool = False) -> int:
    """Bytes of weights (unless hardwired or in a storage), state with all repetitions, inputs, outputs and the largest
    intermediate.
    """
    fixed = sum(role_bytes(graph, role) for role in _KEPT if not (hardwired and role is Role.WEIGHT))
    return (
        fixed
        - stored_bytes(graph)
        + max((size_bytes(t) for t in graph.tensors if t.role is Role.ACTIVATION), default=0)
    )


def check_fits(graph: OperatorGraph, machine: Machine) -> None:
    """Refuse a model that the chip's memory, or its hardwired arrays, can't hold.

    Raises:
        DoesNotFitError: with both sizes and what may help.
    """
    chip = machine.chip
    places = sum(holder.weight_capacity for holder in machine.holders)
    if machine.holders and graph.parameters > places:
        raise DoesNotFitError(
            f"{graph.model} on {chip.name}",
            f"does not fit: has {graph.parameters / 1e9:.4g} billion weights, the arrays hold {places / 1e9:.4g}",
            "; try a system of more chips",
        )
    stored, storage = stored_bytes(graph), storage_bytes(chip)
    if stored > storage:
        raise DoesNotFitError(
            f"{graph.model} on {chip.name}",
            f"does not fit: {show(stored, 'B')} of weights lie in a storage, it has {show(storage, 'B')}",
            "; hold more of them in memory",
        )
    needs, has = needed_bytes(graph, bool(machine.holders) and math.isfinite(places)), capacity_bytes(chip)
    if needs > has:
        raise DoesNotFitError(
            f"{graph.model} on {chip.name}",
            f"does not fit: needs {show(needs, 'B')}, has {show(has, 'B')}",
            f"(weights {show(role_bytes(graph, Role.WEIGHT), 'B')}, state {show(role_bytes(graph, Role.STATE), 'B')});"
            " try fewer bits (--bits weight=4), a smaller batch or context, or a chip with more memory",
        )
