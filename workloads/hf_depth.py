# pyright: basic
"""Keep one layer of each kind of a transformers model, so that tracing it does not grow with its depth."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import PretrainedConfig

_POSITIONS = frozenset({"layer_idx", "layer_id", "layer_index", "layer_number", "training"})
"""Attributes that number a layer and do not change what it computes."""


@dataclass(frozen=True, slots=True)
class Depth:
    """Where a model's layers are, and for each of them the kept layer it equals."""

    prefix: str
    plan: tuple[int, ...]


def keep_one_of_each(model: torch.nn.Module, config: PretrainedConfig) -> Depth | None:
    """Shorten the model's list of layers, in place, to one of each kind (two of the first kind if it comes again).

    Args:
        model: a model whose layers are one ``ModuleList`` of ``config.num_hidden_layers`` modules.
        config: the model's own configuration; its per-layer lists and depth are shortened too.

    Returns:
        Where the layers are and which kept layer each equals, or None if there is no such list or nothing to gain.
    """
    depth = getattr(config, "num_hidden_layers", None)
    found = [(n, m) for n, m in model.named_modules() if isinstance(m, torch.nn.ModuleList) and len(m) == depth]
    if not isinstance(depth, int) or len(found) != 1:
        return None
    prefix, layers = found[0]
    kinds: dict[object, int] = {}
    sequence = [kinds.setdefault(_signature(layer), len(kinds)) for layer in layers]
    kept = [sequence.index(kind) for kind in range(len(kinds))]
    if sequence.count(0) > 1:
        kept.insert(1, sequence.index(0, 1))
    if len(kept) >= depth:
        return None
    positions = {sequence[original]: place for place, original in reversed(list(enumerate(kept)))}
    _shorten(model, prefix, layers, kept)
    _shorten_config(config, depth, kept)
    return Depth(prefix, tuple(positions[kind] for kind in sequence))


def _signature(layer: torch.nn.Module) -> object:
    parts: list[object] = []
    for name, module in layer.named_modules():
        plain = tuple(
            sorted(
                (key, repr(value))
                for key, value in vars(module).items()
                if key not in _POSITIONS and isinstance(value, bool | int | float | str | None)
            )
        )
        shapes = tuple((key, tuple(value.shape)) for key, value in module.named_parameters(recurse=False))
        parts.append((name, type(module).__qualname__, plain, shapes))
    return tuple(parts)


def _shorten(model: torch.nn.Module, prefix: str, layers: torch.nn.ModuleList, kept: list[int]) -> None:
    parent_path, _, attribute = prefix.rpartition(".")
    chosen = torch.nn.ModuleList([layers[original] for original in kept])
    setattr(model.get_submodule(parent_path), attribute, chosen)
    for place, layer in enumerate(chosen):
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                vars(module)["layer_idx"] = place


def _shorten_config(config: PretrainedConfig, depth: int, kept: list[int]) -> None:
    for key, value in list(vars(config).items()):
        if isinstance(value, list) and len(value) == depth:
            setattr(config, key, [value[original] for original in kept])
    config.num_hidden_layers = len(kept)
