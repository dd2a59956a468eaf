"""Many single operators on one chip: a row each, equal ones mapped and simulated once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hwsim import summary
from hwsim.bounds import DoesNotFitError
from hwsim.chip import Chip
from hwsim.output import OPS_COLUMNS, PROOF_COLUMN, SCHEMA
from hwsim.progress import track
from mapper.estimate import Estimator, native_precision
from workloads.graph import OperatorGraph
from workloads.inline import parse_ops_file


class OperatorRow(NamedTuple):
    """One operator in the order of ``OPS_COLUMNS`` and ``PROOF_COLUMN``; numbers are None where it does not fit."""

    op: str
    cycles: int | None
    seconds: float | None
    energy_joules: float | None
    bound_by: str
    proof: str


def estimate_operators(path: Path, estimator: Estimator) -> list[OperatorRow]:
    """A row for every line of a list of inline operators.

    Args:
        path: the list, see ``workloads.inline.parse_ops_file``.
        estimator: the chip made ready; operators of equal shape share their mappings.

    Raises:
        UserError: a line cannot be read, or no unit of the chip can run it.
    """
    known: dict[str, OperatorRow] = {}
    rows: list[OperatorRow] = []
    parsed = parse_ops_file(path)
    for text, graph in track(parsed, str(path), len(parsed)):
        if text not in known:
            known[text] = _row(text, graph, estimator)
        rows.append(known[text])
    return rows


def _row(text: str, graph: OperatorGraph, estimator: Estimator) -> OperatorRow:
    try:
        report = estimator.report(native_precision(estimator, graph)[0])
    except DoesNotFitError as error:
        return OperatorRow(text, None, None, None, error.short, "")
    proof = ", ".join(dict.fromkeys(row.proof for row in report.ops))
    return OperatorRow(text, report.cycles, report.seconds, report.energy_joules, summary.bound_by(report), proof)


def as_json(path: str, chip: Chip, rows: Iterable[OperatorRow]) -> dict[str, Any]:
    """The rows as plain data, schema 1."""
    table = [row._asdict() for row in rows]
    return {"schema": SCHEMA, "model": path, "chip": chip.name, "clock_hertz": chip.clock_hertz, "rows": table}


def table_lines(rows: Sequence[OperatorRow], mapper: str) -> Iterator[str]:
    """The rows as lines of text in columns; the proofs only of a mapper that can have some."""
    width, last = max(len(row.op) for row in rows), max(len(row.bound_by) for row in rows)
    op, cycles, seconds, energy, bound = OPS_COLUMNS
    proven = mapper != "fast"
    line = (
        f"{op:<{width}}  {cycles:>14}  {seconds:>11}  {energy:>13}  {bound:<{last}}  {PROOF_COLUMN if proven else ''}"
    )
    yield line.rstrip()
    for row in rows:
        numbers = "" if row.seconds is None else f"{row.cycles:>14,}  {row.seconds:>11.4g}  {row.energy_joules:>13.4g}"
        yield f"{row.op:<{width}}  {numbers:<42}  {row.bound_by:<{last}}  {row.proof if proven else ''}".rstrip()
