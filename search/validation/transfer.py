"""Do the shared constants of the GPU model carry over to a GPU that was not looked at?

The constants are searched on the matrix products of all GPUs but one, on a coarse grid, and the errors on the one left
out are the honest ones. The structure of the model (tiles, waves, splits, their menu) was made with all in view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from statistics import fmean
from types import MappingProxyType

from pydantic import TypeAdapter

from hwsim.units.gpu import GpuSpec
from hwsim.yaml_text import read_yaml
from search.validation.case import errors_of
from search.validation.gpu_sets import SETS, MeasuredSet, cases_of, gpu_of
from search.validation.measured import Sample

HELD_OUT = Path(__file__).parent / "held_out.yaml"
CLOCK = "clock_share"
"""Where the sustained clock lies between base (0) and boost (1)."""

GRID: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        CLOCK: (0.5, 0.0, 0.25, 0.4, 0.6, 0.75, 1.0),
        "tensor_efficiency": (1.0, 0.80, 0.85, 0.90, 0.95),
        "l2_efficiency": (1.0, 0.55, 0.65, 0.75, 0.85, 0.95),
        "dram_efficiency": (1.0, 0.80, 0.84, 0.88, 0.92),
        "round_overhead": (0.0, 0.5e-6, 1e-6, 1.5e-6, 2e-6),
        "split_overhead": (0.0, 1e-6, 2e-6, 3e-6, 4e-6),
        "overlap_exponent": (10.0, 1.5, 2.0, 2.5, 3.0, 4.0),
        "fluid_share": (0.0, 0.25, 0.5, 0.75),
    }
)
"""Constant -> values tried, the neutral one first: no losses, a perfect overlap, the middle of the clock range."""

ROUNDS, STARTS, DESCENTS = 2, 60, 2
"""At most so many rounds over all constants, from the best few of so many random starts."""

CLOCK_RULE: Mapping[str, float] = MappingProxyType({CLOCK: 0.5})
"""The sustained clock as the mean of base and boost, taken as given."""


def gpu_family(measured: MeasuredSet) -> str:
    """The GPU of a set, whatever its form factor: ``a100``."""
    return measured.name.partition("-")[0]


def changes_of(measured: MeasuredSet, constants: Mapping[str, float]) -> dict[str, float]:
    """The constants as fields of the specification of the set's GPU."""
    spec = gpu_of(measured).spec
    assert isinstance(spec, GpuSpec)
    changes = dict(constants)
    clock = spec.base_clock + changes.pop(CLOCK) * (spec.boost_clock - spec.base_clock)
    return {**changes, "clock_fraction": clock / spec.boost_clock}


def mean_error(samples: Mapping[MeasuredSet, Sequence[Sample]], constants: Mapping[str, float]) -> float:
    """Mean over the sets of their mean absolute errors."""
    return fmean(
        errors_of(cases_of(measured, rows, gpu_of(measured, changes_of(measured, constants)))).mean
        for measured, rows in samples.items()
    )


def search_constants(samples: Mapping[MeasuredSet, Sequence[Sample]], given: Mapping[str, float]) -> dict[str, float]:
    """The constants that suit some sets: the best of random points of the grid, then one constant after the other.

    Args:
        samples: what to look at.
        given: constants that are not searched.
    """
    grid = {name: values for name, values in GRID.items() if name not in given}
    random = Random(0)
    starts = [{**given, **{name: random.choice(values) for name, values in grid.items()}} for _ in range(STARTS)]
    starts.append({**given, **{name: values[0] for name, values in grid.items()}})
    starts.sort(key=lambda start: mean_error(samples, start))
    ends = [_descend(samples, grid, start) for start in starts[:DESCENTS]]
    return min(ends, key=lambda end: mean_error(samples, end))


def _descend(
    samples: Mapping[MeasuredSet, Sequence[Sample]], grid: Mapping[str, tuple[float, ...]], start: Mapping[str, float]
) -> dict[str, float]:
    found = dict(start)
    for _ in range(ROUNDS):
        before = dict(found)
        for name, values in grid.items():
            errors = {value: mean_error(samples, {**found, name: value}) for value in values}
            found[name] = min(errors, key=lambda value: errors[value])
        if found == before:
            break
    return found


@cache
def held_out() -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """Constants chosen on all other GPUs: by "rule" or "free" (the clock given or searched), then by GPU.

    Source: benchmarks/gpu_transfer.py.
    """
    text = HELD_OUT.read_text(encoding="utf-8")
    return TypeAdapter(dict[str, dict[str, dict[str, float]]]).validate_python(read_yaml(text, HELD_OUT.name).data)


def transfer_sets() -> tuple[MeasuredSet, ...]:
    """The sets of matrix products."""
    return tuple(measured for measured in SETS if measured.products)
