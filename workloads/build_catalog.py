# pyright: basic
"""Trace the catalog's entries anew: ``python -m workloads.build_catalog [NAMES]`` writes graphs and the index.

An entry of ``catalog/*.yaml`` is a Hugging Face configuration (``config``) or a function of ours (``build``) with its
arguments, a title and a source; ``facts`` are added to its graphs. Equal entries and tools give equal bytes.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from dataclasses import replace
from typing import Any

import torch
import yaml

from workloads import serialize
from workloads.catalog import FOLDER, graph_path
from workloads.errors import UserError, did_you_mean
from workloads.graph import OperatorGraph, graph_macs
from workloads.huggingface import trace_config
from workloads.phases import DEFAULT_CONTEXT, bind_phase
from workloads.trace import trace

GROUPS = ("vision", "nas", "video", "encoders", "language", "experts", "recurrent", "kernels")
KEYS = frozenset({"title", "source", "config", "build", "arguments", "facts", "phases"})


class EntryError(UserError):
    """An entry that is not well formed."""


def entries() -> dict[str, dict[str, Any]]:
    """All entries by name, in the order of a listing, each with its group.

    Raises:
        EntryError: a name that occurs twice, an unknown or missing key.
    """
    found: dict[str, dict[str, Any]] = {}
    for group in GROUPS:
        path = FOLDER / f"{group}.yaml"
        text = path.read_text(encoding="utf-8")
        names = [key.value for key, _ in yaml.compose(text).value]
        for name, entry in yaml.safe_load(text).items():
            complete = {"title", "source"} <= set(entry) and ("config" in entry) != ("build" in entry)
            if names.count(name) > 1 or name in found:
                raise EntryError(f"{path}: {name} occurs twice")
            if not complete or set(entry) - KEYS:
                raise EntryError(f"{path}: {name}: keys are {sorted(entry)}, expected some of {sorted(KEYS)}")
            found[name] = {**entry, "group": group}
    return found


def trace_entry(name: str, entry: dict[str, Any]) -> dict[str, OperatorGraph]:
    """The graphs of one entry by phase."""
    facts = entry.get("facts", {})
    graphs = trace_config(entry["config"], name=name) if "config" in entry else _trace_own(name, entry)
    return {
        phase: replace(graph, facts=tuple(sorted({**dict(graph.facts), **facts}.items())))
        for phase, graph in graphs.items()
    }


def _trace_own(name: str, entry: dict[str, Any]) -> dict[str, OperatorGraph]:
    module_name, _, function_name = entry["build"].partition(":")
    build = getattr(importlib.import_module(module_name), function_name)
    graphs: dict[str, OperatorGraph] = {}
    for phase in entry.get("phases", ["forward"]):
        arguments = dict(entry.get("arguments", {}))
        if "phase" in inspect.signature(build).parameters:
            arguments["phase"] = phase
        with torch.device("meta"):
            module, inputs, axes = build(**arguments)
        graphs[phase] = trace(module, inputs, name=name, phase=phase, dynamic=axes)
    return graphs


def index_row(entry: dict[str, Any], graphs: dict[str, OperatorGraph]) -> dict[str, Any]:
    """What the index says of one model."""
    tokens = any(graph.symbols() & {"S", "T"} for graph in graphs.values())
    facts = {key: value for graph in graphs.values() for key, value in graph.facts}
    return {
        "title": entry["title"],
        "group": entry["group"],
        "source": entry["source"],
        "parameters": max(graph.parameters for graph in graphs.values()),
        "macs": {phase: graph_macs(bind_phase(graph)) for phase, graph in graphs.items()},
        "context": facts.get("default_context", DEFAULT_CONTEXT) if tokens else 0,
        "hashes": {phase: serialize.structural_hash(graph) for phase, graph in graphs.items()},
    }


def build(names: list[str]) -> None:
    """Trace the named entries, or all; write their graphs and bring the index up to date.

    Raises:
        EntryError: an unknown name.
    """
    known = entries()
    for name in names:
        if name not in known:
            raise EntryError(f"no entry {name!r}{did_you_mean(name, known)}")
    path = FOLDER / "index.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in names or list(known):
        graphs = trace_entry(name, known[name])
        for phase, graph in graphs.items():
            graph_path(name, phase).write_bytes(serialize.save(graph))
        rows[name] = index_row(known[name], graphs)
        print(name, f"{rows[name]['parameters']:,} parameters", rows[name]["macs"], flush=True)
        ordered = {key: rows[key] for key in known if key in rows}
        path.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    build(sys.argv[1:])
