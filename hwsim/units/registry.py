"""The kinds of unit: every module beside this one that is named after a kind registers its specification and model."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import hwsim.units
from hwsim.chip import Chip, UnitSpec
from workloads.errors import did_you_mean

if TYPE_CHECKING:
    from hwsim.units.base import Unit

_KINDS: dict[str, tuple[type[UnitSpec], Callable[[str, Any, Chip], Unit]]] = {}
_NOT_A_KIND = frozenset({"base", "registry"})


def unit_kind(kind: str, spec: type[UnitSpec]) -> Callable[[Any], Any]:
    """Register a unit model, a class called as ``model(name, spec, chip)``; ``kind`` is its module's name."""

    def register(model: Any) -> Any:
        _KINDS[kind] = (spec, model)
        return model

    return register


def kinds() -> tuple[str, ...]:
    """Names of all kinds of unit, found by the files in this folder."""
    names = (module.name for module in pkgutil.iter_modules(hwsim.units.__path__))
    return tuple(sorted(name for name in names if name not in _NOT_A_KIND and not name.startswith("_")))


def _load(kind: str) -> tuple[type[UnitSpec], Callable[[str, Any, Chip], Unit]]:
    if kind not in _KINDS:
        importlib.import_module(f"hwsim.units.{kind}")
    return _KINDS[kind]


def spec_class(kind: str) -> type[UnitSpec]:
    """The class that describes a kind of unit in a chip file.

    Raises:
        KeyError: no such kind.
    """
    if kind not in kinds():
        raise KeyError(kind)
    return _load(kind)[0]


def read_unit_spec(value: Any) -> UnitSpec:
    """Validate the specification of one unit by its ``kind``.

    Raises:
        ValueError: the kind is missing or unknown (pydantic turns it into a message with its place).
    """
    if isinstance(value, UnitSpec):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"a unit must be a mapping of keys to values, got {value!r}")
    kind = value.get("kind")
    if kind is None:
        raise ValueError(f"the unit's kind is missing; kinds: {', '.join(kinds())}")
    if kind not in kinds():
        hint = did_you_mean(str(kind), kinds())
        raise ValueError(f"unknown kind of unit {kind!r}{hint}; kinds: {', '.join(kinds())}")
    return _load(str(kind))[0].model_validate(value)


def build_unit(name: str, chip: Chip) -> Unit:
    """The model of one unit of a chip."""
    spec = chip.units[name]
    return _load(spec.kind)[1](name, spec, chip)
