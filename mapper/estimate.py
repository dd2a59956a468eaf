"""From a model and a chip to a report: precision where the user left it open, mapping, simulation, generation.

report = estimate("llama-3-8b", load_chip("tpu_v4i"), phase="decode", context=2048)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from hwsim.bounds import leaves, needed_bytes
from hwsim.chip import Chip
from hwsim.machine import capacity_bytes, make_machine
from hwsim.nest import is_contraction
from hwsim.quantity import show
from hwsim.report import Report
from hwsim.simulation import simulate
from mapper.base import Objective
from mapper.choices import FAST, MappingChoices
from mapper.generate import add_up, step_weights
from mapper.graph import Search, map_with, mapped_form
from workloads.graph import OperatorGraph, Tensor, elements
from workloads.model import Choices, Model, bind_model, plan_model
from workloads.phases import decode_step
from workloads.precision import with_precision

_ROLES = ("weight", "activation", "input", "output", "state")
PRECISIONS: tuple[Mapping[str, int], ...] = (
    dict.fromkeys(_ROLES, 16),
    dict.fromkeys(_ROLES, 8),
    {**dict.fromkeys(_ROLES, 16), "weight": 4},
    {**dict.fromkeys(_ROLES, 8), "weight": 4},
)
"""Bits by role tried, in this order, when the user states none; 4-bit weights only where no wider ones compute."""


@dataclass(slots=True)
class Estimator:
    """A chip made ready, with a mapper; graphs estimated by the same one share their mappings."""

    search: Search

    @property
    def chip(self) -> Chip:
        """The target."""
        return self.search.machine.chip

    def report(self, graph: OperatorGraph) -> Report:
        """Map and simulate a bound graph; raises what ``map_graph`` and ``simulate`` raise."""
        graph = mapped_form(self.search, graph)
        return simulate(graph, map_with(self.search, graph), self.chip, self.search.machine)


def make_estimator(
    chip: Chip,
    mapper: str = "fast",
    objective: Objective = "latency",
    *,
    budget_seconds: float | None = None,
    jobs: int = 1,
    cached: bool = True,
) -> Estimator:
    """An estimator for a chip; the other arguments are those of ``MappingChoices``.

    Raises:
        MappingChoiceError: a budget or jobs for a mapper that knows neither.
    """
    return estimator_for(chip, MappingChoices(mapper, objective, budget_seconds, jobs, cached))


def estimator_for(
    chip: Chip, choices: MappingChoices = FAST, say: Callable[[str], None] | None = None, advise: bool = True
) -> Estimator:
    """An estimator for a chip.

    Args:
        chip: the target.
        choices: how mappings are found.
        say: is told how far the mapping of a graph is.
        advise: whether what does not fit is tried on changed chips; a sweep over chips has no use for that.
    """
    machine = make_machine(chip)
    search = Search(
        machine,
        choices.mapper,
        choices.goal,
        placement=choices.placement,
        residency=choices.residency,
        fusion=choices.fusion,
        say=say,
        advise=advise,
    )
    if choices.cached and choices.mapper != FAST.mapper:
        from mapper.cache import open_cache

        search.store = open_cache(machine)
    return Estimator(search)


def estimate(
    text: str,
    chip: Chip,
    *,
    phase: str | None = None,
    batch: int = 1,
    context: int | None = None,
    prompt: int | None = None,
    output: int | None = None,
    bits: Mapping[str, int] | None = None,
    mapper: str = "fast",
    objective: Objective = "latency",
    budget_seconds: float | None = None,
    jobs: int = 1,
    cached: bool = True,
) -> Report:
    """The report of a model, named as on the command line, on a chip.

    Args:
        text: catalog name, inline operator, ``file.py:function``, config.json or saved graph.
        chip: the target.
        phase: forward, prefill, decode or generate; None is the model's default.
        batch: independent sequences or images.
        context: tokens; in decode the new one included.
        prompt, output: tokens read and written, for ``generate``.
        bits: bits per element by role; None means 16, or 8 where the chip computes or holds no more.
        mapper, objective, budget_seconds, jobs, cached: see ``mapper.choices.MappingChoices``.

    Raises:
        UserError: of the kind that says what is wrong.
    """
    from workloads.user import open_model

    estimator = estimator_for(chip, MappingChoices(mapper, objective, budget_seconds, jobs, cached))
    return estimate_model(estimator, open_model(text), Choices(batch, context, bits), phase, prompt, output)


def estimate_model(
    estimator: Estimator,
    model: Model,
    choices: Choices,
    phase: str | None = None,
    prompt: int | None = None,
    output: int | None = None,
) -> Report:
    """The report of an opened model; see ``estimate``."""
    if phase == "generate":
        return _generate(estimator, model, choices, prompt or 1, output or 1)
    graph, warnings = bound_graph(estimator, model, choices, phase)
    report = estimator.report(graph)
    return replace(report, warnings=(*report.warnings, *warnings), bits=_widths(graph))


def bound_graph(
    estimator: Estimator, model: Model, choices: Choices, phase: str | None
) -> tuple[OperatorGraph, tuple[str, ...]]:
    """The graph of one phase as it is mapped, at the precision it is estimated with; a warning where that was not the
    user's.
    """
    graph = mapped_form(estimator.search, bind_model(model, phase, choices))
    return (graph, ()) if choices.bits is not None else native_precision(estimator, graph)


def native_precision(estimator: Estimator, graph: OperatorGraph) -> tuple[OperatorGraph, tuple[str, ...]]:
    """The widest precision that the chip computes with and that lets the model fit, with a warning when it is not 16
    bits.

    A graph that fits at no width is returned at the widest the chip computes with, so that the simulator says by how
    much.
    """
    computed: list[tuple[int, OperatorGraph]] = []
    for place, bits in enumerate(PRECISIONS):
        if computed and bits["weight"] == 4:
            return computed[0][1], ()
        candidate = with_precision(graph, bits) if place else graph
        if _computes(estimator, candidate):
            computed.append((place, candidate))
            if _fits(estimator, candidate):
                break
    else:
        return (computed[0][1] if computed else graph), ()
    place, chosen = computed[-1]
    if place == 0:
        return chosen, ()
    why = f"does not compute with {_named(PRECISIONS[0])}"
    if computed[0][0] == 0:
        has, needs = capacity_bytes(estimator.chip), needed_bytes(graph)
        why = f"holds {show(has, 'B')}, {_named(PRECISIONS[0])} need {show(needs, 'B')}"
    what = _named(PRECISIONS[place])
    text = f"estimated with {what} per element, because {estimator.chip.name} {why}; choose with --bits"
    return chosen, (text,)


def _bits_of(graph: OperatorGraph) -> dict[str, int]:
    """The precision that was chosen for a graph."""
    return {key.removeprefix("bits_"): int(value) for key, value in graph.facts if key.startswith("bits_")}


def _widths(graph: OperatorGraph) -> tuple[tuple[str, int], ...]:
    """Bits per element of the largest tensor of every role."""
    largest: dict[str, Tensor] = {}
    for tensor in graph.tensors:
        role = tensor.role.value
        if role not in largest or elements(tensor) > elements(largest[role]):
            largest[role] = tensor
    return tuple((role, largest[role].bits) for role in _ROLES if role in largest)


def _named(bits: Mapping[str, int]) -> str:
    """``8 bits``, or ``16 bits (weights 4)``."""
    weights = "" if bits["weight"] == bits["activation"] else f" (weights {bits['weight']})"
    return f"{bits['activation']} bits{weights}"


def _fits(estimator: Estimator, graph: OperatorGraph) -> bool:
    machine = estimator.search.machine
    return needed_bytes(graph, bool(machine.holders)) <= capacity_bytes(machine.chip)


def _computes(estimator: Estimator, graph: OperatorGraph) -> bool:
    """Whether the chip's arrays or kernels accept every contraction at its width."""
    machine = estimator.search.machine
    units = [*machine.arrays.values(), *machine.kernels.values()]
    asked: set[tuple[str, int]] = set()
    for _, op in graph.walk():
        tensors = {**graph.by_name, **{t.name: t for t in op.internal}} if op.internal else graph.by_name
        for leaf in leaves(op):
            if not is_contraction(leaf) or len(leaf.reads) < 2:
                continue
            key = (leaf.kind, max(tensors[access.tensor].bits for access in leaf.reads[:2]))
            if key in asked:
                continue
            asked.add(key)
            if units and all(unit.refuses(leaf, tensors) is not None for unit in units):
                return False
    return True


