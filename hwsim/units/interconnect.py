"""The links between equal devices: runs the collectives that a sharded graph has, and nothing else.

A collective takes, by the quickest of the library's protocols,

    overhead + steps x latency + bytes on the busiest link / (bandwidth x efficiency of the protocol)

with bytes and steps of ``hwsim.collectives``. Protocols trade a lower overhead for a worse use of the links, so that
small vectors use another one than large ones; their constants are the chip file's, with their sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from hwsim.chip import Chip, UnitSpec
from hwsim.collectives import COLLECTIVES, Collective, Topology, exchange
from hwsim.part import Count, Fraction, Part
from hwsim.quantity import BytesPerSecond, JoulesPerBit, Seconds, show
from hwsim.units.base import Action, Kernel
from hwsim.units.registry import unit_kind
from workloads.graph import Op, Tensor, number

_KINDS: Mapping[str, Collective] = {kind: kind for kind in COLLECTIVES}


class Protocol(Part):
    """A way to run collectives: fixed time per call, and the fraction of the links' bandwidth that it reaches."""

    overhead: Seconds = 0.0
    efficiency: Fraction = 1.0


class InterconnectSpec(UnitSpec):
    """Chip file section of the links between devices.

    Attributes:
        topology: how the devices are connected, or the algorithm that the library uses.
        bandwidth: of one device's links together, each way; of one link where every two devices have their own.
        latency: of one step.
        most: devices that can be joined so.
        protocols: the quickest is used.
        energy: per bit that leaves a device; absent means unknown, of which the report warns.
    """

    kind: Literal["interconnect"]  # pyright: ignore[reportIncompatibleVariableOverride]  (frozen, never assigned)
    topology: Topology
    bandwidth: BytesPerSecond
    latency: Seconds = 0.0
    most: Count = 8
    protocols: Annotated[tuple[Protocol, ...], Field(min_length=1)] = (Protocol(),)
    energy: JoulesPerBit | None = None


@unit_kind("interconnect", InterconnectSpec)
class Interconnect:
    """The links between devices of one kind."""

    def __init__(self, name: str, spec: InterconnectSpec, chip: Chip) -> None:
        self.name = name
        self.spec = spec

    def refuses(self, op: Op, tensors: Mapping[str, Tensor]) -> str | None:
        """Everything but collectives over no more devices than there may be."""
        if op.kind not in COLLECTIVES:
            return f"{self.name} runs collectives only"
        devices = _size(op, "devices")
        return (
            None if devices <= self.spec.most else f"{self.name} joins at most {self.spec.most} devices, not {devices}"
        )

    def peak_operations(self, op: Op, tensors: Mapping[str, Tensor]) -> float:
        """Elements per second at the full bandwidth of the links."""
        seconds = self._link_bytes(op, tensors) / self.spec.bandwidth
        return _size(op, "size") / seconds if seconds else float("inf")

    def _link_bytes(self, op: Op, tensors: Mapping[str, Tensor]) -> float:
        return self._exchange(op, tensors)[0]

    def _exchange(self, op: Op, tensors: Mapping[str, Tensor]) -> tuple[float, int]:
        """Bytes on the busiest link, and steps."""
        vector = _size(op, "size") * tensors[op.writes[0].tensor].bits / 8
        found = exchange(_KINDS[op.kind], self.spec.topology, _size(op, "devices"), vector)
        return found.link_bytes, found.steps

    def kernel(self, op: Op, tensors: Mapping[str, Tensor]) -> Kernel:
        """Time of a collective; the vector is read from and written to the outer memory once."""
        spec = self.spec
        link_bytes, steps = self._exchange(op, tensors)
        moving = [link_bytes / (spec.bandwidth * one.efficiency) + one.overhead for one in spec.protocols]
        seconds = min(moving) + steps * spec.latency
        vector = _size(op, "size") * tensors[op.writes[0].tensor].bits / 8
        ports = _size(op, "devices") - 1 if spec.topology == "fully_connected" else 1
        return Kernel(
            seconds=seconds,
            overhead_seconds=0.0,
            reads_bytes=((spec.path[0], vector),),
            writes_bytes=((spec.path[0], vector),),
            actions=(Action(self.name, "bit", link_bytes * 8 * ports, spec.energy),),
            compute_seconds=seconds,
            memory_seconds=0.0,
            note=f"{op.kind} of {vector:,.0f} B over {_size(op, 'devices')} devices in {steps} steps",
        )

    def cautions(self, work: Sequence[tuple[Op, Mapping[str, Tensor], int]], seconds: float) -> tuple[str, ...]:
        """Of what the report is."""
        joined = [op for op, _, _ in work if op.kind != "send"]
        stages = max((_size(op, "devices") for op, _, _ in work if op.kind == "send"), default=1)
        devices = stages * max((_size(op, "devices") for op in joined), default=1)
        if devices == 1:
            return ()
        shared = any(op.kind == "all_to_all" for op in joined)
        rate = "; so is throughput, of its share of the batch" if shared else "; throughput is that of all together"
        texts = [f"energy, money, memory and utilization are those of one of {devices} devices{rate}"]
        if stages > 1:
            texts.append(
                f"latency is the period of a full pipeline: a micro-batch passes its {stages} stages in"
                f" {show(stages * seconds, 's')}, and a batch of {stages} of them that comes alone takes"
                f" {show((2 * stages - 1) * seconds, 's')}, {(stages - 1) / (2 * stages - 1):.0%} of it bubbles;"
                " caches of other micro-batches are not counted against its memory"
            )
        return tuple(texts)


def _size(op: Op, key: str) -> int:
    value = op.param(key)
    assert not isinstance(value, str), f"{op.name}: {key} is {value!r}, expected a number"
    return number(value)
