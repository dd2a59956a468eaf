"""Reductions of off-chip bytes at the budgets of COSMA, by network, granularity and baseline."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from statistics import fmean

from search.reproduction.simulations.cosma_graphs import HUMAN, NAS, Network, fused, traced
from search.reproduction.simulations.cosma_rows import BASELINES, Row, rows

LIMIT_SECONDS = 60.0
"""For each instance; the networks people designed need less than 2."""
OPTIMAL = "optimal"


def values(full: bool) -> dict[str, float]:
    """All keys of the panels; the networks found by search only in full.

    Per network ``NAME, BUDGET, GRAIN, SCHEME`` in MB, averages ``SET, GRAIN, with|without parameters, BASELINE`` in
    percent at M_R, ``SET, PARAMETERS, nothing extra at M_P`` as a number of instances, ``seconds`` of CPU per instance.
    """
    human = [row for name in HUMAN for row in _network(name, (False, True))]
    searched = [row for name in (NAS if full else ()) for row in _network(name, (False,), budgets=1)]
    found = [*human, *searched]
    values = {key: number for row in found if not row.parameters for key, number in _bytes(row)}
    for kind, names in (("human", HUMAN), ("nas", NAS)):
        mine = [row for row in found if row.network in names]
        values |= dict(_reductions(kind, mine))
        for parameters in (False, True):
            peak = [row for row in mine if row.budget == "M_P" and row.parameters == parameters]
            values[f"{kind}, {_words(parameters)}, nothing extra at M_P"] = sum(row.extra == 0 for row in peak)
    return {**values, "seconds": round(fmean(row.seconds for row in human), 2)}


def _network(name: str, parameters: tuple[bool, ...], budgets: int = 3) -> Iterator[Row]:
    """The first budgets, M_R before all others, of a network as it is and fused."""
    whole = traced(name)
    grains: tuple[tuple[str, Network], ...] = (("unfused", whole), ("fused", fused(whole)))
    for grain, network in grains:
        for with_them in parameters:
            yield from islice(rows(name, network, grain, with_them, LIMIT_SECONDS), budgets)


def _bytes(row: Row) -> Iterator[tuple[str, float]]:
    head = f"{row.network}, {row.budget}, {row.grain}"
    yield f"{head}, {OPTIMAL}", row.extra / 1e6
    for name, extra in zip(BASELINES, row.baselines, strict=True):
        yield f"{head}, {name}", extra / 1e6


def _reductions(kind: str, found: list[Row]) -> Iterator[tuple[str, float]]:
    """Means over the networks for which the baseline needs any extra bytes."""
    for grain, parameters in sorted({(row.grain, row.parameters) for row in found}):
        mine = [row for row in found if (row.grain, row.parameters, row.budget) == (grain, parameters, "M_R")]
        for place, name in enumerate(BASELINES):
            parts = [1 - row.extra / row.baselines[place] for row in mine if row.baselines[place]]
            if parts:
                yield f"{kind}, {grain}, {_words(parameters)}, {name}", 100 * fmean(parts)


def _words(parameters: bool) -> str:
    return "with parameters" if parameters else "without parameters"
