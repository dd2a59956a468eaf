"""The files that a report becomes, and that they appear whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest

from hwsim.output import OPS_COLUMNS, OutputError, as_json, check_writable, json_text, ops_csv, trace_text, write_files
from hwsim.report import EnergyRow, Report, components
from tests.golden.compare import compare_with_golden
from tests.unit.hwsim.report_example import example_report

CONTRACT = {
    "schema", "model", "chip", "phase", "batch", "cycles", "clock_hertz", "seconds", "tokens_per_second",
    "inferences_per_second", "energy_joules", "average_power_watts", "area_mm2", "bounds", "traffic_bytes",
    "components", "ops", "warnings",
}  # fmt: skip


@pytest.fixture
def report() -> Report:
    return example_report()


def test_json_has_every_key_of_the_contract(report: Report) -> None:
    data = json.loads(json_text(as_json(report)))
    assert set(data) >= CONTRACT
    assert set(data["bounds"]) == {"compute_seconds", "memory_seconds", "compulsory_bytes"}
    assert all(set(sides) == {"read", "write"} for sides in data["traffic_bytes"].values())
    assert all(set(row) == {"component", "action", "count", "energy_joules"} for row in data["components"])
    wanted = {"name", "kind", "count", "seconds", "energy_joules", "macs", "utilization", "bound_by"}
    assert all(wanted <= set(row) for row in data["ops"])


def test_energy_is_exactly_the_sum_of_the_components_as_printed(report: Report) -> None:
    rows = tuple(EnergyRow(f"op{i}", f"part{i % 7}", "read", 1.0, 0.1 + 1e-9 * i) for i in range(1000))
    data = json.loads(json_text(as_json(replace(report, energy=rows))))
    assert data["energy_joules"] == sum(row["energy_joules"] for row in data["components"])
    assert data["energy_joules"] == pytest.approx(math.fsum(row.energy_joules for row in rows))
    assert data["average_power_watts"] == data["energy_joules"] / data["seconds"]


def test_only_the_meaningful_throughput_is_a_number(report: Report) -> None:
    assert as_json(report)["tokens_per_second"] == pytest.approx(1 / report.seconds)
    assert as_json(report)["inferences_per_second"] is None
    images = as_json(replace(report, unit_of_work="inferences", work=8))
    assert images["inferences_per_second"] == pytest.approx(8 / report.seconds)
    assert images["tokens_per_second"] is None


def test_unknown_area_is_null(report: Report) -> None:
    assert as_json(report)["area_mm2"] == 400.0
    assert as_json(replace(report, area_square_metres=None))["area_mm2"] is None


def test_json_refuses_numbers_that_json_does_not_have(report: Report) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text(as_json(replace(report, seconds=math.inf)))


def test_json_matches_the_golden_file(report: Report, update_golden: bool) -> None:
    compare_with_golden("report.json", json_text(as_json(report)), update_golden)


def test_csv_has_one_row_per_operator_with_all_digits(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(ops_csv(report))))
    assert tuple(rows[0]) == OPS_COLUMNS == ("op", "cycles", "seconds", "energy_joules", "bound_by")
    assert [float(row["seconds"]) for row in rows] == [row.seconds for row in report.ops]
    assert sum(float(row["energy_joules"]) for row in rows) == pytest.approx(sum(r.energy_joules for r in report.ops))
    assert int(rows[2]["cycles"]) == round(report.ops[2].seconds * report.clock_hertz)


def test_csv_matches_the_golden_file(report: Report, update_golden: bool) -> None:
    compare_with_golden("ops.csv", ops_csv(report), update_golden)


def test_trace_has_a_named_track_per_resource_and_every_span(report: Report) -> None:
    events = json.loads(trace_text(report))["traceEvents"]
    tracks = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    spans = [event for event in events if event["ph"] == "X"]
    assert sorted(tracks.values()) == ["hbm", "mxu", "vpu"]
    assert len(spans) == len(report.timeline)
    assert {tracks[event["tid"]] for event in spans} == {"hbm", "mxu", "vpu"}
    assert max(event["ts"] + event["dur"] for event in spans) == pytest.approx(report.seconds * 1e6)
    assert {event["args"]["repeats"] for event in spans} == {1, 3}


def test_components_are_sorted_by_energy(report: Report) -> None:
    energies = [row.energy_joules for row in components(report)]
    assert energies == sorted(energies, reverse=True)


def test_files_are_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("old")
    write_files({str(tmp_path / "a.json"): "new", str(tmp_path / "b.bin"): b"\x00"})
    assert (tmp_path / "a.json").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.bin"]


def test_a_failing_file_leaves_all_others_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("old")
    with pytest.raises(OutputError, match=r"b\.json: cannot be written"):
        write_files({str(tmp_path / "a.json"): "new", str(tmp_path / "absent" / "b.json"): "new"})
    assert (tmp_path / "a.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_link_keeps_pointing_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_files({str(tmp_path / "link"): "new"})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_a_device_is_written_directly() -> None:
    write_files({os.devnull: "gone"})
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (["{}/absent/x.json"], "there is no folder"),
        (["{}"], "is a folder"),
        (["{}/x", "{}/./x"], "another output goes to the same file"),
        (["{}/chip.yaml"], "it is the input"),
    ],
)
def test_outputs_that_cannot_work_are_refused_at_once(tmp_path: Path, outputs: list[str], message: str) -> None:
    paths = [text.format(tmp_path) for text in outputs]
    with pytest.raises(OutputError, match=message):
        check_writable(paths, inputs=[str(tmp_path / "chip.yaml")])
