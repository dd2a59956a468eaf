"""Families of models: networks with knobs that are searched together with the chip, without PyTorch.

A family is a function from knobs to operators written as for ``hwsim estimate`` ("conv2d:..."), each with a count, and
is named in a workload as ``family:key=value,...``. An accuracy proxy is a function from the same knobs to a number
between 0 and 1; none of ours was trained or measured, so every one says so in its label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from workloads.errors import UserError, did_you_mean
from workloads.graph import Access, Op, OperatorGraph, Segment, Tensor
from workloads.inline import parse_inline

Knobs: TypeAlias = Mapping[str, float]
Layers: TypeAlias = Sequence[tuple[str, int]]
Family: TypeAlias = Callable[[Knobs], Layers]
Proxy: TypeAlias = Callable[[Knobs], float]

_FAMILIES: dict[str, Family] = {}
_PROXIES: dict[str, tuple[str, Proxy]] = {}


def family(name: str) -> Callable[[Family], Family]:
    """Register a family of models."""

    def add(function: Family) -> Family:
        _FAMILIES[name] = function
        return function

    return add


def accuracy_proxy(name: str, label: str) -> Callable[[Proxy], Proxy]:
    """Register an accuracy proxy; ``label`` says where its numbers come from and is shown with every result."""

    def add(function: Proxy) -> Proxy:
        _PROXIES[name] = (label, function)
        return function

    return add


def proxy(name: str) -> tuple[str, Proxy]:
    """Label and function of an accuracy proxy; raises UserError if there is none of that name."""
    _load()
    if name not in _PROXIES:
        raise UserError(
            f"no accuracy proxy is named {name!r}{did_you_mean(name, _PROXIES)}; there are {', '.join(_PROXIES)}"
        )
    return _PROXIES[name]


def is_family(text: str) -> bool:
    """Whether a text names a family."""
    _load()
    return text.partition(":")[0] in _FAMILIES


def knobs_of(text: str) -> dict[str, float]:
    """The knobs of ``family:key=value,...``; raises UserError where a value is no number."""
    knobs: dict[str, float] = {}
    for part in filter(None, text.partition(":")[2].split(",")):
        key, _, value = part.partition("=")
        try:
            knobs[key.strip()] = float(value)
        except ValueError:
            raise UserError(f"{text}: {key} must be a number, got {value!r}") from None
    return knobs


def build_family(text: str, bits: int) -> OperatorGraph:
    """The bound graph of a member of a family: its operators one after the other, equal ones repeated.

    Args:
        text: ``family:key=value,...``.
        bits: of every tensor.

    Raises:
        UserError: a knob is missing or no number.
    """
    _load()
    name = text.partition(":")[0]
    try:
        layers = _FAMILIES[name](knobs_of(text))
    except KeyError as error:
        raise UserError(f"{text}: the family {name} needs the knob {error}") from None
    tensors: list[Tensor] = []
    segments: list[Segment] = []
    for place, (layer, count) in enumerate(layers):
        graph = parse_inline(f"{layer},bits={bits}")
        names = {tensor.name: f"{place}.{tensor.name}" for tensor in graph.tensors}
        tensors += [replace(tensor, name=names[tensor.name]) for tensor in graph.tensors]
        ops = tuple(_renamed(op, place, names) for _, op in graph.walk())
        segments.append(Segment(f"layer {place}", ops, count))
    return OperatorGraph(text, "forward", tuple(tensors), tuple(segments))


def _renamed(op: Op, place: int, names: Mapping[str, str]) -> Op:
    def accesses(group: tuple[Access, ...]) -> tuple[Access, ...]:
        return tuple(replace(one, tensor=names[one.tensor]) for one in group)

    return replace(op, name=f"{place}.{op.name}", reads=accesses(op.reads), writes=accesses(op.writes))


def _load() -> None:
    """The families that come with the program register themselves."""
    import search.elastic  # noqa: F401  # pyright: ignore[reportUnusedImport]
