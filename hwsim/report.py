"""The result of a simulation: rows, totals that are sums of rows, and the bounds they must respect."""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.schedule import FusedGroup


@dataclass(frozen=True, slots=True)
class EnergyRow:
    """``count`` times ``action`` of ``component``, in all ``energy_joules``, caused by operator ``op``."""

    op: str
    component: str
    action: str
    count: float
    energy_joules: float


@dataclass(frozen=True, slots=True)
class TrafficRow:
    """Bytes that one operator (all its repetitions) reads from and writes to one memory.

    With those of whole tensors that are brought in for it, or written out after it has computed them.
    """

    op: str
    memory: str
    read_bytes: float
    write_bytes: float


@dataclass(frozen=True, slots=True)
class OpRow:
    """One operator with all its repetitions.

    Attributes:
        count: how often it runs.
        seconds: its share of the total time, all repetitions; in a concurrent schedule from its first task to its end,
            so that the times of operators overlap.
        busy_seconds: how long its unit works on it: the latency if every transfer were hidden.
        utilization: multiply-accumulates over what its unit could do in that time; 0 for other work.
        bound_by: "compute", "memory:<name>", "overhead" or "dependency".
        unit: where it ran.
        mapping: one readable line.
        proof: what is proven of the mapping, as in ``hwsim.schedule.Mapping``.
    """

    name: str
    kind: str
    source: str
    unit: str
    count: int
    seconds: float
    energy_joules: float
    macs: int
    utilization: float
    bound_by: str
    mapping: str = ""
    busy_seconds: float = 0.0
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Something that occupied a resource; seconds from the start. ``repeats`` > 1 stands for as many equal ones."""

    resource: str
    name: str
    start: float
    finish: float
    repeats: int = 1


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lower bounds: all arithmetic at peak rate, all compulsory bytes at peak bandwidth of the outermost memory."""

    compute_seconds: float
    memory_seconds: float
    compulsory_bytes: float

    @property
    def seconds(self) -> float:
        """The roofline: no schedule can be faster."""
        return max(self.compute_seconds, self.memory_seconds)


@dataclass(frozen=True, slots=True)
class Footnote:
    """Where a number of the chip comes from."""

    keys: tuple[str, ...]
    cite: str
    status: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about one model on one chip.

    Attributes:
        unit_of_work: "tokens" or "inferences"; ``work`` of them are done in ``seconds``.
        energy, traffic, ops: rows; totals are their sums.
        residency: bytes of weights, state and largest activations, and the capacity they must fit.
        footnotes: sources of the chip's numbers, assumed ones included.
        fused: groups of operators that run chunk by chunk.
        bits: per element of the largest tensor of every role.
    """

    model: str
    chip: str
    phase: str
    batch: int
    context: int
    clock_name: str
    clock_hertz: float
    cycles: int
    seconds: float
    unit_of_work: str
    work: int
    energy: tuple[EnergyRow, ...]
    traffic: tuple[TrafficRow, ...]
    ops: tuple[OpRow, ...]
    bounds: Bounds
    timeline: tuple[Span, ...] = ()
    parameters: int = 0
    macs: int = 0
    weight_bytes: int = 0
    state_bytes: int = 0
    capacity_bytes: int = 0
    area_square_metres: float | None = None
    price_dollars_per_million: float | None = None
    mapper: str = ""
    mapper_note: str = ""
    conventions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    footnotes: tuple[Footnote, ...] = ()
    fused: tuple[FusedGroup, ...] = ()
    bits: tuple[tuple[str, int], ...] = ()

    @property
    def energy_joules(self) -> float:
        """Sum of the energy rows, added up component by component so that it equals the sum of ``components``."""
        return sum(row.energy_joules for row in components(self))

    @property
    def average_power_watts(self) -> float:
        """Energy over time."""
        return self.energy_joules / self.seconds if self.seconds else 0.0

    @property
    def throughput(self) -> float:
        """Units of work per second."""
        return self.work / self.seconds if self.seconds else 0.0


def components(report: Report) -> tuple[EnergyRow, ...]:
    """Energy rows summed over operators, the largest first; their ``op`` is empty."""
    sums: dict[tuple[str, str], tuple[float, float]] = {}
    for row in report.energy:
        count, energy = sums.get((row.component, row.action), (0.0, 0.0))
        sums[row.component, row.action] = (count + row.count, energy + row.energy_joules)
    rows = (EnergyRow("", component, action, c, e) for (component, action), (c, e) in sums.items())
    return tuple(sorted(rows, key=lambda row: (-row.energy_joules, row.component, row.action)))


def traffic_bytes(report: Report) -> dict[str, tuple[float, float]]:
    """Bytes read and written per memory."""
    sums: dict[str, tuple[float, float]] = {}
    for row in report.traffic:
        read, write = sums.get(row.memory, (0.0, 0.0))
        sums[row.memory] = (read + row.read_bytes, write + row.write_bytes)
    return sums
