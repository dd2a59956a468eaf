"""MAC units in a DRAM: at every bank, at every bank group, or on the logic die under the stack.

A product of a matrix in the DRAM and a few vectors is a stream of commands: the input goes to a buffer that all units
of a channel share, rows are opened in all banks at once, every command multiplies one column of every open row, results
are read back. The layout is chosen for each product (``hwsim.pim.layout``), its cycles are those of the commands under
the timing of the chip file (``hwsim.pim.commands``), and refresh takes its share. An operator starts when the one
before is complete. Partial sums are added outside as they arrive. Softmax, norms and activations belong to others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hwsim.chip import Chip
from hwsim.nest import is_contraction
from hwsim.pim.commands import Played, advanced, with_refresh
from hwsim.pim.energy import column_joules_per_bit, row_joules
from hwsim.pim.layout import Layout, Product, best_layout
from hwsim.pim.timing import Command
from hwsim.technology import vector_operation_energy
from hwsim.units._dram_mac_ops import append_of, append_program, product_of, refusal
from hwsim.units._dram_mac_spec import DramMacSpec, PimError, geometry_of, timing_of
from hwsim.units.base import Action, Kernel
from hwsim.units.registry import unit_kind
from workloads.graph import Op, Role, Tensor

__all__ = ["DramMac", "DramMacSpec", "PimError"]


@dataclass(frozen=True, slots=True)
class _Work:
    """A played stream of one channel, its cycles with refresh, channels that play it, vectors per MAC command."""

    played: Played
    cycles: float
    channels: float
    vectors: int
    note: str


@unit_kind("dram_mac", DramMacSpec)
class DramMac:
    """The MAC units of a memory; runs products with weights or cached state, and appends to the cache."""

    def __init__(self, name: str, spec: DramMacSpec, chip: Chip) -> None:
        self.name = name
        self.spec = spec
        self.geometry = geometry_of(spec)
        self.timing = timing_of(name, spec, chip)
        self._chip = chip
        self._clock = chip.clocks[spec.clock]
        self._layouts: dict[Product, Layout] = {}
        self._row_joules = row_joules(spec.energy, spec.row * 8, spec.currents)

    def refuses(self, op: Op, tensors: Mapping[str, Tensor]) -> str | None:
        """All but products with a matrix that lies in the DRAM and fits it, and appends to a cache."""
        return refusal(self.name, self.spec.bits, self.spec.size_bytes, op, tensors)

    def peak_operations(self, op: Op, tensors: Mapping[str, Tensor]) -> float:
        """Multiply-accumulates per second with a MAC command in every interval; appends at the interface's bursts."""
        shape = self.geometry
        if not is_contraction(op):
            return shape.channels * shape.burst * self._clock / self.timing.burst
        return shape.channels * shape.units * shape.lanes * shape.vectors * self._clock / self.timing.ccd

    @property
    def held(self) -> frozenset[Role]:
        """Weights and cached state lie where they are used, so they need not cross the interface."""
        return frozenset({Role.WEIGHT, Role.STATE})

    @property
    def weight_capacity(self) -> float:
        """No limit of its own: weights lie in the memory, whose bytes count."""
        return math.inf

    def layout(self, op: Op, tensors: Mapping[str, Tensor]) -> Layout:
        """How a product is done."""
        product = product_of(op, tensors)
        if product not in self._layouts:
            self._layouts[product] = best_layout(product, self.geometry, self.timing)
        return self._layouts[product]

    def kernel(self, op: Op, tensors: Mapping[str, Tensor]) -> Kernel:
        """Time, interface traffic and energy by command of one operator."""
        return self._append(op, tensors) if op.kind == "kv_append" else self._product(op, tensors)

    def _product(self, op: Op, tensors: Mapping[str, Tensor]) -> Kernel:
        product = product_of(op, tensors)
        layout = self.layout(op, tensors)
        rounds = -(-product.groups // layout.split)
        channels = product.groups * (self.geometry.channels // layout.split) / rounds
        played = layout.played
        results = played.counts.get("RD_MAC", 0) * channels * self.geometry.burst
        added = max(0.0, results - product.groups * product.n * product.vectors)
        adding = added / self.spec.adders
        cycles = max(with_refresh(played.cycles, self.timing), adding)
        sums = Action(
            f"{self.name} adders", "add", added, vector_operation_energy("add", 32, self._chip.technology.node)
        )
        note = (
            f"{layout.split} groups at once, {layout.chunk} inputs x {layout.together} vectors, {layout.passes} passes"
        )
        work = _Work(played, cycles, channels, min(product.vectors, self.geometry.vectors), note)
        return self._kernel(work, (sums,) if added else ())

    def _append(self, op: Op, tensors: Mapping[str, Tensor]) -> Kernel:
        append = append_of(op, tensors)
        played = advanced(append_program(append, self.geometry), self.timing)
        channels = min(append.heads, self.geometry.channels)
        cycles = with_refresh(played.cycles, self.timing)
        note = "by column" if append.by_column else "by row"
        return self._kernel(_Work(played, cycles, channels, 0, note), ())

    def _kernel(self, work: _Work, more: tuple[Action, ...]) -> Kernel:
        seconds, counts = work.cycles / self._clock, work.played.counts
        busy = counts.get("MAC", 0) * self.timing.ccd / self._clock
        burst = self.spec.burst * work.channels
        written = sum(counts.get(name, 0) for name in ("WR_GB", "WR_BIAS", "WR")) * burst
        read = sum(counts.get(name, 0) for name in ("RD_MAC", "RD_AF")) * burst
        memory = self.spec.path[0]
        return Kernel(
            seconds=seconds,
            overhead_seconds=self.spec.launch,
            reads_bytes=((memory, read),) if read else (),
            writes_bytes=((memory, written),),
            actions=(*self._actions(work), *more),
            compute_seconds=busy,
            memory_seconds=seconds - busy,
            note=f"{work.note}, {work.played.row_hit_rate:.1%} row hits",
        )

    def _actions(self, work: _Work) -> tuple[Action, ...]:
        """Energy by command; ACT contains the PRE that follows it."""
        spec, energy, counts = self.spec, self.spec.energy, work.played.counts
        burst = spec.burst * 8
        macs = spec.units * spec.lanes
        column = macs * spec.bits * column_joules_per_bit(energy, spec.placement)
        wires = energy.cell_bit + energy.group_bit + energy.global_bit
        joules: dict[Command, float] = {
            "ACT": spec.opened * self._row_joules,
            "MAC": column + macs * work.vectors * energy.mac,
            "WR_GB": burst * energy.buffer_bit,
            "WR_BIAS": burst * energy.buffer_bit,
            "RD_MAC": burst * energy.buffer_bit,
            "WR": burst * wires,
        }
        refreshes = work.cycles / self.timing.refi * spec.channels
        return (
            *(
                Action(self.name, command, counts[command] * work.channels, each)
                for command, each in joules.items()
                if counts.get(command)
            ),
            Action(self.name, "REF", refreshes, energy.refresh),
        )
