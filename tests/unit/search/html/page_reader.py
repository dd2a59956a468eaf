"""What a page says, read by the standard library's parser; wrong nesting is an error."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

EMPTY = {"meta", "input", "br"}


class PageReader(HTMLParser):
    """Collects elements, visible text, table rows and the data of the charts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.rows: list[list[str]] = []
        self.data: dict[str, str] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            name = self.elements[-1][1].get("id") or "own"
            self.data[name] = data
        elif self.open and self.open[-1] != "style":
            self.text += data
            if "td" in self.open or "th" in self.open:
                self.rows[-1][-1] += data

    @property
    def charts(self) -> list[dict[str, Any]]:
        """What plotly.js is given."""
        return json.loads(self.data["charts"])
