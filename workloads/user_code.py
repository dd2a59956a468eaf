# pyright: basic
"""Executing and tracing a Python function that the user named: ``my_model.py:build``.

The function takes no arguments and returns (module, example inputs), or as a third item the axes that are symbols:
for each input by position, which axis is which (``{0: {0: "B"}}`` makes the first axis of the first input the batch).
It runs with ``torch.device("meta")``, so that a model of any size needs no memory; whatever it raises becomes an error
with file and line instead of a traceback.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from workloads.errors import UserModelError, did_you_mean
from workloads.graph import OperatorGraph
from workloads.trace import trace

_MODULE_NAME = "hwsim_user_model"
Axes = dict[int, dict[int, str]]


def trace_function(path: Path, function: str, allow_unknown: bool) -> OperatorGraph:
    """The symbolic graph of what a user's function returns.

    Raises:
        UserModelError: the file or the function raises, or returns something else than (module, example inputs).
        UserError: the module cannot be traced.
    """
    module, inputs, axes = _checked(path, function, _run(path, function, _function(path, function)))
    return trace(module, inputs, name=path.stem, dynamic=axes, allow_unknown=allow_unknown)


def _function(path: Path, function: str) -> Callable[[], object]:
    spec = importlib.util.spec_from_file_location(_MODULE_NAME, path)
    if spec is None or spec.loader is None:
        raise UserModelError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE_NAME] = module
    sys.path.append(str(path.parent.resolve()))
    loader = spec.loader
    _run(path, function, lambda: loader.exec_module(module))
    found = getattr(module, function, None)
    if not callable(found):
        known = [name for name, value in vars(module).items() if callable(value)]
        raise UserModelError(f"{path}: has no function {function!r}{did_you_mean(function, known)}")
    return found


def _run(path: Path, function: str, action: Callable[[], object]) -> object:
    try:
        with torch.device("meta"):
            return action()
    except (Exception, SystemExit) as error:
        line = _line(path, error)
        raise UserModelError(f"{path}:{line}: {function}: {type(error).__name__}: {error}") from error


def _line(path: Path, error: BaseException) -> int:
    """The innermost line of the user's file that an exception came through; for a syntax error, where it is."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == path.resolve()]
    return lines[-1] or 1 if lines else 1


def _checked(path: Path, function: str, result: object) -> tuple[torch.nn.Module, tuple[Any, ...], Axes]:
    expected = "expected (torch.nn.Module, tuple of example tensors)"
    if not isinstance(result, tuple) or len(result) not in (2, 3) or not isinstance(result[0], torch.nn.Module):
        raise UserModelError(f"{path}: {function} returned {type(result).__name__}, {expected}")
    module, inputs, *rest = result
    inputs = (inputs,) if isinstance(inputs, torch.Tensor) else inputs
    if not isinstance(inputs, tuple | list) or not all(isinstance(item, torch.Tensor) for item in inputs):
        raise UserModelError(f"{path}: {function}: the example inputs are {type(inputs).__name__}, {expected}")
    axes = rest[0] if rest else {}
    if not _are_axes(axes, inputs):
        raise UserModelError(f"{path}: {function}: the axes are {axes!r}, expected such as {{0: {{0: 'B'}}}}")
    return module.to("meta"), tuple(item.to("meta") for item in inputs), axes


def _are_axes(axes: object, inputs: Sequence[torch.Tensor]) -> bool:
    return isinstance(axes, dict) and all(
        position in range(len(inputs))
        and isinstance(names, dict)
        and all(axis in range(inputs[position].dim()) and isinstance(name, str) for axis, name in names.items())
        for position, names in axes.items()
    )
