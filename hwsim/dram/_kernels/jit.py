"""How the kernels are compiled."""

# pyright: basic
from __future__ import annotations

from numba import njit

inner = njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""A function that only other kernels call."""

entry_point = njit(cache=True, error_model="numpy")
"""A function called from Python; what it was compiled to is kept on disk."""
