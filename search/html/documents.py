"""Pages of what other commands have written: JSON files and studies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from search.html.page import Page
from workloads.errors import UserError


class DocumentError(UserError):
    """A file that no page can be made of."""


def document_page(target: str, space: str | None, command: str) -> Page:
    """The page of a file or a database.

    Args:
        target: a JSON file of ``hwsim estimate``, ``compare`` or ``reproduce``, or a study (a file or a URL).
        space: which study of a database.
        command: the command line.

    Raises:
        DocumentError: no such file, or nothing that a page can be made of.
    """
    if "://" not in target and not Path(target).is_file():
        raise DocumentError(f"{target}: there is no such file; of a model, name the chip too: --chip NAME")
    if "://" in target or not target.endswith(".json"):
        from search.html.study import study_page
        from search.reading import read_study

        found, _, rows = read_study(target, space)
        return study_page(found, rows, command)
    return _json_page(target, read_json(Path(target)), command)


def read_json(path: Path) -> Any:
    """The data of a JSON file.

    Raises:
        DocumentError: it can't be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DocumentError(f"{path}: can't be read: {error.strerror}") from None
    except ValueError as error:
        raise DocumentError(f"{path}: is not JSON: {error}") from None


def _json_page(name: str, data: Any, command: str) -> Page:
    """The page of one of the schemas, told by the keys that only it has."""
    if not isinstance(data, dict) or data.get("schema") != 1:
        raise DocumentError(f"{name}: expected a report of hwsim, whose JSON begins with schema 1")
    try:
        if "ops" in data and "components" in data:
            from search.html.estimate import estimate_page
            from search.html.estimate_json import report_from_json

            return estimate_page(report_from_json(data), None, command)
        if "papers" in data and "scoreboard" in data:
            from search.html.reproduction import reproduction_page

            return reproduction_page(data, command)
        if "rows" in data:
            from search.html.comparison import comparison_page

            return comparison_page(data["rows"], command)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DocumentError(f"{name}: is damaged or of another version: {type(error).__name__} {error}") from None
    raise DocumentError(
        f"{name}: holds {', '.join(list(data)[:5])}; expected an estimate, a comparison or a reproduction"
    )
