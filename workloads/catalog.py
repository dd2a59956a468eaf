"""The shipped models: traced graphs as compressed JSON, used without torch.

The folder ``catalog/`` holds the entries they are made from (``*.yaml``), the graphs (``NAME.PHASE.json.gz``) and an
index with the facts that a listing shows. ``python -m workloads.build_catalog`` makes graphs and index anew.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

from workloads import serialize
from workloads.errors import UserError, did_you_mean
from workloads.graph import OperatorGraph
from workloads.model import Choices, Model, bind_model

FOLDER = Path(__file__).with_suffix("")


class UnknownModelError(UserError):
    """A name that is not in the catalog."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a listing shows of one model.

    Attributes:
        name, title: as typed, and as its authors call it.
        group: what it is for (vision, language, ...).
        source: where its dimensions are published.
        phases: the traced phases.
        parameters: trained parameters, tied ones once.
        macs: multiply-accumulates per phase at batch 1 and the default context.
        context: the default context, or 0 where the model has none.
        hashes: structural hash per phase, of the graphs the index was made with.
    """

    name: str
    title: str
    group: str
    source: str
    phases: tuple[str, ...]
    parameters: int
    macs: tuple[tuple[str, int], ...]
    context: int
    hashes: tuple[tuple[str, str], ...]


@functools.cache
def _index() -> dict[str, Entry]:
    rows = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
    return {
        name: Entry(
            name,
            row["title"],
            row["group"],
            row["source"],
            tuple(row["macs"]),
            row["parameters"],
            tuple(row["macs"].items()),
            row["context"],
            tuple(row["hashes"].items()),
        )
        for name, row in rows.items()
    }


def names() -> tuple[str, ...]:
    """Names of all models, in the order of a listing."""
    return tuple(_index())


def describe(name: str) -> Entry:
    """The facts of one model.

    Raises:
        UnknownModelError: with the closest name.
    """
    if name not in _index():
        raise UnknownModelError(f"unknown model {name!r}{did_you_mean(name, names())}; `hwsim models` lists them")
    return _index()[name]


def graph_path(name: str, phase: str) -> Path:
    """Where the graph of one phase is kept."""
    return FOLDER / f"{name}.{phase}.json.gz"


def find(name: str) -> Model:
    """One model by name.

    Raises:
        UnknownModelError: with the closest name.
    """

    def symbolic(phase: str) -> OperatorGraph:
        path = graph_path(name, phase)
        return serialize.load(path.read_bytes(), path.name)

    return Model(name, describe(name).phases, symbolic)


def load(
    name: str,
    phase: str | None = None,
    batch: int = 1,
    context: int | None = None,
    bits: dict[str, int] | None = None,
) -> OperatorGraph:
    """The bound graph of a shipped model.

    Args:
        name: as listed by ``names``.
        phase: forward, prefill or decode; None means decode for language models and forward for the others.
        batch: independent sequences or images.
        context: tokens, see ``workloads.phases``; None means the model's default.
        bits: bits per element by role.

    Raises:
        UnknownModelError: with the closest name.
        PhaseError: a phase the model does not have, or sizes below 1.
    """
    return bind_model(find(name), phase, Choices(batch, context, bits))
