"""Mapping: how a graph runs on a chip, and the way from a model and a chip to a report."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mapper.graph import map_graph

__all__ = ["map_graph"]


def __getattr__(name: str) -> object:
    """The public function, imported on first use so that importing the package costs nothing."""
    if name == "map_graph":
        return importlib.import_module("mapper.graph").map_graph
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
