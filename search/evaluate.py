"""One design to one outcome: build the chip, map and simulate every workload, judge the sums.

An `Evaluator` lives in a worker process: graphs are bound once, mappings are shared between designs. What depends on
the chip alone (area) is judged before anything is mapped. With a front to beat, the coarse mapper and the closed form
come first, and the real mapper and the event engine only see designs that the front would not dominate if they turned
out better by ``MARGIN``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from hwsim.bounds import DoesNotFitError, check_fits, needed_bytes
from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.cost import dollars_per_million
from hwsim.machine import Machine, capacity_bytes, make_machine
from hwsim.program import Mark, Repeat, Run, Size
from hwsim.program_code import times_of
from hwsim.sequence import make_entries
from hwsim.simulation import work_done
from hwsim.technology import static_power_watts
from hwsim.totals import totals
from hwsim.work import nest_for
from mapper.base import Goal, Task
from mapper.base import Objective as MappingGoal
from mapper.compiled import compiled_mapper
from mapper.estimate import Estimator, native_precision
from mapper.graph import Search, map_with
from search.closed_form import closed_joules, closed_seconds
from search.design import Design, Values, build_chip, make_design
from search.expression import Scalar
from search.mapping_store import Store, shared_search
from search.objective import (
    EARLY,
    Fidelity,
    Outcome,
    Totals,
    measure,
    objective_values,
    signs,
    violations,
)
from search.space import Space
from search.space_file import base_path, load_space, space_path
from workloads.errors import UserError
from workloads.graph import OperatorGraph, Role, graph_macs
from workloads.inline import parse_inline
from workloads.precision import with_precision

MARGIN = 0.15
"""How much better a design may turn out than its closed form before it counts as hopeless.

