"""Design-space search, sweeps over models and chips, and comparisons with published and measured values."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.api import Result, run

__all__ = ["Result", "run"]


def __getattr__(name: str) -> object:
    """The public functions, imported on first use so that importing the package costs nothing."""
    if name in __all__:
        return getattr(importlib.import_module("search.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
