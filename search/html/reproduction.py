"""The page of ``hwsim reproduce --json``: published beside simulated values, paper by paper, and the scoreboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from search.html.chart import LEGEND, Chart, Trace, bar_axis, fill, label, log_axis, point, spans_decades
from search.html.page import Page, Section
from search.html.table import Column, table
from search.html.tags import Markup, tag

Data: TypeAlias = Mapping[str, Any]
MOST_BARS = 60
"""Rows of a panel from which on it takes the width of the page."""
_SCORES = (
    Column("paper"), Column("rows", "#"), Column("could not run", "#"), Column("predicted", "#"),
    Column("mean error", "%", "mean of the absolute relative errors"), Column("median error", "%"),
    Column("worst error", "%"), Column("within tolerance", "#"), Column("with tolerance", "#"),
)  # fmt: skip
_ROWS = (
    Column("at"), Column("series"), Column("published", "#"), Column("simulated", "#"), Column("error", "%"),
    Column("tolerance", "%"), Column("status"), Column("basis"), Column("source", long=True), Column("problem"),
)  # fmt: skip
_SCORE_KEYS = (
    "paper", "rows", "failed", "predicted", "mean_error", "median_error", "worst_error", "within_tolerance",
    "with_tolerance",
)  # fmt: skip


def reproduction_page(data: Data, command: str) -> Page:
    """The page of a document of reproductions.

    Args:
        data: keys ``papers`` and ``scoreboard`` as ``search.reproduction.result.as_json`` makes them.
        command: the command line.
    """
    papers = data["papers"]
    scores = table(
        "Scoreboard", _SCORES, [[row[key] for key in _SCORE_KEYS] for row in data["scoreboard"]], filtered=False
    )
    summary = Section("Summary", (_summary(data),), _overview(papers), (scores,))
    title = papers[0]["title"] if len(papers) == 1 else f"{len(papers)} reproductions"
    return Page(title, "published and simulated values", (summary, *map(_paper, papers)), command)


def _summary(data: Data) -> Markup:
    score = data["scoreboard"][-1]
    text = f"{score['rows']} published values of {len(data['papers'])} papers were computed again"
    if score["mean_error"] is not None:
        text += (
            f"; the simulated ones are off by {score['mean_error']:.1%} on average, {score['median_error']:.1%} in the"
            f" middle and {score['worst_error']:.1%} at worst"
        )
    lines = [tag("p", text + "."), tag("p", f"{score['failed']} of them could not be computed.")]
    if score["with_tolerance"]:
        claimed = (
            f"{score['within_tolerance']} of the {score['with_tolerance']} values that are claimed to be reproduced"
        )
        lines.append(tag("p", f"{claimed} are within their tolerance."))
    return tag("div", *lines, class_="summary")


def _overview(papers: Sequence[Data]) -> tuple[Chart, ...]:
    """Simulated over published of every row: on the line is right."""
    traces: list[Trace] = []
    low, high = float("inf"), 0.0
    for index, paper in enumerate(papers):
        rows = [row for panel in paper["panels"] for row in panel["rows"] if _scored(row)]
        if not rows:
            continue
        values = [row[key] for row in rows for key in ("published", "simulated")]
        low, high = min(low, *values), max(high, *values)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": label(paper["paper"]),
                "x": [row["published"] for row in rows],
                "y": [row["simulated"] for row in rows],
                "customdata": [f"{_name(row)}<br>{_pair(row)}" for row in rows],
                "hovertemplate": "%{customdata}<extra>%{fullData.name}</extra>",
                "marker": {**point(index), "size": 9, "opacity": 0.85},
            }
        )
    if not traces:
        return ()
    diagonal = {
        "type": "scatter", "mode": "lines", "name": "equal", "x": [low / 2, high * 2], "y": [low / 2, high * 2],
        "line": {"color": "#808890", "width": 1.5}, "hoverinfo": "skip",
    }  # fmt: skip
    axes = {key: log_axis(f"{word}, each in its own unit", [low, high]) for key, word in _AXES}
    layout = {**axes, "showlegend": True, "legend": LEGEND}
    words = "A point per published value that is claimed to be computed, on logarithmic axes; on the line, both agree."
    return (Chart("Simulated over published.", words, (diagonal, *traces), layout, 480, wide=True),)


_AXES = (("xaxis", "published"), ("yaxis", "simulated"))


def _scored(row: Data) -> bool:
    """Whether a row is claimed to be its published value, and both can stand on a logarithmic axis."""
    both = (row["published"] or 0) > 0 and (row["simulated"] or 0) > 0
    return both and row["basis"] != "alternative"


def _name(row: Data) -> str:
    return label(", ".join(str(part) for part in (row["at"], row["series"]) if part not in ("", None)))


def _pair(row: Data) -> str:
    error = "" if row["error"] is None else f" ({row['error']:+.1%})"
    return f"published {_text(row['published'])}, simulated {_text(row['simulated'])} {label(row['unit'])}{error}"


def _text(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.4g}"


def _paper(paper: Data) -> Section:
    before: list[Markup] = [tag("p", tag("strong", paper["title"]), " ", paper["citation"])]
    for word, key in (("Modelled", "modelled"), ("Assumed", "assumed"), ("Not modelled", "not_modelled")):
        if paper[key]:
            before.append(tag("p", tag("strong", f"{word}: "), str(paper[key])))
    charts = tuple(_panel(panel) for panel in paper["panels"] if panel["rows"])
    tables = tuple(_rows(panel) for panel in paper["panels"])
    return Section(paper["paper"], tuple(before), charts, tables)


def _panel(panel: Data) -> Chart:
    """A pair of bars per row; where units differ, the ratio of the two."""
    rows = panel["rows"]
    if panel["chart"] == "ratio":
        return _ratios(panel)
    names = [f"{_name(row) or place}" for place, row in enumerate(rows, 1)]
    values = [row[key] for row in rows for key in ("published", "simulated") if row[key] is not None]
    log = spans_decades(values)
    traces = tuple(
        {
            "type": "bar",
            "orientation": "h",
            "name": word,
            "y": names,
            "x": [row[word] for row in rows],
            "customdata": [_pair(row) for row in rows],
            "hovertemplate": "%{y}<br>%{customdata}<extra>%{fullData.name}</extra>",
            "marker": fill(place),
        }
        for place, word in enumerate(("published", "simulated"))
    )
    xaxis = {**bar_axis("", values, log), "title": {"text": label(panel["unit"])}}
    yaxis = {"type": "category", "autorange": "reversed", "categoryorder": "array", "categoryarray": names}
    layout = {"xaxis": xaxis, "yaxis": yaxis, "barmode": "group", "showlegend": True, "legend": LEGEND}
    words = " ".join(part for part in (panel["note"], "The axis is logarithmic." if log else "") if part)
    return Chart(f"{panel['panel']}.", words, traces, layout, 150 + 30 * len(rows), wide=len(rows) > MOST_BARS)


def _ratios(panel: Data) -> Chart:
    rows = [row for row in panel["rows"] if row["published"] and row["simulated"] is not None]
    names = [_name(row) for row in rows]
    values = [row["simulated"] / row["published"] for row in rows]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "x": values,
        "customdata": [_pair(row) for row in rows],
        "texttemplate": "%{x:.2f}",
        "textposition": "outside",
        "cliponaxis": False,
        "hovertemplate": "%{y}<br>%{customdata}<extra></extra>",
        "marker": fill(1),
    }
    one = {"type": "line", "x0": 1, "x1": 1, "y0": 0, "y1": 1, "yref": "paper"}
    yaxis = {"type": "category", "autorange": "reversed"}
    xaxis = {**bar_axis("", values), "title": {"text": "simulated / published"}}
    words = f"Simulated over published; 1 is right. {panel['note']}".strip()
    return Chart(
        f"{panel['panel']}.", words, (bars,), {"xaxis": xaxis, "yaxis": yaxis, "shapes": [one]}, 130 + 28 * len(rows)
    )


def _rows(panel: Data) -> Markup:
    cells = [
        [
            str(row["at"]), row["series"], row["published"], row["simulated"], row["error"], row["tolerance"],
            row["status"], row["basis"], row["source"], row["problem"],
        ]
        for row in panel["rows"]
    ]  # fmt: skip
    unit = f", in {panel['unit']}" if panel["unit"] else ""
    return table(f"{panel['panel']}{unit}", _ROWS, cells)
