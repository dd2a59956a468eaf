"""A memory controller with one channel of DRAM behind it: plays accesses command by command (``hwsim.dram``).

Its decisions (scheduling, row policy, refresh, queue depths, address mapping) are keys of the chip file, so that a
search can vary them. Everything the commands cost is counted here, so the memory's own energies are to be zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import model_validator

from hwsim.chip import Chip, UnitSpec
from hwsim.dram.device import Device, load_device
from hwsim.dram.mapping import mapping_text
from hwsim.dram.patterns import mixed
from hwsim.dram.policy import Policy, RefreshPolicy, RowPolicy, Scheduler
from hwsim.units.base import Action, Kernel
from hwsim.units.registry import unit_kind
from workloads.errors import UserError
from workloads.graph import Op, Tensor, number

MOST_LINES = 10**6


class MemoryControllerError(UserError):
    """A controller that contradicts the memory behind it."""


class MemoryControllerSpec(UnitSpec):
    """Chip file section of a memory controller.

    Attributes:
        standard: of the DRAM, one with commands (docs/dram.md).
        mapping: address mapping, a name or its fields.
        scheduler, row_policy, cap, refresh, postpone, read_depth, write_depth, drain_start, drain_stop, patience: see
            ``hwsim.dram.policy.Policy``.
    """

    kind: Literal["memory_controller"]  # pyright: ignore[reportIncompatibleVariableOverride]  (frozen, never assigned)
    standard: str
    mapping: str = "interleaved"
    scheduler: Scheduler = "hit_first"
    row_policy: RowPolicy = "open"
    cap: int = 4
    refresh: RefreshPolicy = "all_bank"
    postpone: int = 0
    read_depth: int = 32
    write_depth: int = 32
    drain_start: int = 26
    drain_stop: int = 6
    patience: int = 2000

    @model_validator(mode="after")
    def _makes_sense(self) -> MemoryControllerSpec:
        try:
            mapping_text(self.mapping, load_device(self.standard))
            policy_of(self)
        except UserError as error:
            raise ValueError(str(error)) from None
        return self


def policy_of(spec: MemoryControllerSpec) -> Policy:
    """The decisions as the engine takes them; raises UserError where they contradict each other."""
    return Policy(
        spec.scheduler, spec.row_policy, spec.refresh, spec.cap, spec.postpone, spec.read_depth, spec.write_depth,
        spec.drain_start, spec.drain_stop, spec.patience,
    )  # fmt: skip


@unit_kind("memory_controller", MemoryControllerSpec)
class MemoryController:
    """Runs ``accesses`` and nothing else."""

    def __init__(self, name: str, spec: MemoryControllerSpec, chip: Chip) -> None:
        self.name = name
        self.spec = spec
        self.device = load_device(spec.standard)
        self._peak = _peak_bytes_per_second(self.device)
        stated = chip.memories[spec.path[0]].bandwidth
        if stated is None or abs(stated / self._peak - 1) > 0.005:
            raise MemoryControllerError(
                f"memories.{spec.path[0]}.bandwidth: a channel of {spec.standard} has {self._peak / 1e9:.4g} GB/s"
            )

    def refuses(self, op: Op, tensors: Mapping[str, Tensor]) -> str | None:
        """Everything but accesses, and too many of them."""
        if op.kind != "accesses":
            return f"{self.name} serves accesses only"
        lines = tensors[op.reads[0].tensor].shape[0]
        if number(lines) > MOST_LINES:
            return f"{self.name} plays at most {MOST_LINES:,} lines one by one, not {number(lines):,}"
        return None

    def peak_operations(self, op: Op, tensors: Mapping[str, Tensor]) -> float:
        """Elements per second at the channel's full bandwidth."""
        return self._peak * 8 / tensors[op.reads[0].tensor].bits

    def kernel(self, op: Op, tensors: Mapping[str, Tensor]) -> Kernel:
        """Play the accesses; time until the last is complete, energy by cause."""
        from hwsim.dram.compiled import play
        from hwsim.dram.trace_energy import trace_energy

        device, memory = self.device, self.spec.path[0]
        line_bytes = tensors[op.reads[0].tensor].bits // 8 * number(tensors[op.reads[0].tensor].shape[1])
        count = -(-number(tensors[op.reads[0].tensor].shape[0]) * line_bytes // device.access_bytes)
        requests = mixed(
            device, count, _number(op, "random"), _number(op, "writes"), _number(op, "gap"), self.spec.mapping
        )
        outcome = play(device, policy_of(self.spec), requests)
        if outcome.stalled:
            raise MemoryControllerError(f"{self.name}: no command could be issued any more; try another scheduler")
        seconds = outcome.cycles * device.tick
        energy = trace_energy(device, outcome.commands, outcome.cycles)
        causes = {
            "activation": energy.activation,
            **{f"movement {stage}": joules for stage, joules in energy.movement},
            "refresh": energy.refresh,
            "background": energy.background,
        }
        reads = requests.write == 0
        waits = (outcome.depart - outcome.arrive)[reads] * device.tick
        written = float(device.access_bytes * int(requests.write.sum()))
        seen = outcome.hits + outcome.misses + outcome.conflicts
        latency = f", read latency {waits.mean() * 1e9:.1f} ns" if len(waits) else ""
        return Kernel(
            seconds=seconds,
            overhead_seconds=0.0,
            reads_bytes=((memory, count * device.access_bytes - written),),
            writes_bytes=((memory, written),) if written else (),
            actions=tuple(Action(self.name, cause, 1, joules) for cause, joules in causes.items() if joules),
            compute_seconds=0.0,
            memory_seconds=seconds,
            note=f"{outcome.hits / seen if seen else 0.0:.1%} row hits{latency}",
        )


def _number(op: Op, key: str) -> int:
    value = op.param(key)
    assert not isinstance(value, str), f"{op.name}: {key} is {value!r}, expected a number"
    return number(value)


def _peak_bytes_per_second(device: Device) -> float:
    channels = device.counts[device.levels.index("PseudoChannel")] if "PseudoChannel" in device.levels else 1
    return channels * device.access_bytes / (device.time("nBL") * device.tick)