On 70 random designs of the edge space time on the engine was 0.75 to 1.11 of the closed form (one in ten below 0.87),
energy 0.89 to 1.29 (one in ten below 0.94); a design is misjudged only if both are better than the margin at once.
"""
_ROLES = tuple(role.value for role in Role)
Front = Sequence[tuple[float, ...]]


@dataclass(slots=True)
class Evaluator:
    """A space made ready to evaluate designs.

    Attributes:
        base: file of the base chip.
        graphs: bound graphs by model and settings.
        store: mappings shared between designs.
    """

    space: Space
    base: Path
    graphs: dict[tuple[object, ...], OperatorGraph] = field(default_factory=dict[tuple[object, ...], OperatorGraph])
    store: Store = field(default_factory=Store)


def make_evaluator(space_file: str | Path) -> Evaluator:
    """An evaluator of a space by its name or file, with compiled code loaded; raises what ``load_space`` raises."""
    path = space_path(space_file)
    space = load_space(path)
    base = base_path(space, path)
    _load_compiled(base)
    return Evaluator(space, base)


def _load_compiled(base: Path) -> None:
    """Run compiled code once, so that loading it does not count as time of the first design."""
    times_of((Repeat(4, (Run(0, 1, (), 0),)), Mark(0)), Size(1, 1, 1, 1))
    machine = make_machine(load_chip(base))
    graph = with_precision(parse_inline("matmul:m=4,n=4,k=4"), dict.fromkeys(_ROLES, 1))
    (_, op), *_ = graph.walk()
    for name, unit in machine.arrays.items():
        if unit.refuses(op, graph.by_name) is None:
            task = Task(nest_for(machine, name, op, graph.by_name), unit, float("inf"), frozenset())
            compiled_mapper("coarse")(task, machine, Goal())


def evaluate(evaluator: Evaluator, values: Values, front: Front = ()) -> Outcome:
    """The outcome of some values; what a design can't do becomes its status, and only bugs raise.

    Args:
        evaluator: the space.
        values: of the parameters that exist.
        front: objectives (all to be minimized, that is times ``signs``) that a design must not be hopeless against;
            empty plays every design on the event engine.
    """
    started = time.process_time()
    outcome = _outcome(evaluator, make_design(evaluator.space, values), front)
    return replace(outcome, cpu_seconds=time.process_time() - started)


def _outcome(evaluator: Evaluator, design: Design, front: Front) -> Outcome:
    if design.violations:
        missed = dict(design.violations)
        return Outcome("infeasible", {}, missed, f"violates {next(iter(missed))}")
    try:
        chip = build_chip(evaluator.base, design.overrides)
        machine = make_machine(chip)
        early = _early(evaluator.space, design, machine)
        missed = _limits(evaluator.space, early, True)
        if missed:
            return Outcome("infeasible", early, missed, _exceeded(missed))
        return _mapped(evaluator, design, machine, front)
    except UserError as error:
        return Outcome("infeasible", {}, {"chip": 1.0}, " ".join(str(error).split()))


def _early(space: Space, design: Design, machine: Machine) -> dict[str, float]:
    totals = Totals(0, 0, 0, 0, 0, 1.0, machine.area_square_metres, accuracy=_accuracy(space, design))
    return measure(totals, sorted(EARLY))


def _limits(space: Space, quantities: Mapping[str, float], early: bool) -> dict[str, float]:
    limits = [one for one in space.constraints if not early or one.quantity in EARLY]
    return violations(limits, quantities)


def _exceeded(missed: Mapping[str, float]) -> str:
    return "; ".join(f"misses its limit of {name} by {100 * amount:.3g} %" for name, amount in missed.items())


def _accuracy(space: Space, design: Design) -> float | None:
    from search.families import knobs_of, proxy

    if not space.accuracy:
        return None
    bits = dict(design.knobs).get("bits")
    extra = {} if bits is None else {"bits": float(bits)}
    return min(proxy(space.accuracy)[1]({**knobs_of(model), **extra}) for model in design.models)


def _mapped(evaluator: Evaluator, design: Design, machine: Machine, front: Front) -> Outcome:
    space, knobs = evaluator.space, dict(design.knobs)
    mapper, goal = str(knobs.get("mapper", space.mapper)), cast(MappingGoal, str(knobs.get("goal", space.goal)))
    search = shared_search(_search(machine, mapper, Goal(goal)), evaluator.store)
    graphs = [_graph(evaluator, Estimator(search), model, place, knobs) for place, model in enumerate(design.models)]
    for graph in graphs:
        try:
            check_fits(graph, machine)
        except DoesNotFitError as error:
            over = needed_bytes(graph, bool(machine.holders)) / capacity_bytes(machine.chip) - 1
            return Outcome("infeasible", {}, {"memory": max(over, 1e-6)}, error.short)
    weights = [workload.weight for workload in space.workloads]
    accuracy = _accuracy(space, design)
    if front:
        coarse = shared_search(_search(machine, "coarse", Goal(goal)), evaluator.store)
        closed = [_closed(graph, map_with(coarse, graph), machine) for graph in graphs]
        outcome = _judged(space, _totals(machine, graphs, weights, closed, accuracy), "closed form")
        if not _promising(space, outcome, front):
            return outcome
    runs = [totals(graph, map_with(search, graph), machine) for graph in graphs]
    played = [(one.seconds, one.energy_joules, float(one.work)) for one in runs]
    return _judged(space, _totals(machine, graphs, weights, played, accuracy), "engine")


def _search(machine: Machine, mapper: str, goal: Goal) -> Search:
    """Another chip is the answer to one that can't be mapped, so no advice is worked out."""
    return Search(machine, mapper, goal, advise=False, mapper_of=compiled_mapper)


