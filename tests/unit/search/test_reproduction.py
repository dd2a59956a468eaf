"""Reproductions: data files, rows, errors, tolerances and the scoreboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.figures.charts import Bars, Claims, Stacks, numbers
from search.reproduction.draw import chart_of, picture
from search.reproduction.kept import keepable
from search.reproduction.many import reproductions
from search.reproduction.paper import Basis, Paper, Run
from search.reproduction.paper_file import PaperFileError, load_paper, paper_names
from search.reproduction.result import PanelResult, Reproduction, Row, as_json, score, scoreboard
from search.reproduction.run import assemble, compute, function_of, merged
from workloads.catalog import names as model_names
from workloads.errors import UserError

SMALL = """\
title: A small paper
citation: nobody, 2026
modelled: one product.
assumed: nothing.
not_modelled: the rest.
function: {function}
panels:
  - title: Time
    unit: us
    axis: chip
    source: Table 1
    tolerance: 0.5
    basis: predicted
    estimate: {{model: "matmul:m=64,n=64,k=64,bits=8", chip: scalesim_os, quantity: seconds}}
    rows:
      - {{at: os, published: 1.0}}
      - {{at: ws, published: 1.0, estimate: {{chip: scalesim_ws}}}}
      - {{at: twice as fast, estimate: {{set: {{clocks.core: 2 GHz}}}}}}
      - {{at: nowhere, published: 1.0, estimate: {{chip: nonesuch}}}}
  - title: Ratio
    source: Table 2
    basis: predicted
    estimate: {{model: "matmul:m=64,n=64,k=64,bits=8", chip: scalesim_os, quantity: seconds}}
    rows:
      - {{at: itself, published: 1.0, over: {{chip: scalesim_os}}}}
      - {{at: function, published: 2.5, value: answer}}
"""


def answers(full: bool) -> dict[str, float]:
    return {"answer": 3.0 if full else 2.0}


def small(folder: Path, text: str = SMALL) -> Paper:
    path = folder / "small.yaml"
    path.write_text(text.format(function=f"{__name__}:answers"), encoding="utf-8")
    return load_paper(str(path))


def result(paper: Paper, full: bool = False) -> Reproduction:
    return assemble(paper, compute(paper, full), full)


@pytest.mark.parametrize("name", paper_names())
def test_every_paper_names_models_that_exist_and_says_what_is_not_modelled(name: str) -> None:
    paper = load_paper(name)
    assert set(paper.models) <= set(model_names())
    assert paper.modelled and paper.assumed and paper.not_modelled


@pytest.mark.parametrize("name", paper_names())
def test_every_paper_has_a_published_value_and_every_row_an_origin(name: str) -> None:
    paper = load_paper(name)
    rows = [(panel, row) for panel in paper.panels for row in panel.rows]
    assert any(row.published is not None for _, row in rows)
    assert [
        row.at for panel, row in rows if row.value is None and merged(panel.estimate, row.estimate).chip is None
    ] == []
    assert paper.function is None or callable(function_of(paper.function))


def test_a_row_takes_from_its_panel_what_it_leaves_out(tmp_path: Path) -> None:
    rows = {row.at: row for row in result(small(tmp_path)).rows}
    assert rows["os"].simulated is not None and rows["ws"].simulated is not None
    assert rows["os"].simulated < rows["ws"].simulated
    assert rows["twice as fast"].simulated == pytest.approx(rows["os"].simulated / 2)
    assert rows["itself"].simulated == 1.0


def test_a_row_that_cannot_be_simulated_says_why_and_the_others_stay(tmp_path: Path) -> None:
    rows = {row.at: row for row in result(small(tmp_path)).rows}
    assert rows["nowhere"].simulated is None and "no chip is named 'nonesuch'" in rows["nowhere"].problem
    assert rows["function"].simulated == 2.0 and rows["function"].error == pytest.approx(-0.2)


def test_full_reaches_the_function(tmp_path: Path) -> None:
    assert result(small(tmp_path), full=True).rows[-1].simulated == 3.0


def test_keys_of_set_are_merged_one_by_one() -> None:
    both = merged(Run(chip="a", set={"x": 1, "y": 2}), Run(set={"y": 3}))
    assert both.chip == "a" and dict(both.set) == {"x": 1, "y": 3}


def test_results_kept_from_an_earlier_run_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    paper = load_paper("eyeriss")
    first = list(reproductions([paper]))
    monkeypatch.setattr("search.reproduction.many.compute", None)
    assert list(reproductions([paper])) == first


def test_a_damaged_file_of_kept_results_is_computed_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    paper = load_paper("eyeriss")
    first = as_json(reproductions([paper]))
    (file,) = (tmp_path / "hwsim" / "reproductions").rglob("*.json")
    file.write_text(file.read_text(encoding="utf-8").replace("1", "2"), encoding="utf-8")
    assert as_json(reproductions([paper])) == first


def test_a_paper_of_the_user_is_not_kept(tmp_path: Path) -> None:
    assert not keepable(small(tmp_path)) and keepable(load_paper("eyeriss"))


def test_two_processes_give_the_same_in_the_same_order() -> None:
    papers = [load_paper(name) for name in ("hnlpu", "eyeriss")]
    alone, together = (list(reproductions(papers, jobs=jobs, cached=False)) for jobs in (1, 2))
    assert as_json(alone) == as_json(together)


def test_a_data_file_names_all_its_problems_by_line(tmp_path: Path) -> None:
    text = SMALL.replace("basis: predicted", "basis: hoped", 1).replace("unit: us", "units: us")
    with pytest.raises(PaperFileError) as caught:
        small(tmp_path, text)
    assert len(caught.value.lines) == 2 and all(":" in line for line in caught.value.lines)


def test_a_row_with_two_origins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PaperFileError, match="either value or estimate"):
        small(tmp_path, SMALL.replace("value: answer", "value: answer, estimate: {{chip: eyeriss}}"))


def test_a_name_along_a_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PaperFileError, match=r"yaml:\d+:\d+: panels.1.rows.0.at: must be a number"):
        small(tmp_path, SMALL.replace("title: Ratio", "title: Ratio\n    chart: lines"))


def test_a_value_that_a_validation_group_compares_with_another_number_is_not_shown(tmp_path: Path) -> None:
    panel = """\
  - title: Group
    source: Table V
    basis: predicted
    group: eyeriss/MACs
    rows:
      - {{at: right, published: 0.42, value: "AlexNet CONV1, MACs"}}
      - {{at: wrong, published: 0.43, value: "AlexNet CONV1, MACs"}}
      - {{at: unknown, value: "AlexNet CONV1, MAC"}}
