"""Energy model of spiking transformers (spike-driven transformer V2, arXiv 2404.03663, and Spikingformer, 2304.11954).

4.6 pJ for a multiply-accumulate in front of the first neurons, 0.9 pJ for every spike that is added up. The array of
``snn_45nm`` spends these energies and saves what zeros save; its memories are what the papers leave out.
"""

from __future__ import annotations

from collections.abc import Mapping

from hwsim.config import load_chip
from hwsim.report import Report
from mapper.estimate import make_estimator
from workloads.graph import OperatorGraph
from workloads.model import Choices, bind_model
from workloads.spiking import firing, rate_of
from workloads.user import open_model

STEPS = 4
OPERATIONS: Mapping[str, float] = {
    "spikingformer-8-384": 3.88e9,
    "spikingformer-8-512": 6.52e9,
    "spikingformer-8-768": 12.54e9,
}
"""Operations of four time steps, as the authors' repository prints them (as FLOPs)."""
REFERENCE = "spikingformer-8-512"
DENSE = "vit-b16"
BITS: Mapping[str, int] = dict.fromkeys(("weight", "activation", "input", "output", "state"), 32)


def simulate(_: bool) -> Mapping[str, float]:
    """Million weights, firing rates, millijoules per image.

    Keys: ``weights MODEL``, ``rate MODEL``, ``energy MODEL`` and ``energy at one rate MODEL``, ``dense MODEL``; and of
    the whole chip ``rest MODEL`` and ``rest dense MODEL``: all but the array's arithmetic.
    """
    estimator = make_estimator(load_chip("snn_45nm"), objective="energy")
    graphs = {model: _graph(model, STEPS) for model in OPERATIONS}
    rates = {model: rate_of(graph, OPERATIONS[model]) for model, graph in graphs.items()}
    values = _spent(DENSE, estimator.report(_graph(DENSE, 1)), "dense ")
    for model, graph in graphs.items():
        same = estimator.report(firing(graph, rates[REFERENCE]))
        values |= {
            f"weights {model}": graph.parameters / 1e6,
            f"rate {model}": rates[model],
            f"energy at one rate {model}": 1e3 * arithmetic_joules(same),
            **_spent(model, estimator.report(firing(graph, rates[model]))),
            **_spent(model, estimator.report(_graph(model, 1)), "dense "),
        }
    return values


def _spent(model: str, report: Report, kind: str = "") -> dict[str, float]:
    arithmetic = 1e3 * arithmetic_joules(report)
    rest = 1e3 * report.energy_joules - arithmetic
    return {f"{kind or 'energy '}{model}": arithmetic, f"rest {kind}{model}": rest}


def _graph(model: str, steps: int) -> OperatorGraph:
    return bind_model(open_model(model), "forward", Choices(steps, bits=BITS))


def arithmetic_joules(report: Report) -> float:
    """Energy of the array's multiply-accumulates and additions."""
    return sum(row.energy_joules for row in report.energy if (row.component, row.action) == ("array", "mac"))
