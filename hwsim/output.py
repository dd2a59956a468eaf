"""Files a report can become: JSON (schema 1), CSV and a trace for Perfetto; and writing them whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hwsim.report import Report, Span, components, traffic_bytes
from hwsim.summary import folded
from workloads.errors import UserError

SCHEMA = 1
STANDARD_OUTPUT = "-"
OPS_COLUMNS = ("op", "cycles", "seconds", "energy_joules", "bound_by")
PROOF_COLUMN = "proof"
"""Last column where a mapper was chosen that can prove its mappings; the default one never does."""


class OutputError(UserError):
    """A file that cannot be written."""


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain data, schema 1; ``energy_joules`` is the sum of ``components`` in the order given.

    Sizes are in bytes, times in seconds, areas in mm2. What is unknown or has no meaning is None.
    """
    per_second = {unit: report.throughput if unit == report.unit_of_work else None for unit in ("tokens", "inferences")}
    area = report.area_square_metres
    return {
        "schema": SCHEMA,
        "model": report.model,
        "chip": report.chip,
        "phase": report.phase,
        "batch": report.batch,
        "context": report.context,
        "cycles": report.cycles,
        "clock": report.clock_name,
        "clock_hertz": report.clock_hertz,
        "seconds": report.seconds,
        "tokens_per_second": per_second["tokens"],
        "inferences_per_second": per_second["inferences"],
        "energy_joules": report.energy_joules,
        "average_power_watts": report.average_power_watts,
        "area_mm2": None if area is None else round(area * 1e6, 6),
        "price_dollars_per_million": report.price_dollars_per_million,
        "parameters": report.parameters,
        "macs": report.macs,
        "weight_bytes": report.weight_bytes,
        "state_bytes": report.state_bytes,
        "capacity_bytes": report.capacity_bytes,
        "bounds": {
            "compute_seconds": report.bounds.compute_seconds,
            "memory_seconds": report.bounds.memory_seconds,
            "compulsory_bytes": report.bounds.compulsory_bytes,
        },
        "traffic_bytes": {
            memory: {"read": read, "write": write} for memory, (read, write) in traffic_bytes(report).items()
        },
        "components": [
            {"component": row.component, "action": row.action, "count": row.count, "energy_joules": row.energy_joules}
            for row in components(report)
        ],
        "ops": _op_rows(report),
        "mapper": {"name": report.mapper, "note": report.mapper_note},
        **_fused(report),
        "conventions": list(report.conventions),
        "warnings": list(report.warnings),
        "footnotes": [{"keys": list(n.keys), "cite": n.cite, "status": n.status} for n in report.footnotes],
    }


def _fused(report: Report) -> dict[str, Any]:
    """The fused groups, where there are any."""
    rows = [
        {
            "name": group.name,
            "ops": list(group.ops),
            "along": group.along,
            "chunks": group.chunks,
            "held": [{"tensor": tensor, "bytes": size} for tensor, size in group.held],
        }
        for group in report.fused
    ]
    return {"fused": rows} if rows else {}


def _op_rows(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "name": row.name,
            "kind": row.kind,
            "source": row.source,
            "unit": row.unit,
            "count": row.count,
            "seconds": row.seconds,
            "busy_seconds": row.busy_seconds,
            "energy_joules": row.energy_joules,
            "macs": row.macs,
            "utilization": row.utilization,
            "bound_by": row.bound_by,
            "mapping": row.mapping,
            "proof": row.proof,
        }
        for row in report.ops
    ]


def json_text(data: object) -> str:
    """Deterministic JSON text: keys in the order given, shortest exact numbers, never NaN or Infinity."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A header and rows as CSV; floats keep all their digits, None is an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue()


def ops_csv(report: Report) -> str:
    """One row per operator (all its repetitions), see ``ops_table``; cycles of the report's clock, rounded."""
    rows = (
        (row.name, round(row.seconds * report.clock_hertz), row.seconds, row.energy_joules, row.bound_by, row.proof)
        for row in report.ops
    )
    return ops_table(rows, report.mapper)


def ops_table(rows: Iterable[Sequence[object]], mapper: str) -> str:
    """Rows of ``OPS_COLUMNS`` and ``PROOF_COLUMN`` as CSV; the default mapper's are written without the latter."""
    columns = OPS_COLUMNS if mapper == "fast" else (*OPS_COLUMNS, PROOF_COLUMN)
    return csv_text(columns, (row[: len(columns)] for row in rows))


