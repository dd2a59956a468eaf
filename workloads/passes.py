"""Named passes over a captured network; each takes operators and tensors and returns new ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from workloads.graph import Access, Op, Role, Tensor
from workloads.symbols import minimum

Network = tuple[tuple[Op, ...], Mapping[str, Tensor]]
Pass = Callable[[Network], Network]


def drop_dead_code(network: Network) -> Network:
    """Remove operators whose results nobody reads; caches, outputs and pure reads stay."""
    ops, tensors = network
    needed: set[str] = {t.name for t in tensors.values() if t.role in (Role.OUTPUT, Role.STATE)}
    kept: list[Op] = []
    for op in reversed(ops):
        if not op.writes or any(access.tensor in needed for access in op.writes):
            kept.append(op)
            needed.update(access.tensor for access in op.reads)
    return tuple(reversed(kept)), tensors


def drop_unused_tensors(network: Network) -> Network:
    """Remove tensors that no operator touches."""
    ops, tensors = network
    used = {access.tensor for op in ops for access in (*op.reads, *op.writes)}
    return ops, {name: tensor for name, tensor in tensors.items() if name in used}


def shorten_names(network: Network) -> Network:
    """Name an operator after its module alone where it is the module's only operator of that name's stem."""
    ops, tensors = network
    taken = {op.name for op in ops}
    owners: dict[str, int] = {}
    for op in ops:
        owners[_module(op)] = owners.get(_module(op), 0) + 1
    names = {}
    for op in ops:
        short = _module(op)
        if short and owners[short] == 1 and short not in taken:
            names[op.name] = short
    return rename_ops(ops, names), tensors


def _module(op: Op) -> str:
    return op.source.split(" (", 1)[0]


def name_outputs(network: Network) -> Network:
    """Name the single result of an operator after the operator."""
    ops, tensors = network
    writers: dict[str, list[str]] = {}
    for op in ops:
        for access in op.writes:
            writers.setdefault(access.tensor, []).append(op.name)
    names = {
        name: owners[0]
        for name, owners in writers.items()
        if len(owners) == 1 and tensors[name].role is not Role.STATE and owners[0] not in tensors
    }
    counts: dict[str, int] = {}
    for owner in names.values():
        counts[owner] = counts.get(owner, 0) + 1
    return rename_tensors((ops, tensors), {name: owner for name, owner in names.items() if counts[owner] == 1})


def trim_windowed_caches(network: Network) -> Network:
    """Let the cache of a sliding-window layer hold the window only, in decode (one query).

    In prefill all new keys are needed until the layer is done, so there the cache keeps its full length.
    """
    ops, tensors = network
    trimmed = dict(tensors)
    for op in ops:
        window = op.param("window", 0) if op.kind == "attention" else 0
        if not isinstance(window, int) or window == 0 or op.param("queries") != 1:
            continue
        for access in op.reads[1:3]:
            cache = tensors[access.tensor]
            if cache.role is Role.STATE:
                batch, length, *rest = cache.shape
                trimmed[cache.name] = replace(cache, shape=(batch, minimum(length, window), *rest))
    return ops, trimmed


def rename_ops(ops: tuple[Op, ...], names: Mapping[str, str]) -> tuple[Op, ...]:
    """Operators under new names."""
    return tuple(replace(op, name=names.get(op.name, op.name)) for op in ops)


def rename_tensors(network: Network, names: Mapping[str, str]) -> Network:
    """Tensors under new names, in the operators too."""
    ops, tensors = network

    def renamed(accesses: tuple[Access, ...]) -> tuple[Access, ...]:
        return tuple(Access(names.get(a.tensor, a.tensor), a.index) for a in accesses)

    new_ops = tuple(replace(op, reads=renamed(op.reads), writes=renamed(op.writes)) for op in ops)
    moved = {names.get(n, n): replace(t, name=names.get(n, n)) for n, t in tensors.items()}
    return new_ops, moved


PASSES: tuple[Pass, ...] = (drop_dead_code, drop_unused_tensors, shorten_names, name_outputs, trim_windowed_caches)
"""What every traced network goes through, in order."""


def run_passes(network: Network) -> Network:
    """The network after all passes."""
    for step in PASSES:
        network = step(network)
    return network
