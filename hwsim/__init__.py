"""Hardware: chip files, the simulator's language, units and the event engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwsim.config import load_chip
    from hwsim.simulation import simulate

__all__ = ["load_chip", "simulate"]

_HOME = {"load_chip": "hwsim.config", "simulate": "hwsim.simulation"}


def __getattr__(name: str) -> Any:
    """The public functions, imported when they are first used so that importing the package costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value
