"""How the kernels are compiled: plain pointers between functions, so that nothing is counted, checked or copied."""

# pyright: basic
from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit, types
from numba.core import cgutils, event
from numba.extending import intrinsic

_jit: Any = njit

inner: Any = _jit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
"""A function that only other kernels call, made part of them: best called from one place, or short."""

apart: Any = _jit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""A function that only other kernels call, and seldom."""

entry_point: Any = _jit(cache=True, error_model="numpy")
"""A function called from Python; what it was compiled to is kept on disk."""


def _pointer(typing_context: Any, array: Any) -> Any:
    """Address of the first value of an array of 64-bit integers; the caller keeps the array alive."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(types.int64)(array), build


pointer: Any = intrinsic(_pointer)
"""Address of the first value of an array of 64-bit integers; the caller keeps the array alive."""


def fingerprint() -> int:
    """A positive number that changes with every change of a file of this folder."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return int.from_bytes(hashlib.sha256(b"".join(file.read_bytes() for file in files)).digest()[:7], "big") + 1


class _Announcer(event.Listener):
    """Calls back once, when something begins to be compiled (what is loaded from disk is not)."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback, self._told = callback, False

    def on_start(self, event: Any) -> None:
        if not self._told:
            self._told = True
            self._callback()

    def on_end(self, event: Any) -> None:
        pass


def announcing(callback: Callable[[], None]) -> Any:
    """A context in which the first compilation that begins is announced by a call."""
    return event.install_listener("numba:compile", _Announcer(callback))
