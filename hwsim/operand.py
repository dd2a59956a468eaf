"""The three operands of a contraction."""

from __future__ import annotations

from typing import Literal, TypeAlias

Operand: TypeAlias = Literal["input", "weight", "output"]
OPERANDS: tuple[Operand, ...] = ("input", "weight", "output")
