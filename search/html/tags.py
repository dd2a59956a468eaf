"""HTML text that cannot be injected into: children that are plain text are escaped, only ``Markup`` passes as it is."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

_VOID = frozenset({"br", "meta", "input"})


@dataclass(frozen=True, slots=True)
class Markup:
    """Finished HTML."""

    text: str


Child: TypeAlias = Markup | str


def tag(name: str, /, *children: Child, **attributes: str | float) -> Markup:
    """An element.

    Args:
        name: of the element.
        children: text, which is escaped, or finished markup.
        attributes: ``class_`` is written ``class``, and ``_`` between words ``-``; values are escaped.
    """
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"' for key, value in attributes.items()
    )
    if name in _VOID:
        return Markup(f"<{name}{pairs}>")
    return Markup(f"<{name}{pairs}>{joined(children).text}</{name}>")


def joined(children: Iterable[Child]) -> Markup:
    """Children one after the other."""
    return Markup("".join(child.text if isinstance(child, Markup) else html.escape(child) for child in children))


def script_safe(text: str) -> str:
    """JSON text that can stand in a script element: no character in it can end the element or begin a comment."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
