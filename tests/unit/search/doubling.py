"""Work for processes of a test; imports nothing, so that they start quickly."""

from __future__ import annotations

import os
from collections.abc import Callable


def double(number: int) -> int:
    """Twice a number; ends the process below zero and fails at 13."""
    if number < 0:
        os._exit(7)
    return 2 * number // bool(number - 13)


def make_double() -> Callable[[int], int]:
    """The function that every process makes for itself."""
    return double