"""
    rows = {row.at: row for row in result(small(tmp_path, SMALL + panel)).rows}
    assert rows["right"].error == pytest.approx(0, abs=0.01) and not rows["right"].problem
    assert rows["wrong"].simulated is None and "0.42 in validation group" in rows["wrong"].problem
    assert "did you mean 'AlexNet CONV1, MACs'" in rows["unknown"].problem


@pytest.mark.parametrize("name", ("eyeriss", "hnlpu"))
def test_the_small_papers_are_simulated_in_every_row_and_drawn_the_same_twice(name: str) -> None:
    one = result(load_paper(name))
    assert [row for row in one.rows if row.problem] == []
    first, second = picture(one, "svg"), picture(one, "svg")
    assert first == second and one.paper.name.encode() in first


def test_a_chart_keeps_what_could_not_be_simulated_and_says_so(tmp_path: Path) -> None:
    charts = [chart_of(panel) for panel in result(small(tmp_path)).panels]
    assert isinstance(charts[0], Bars) and charts[0].groups[-1] == "nowhere"
    assert charts[0].series[0].values[-1] == "not simulated"
    assert isinstance(charts[1], Claims) and [claim.published for claim in charts[1].claims] == [1.0, 2.5]


def test_shares_are_filled_up_to_one_in_a_chart() -> None:
    (panel,) = (panel for panel in result(load_paper("hnlpu")).panels if panel.chart == "stacked")
    chart = chart_of(panel)
    assert isinstance(chart, Stacks) and chart.parts[-1].name == "rest"
    for values in zip(*(part.values for part in chart.parts), strict=True):
        assert sum(numbers(values)) == pytest.approx(1.0)


def test_an_unknown_paper_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'eyeriss'"):
        load_paper("eyeris")


def row(published: float | None, simulated: float | None, tolerance: float | None, basis: Basis) -> Row:
    return Row("p", "a", "", "", published, simulated, "s", "published", basis, tolerance)


ROWS = st.builds(
    row,
    st.one_of(st.none(), st.floats(0.1, 10)),
    st.one_of(st.none(), st.floats(0.1, 10)),
    st.one_of(st.none(), st.floats(0, 1)),
    st.sampled_from(["predicted", "fitted", "matched", "alternative"]),
)


@settings(deadline=None, max_examples=60)
@given(first=st.lists(ROWS, max_size=6), second=st.lists(ROWS, max_size=6))
def test_the_scoreboard_adds_up(first: list[Row], second: list[Row]) -> None:
    paper = load_paper("eyeriss")
    found = [Reproduction(paper, (panel_of(rows),), 1.0) for rows in (first, second)]
    *each, total = scoreboard(found)
    for name in ("papers", "rows", "failed", "predicted", "within", "claimed", "seconds"):
        assert getattr(total, name) == sum(getattr(one, name) for one in each)
    errors = [(one.mean or 0.0) * (one.rows - one.failed) for one in each]
    if total.mean is not None:
        assert total.mean * (total.rows - total.failed) == pytest.approx(sum(errors))
        assert total.worst == max(one.worst for one in each if one.worst is not None)


def panel_of(rows: list[Row]) -> PanelResult:
    return PanelResult("p", "", "bars", "", "", tuple(rows))


def test_predictions_and_alternatives_are_shown_but_not_scored() -> None:
    rows = [row(None, 1.0, 0.1, "predicted"), row(1.0, 5.0, 0.1, "alternative"), row(1.0, 1.05, 0.1, "fitted")]
    one = score("x", [Reproduction(load_paper("eyeriss"), (panel_of(rows),), 1.0)])
    assert (one.rows, one.predicted, one.within, one.claimed) == (1, 0, 1, 1)
    assert one.worst == pytest.approx(0.05)


def test_what_could_not_be_simulated_is_not_within_its_tolerance() -> None:
    assert row(1.0, None, 0.5, "predicted").within is False
    assert row(1.0, None, None, "predicted").within is None