def _generate(estimator: Estimator, model: Model, choices: Choices, prompt: int, output: int) -> Report:
    """Prefill plus all decode steps; see ``mapper.generate`` for how the steps are summed."""
    plan = plan_model(model, prompt, output, choices)
    last = decode_step(plan, max(plan.last_context, plan.first_context - 1))
    warnings: tuple[str, ...] = ()
    if choices.bits is None:
        chosen, warnings = native_precision(estimator, last)
        if chosen is not last:
            plan = plan_model(model, prompt, output, replace(choices, bits=_bits_of(chosen)))
    start = len(estimator.search.asked)
    prefill = estimator.report(plan.prefill)
    known: dict[int, Report] = {}

    def step(context: int) -> Report:
        if context not in known:
            known[context] = estimator.report(decode_step(plan, context))
        return known[context]

    weights = step_weights(plan.first_context, plan.last_context, step) if plan.steps else {}
    parts = [("prefill.", prefill, 1.0), *(("decode.", step(context), weight) for context, weight in weights.items())]
    report = add_up(parts, batch=choices.batch, output=output, prompt=prompt)
    note = estimator.search.note(start)
    if plan.steps:
        note += f"; {plan.steps} decode steps summed from {len(known)} simulated ones"
    warned = (*report.warnings, *warnings)
    return replace(report, mapper_note=note, warnings=warned, bits=_widths(plan.prefill))
