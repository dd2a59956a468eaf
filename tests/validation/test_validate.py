"""`hwsim validate`: the table is regenerated, errors stay within their bounds, the document is what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from search.validation import result as module
from search.validation.case import Case, Request, errors_of
from search.validation.command import validate
from search.validation.groups import all_groups
from search.validation.result import Bound, Result, bounds, choose, recorded, results
from search.validation.show import markdown, number, percent
from workloads.errors import UserError

DOCUMENT = Path(__file__).parents[2] / "docs" / "validation.md"


@pytest.fixture(scope="module")
def table() -> list[Result]:
    return list(results(all_groups(), Request()))


def test_every_group_has_a_bound_and_every_bound_a_group() -> None:
    assert [group.name for group in all_groups()] == list(bounds())


def test_every_error_is_within_its_bound(table: list[Result]) -> None:
    assert {result.group.name: result.errors for result in table if not result.within} == {}


def test_no_bound_is_looser_than_the_errors_need(table: list[Result]) -> None:
    for result in table:
        assert result.bound.mean - result.errors.mean <= 0.006, result.group.name
        assert result.bound.worst - result.errors.worst <= 0.04, result.group.name


def test_groups_without_measurements_show_what_was_recorded(table: list[Result]) -> None:
    assert {result.group.name for result in table if result.recorded} == set(recorded())
    assert all(result.cases for result in table if not result.recorded)


def test_the_document_is_what_the_command_writes(table: list[Result]) -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == markdown(table)


def test_the_document_says_what_was_chosen_while_looking_at_each_measured_set(table: list[Result]) -> None:
    assert all("look" in result.group.note or "fitted" in result.group.note for result in table if result.recorded)


def test_json_has_every_case_with_its_error(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    done = CliRunner().invoke(validate, ["--group", "eyeriss", "--json", str(path)], catch_exceptions=False)
    assert done.exit_code == 0
    (group, *_) = json.loads(path.read_text(encoding="utf-8"))["groups"]
    assert group["within_bound"]
    for case in group["cases"]:
        assert case["error"] == pytest.approx(case["simulated"] / case["expected"] - 1)
    assert group["mean"] == pytest.approx(sum(abs(case["error"]) for case in group["cases"]) / group["rows"])


def test_an_error_past_its_bound_ends_with_code_one_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    strict = {**bounds(), "eyeriss/processing-latency": Bound(mean=0.01, worst=0.5, measured="today")}
    monkeypatch.setattr(module, "bounds", lambda: strict)
    done = CliRunner().invoke(validate, ["--group", "eyeriss/processing-latency"])
    assert done.exit_code == 1
    assert "PAST ITS BOUND" in done.output
    assert CliRunner().invoke(validate, ["--group", "scalesim"]).exit_code == 0


def test_a_wrong_name_is_answered_with_the_closest() -> None:
    with pytest.raises(UserError, match=r"did you mean 'eyeriss'"):
        choose(all_groups(), ("eyerris",))


def test_a_folder_without_measurements_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(validate, ["--data", str(tmp_path), "--group", "gpu"])
    assert isinstance(done.exception, UserError)
    assert "no measurements in this folder, expected for example vidur/" in str(done.exception)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "llmcompass").mkdir()
    (tmp_path / "llmcompass" / "gelu_A100.csv").write_text("1024, fast\n", encoding="utf-8")
    done = CliRunner().invoke(validate, ["--data", str(tmp_path), "--group", "gpu/a100-gelu"])
    assert isinstance(done.exception, UserError)
    assert "gelu_A100.csv: not the measurements expected here" in str(done.exception)


def test_sets_missing_from_the_folder_fall_back_to_what_was_recorded(tmp_path: Path) -> None:
    (tmp_path / "llmcompass").mkdir()
    (tmp_path / "llmcompass" / "gelu_A100.csv").write_text("1048576, 20.0\n", encoding="utf-8")
    found = {r.group.name: r for r in results(choose(all_groups(), ("gpu",)), Request(tmp_path))}
    assert found["gpu/a100-gelu"].recorded is None
    assert found["gpu/a100-gelu"].cases[0].expected == pytest.approx(1048576 / 20e9 * 1e6)
    assert found["gpu/a100-softmax"].recorded is not None


def test_errors_keep_sign_in_the_bias_only() -> None:
    cases = [Case("s", "q", "ms", 10.0, simulated, "measured") for simulated in (9.0, 12.0)]
    errors = errors_of(cases)
    assert (errors.rows, errors.mean, errors.worst, errors.bias) == pytest.approx((2, 0.15, 0.2, 0.05))
    assert Case("s", "nothing expected", "B", 0.0, 3.0, "published").error == 1.0
    assert [number(value) for value in (1234567.0, 0.12345, 43210.6)] == ["1,234,567", "0.1235", "43,211"]
    assert [percent(value) for value in (0.0, 1e-6, 0.0021, 0.064)] == ["0", "0.00", "0.21", "6.4"]
