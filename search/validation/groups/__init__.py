"""Where validation cases come from: one module per source, each with a tuple ``GROUPS``."""

from __future__ import annotations

from importlib import import_module

from search.validation.case import Group

_MODULES = (
    "scalesim",
    "closed_forms",
    "timeloop",
    "peaks",
    "eyeriss",
    "hnlpu",
    "pim",
    "fpga",
    "fpga_designs",
    "gpu",
    "collectives",
)


def all_groups() -> tuple[Group, ...]:
    """The groups of all sources, in the order of the table."""
    modules = (import_module(f"{__name__}.{name}") for name in _MODULES)
    return tuple(group for module in modules for group in module.GROUPS)
