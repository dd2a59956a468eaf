"""``hwsim reproduce`` as a user runs it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from search.reproduction.paper_file import load_paper, paper_names
from search.reproduction.run import assemble, compute
from search.reproduction.show import section
from tests.end_to_end.conftest import Run

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "reproduce.md").read_text(encoding="utf-8")
EXAMPLE = GUIDE.split("```yaml\n")[1].split("```")[0]


def test_the_papers_are_listed_with_their_titles(hwsim: Run) -> None:
    found = hwsim("reproduce", "--list")
    assert found.code == 0
    assert [line.split()[0] for line in found.out.splitlines()] == list(paper_names())


def test_a_paper_shows_published_simulated_error_and_what_is_not_modelled(hwsim: Run) -> None:
    found = hwsim("reproduce", "eyeriss")
    assert found.code == 0
    (row,) = [line.split() for line in found.out.splitlines() if line.startswith(" CONV2 ") and "39.2" in line]
    assert row == ["CONV2", "39.2", "37.92", "ms", "-3.3"]
    for word in ("Modelled:", "Assumed:", "Not modelled:"):
        assert word in found.out


def test_two_papers_end_with_a_scoreboard_that_adds_up(hwsim: Run) -> None:
    found = hwsim("reproduce", "eyeriss", "hnlpu", "--json", "-")
    *papers, total = json.loads(found.out)["scoreboard"]
    assert [one["paper"] for one in papers] == ["eyeriss", "hnlpu"] and total["paper"] == "all"
    for key in ("rows", "failed", "predicted", "within_tolerance", "with_tolerance"):
        assert total[key] == sum(one[key] for one in papers)
    assert "2 papers" in hwsim("reproduce", "eyeriss", "hnlpu").out


def test_an_unknown_name_is_one_message_and_nothing_is_written(hwsim: Run, tmp_path: Path) -> None:
    found = hwsim("reproduce", "eyeriss", "nonesuch", "--csv", tmp_path / "rows.csv")
    assert found.code == 2 and len(found.lines) == 1 and "no paper is named 'nonesuch'" in found.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "which paper?"),
        (("--all", "eyeriss"), "give names, --all or --list"),
        (("eyeriss", "hnlpu", "--plot", "one.png"), "several papers need a folder"),
        (("eyeriss", "--plot", "one.bmp"), "must end in .png, .svg or .pdf"),
        (("missing.yaml",), "missing.yaml: can't be read"),
    ],
    ids=["nothing", "both", "one picture", "format", "file"],
)
def test_what_cannot_be_done_is_said(hwsim: Run, arguments: tuple[str, ...], message: str) -> None:
    found = hwsim("reproduce", *arguments)
    assert found.code == 2 and message in found.err


def test_the_example_of_the_guide_runs_and_its_files_are_the_same_twice(hwsim: Run, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(EXAMPLE, encoding="utf-8")
    files = {"--csv": "rows.csv", "--json": "rows.json", "--markdown": "rows.md", "--plot": "rows.svg"}
    contents: list[list[bytes]] = []
    for _ in range(2):
        arguments = [text for option, name in files.items() for text in (option, tmp_path / name)]
        assert hwsim("reproduce", tmp_path / "my.yaml", *arguments).code == 0
        contents.append([(tmp_path / name).read_bytes() for name in files.values()])
    assert contents[0] == contents[1]
    rows = list(csv.DictReader(io.StringIO(contents[0][0].decode())))
    assert len(rows) == 4 and all(row["simulated"] and not row["problem"] for row in rows)


def test_pictures_of_several_papers_go_to_a_folder(hwsim: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(EXAMPLE, encoding="utf-8")
    assert hwsim("reproduce", tmp_path / "one.yaml", tmp_path / "two.yaml", "--plot", tmp_path).code == 0
    pictures = sorted(tmp_path.glob("*.png"))
    assert [path.name for path in pictures] == ["one.png", "two.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)


def test_all_problems_of_a_file_are_named_by_line(hwsim: Run, tmp_path: Path) -> None:
    text = EXAMPLE.replace("unit: tokens/s", "units: tokens/s").replace("basis: predicted", "basis: hoped", 1)
    (tmp_path / "my.yaml").write_text(text, encoding="utf-8")
    found = hwsim("reproduce", tmp_path / "my.yaml")
    assert found.code == 2 and len(found.lines) == 2 and all("my.yaml:" in line for line in found.lines)


@pytest.mark.parametrize("name", ("eyeriss", "hnlpu"))
def test_the_document_of_all_papers_has_what_is_simulated_now(name: str) -> None:
    written = (DOCS / "reproductions.md").read_text(encoding="utf-8")
    paper = load_paper(name)
    assert "\n".join(section(assemble(paper, compute(paper)))) in written