def trace_text(report: Report) -> str:
    """The timeline in Chrome's trace format, for ui.perfetto.dev: a track per resource, times in microseconds.

    Source: "Trace Event Format", complete (X) and metadata (M) events.
    """
    spans = sorted((*report.timeline, *_folded_spans(report)), key=lambda span: (span.start, span.resource))
    tracks = {name: number for number, name in enumerate(dict.fromkeys(span.resource for span in spans), 1)}
    title = f"{report.model} on {report.chip}, {report.phase}"
    events: list[dict[str, Any]] = [{"ph": "M", "pid": 1, "tid": 0, "name": "process_name", "args": {"name": title}}]
    for name, number in tracks.items():
        events.append({"ph": "M", "pid": 1, "tid": number, "name": "thread_name", "args": {"name": name}})
        events.append({"ph": "M", "pid": 1, "tid": number, "name": "thread_sort_index", "args": {"sort_index": number}})
    events += [
        {
            "ph": "X",
            "pid": 1,
            "tid": tracks[span.resource],
            "name": span.name,
            "ts": span.start * 1e6,
            "dur": (span.finish - span.start) * 1e6,
            "args": {"repeats": span.repeats},
        }
        for span in spans
    ]
    lines = ",\n".join(json.dumps(event, ensure_ascii=False, allow_nan=False) for event in events)
    return f'{{"displayTimeUnit": "ns", "traceEvents": [\n{lines}\n]}}\n'


def _folded_spans(report: Report) -> Iterator[Span]:
    for start, finish in folded(report):
        yield Span("folded", "repetitions that are not spelled out", start, finish)


def check_writable(paths: Iterable[str], inputs: Iterable[str] = ()) -> None:
    """Refuse files that could not be written later, before the long work starts.

    Args:
        paths: output files; "-" is standard output.
        inputs: files that are read and must not be overwritten.

    Raises:
        OutputError: no such folder, not writable, the same file twice, or one of the inputs.
    """
    taken = {os.path.realpath(path): f"it is the input {path}" for path in inputs}
    wanted = list(paths)
    if wanted.count(STANDARD_OUTPUT) > 1:
        raise OutputError("only one output can go to standard output (-)")
    for path in wanted:
        if path == STANDARD_OUTPUT:
            continue
        target = Path(os.path.realpath(path))
        if str(target) in taken:
            raise OutputError(f"{path}: {taken[str(target)]}; choose another file for the output")
        taken[str(target)] = "another output goes to the same file"
        if target.is_dir():
            raise OutputError(f"{path}: is a folder; name a file in it")
        if not target.parent.is_dir():
            raise OutputError(f"{path}: there is no folder {target.parent}; create it or choose another file")
        if not os.access(target if target.exists() else target.parent, os.W_OK):
            raise OutputError(f"{path}: not writable; choose another file")


def write_files(contents: Mapping[str, str | bytes]) -> None:
    """Write files so that each appears whole: all go to temporary files beside their targets, then all are renamed.

    A target that exists and is not a regular file (a pipe, a device) is written directly.

    Raises:
        OutputError: a file can't be written; unless renaming itself failed, no target has been touched.
    """
    staged: list[tuple[Path, Path]] = []
    path = ""
    try:
        for path, content in contents.items():
            target = Path(os.path.realpath(path))
            data = content.encode() if isinstance(content, str) else content
            if target.exists() and not target.is_file():
                target.write_bytes(data)
                continue
            staged.append((target.with_name(f".{target.name}.{os.getpid()}.tmp"), target))
            staged[-1][0].write_bytes(data)
        for temporary, target in staged:
            path = str(target)
            os.replace(temporary, target)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        for temporary, _ in staged:
            temporary.unlink(missing_ok=True)


def write_outputs(contents: Mapping[str, str | bytes]) -> bool:
    """Write every output, the files first; whether one of them went to standard output ("-").

    Raises:
        OutputError: see ``write_files``.
    """
    files = {path: content for path, content in contents.items() if path != STANDARD_OUTPUT}
    write_files(files)
    for path in files:
        sys.stderr.write(f"wrote {path}\n")
    text = contents.get(STANDARD_OUTPUT)
    if isinstance(text, str):
        sys.stdout.write(text)
    return text is not None
