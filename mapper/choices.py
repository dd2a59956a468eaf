"""What the user chooses about a run (sizes, precision, mapping), and the command-line options that say it.

``estimate``, ``explain`` and the sweeps share them: ``run_options`` hands a command one ``RunOptions``. The module is
imported with every command, so it costs nothing: everything heavy is imported where it is used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mapper.base import (
    FUSIONS,
    OBJECTIVES,
    RESIDENCIES,
    RULES,
    Fusion,
    Goal,
    Objective,
    Residency,
    Rule,
    mapper_names,
)
from workloads.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from workloads.model import Choices

F = TypeVar("F", bound=Callable[..., Any])
MAX_SIZE = 10**9
MOST_JOBS = 1024


class MappingChoiceError(UserError):
    """Choices about mapping that contradict each other."""


@dataclass(frozen=True, slots=True)
class MappingChoices:
    """How mappings are found.

    Attributes:
        mapper: name of a registered mapper: fast, optimal or exhaustive.
        objective: what it minimizes: latency, energy, edp (energy times delay) or traffic (of the outer memory).
        budget_seconds: for the optimal mapper, wall time per contraction; None is until proven.
        jobs: for the optimal mapper, contractions searched at a time.
        cached: whether results of earlier runs are used and new ones kept (see ``mapper.cache``).
        residency: how tensors stay on chip between operators: first-fit, or optimal (``mapper.scratchpad``).
        placement: how operators find their units where several do: peak, heft, ilp or auto (``mapper.placement``).
        fusion: whether groups of operators run chunk by chunk where that helps: off or auto (``mapper.fusion``).

    Raises:
        MappingChoiceError: a budget or jobs for a mapper that knows neither, or choices about the graph that exclude
            each other.
    """

    mapper: str = "fast"
    objective: Objective = "latency"
    budget_seconds: float | None = None
    jobs: int = 1
    cached: bool = True
    residency: Residency = "first-fit"
    placement: Rule = "peak"
    fusion: Fusion = "off"

    def __post_init__(self) -> None:
        for given, option in ((self.budget_seconds is not None, "budget"), (self.jobs > 1, "jobs")):
            if given and self.mapper != "optimal":
                raise MappingChoiceError(f"--mapper-{option} belongs to --mapper optimal, not to {self.mapper}")
        chosen = (("residency", self.residency, "first-fit"), ("placement", self.placement, "peak"))
        for option, value, plain in chosen:
            if self.fusion != "off" and value != plain:
                raise MappingChoiceError(f"--fusion {self.fusion} works with --{option} {plain} only, not with {value}")
        if self.residency != "first-fit" and self.placement != "peak":
            raise MappingChoiceError(f"--residency {self.residency} works with --placement peak only")

    @property
    def goal(self) -> Goal:
        """What a mapper is asked for."""
        return Goal(self.objective, self.budget_seconds, self.jobs)


FAST = MappingChoices()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a model runs, as the command line says it; ``read_choices`` interprets what is about the workload."""

    batch: int
    context: int | None
    bits: str | None
    zeros: str | None
    mla: str
    experts: str
    fold: bool
    parallel: str | None
    offload: str | None
    mapping: MappingChoices


def read_choices(options: RunOptions) -> Choices:
    """The options about the workload as the model understands them.

    Raises:
        PrecisionError: ``bits`` cannot be read.
        SparsityError: ``zeros`` cannot be read.
        ShardError: ``parallel`` cannot be read.
        OffloadError: ``offload`` cannot be read.
    """
    from workloads.model import Choices
    from workloads.offload import parse_offload
    from workloads.parallel import parse_parallel
    from workloads.precision import parse_bits
    from workloads.sparsity import parse_zeros

    widths = None if options.bits is None else parse_bits(options.bits)
    zeros = None if options.zeros is None else parse_zeros(options.zeros)
    return Choices(
        options.batch,
        options.context,
        widths,
        options.mla,
        options.experts,
        options.fold,
        zeros,
        parse_parallel(options.parallel),
        None if options.offload is None else parse_offload(options.offload),
    )


def _in_range(most: int, _: click.Context, __: click.Parameter, number: int | None) -> int | None:
    if number is not None and not 1 <= number <= most:
        raise click.BadParameter(f"expected 1 to {most:,}, got {number}")
    return number


