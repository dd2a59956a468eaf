"""``hwsim report`` from the command line: every kind of input, and errors that leave nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.html.command import command_line
from tests.end_to_end.conftest import Run


def test_a_model_and_its_json_file_and_a_comparison_become_pages(hwsim: Run, tmp_path: Path) -> None:
    page, data, rows = tmp_path / "page.html", tmp_path / "report.json", tmp_path / "rows.json"
    assert hwsim("report", "alexnet", "--chip", "eyeriss", "-o", page).code == 0
    text = page.read_text(encoding="utf-8")
    assert "<h1>alexnet on eyeriss</h1>" in text
    assert "<code>hwsim report alexnet --chip eyeriss</code>" in text
    assert hwsim("estimate", "alexnet", "--chip", "eyeriss", "--json", data).code == 0
    assert hwsim("report", data, "-o", page).code == 0
    assert "<h1>alexnet on eyeriss</h1>" in page.read_text(encoding="utf-8")
    assert hwsim("compare", "--models", "alexnet", "--chips", "eyeriss,gemmini", "--json", rows).code == 0
    assert hwsim("report", rows, "-o", page).code == 0
    from_file = page.read_text(encoding="utf-8")
    assert "<h1>alexnet on 2 chips</h1>" in from_file
    assert hwsim("report", "--models", "alexnet", "--chips", "eyeriss,gemmini", "-o", page).code == 0
    direct = page.read_text(encoding="utf-8")
    assert direct.partition("<footer>")[0] == from_file.partition("<footer>")[0]


def test_a_study_becomes_a_page(hwsim: Run, tmp_path: Path) -> None:
    study, page = tmp_path / "a.study", tmp_path / "page.html"
    assert hwsim("search", "eyeriss_like", "--trials", "3", "--study", study).code == 0
    assert hwsim("report", study, "-o", page).code == 0
    assert "3 trials" in page.read_text(encoding="utf-8")


def test_the_command_line_is_quoted_and_says_nothing_of_the_output() -> None:
    given = ("m.py:f", "--chip", "my chip.yaml", "-o", "a.html", "--page", "b.html", "--page=c.html", "--batch", "2")
    assert command_line(given) == "hwsim report m.py:f --chip 'my chip.yaml' --batch 2"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name a model with --chip"),
        (("alexnet",), "--chip NAME"),
        (("alexnet", "--models", "a", "--chips", "b"), "leave alexnet out"),
        (("--models", "alexnet", "--chips", "eyeriss", "--chip", "eyeriss"), "--chips"),
        (("@list", "--chip", "eyeriss"), "a list of operators has no page"),
        (("{folder}/broken.json",), "is not JSON"),
        (("{folder}/other.json",), "expected a report of hwsim"),
        (("{folder}/half.json",), "is damaged or of another version"),
        (("{folder}/strange.json",), "holds schema, x"),
    ],
    ids=["nothing", "no chip", "both", "chip of many", "list", "no json", "other json", "half", "strange"],
)
def test_errors_say_what_to_do_and_write_nothing(
    hwsim: Run, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    documents = {
        "broken": "{",
        "other": '{"a": 1}',
        "half": '{"schema": 1, "ops": [], "components": []}',
        "strange": '{"schema": 1, "x": 1}',
    }
    for name, text in documents.items():
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
    page = tmp_path / "page.html"
    result = hwsim("report", *(word.replace("{folder}", str(tmp_path)) for word in arguments), "-o", page)
    assert result.code == 2
    assert words in result.err
    assert not page.exists()
