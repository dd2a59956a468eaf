"""The page itself: sections, charts, style and scripts in one file that needs no network."""

from __future__ import annotations

import base64
import functools
import gzip
import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from search.html.chart import Chart, figure
from search.html.tags import Child, Markup, joined, script_safe, tag
from workloads.errors import UserError

_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""What the browser holds the page to: nothing comes from elsewhere."""


class PageError(UserError):
    """A page that cannot be made."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: what is written, then charts, then what is long (tables)."""

    heading: str
    before: tuple[Child, ...] = ()
    charts: tuple[Chart, ...] = ()
    after: tuple[Child, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page.

    Attributes:
        title: its heading, and of the window.
        subtitle: one line below it.
        command: the command line that made it.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    command: str


def page_html(page: Page) -> str:
    """The page as the text of a file; equal pages give equal text.

    Raises:
        PageError: the package plotly is missing.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="generator", content=f"hwsim {version('hwsim')}"),
        tag("title", page.title),
        tag("style", Markup(_file("page.css"))),
    )
    charts = [chart for section in page.sections for chart in section.charts]
    body = tag(
        "body",
        tag("a", "Skip to the summary", href="#s0", class_="skip"),
        tag("header", tag("h1", page.title), tag("p", page.subtitle), _contents(page.sections)),
        tag("main", *_sections(page.sections)),
        _footer(page, bool(charts)),
        *_scripts(charts),
    )
    return f'<!DOCTYPE html>\n<html lang="en">\n{head.text}\n{body.text}\n</html>\n'


def _contents(sections: Sequence[Section]) -> Markup:
    links = (tag("a", section.heading, href=f"#s{place}") for place, section in enumerate(sections))
    return tag("nav", *links, aria_label="Sections")


def _sections(sections: Sequence[Section]) -> Iterator[Markup]:
    number = 0
    for place, section in enumerate(sections):
        figures: list[Markup] = []
        for chart in section.charts:
            figures.append(figure(chart, number))
            number += 1
        charts = (tag("div", *figures, class_="charts"),) if figures else ()
        parts = (tag("h2", section.heading), *section.before, *charts, *section.after)
        yield joined((tag("section", *parts, id=f"s{place}"), "\n"))


def _footer(page: Page, drawn: bool) -> Markup:
    tools = [f"hwsim {version('hwsim')}", f"Python {platform.python_version()}"]
    if drawn:
        tools.append(f"plotly.js {_plotly()[0]} (MIT licence, included)")
    made = tag("p", "Made by ", tag("code", page.command), " with ", ", ".join(tools), ".")
    return tag("footer", made, tag("p", "This file is complete: it loads nothing from a network."))


def _scripts(charts: Sequence[Chart]) -> Iterator[Markup]:
    """The charts and plotly.js, both as data, and the page's own script that unpacks them."""
    own = tag("script", Markup(_file("page.js")))
    if not charts:
        yield own
        return
    yield tag("noscript", tag("p", "The charts need JavaScript; their numbers are in the tables.", class_="note"))
    data = [{"data": chart.traces, "layout": dict(chart.layout)} for chart in charts]
    text = script_safe(json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False))
    yield tag("script", Markup(text), type="application/json", id="charts")
    yield tag("script", Markup(_plotly()[1]), type="text/plain", id="plotly")
    yield own


def _file(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


@functools.cache
def _plotly() -> tuple[str, str]:
    """Version of plotly.js, and its text as base64 of gzip: 2 MB instead of 5, unpacked by the browser.

    Source: plotly.js as the Python package plotly ships it (MIT licence; the notice stays at its head).
    """
    try:
        from plotly.offline import get_plotlyjs, get_plotlyjs_version
    except ImportError as error:
        raise PageError(f"a page with charts needs plotly: pip install plotly ({error})") from None
    packed = gzip.compress(get_plotlyjs().encode(), 9, mtime=0)
    return get_plotlyjs_version(), base64.b64encode(packed).decode()
