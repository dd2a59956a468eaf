# pyright: basic
"""Small questions put to torch's own records of a trace: sizes, widths, names, module paths."""

from __future__ import annotations

from collections.abc import Mapping

import sympy
import torch

from workloads.errors import TraceError
from workloads.symbols import Size, add, ceil_divide, floor_divide, maximum, minimum, modulo, multiply, symbol

ROOT = "hwsim_root"
"""Wrappers hold the traced module under this name; it is stripped from all paths."""

FLOAT_BITS, INTEGER_BITS, BOOL_BITS = 16, 32, 8
"""Widths given to traced tensors; precision is chosen later, by role."""

_FUNCTIONS = {
    "Add": add, "Mul": multiply, "FloorDiv": floor_divide, "Mod": modulo, "PythonMod": modulo, "CeilDiv": ceil_divide,
    "CeilToInt": lambda x: x, "Max": maximum, "Min": minimum, "CleanDiv": floor_divide, "IntTrueDiv": floor_divide,
}  # fmt: skip


def size_from(expression: object, names: Mapping[str, str]) -> Size:
    """A torch size (int, SymInt or sympy expression) as a ``Size``.

    Args:
        expression: what torch has.
        names: our name for each of torch's symbols.

    Raises:
        TraceError: a symbol without a name or a function without a counterpart.
    """
    if isinstance(expression, torch.SymInt):
        expression = expression.node.expr
    if isinstance(expression, int | sympy.Integer):
        return int(expression)
    if isinstance(expression, sympy.Symbol):
        if expression.name not in names:
            raise TraceError(f"a size depends on data (torch calls it {expression.name}); it has no name here")
        return symbol(names[expression.name])
    if not isinstance(expression, sympy.Expr):
        raise TraceError(f"{expression!r} is not a size")
    arguments = [size_from(argument, names) for argument in expression.args]
    kind = type(expression).__name__
    if kind == "Pow" and isinstance(arguments[1], int):
        return multiply(*[arguments[0]] * arguments[1])
    if kind not in _FUNCTIONS:
        raise TraceError(f"size {expression}: function {kind} is not supported")
    return _FUNCTIONS[kind](*arguments)


def hint(size: int | torch.SymInt) -> int:
    """The number a size has for the example inputs."""
    return int(size.node.hint) if isinstance(size, torch.SymInt) else int(size)


def bits_of(dtype: torch.dtype) -> int:
    """The width given to a traced tensor."""
    if dtype is torch.bool:
        return BOOL_BITS
    return FLOAT_BITS if dtype.is_floating_point or dtype.is_complex else INTEGER_BITS


def target_name(target: object) -> str:
    """ATen name without overload and without the underscore of in-place variants."""
    schema = getattr(target, "_schema", None)
    if schema is None:
        return str(target)
    name = schema.name.replace("::", ".")
    return name[:-1] if name.endswith("_") and not name.endswith("__") else name


def is_in_place(node: torch.fx.Node) -> bool:
    """Whether the operator changes one of its operands."""
    schema = getattr(node.target, "_schema", None)
    return schema is not None and schema.is_mutable


def holds_tensor(meta: object) -> bool:
    """Whether the record of a node's result is a tensor or a list with one."""
    if isinstance(meta, list | tuple):
        return any(isinstance(value, torch.Tensor) for value in meta)
    return isinstance(meta, torch.Tensor)


def strip_root(name: str) -> str:
    """A module path or parameter name without our wrappers."""
    return name.replace(f"{ROOT}.", "")


def module_path(node: torch.fx.Node) -> str:
    """Path of the innermost module that issued a node; empty for the traced module itself."""
    path = ""
    for entry in (node.meta.get("nn_module_stack") or {}).values():
        candidate = entry[0] if isinstance(entry, tuple) else str(entry)
        path = "" if candidate.startswith("_empty") else candidate
    return strip_root(f"{path}.").removesuffix(".")
