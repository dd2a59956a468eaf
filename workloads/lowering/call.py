"""What a lowering gets to see of one operator call, and the registry of lowerings."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast

from workloads.graph import Access, Affine, Op, Role
from workloads.symbols import Size, multiply


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor as one operator sees it: a view of the named base tensor.

    Attributes:
        tensor: name of the base tensor; views carry the name of what they look at.
        shape: extents of the view.
        hints: the same extents as the numbers of the example input.
        strides: element strides of the view for the example input; 0 marks a broadcast axis.
        bits: width of one element.
        role: what the base tensor is to the network.
    """

    tensor: str
    shape: tuple[Size, ...]
    hints: tuple[int, ...]
    strides: tuple[int, ...]
    bits: int
    role: Role

    @property
    def size(self) -> Size:
        """Number of elements of the view."""
        return multiply(*self.shape) if self.shape else 1

    def extent(self, axis: int) -> Size:
        """Extent of one axis; negative ones count from the end."""
        return self.shape[axis]

    def is_broadcast(self, axis: int) -> bool:
        """Whether all positions along an axis are the same elements."""
        return self.strides[axis] == 0 and self.hints[axis] != 1

    def is_contiguous(self) -> bool:
        """Whether the elements lie in row-major order without gaps."""
        expected = 1
        for extent, stride in zip(reversed(self.hints), reversed(self.strides), strict=True):
            if extent != 1 and stride != expected:
                return False
            expected *= extent
        return True

    def can_view(self, shape: tuple[int, ...]) -> bool:
        """Whether a reshape to these example extents needs no copy."""
        if math.prod(self.hints) == 0:
            return True
        runs = self._runs()
        position = 0
        for extent, _stride in runs:
            product = 1
            while position < len(shape) and product < extent:
                product *= shape[position]
                position += 1
            if product != extent:
                return False
        return all(extent == 1 for extent in shape[position:])

    def _runs(self) -> list[tuple[int, int]]:
        """Maximal groups of axes that are contiguous among themselves, as (elements, innermost stride)."""
        runs: list[tuple[int, int]] = []
        for extent, stride in zip(self.hints, self.strides, strict=True):
            if extent == 1:
                continue
            if runs and runs[-1][1] == extent * stride:
                runs[-1] = (runs[-1][0] * extent, stride)
            else:
                runs.append((extent, stride))
        return runs


@dataclass(frozen=True, slots=True)
class Call:
    """One operator call of a traced network.

    Attributes:
        name: unique name for the operator.
        target: ATen name without overload and without the underscore of in-place variants, such as "aten.linear".
        arguments: by the names of the operator's schema; tensors are ``Value``, the rest plain Python.
        outputs: what it produces.
        source: module path and full ATen name.
    """

    name: str
    target: str
    arguments: Mapping[str, object]
    outputs: tuple[Value, ...]
    source: str

    def value(self, key: str) -> Value:
        """A tensor argument."""
        value = self.arguments[key]
        if not isinstance(value, Value):
            raise TypeError(f"{self.source}: argument {key} is {value!r}, expected a tensor")
        return value

    def maybe(self, key: str) -> Value | None:
        """A tensor argument, or None where it is absent or a number."""
        value = self.arguments.get(key)
        return value if isinstance(value, Value) else None

    def tensors(self) -> tuple[Value, ...]:
        """All tensor arguments in order, those inside lists included."""
        found: list[Value] = []
        for argument in self.arguments.values():
            items = cast("list[object]", argument) if isinstance(argument, list) else [argument]
            found.extend(item for item in items if isinstance(item, Value))
        return tuple(found)

    def values(self, key: str) -> tuple[Value, ...]:
        """A list of tensors."""
        return tuple(item for item in cast("list[object]", self.arguments[key]) if isinstance(item, Value))

    def integer(self, key: str) -> int:
        """An integer or boolean argument."""
        value = self.arguments[key]
        if not isinstance(value, int):
            raise TypeError(f"{self.source}: argument {key} is {value!r}, expected an integer")
        return int(value)

    def integers(self, key: str, count: int | None = None) -> tuple[int, ...]:
        """A list of integers; one integer stands for ``count`` equal ones, an empty list for none."""
        value = self.arguments[key]
        items = cast("list[int]", value) if isinstance(value, list) else [] if value is None else [cast("int", value)]
        if count is not None and len(items) == 1:
            items = items * count
        return tuple(items)

    def text(self, key: str) -> str:
        """A text argument."""
        return str(self.arguments[key])

    def size(self, key: str) -> Size:
        """An integer argument that may be symbolic."""
        return cast("Size", self.arguments[key])

    @property
    def out(self) -> Value:
        """The first output."""
        return self.outputs[0]


Lowering = Callable[[Call], tuple[Op, ...]]

_FAMILIES = ("composite", "contraction", "gather", "move", "pointwise", "reduction", "scan")
_LOWERINGS: dict[str, Lowering] = {}
_STATES: dict[str, tuple[int, ...]] = {}


def lowers(*targets: str, states: tuple[int, ...] = ()) -> Callable[[Lowering], Lowering]:
    """Register a lowering for ATen names; ``states`` are the outputs that are lasting state (caches)."""

    def register(function: Lowering) -> Lowering:
        for target in targets:
            _LOWERINGS[target] = function
            _STATES[target] = states
        return function

    return register


@cache
def _load_families() -> None:
    for family in _FAMILIES:
        importlib.import_module(f"workloads.lowering.{family}")


def find_lowering(target: str) -> Lowering | None:
    """The lowering of an ATen name, if there is one."""
    _load_families()
    return _LOWERINGS.get(target)


def output_role(target: str, position: int) -> Role:
    """The role of one output of an operator."""
    return Role.STATE if position in _STATES.get(target, ()) else Role.ACTIVATION


def axis(*loops: str) -> Affine:
    """An index that is the plain sum of loops; without loops, a constant."""
    return tuple((loop, 1) for loop in loops)


def access(value: Value, *index: Affine) -> Access:
    """An access to a view; a broadcast axis gets a constant index."""
    if len(index) == len(value.shape):
        index = tuple(() if value.is_broadcast(i) else affine for i, affine in enumerate(index))
    return Access(value.tensor, index)


def opaque(value: Value) -> Access:
    """An access by an operator that has no loops of its own (composites)."""
    return Access(value.tensor, tuple(() for _ in value.shape))
