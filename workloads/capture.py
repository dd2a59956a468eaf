# pyright: basic
"""From an exported torch program to operators and tensors: names, views, constants, and one lowering per node."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch.export.graph_signature import InputKind
from torch.utils._pytree import tree_leaves

from workloads.errors import TraceError, UnknownOperatorError
from workloads.graph import Op, Role, Tensor
from workloads.lowering.call import Call, Value, find_lowering, output_role
from workloads.lowering.move import CREATIONS, is_free, unknown_ops
from workloads.symbols import multiply
from workloads.torch_meta import (
    bits_of,
    hint,
    holds_tensor,
    is_in_place,
    module_path,
    size_from,
    strip_root,
    target_name,
)

_WRAPPERS = frozenset({"wrap_with_set_grad_enabled", "wrap_with_autocast"})
"""Nodes that hold a part of the program as a graph of its own; it is walked in place."""


@dataclass(slots=True)
class Captured:
    """What one exported program came to: operators in order and their tensors by name."""

    ops: list[Op] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    unknown: list[tuple[str, str]] = field(default_factory=list)
    calls: int = 0


class Capture:
    """Walks the nodes of one exported program once and collects what they come to.

    Args:
        program: from ``torch.export``.
        labels: our names for the user's inputs, by torch's names.
        constants: inputs that are known before the network runs; operators on constants alone are dropped.
        names: our name for each of torch's symbols.
    """

    def __init__(
        self,
        program: torch.export.ExportedProgram,
        labels: Mapping[str, str],
        constants: frozenset[str],
        names: Mapping[str, str],
    ) -> None:
        self._program = program
        self._labels = labels
        self._names = names
        self._result = Captured()
        self._values: dict[torch.fx.Node, object] = {}
        self._constant: set[str] = set()
        self._newest: dict[str, str] = {}
        self._used: set[str] = set()
        self._inputs(constants)

    def run(self, allow_unknown: bool) -> Captured:
        """All nodes in order.

        Raises:
            UnknownOperatorError: some operators have no lowering and that is not allowed.
        """
        self._walk(self._program.graph)
        if self._result.unknown and not allow_unknown:
            raise UnknownOperatorError(_unknown_message(self._result))
        for node in self._program.graph.find_nodes(op="output"):
            for leaf in tree_leaves(node.args):
                value = self._argument(leaf)
                if isinstance(value, Value) and value.role is Role.ACTIVATION:
                    tensor = self._result.tensors[value.tensor]
                    self._result.tensors[tensor.name] = replace(tensor, role=Role.OUTPUT)
        return self._result

    def _walk(self, graph: torch.fx.Graph) -> None:
        for node in graph.nodes:
            if node.op == "get_attr":
                self._values[node] = getattr(graph.owning_module, str(node.target), None)
            elif node.op == "call_function":
                self._node(node)

    def _inputs(self, constants: frozenset[str]) -> None:
        specs = {spec.arg.name: spec for spec in self._program.graph_signature.input_specs}
        for node in self._program.graph.find_nodes(op="placeholder"):
            spec, value = specs[node.name], node.meta.get("val")
            if not isinstance(value, torch.Tensor):
                self._values[node] = self._plain(value)
                continue
            name = strip_root(spec.target) if spec.target else self._labels.get(node.name, node.name)
            buffer = spec.kind in (InputKind.BUFFER, InputKind.CONSTANT_TENSOR)
            if buffer or node.name in constants:
                self._constant.add(name)
            own = buffer or spec.kind is InputKind.PARAMETER
            self._values[node] = self._declare(name, value, Role.WEIGHT if own else Role.INPUT)

    def _declare(self, name: str, value: torch.Tensor, role: Role) -> Value:
        if name in self._result.tensors:
            raise TraceError(f"two tensors are named {name!r}")
        view = self._view(name, value, role)
        self._result.tensors[name] = Tensor(name, view.shape, role, view.bits)
        return view

    def _view(self, name: str, value: torch.Tensor, role: Role) -> Value:
        shape = tuple(size_from(size, self._names) for size in value.shape)
        hints, strides = tuple(hint(size) for size in value.shape), tuple(hint(step) for step in value.stride())
        return Value(name, shape, hints, strides, bits_of(value.dtype), role)

    def _plain(self, value: object) -> object:
        return size_from(value, self._names) if isinstance(value, torch.SymInt) else value

    def _argument(self, argument: object) -> object:
        if isinstance(argument, torch.fx.Node):
            value = self._values.get(argument)
            if not isinstance(value, Value):
                return value
            newest = self._newest.get(value.tensor, value.tensor)
            return replace(value, tensor=newest, role=self._result.tensors[newest].role)
        if isinstance(argument, list | tuple):
            return [self._argument(item) for item in argument]
        return argument

    def _node(self, node: torch.fx.Node) -> None:
        name, meta = target_name(node.target), node.meta.get("val")
        if node.target is operator.getitem:
            source = self._argument(node.args[0])
            self._values[node] = source[node.args[1]] if isinstance(source, list | tuple) else None  # type: ignore[index]
        elif name in _WRAPPERS:
            self._inline(node)
        elif not holds_tensor(meta):
            self._values[node] = self._plain(meta)
        else:
            path = module_path(node)
            call = Call(self._unique(path, name), name, self._arguments(node), (), f"{path} ({node.target})")
            try:
                self._call(node, call, path)
            except TraceError as error:
                raise TraceError(f"{call.source.strip()}: {error}") from error

    def _inline(self, node: torch.fx.Node) -> None:
        arguments = [self._argument(argument) for argument in node.args]
        position = next(i for i, argument in enumerate(arguments) if isinstance(argument, torch.fx.GraphModule))
        inner = arguments[position].graph  # type: ignore[union-attr]
        for placeholder, argument in zip(inner.find_nodes(op="placeholder"), arguments[position + 1 :], strict=True):
            self._values[placeholder] = argument
        self._walk(inner)
        self._values[node] = [self._argument(leaf) for leaf in tree_leaves(inner.output_node().args)]

    def _arguments(self, node: torch.fx.Node) -> dict[str, object]:
        schema = getattr(node.target, "_schema", None)
        if schema is None:
            return {str(i): self._argument(argument) for i, argument in enumerate(node.args)}
        given = dict(zip((formal.name for formal in schema.arguments), node.args, strict=False)) | dict(node.kwargs)
        return {
            formal.name: self._argument(given[formal.name]) if formal.name in given else formal.default_value
            for formal in schema.arguments
        }

    def _call(self, node: torch.fx.Node, call: Call, path: str) -> None:
        meta = node.meta["val"]
        several = isinstance(meta, list | tuple)
        metas: list[torch.Tensor | None] = list(meta) if several else [meta]
        operands = call.tensors()
        views = [None if value is None else self._view("", value, Role.ACTIVATION) for value in metas]
        if operands and is_free(replace(call, outputs=_present(views))):
            base = operands[0]
            made = [None if view is None else replace(view, tensor=base.tensor, role=base.role) for view in views]
            self._values[node] = made if several else made[0]
            return
        if is_in_place(node) and operands and self._is_part(operands[0]):
            made = [replace(_present(views)[0], tensor=self._own(operands[0].tensor))]
        else:
            known = call.target in CREATIONS or (bool(operands) and all(o.tensor in self._constant for o in operands))
            made = [None if v is None else self._output(call, path, i, v, known) for i, v in enumerate(metas)]
            if is_in_place(node) and operands:
                self._supersede(operands[0].tensor, _present(made)[0].tensor)
            if known:
                self._constant.update(output.tensor for output in _present(made))
                self._values[node] = made if several else made[0]
                return
        self._values[node] = made if several else made[0]
        self._lower(replace(call, outputs=_present(made)), path, str(node.target))

    def _is_part(self, operand: Value) -> bool:
        return multiply(*self._result.tensors[operand.tensor].shape) != operand.size

    def _own(self, name: str) -> str:
        """Make a tensor that was known beforehand an ordinary one, because an operator writes into it."""
        if name in self._constant:
            self._constant.discard(name)
            self._result.tensors[name] = replace(self._result.tensors[name], role=Role.ACTIVATION)
        return name

    def _output(self, call: Call, path: str, position: int, value: torch.Tensor, known: bool) -> Value:
        role = Role.INPUT if known else output_role(call.target, position)
        label = call.arguments.get("label")
        name = call.name if position == 0 else f"{call.name}.{position}"
        if role is Role.STATE and isinstance(label, str):
            name = f"{path}.{label}" if path else label
        return self._declare(name, value, role)

    def _supersede(self, old: str, new: str) -> None:
        """After an in-place operator, everyone who names the old tensor means the new one."""
        for name, newest in [*self._newest.items(), (old, old)]:
            if newest == old:
                self._newest[name] = new

    def _lower(self, call: Call, path: str, full_name: str) -> None:
        self._result.calls += 1
        lowering = find_lowering(call.target)
        if lowering is None:
            self._result.unknown.append((full_name, path))
            self._result.ops.extend(unknown_ops(call))
        else:
            self._result.ops.extend(lowering(call))

    def _unique(self, path: str, target: str) -> str:
        kind = target.rsplit(".", 1)[-1]
        base = f"{path}.{kind}" if path else kind
        name, number = base, 0
        while name in self._used:
            number += 1
            name = f"{base}_{number}"
        self._used.add(name)
        return name


def _present(values: Sequence[Value | None]) -> tuple[Value, ...]:
    return tuple(value for value in values if value is not None)


def _unknown_message(result: Captured) -> str:
    known = result.calls - len(result.unknown)
    lines = sorted({f"  {name} in {path or 'the top module'}" for name, path in result.unknown})
    share = 100 * known / max(1, result.calls)
    shown = lines[:10] + ([f"  and {len(lines) - 10} more"] if len(lines) > 10 else [])
    return "\n".join(
        [
            f"{len(result.unknown)} of {result.calls} operators have no lowering (coverage {share:.1f} %):",
            *shown,
            "allow unknown operators to count them as traffic only",
        ]
    )
