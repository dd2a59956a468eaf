"""Neural networks as operator graphs: tracing, a catalog, inline operators, phases and precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workloads.catalog import load, names

__all__ = ["load", "names"]


def __getattr__(name: str) -> object:
    """``load`` and ``names`` of the catalog, imported on first use so that submodules stay cheap to import."""
    if name in __all__:
        from workloads import catalog

        return getattr(catalog, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
