"""Generation: a prefill and many decode steps that differ only in their context, summed without simulating each.

Latency and energy of a step are piecewise linear in the context (one more key, one more tile). An interval whose middle
lies on the line between its ends is summed as a trapezoid, every other one is halved. ``tests/unit/mapper`` holds the
sum to that of all steps simulated one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hwsim.report import Bounds, EnergyRow, OpRow, Report, TrafficRow

TOLERANCE = 1e-5
"""How far the middle of the whole interval may lie from the line, relative to the step. An interval of 1/n of the steps
may be n times as far off, because it is 1/n of the sum: units that work in steps of 16 keys make stairs, not lines."""


def step_weights(first: int, last: int, step: Callable[[int], Report]) -> dict[int, float]:
    """How often each simulated context counts, so that the weighted sum is that of all contexts first..last."""
    weights: dict[int, float] = {}

    def add(context: int, weight: float) -> None:
        weights[context] = weights.get(context, 0.0) + weight

    def cover(low: int, high: int) -> None:
        if high - low < 2:
            for context in range(low, high + 1):
                add(context, 1.0)
            return
        middle = (low + high) // 2
        allowed = TOLERANCE * (last - first + 1) / (high - low + 1)
        if _on_the_line(step(low), step(middle), step(high), (middle - low) / (high - low), allowed):
            add(low, (high - low + 1) / 2)
            add(high, (high - low + 1) / 2)
            return
        cover(low, middle)
        cover(middle + 1, high)

    cover(first, last)
    return dict(sorted(weights.items()))


def _on_the_line(low: Report, middle: Report, high: Report, share: float, allowed: float) -> bool:
    pairs = (
        (low.seconds, middle.seconds, high.seconds),
        (low.energy_joules, middle.energy_joules, high.energy_joules),
    )
    return all(abs(m - (a + share * (b - a))) <= allowed * m for a, m, b in pairs)


def add_up(parts: Sequence[tuple[str, Report, float]], *, batch: int, prompt: int, output: int) -> Report:
    """One report for several runs in a row: (prefix of operator names, report, how often).

    Rows of equal name are summed; the timeline is that of the first run.
    """
    first = parts[0][1]
    energy: dict[tuple[str, str, str], tuple[float, float]] = {}
    traffic: dict[tuple[str, str], tuple[float, float]] = {}
    ops: dict[str, list[tuple[OpRow, float]]] = {}
    for prefix, report, weight in parts:
        for row in report.energy:
            key = (prefix + row.op, row.component, row.action)
            count, joules = energy.get(key, (0.0, 0.0))
            energy[key] = (count + weight * row.count, joules + weight * row.energy_joules)
        for moved in report.traffic:
            name = (prefix + moved.op, moved.memory)
            read, write = traffic.get(name, (0.0, 0.0))
            traffic[name] = (read + weight * moved.read_bytes, write + weight * moved.write_bytes)
        for op in report.ops:
            ops.setdefault(prefix + op.name, []).append((op, weight))
    seconds = sum(weight * report.seconds for _, report, weight in parts)
    return Report(
        model=first.model,
        chip=first.chip,
        phase="generate",
        batch=batch,
        context=prompt + output,
        clock_name=first.clock_name,
        clock_hertz=first.clock_hertz,
        cycles=round(sum(weight * report.cycles for _, report, weight in parts)),
        seconds=seconds,
        unit_of_work="tokens",
        work=batch * output,
        energy=tuple(EnergyRow(*key, *values) for key, values in energy.items()),
        traffic=tuple(TrafficRow(*key, *values) for key, values in traffic.items()),
        ops=tuple(_merge(name, rows) for name, rows in ops.items()),
        bounds=Bounds(
            sum(weight * report.bounds.compute_seconds for _, report, weight in parts),
            sum(weight * report.bounds.memory_seconds for _, report, weight in parts),
            sum(weight * report.bounds.compulsory_bytes for _, report, weight in parts),
        ),
        timeline=first.timeline,
        parameters=first.parameters,
        macs=round(sum(weight * report.macs for _, report, weight in parts)),
        weight_bytes=first.weight_bytes,
        state_bytes=max(report.state_bytes for _, report, _ in parts),
        capacity_bytes=first.capacity_bytes,
        area_square_metres=first.area_square_metres,
        price_dollars_per_million=_dollars_per_million(parts, batch * output),
        mapper=first.mapper,
        mapper_note=first.mapper_note,
        conventions=tuple(dict.fromkeys(text for _, report, _ in parts for text in report.conventions)),
        warnings=tuple(dict.fromkeys(text for _, report, _ in parts for text in report.warnings)),
        footnotes=first.footnotes,
        fused=tuple({group.name: group for _, report, _ in parts for group in report.fused}.values()),
    )


def _dollars_per_million(parts: Sequence[tuple[str, Report, float]], work: int) -> float | None:
    """What all runs cost, by a million of the whole's units of work; None without a price."""
    total = 0.0
    for _, report, weight in parts:
        if report.price_dollars_per_million is None:
            return None
        total += weight * report.price_dollars_per_million * report.work
    return total / work


def _merge(name: str, rows: Sequence[tuple[OpRow, float]]) -> OpRow:
    seconds = sum(weight * row.seconds for row, weight in rows)
    busiest = max(rows, key=lambda pair: pair[1] * pair[0].seconds)[0]
    busy = sum(weight * row.seconds * row.utilization for row, weight in rows)
    return OpRow(
        name=name,
        kind=busiest.kind,
        source=busiest.source,
        unit=busiest.unit,
        count=round(sum(weight * row.count for row, weight in rows)),
        seconds=seconds,
        energy_joules=sum(weight * row.energy_joules for row, weight in rows),
        macs=round(sum(weight * row.macs for row, weight in rows)),
        utilization=busy / seconds if seconds else 0.0,
        bound_by=busiest.bound_by,
        mapping=busiest.mapping,
        busy_seconds=sum(weight * row.busy_seconds for row, weight in rows),
        proof=", ".join(dict.fromkeys(row.proof for row, _ in rows)),
    )