def _graph(
    evaluator: Evaluator, estimator: Estimator, model: str, place: int, knobs: Mapping[str, Scalar]
) -> OperatorGraph:
    from search.families import build_family, is_family

    workload = evaluator.space.workloads[place]
    batch, context = int(knobs.get("batch", workload.batch)), knobs.get("context", workload.context)
    bits = {**workload.bits, **dict.fromkeys(_ROLES if "bits" in knobs else (), int(knobs.get("bits", 0)))}
    bits |= {key.removeprefix("bits."): int(value) for key, value in knobs.items() if key.startswith("bits.")}
    key = (model, workload.phase, batch, context, tuple(sorted(bits.items())))
    if key not in evaluator.graphs:
        if is_family(model):
            evaluator.graphs[key] = build_family(model, bits.get("activation", 8))
        else:
            evaluator.graphs[key] = _catalog_graph(model, workload.phase, batch, context, bits)
    graph = evaluator.graphs[key]
    return graph if bits else native_precision(estimator, graph)[0]


def _catalog_graph(model: str, phase: str | None, batch: int, context: Any, bits: dict[str, int]) -> OperatorGraph:
    from workloads.model import Choices, bind_model
    from workloads.user import open_model

    graph = bind_model(open_model(model), phase, Choices(batch, None if context is None else int(context)))
    return with_precision(graph, {**dict.fromkeys(_ROLES, 16), **bits}) if bits else graph


def _closed(graph: OperatorGraph, schedule: Any, machine: Machine) -> tuple[float, float, float]:
    entries = make_entries(graph, schedule, machine, tasks=False)
    seconds = closed_seconds(entries)
    joules = closed_joules(entries, seconds, static_power_watts(machine.chip))
    return seconds, joules, float(work_done(graph)[0])


def _totals(
    machine: Machine,
    graphs: Sequence[OperatorGraph],
    weights: Sequence[float],
    found: Sequence[tuple[float, float, float]],
    accuracy: float | None,
) -> Totals:
    seconds, joules, work = (sum(w * one[part] for w, one in zip(weights, found, strict=True)) for part in range(3))
    chip: Chip = machine.chip
    return Totals(
        seconds=seconds,
        energy_joules=joules,
        work=work,
        macs=sum(w * graph_macs(graph) for w, graph in zip(weights, graphs, strict=True)),
        parameters=float(sum(graph.parameters for graph in graphs)),
        clock_hertz=chip.clock_hertz,
        area_square_metres=machine.area_square_metres,
        dollars_per_million=dollars_per_million(chip, seconds, max(1, round(work)), joules / seconds)
        if seconds
        else None,
        accuracy=accuracy,
    )


def _judged(space: Space, totals: Totals, fidelity: Fidelity) -> Outcome:
    quantities = measure(totals)
    missed = _limits(space, quantities, False)
    unknown = [one.quantity for one in space.objectives if one.quantity not in quantities]
    if unknown:
        missed |= dict.fromkeys(unknown, 1.0)
        return Outcome("infeasible", quantities, missed, f"{unknown[0]} is not known of this chip", fidelity)
    if missed:
        return Outcome("infeasible", quantities, missed, _exceeded(missed), fidelity)
    return Outcome("ok", quantities, {}, "", fidelity)


def _promising(space: Space, outcome: Outcome, front: Front) -> bool:
    """Whether the closed form, taken ``MARGIN`` better than it says, is not dominated by the front.

    A design that misses a limit by less than the margin is played, too.
    """
    if any(amount <= MARGIN for amount in outcome.violations.values()):
        return True
    values = objective_values(space.objectives, outcome.quantities)
    if outcome.violations or values is None:
        return False
    hoped = [sign * value for sign, value in zip(signs(space), values, strict=True)]
    uncertain = [value - abs(value) * _slack(one.quantity) for value, one in zip(hoped, space.objectives, strict=True)]
    return not any(all(a <= b for a, b in zip(known, uncertain, strict=True)) for known in front)


def _slack(quantity: str) -> float:
    """What the closed form knows exactly has no margin."""
    return 0.0 if quantity in {"area_mm2", "accuracy", "macs", "parameters"} else MARGIN