def size_option(*names: str, text: str, default: int | None = None, most: int = MAX_SIZE) -> Callable[[F], F]:
    """An option for a whole number from 1 to ``most``; without a default, leaving it out means the model's own."""
    check = functools.partial(_in_range, most)
    shown = default is not None
    return click.option(*names, type=int, callback=check, metavar="N", default=default, show_default=shown, help=text)


def _one_of(known: Sequence[str], _: click.Context, __: click.Parameter, word: str) -> str:
    if word not in known:
        raise click.BadParameter(f"{word!r} is not one of {', '.join(known)}{did_you_mean(word, known)}")
    return word


def word_option(name: str, known: Sequence[str], text: str) -> Callable[[F], F]:
    """An option for one of a few words, the first if left out; a wrong one is answered with the nearest."""
    check = functools.partial(_one_of, known)
    metavar = f"[{'|'.join(known)}]"
    return click.option(name, metavar=metavar, default=known[0], show_default=True, callback=check, help=text)


def _budget(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    from hwsim.quantity import parse

    if text is None:
        return None
    try:
        seconds = parse(text, "s")
    except ValueError as error:
        raise click.BadParameter(f"{error}; give a time such as 2s") from error
    if seconds <= 0:
        raise click.BadParameter(f"must be greater than zero, got {text!r}; leave it out to search until proven")
    return seconds


_WORKLOAD = (
    size_option("--batch", text="Independent sequences or images.", default=1),
    size_option("--context", text="Tokens attended; in decode the new one included. [default: 2048 for LMs]"),
    click.option("--bits", metavar="ROLE=N,...", help="Precision by role, as in weight=4,activation=8."),
    click.option("--zeros", metavar="NAME=F,...", help="Zeros in the data by role or tensor: activation=0.5."),
    click.option("--mla", type=click.Choice(["absorbed", "expanded"]), default="absorbed", show_default=True,
                 help="How multi-head latent attention runs."),
    click.option("--experts", type=click.Choice(["balanced", "uniform"]), default="balanced", show_default=True,
                 help="How tokens spread over experts."),
    click.option("--fold-batchnorms/--keep-batchnorms", "fold", default=True, show_default=True,
                 help="Whether batch norms become part of the convolutions before them."),
    click.option("--parallel", metavar="HOW=N,...",
                 help="Over devices: tensor=, expert= or pipeline=N; the report is of one."),
    click.option("--offload", metavar="WHAT,...",
                 help="Weights in a storage: all or feed-forward,held=F,fetched=F,active=F,piece=BYTES."),
)  # fmt: skip
_MAPPING = (
    word_option("--mapper", mapper_names(), "How mappings are found; optimal proves that of every contraction."),
    word_option("--objective", OBJECTIVES, "What mappings minimize: edp is energy times delay, traffic that off chip."),
    click.option("--mapper-budget", "budget_seconds", metavar="TIME", callback=_budget,
                 help="With --mapper optimal: at most so long per contraction, as in 2s; says what gap is left."),
    size_option("--mapper-jobs", "jobs", text="With --mapper optimal: searches at a time.", default=1, most=MOST_JOBS),
    word_option("--residency", RESIDENCIES, "What stays on chip; optimal plans it and keeps the better."),
    word_option("--placement", RULES, "Which unit runs an operator, where several can; the best simulated is kept."),
    word_option("--fusion", FUSIONS, "Whether operators run chunk by chunk in groups where that helps (slower)."),
    click.option("--cache/--no-cache", "cached", default=True, show_default=True,
                 help="Whether optimal mappings are kept for later runs (see `hwsim cache`)."),
)  # fmt: skip


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that decide how a model runs; the command gets them as one argument ``options``: RunOptions."""

    @functools.wraps(command)
    def gathered(**values: Any) -> None:
        # click passes options by name; those that are not ours belong to the command itself.
        mapping = MappingChoices(**{field.name: values.pop(field.name) for field in fields(MappingChoices)})
        ours = {field.name: values.pop(field.name) for field in fields(RunOptions) if field.name != "mapping"}
        command(options=RunOptions(**ours, mapping=mapping), **values)

    added: Callable[..., None] = gathered
    for option in reversed((*_WORKLOAD, *_MAPPING)):
        added = option(added)
    return added
