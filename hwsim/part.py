"""The base of every piece of a chip file, and the types of its plain numbers."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Fraction: TypeAlias = Annotated[float, Field(gt=0, le=1)]
Count: TypeAlias = Annotated[int, Field(ge=1, le=10**9)]


class Part(BaseModel):
    """Base of every piece of a chip file: immutable, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
