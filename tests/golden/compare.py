"""Golden files: the expected text of an output, rewritten with ``pytest --update-golden``."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def compare_with_golden(name: str, text: str, update: bool) -> None:
    """Compare ``text`` with a golden file, or rewrite the file."""
    path = FOLDER / name
    if update:
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"there is no golden file {name}; make it with pytest --update-golden"
    assert text == path.read_text(encoding="utf-8")
