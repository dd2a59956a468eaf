# pyright: basic
"""Trace a PyTorch module into an operator graph: export, lower every node, clean up, fold what repeats."""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import sympy
import torch

from workloads.capture import Capture, Captured
from workloads.errors import TraceError
from workloads.fold import fold
from workloads.graph import OperatorGraph, check
from workloads.passes import Network, run_passes
from workloads.torch_ops import one_node_modules

Dynamic = Mapping[int, Mapping[int, str]]
"""For inputs by position: which axis is which symbol."""


class _Root(torch.nn.Module):
    """Holds the user's module under the name that ``capture`` strips from all paths."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.hwsim_root = module

    def forward(self, *inputs):
        return self.hwsim_root(*inputs)


def trace(
    module: torch.nn.Module,
    inputs: tuple,
    *,
    name: str,
    phase: str = "forward",
    dynamic: Dynamic | None = None,
    constants: frozenset[int] = frozenset(),
    parameters: int | None = None,
    facts: Mapping[str, int | str] | None = None,
    allow_unknown: bool = False,
) -> OperatorGraph:
    """The operator graph of a module, for example inputs of the right shapes.

    Args:
        module: any module that ``torch.export`` can trace; it is put in evaluation mode and otherwise left as it was.
        inputs: example inputs, on the meta device or a real one; only shapes matter.
        name, phase: for the graph.
        dynamic: axes that become symbols; the example extent should be 2 or more and unlike other extents.
        constants: inputs (by position) that are known before the network runs, such as position numbers; what
            depends on them alone is not computed in the graph.
        parameters: trained parameters, where the module is only a part of the model.
        facts: passed on to the graph.
        allow_unknown: count operators without a lowering as traffic instead of raising.

    Raises:
        TraceError: torch cannot export the module, or an axis turned out not to be dynamic.
        UnknownOperatorError: operators without a lowering.
    """
    captured = capture(module, inputs, dynamic=dynamic, constants=constants, allow_unknown=allow_unknown)
    count = parameters if parameters is not None else count_parameters(module)
    return build_graph(captured, run_passes((tuple(captured.ops), captured.tensors)), name, phase, count, facts)


def build_graph(
    captured: Captured, network: Network, name: str, phase: str, parameters: int, facts: Mapping[str, int | str] | None
) -> OperatorGraph:
    """Fold a network and put it together as a checked graph."""
    segments, tensors = fold(network)
    unknown: dict[tuple[str, str], int] = {}
    for entry in captured.unknown:
        unknown[entry] = unknown.get(entry, 0) + 1
    graph = OperatorGraph(
        model=name,
        phase=phase,
        tensors=tuple(tensors.values()),
        segments=segments,
        parameters=parameters,
        facts=tuple(sorted((facts or {}).items())),
        unknown=tuple((target, path, count) for (target, path), count in sorted(unknown.items())),
    )
    check(graph)
    return graph


def count_parameters(module: torch.nn.Module) -> int:
    """Trained parameters of a module; tied ones count once."""
    return sum(parameter.numel() for parameter in module.parameters())


def capture(
    module: torch.nn.Module,
    inputs: tuple,
    *,
    dynamic: Dynamic | None,
    constants: frozenset[int] = frozenset(),
    allow_unknown: bool = False,
) -> Captured:
    """Export a module and lower its nodes, without passes.

    Raises:
        TraceError: torch cannot export the module, or an axis turned out not to be dynamic.
        UnknownOperatorError: operators without a lowering.
    """
    training = module.training
    module.eval()
    try:
        with torch.no_grad(), one_node_modules(module), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _quiet():
                program = _export(_Root(module), inputs, dynamic or {})
    finally:
        module.train(training)
    names, symbols = _user_inputs(program, dynamic or {})
    labels = dict(zip(names, _argument_names(module, len(names)), strict=True))
    return Capture(program, labels, frozenset(names[i] for i in constants), symbols).run(allow_unknown)


def _argument_names(module: torch.nn.Module, count: int) -> list[str]:
    """Names for the inputs: those of the module's own arguments, as far as they go."""
    named = [
        name
        for name, argument in inspect.signature(module.forward).parameters.items()
        if argument.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]
    return [f"input.{named[i]}" if i < len(named) and len(named) >= count else f"input.{i}" for i in range(count)]


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch logs the trace-back of an error that it also raises; the raised one is enough."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)


def _export(root: torch.nn.Module, inputs: tuple, dynamic: Dynamic) -> torch.export.ExportedProgram:
    axes = tuple(
        {axis: torch.export.Dim.AUTO for axis in dynamic.get(position, {})} or None for position in range(len(inputs))
    )
    try:
        return torch.export.export(root, inputs, dynamic_shapes=(axes,), strict=False)
    except (RuntimeError, ValueError, TypeError, NotImplementedError, AttributeError, AssertionError) as error:
        text = str(error).strip().splitlines()
        first = text[0] if text else type(error).__name__
        raise TraceError(
            f"{type(root.hwsim_root).__name__} cannot be traced: {type(error).__name__}: {first}"
        ) from error


def _user_inputs(program: torch.export.ExportedProgram, dynamic: Dynamic) -> tuple[list[str], dict[str, str]]:
    """Names of the user's inputs in order, and our name for each of torch's symbols."""
    placeholders = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    names = [str(name) for name in program.graph_signature.user_inputs]
    symbols: dict[str, str] = {}
    for position, axes in dynamic.items():
        value = placeholders[names[position]].meta["val"]
        for axis, wanted in axes.items():
            size = value.shape[axis]
            if not isinstance(size, torch.SymInt) or not isinstance(size.node.expr, sympy.Symbol):
                raise TraceError(
                    f"input {position}, axis {axis} ({wanted}) is not dynamic: the module fixes it to {size}"
                )
            symbols[str(size.node.expr)] = wanted
    return names, symbols
