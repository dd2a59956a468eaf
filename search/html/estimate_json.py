"""A report read back from its JSON form (``hwsim.output.as_json``), as far as that goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hwsim.report import Bounds, EnergyRow, Footnote, OpRow, Report, TrafficRow
from hwsim.schedule import FusedGroup


def report_from_json(data: Mapping[str, Any]) -> Report:
    """The report of a document of schema 1; the rows of energy and traffic are totals and name no operator.

    Raises:
        KeyError, TypeError, ValueError: the document lacks something or has it in another form.
    """
    tokens = data["tokens_per_second"] is not None
    rate = data["tokens_per_second"] if tokens else data["inferences_per_second"]
    area = data["area_mm2"]
    bounds = data["bounds"]
    return Report(
        model=str(data["model"]),
        chip=str(data["chip"]),
        phase=str(data["phase"]),
        batch=int(data["batch"]),
        context=int(data["context"]),
        clock_name=str(data["clock"]),
        clock_hertz=float(data["clock_hertz"]),
        cycles=int(data["cycles"]),
        seconds=float(data["seconds"]),
        unit_of_work="tokens" if tokens else "inferences",
        work=round(rate * data["seconds"]),
        energy=tuple(
            EnergyRow("", str(row["component"]), str(row["action"]), float(row["count"]), float(row["energy_joules"]))
            for row in data["components"]
        ),
        traffic=tuple(
            TrafficRow("", str(memory), float(both["read"]), float(both["write"]))
            for memory, both in data["traffic_bytes"].items()
        ),
        ops=tuple(_operator(row) for row in data["ops"]),
        bounds=Bounds(
            float(bounds["compute_seconds"]), float(bounds["memory_seconds"]), float(bounds["compulsory_bytes"])
        ),
        parameters=int(data["parameters"]),
        macs=int(data["macs"]),
        weight_bytes=int(data["weight_bytes"]),
        state_bytes=int(data["state_bytes"]),
        capacity_bytes=int(data["capacity_bytes"]),
        area_square_metres=None if area is None else float(area) / 1e6,
        price_dollars_per_million=data["price_dollars_per_million"],
        mapper=str(data["mapper"]["name"]),
        mapper_note=str(data["mapper"]["note"]),
        conventions=tuple(map(str, data["conventions"])),
        warnings=tuple(map(str, data["warnings"])),
        footnotes=tuple(
            Footnote(tuple(map(str, note["keys"])), str(note["cite"]), str(note["status"]))
            for note in data["footnotes"]
        ),
        fused=tuple(_group(group) for group in data.get("fused", ())),
    )


def _operator(row: Mapping[str, Any]) -> OpRow:
    return OpRow(
        name=str(row["name"]),
        kind=str(row["kind"]),
        source=str(row["source"]),
        unit=str(row["unit"]),
        count=int(row["count"]),
        seconds=float(row["seconds"]),
        energy_joules=float(row["energy_joules"]),
        macs=int(row["macs"]),
        utilization=float(row["utilization"]),
        bound_by=str(row["bound_by"]),
        mapping=str(row["mapping"]),
        busy_seconds=float(row["busy_seconds"]),
        proof=str(row["proof"]),
    )


def _group(group: Mapping[str, Any]) -> FusedGroup:
    held = tuple((str(item["tensor"]), int(item["bytes"])) for item in group["held"])
    return FusedGroup(
        str(group["name"]), tuple(map(str, group["ops"])), str(group["along"]), int(group["chunks"]), held
    )
