"""Phases of a network and what its symbols stand for in each.

    forward    the whole network once (vision, encoders)                 B = batch, S = T = context where it has tokens
    prefill    a prompt of ``context`` tokens; yields the first token    S = T = context, head on the last token only
    decode     one new token; ``context`` counts it too                  S = 1, T = context keys attended
    train      forward, backward and the update of all weights (see ``workloads.training``)
    generate   a prompt of p tokens, then n tokens: a prefill of p (the first token), then n - 1 decode steps with
               T = p + 1 .. p + n - 1

An encoder-decoder runs its encoder over E tokens and one decoder step in prefill; decode is one later decoder step.

Attention is counted where it is executed: of the square of a causal prefill, S*(S + 1)/2 pairs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from workloads.bind import bind
from workloads.errors import UserError, did_you_mean
from workloads.graph import Op, OperatorGraph, elements
from workloads.symbols import Size, symbols_of

PHASES = ("forward", "prefill", "decode", "generate", "train")
DEFAULT_CONTEXT = 2048
MAX_ELEMENTS = 10**18


class PhaseError(UserError):
    """A phase that a model does not have, or sizes that no phase can take."""


def default_phase(phases: Collection[str]) -> str:
    """``decode`` for a language model, ``forward`` for everything else."""
    return "decode" if "decode" in phases else "forward"


def offered(phases: Collection[str]) -> tuple[str, ...]:
    """Phases a user may ask for: those traced, ``generate`` where prefill and decode both exist, and ``train`` where
    forward does.
    """
    made = {"generate": {"prefill", "decode"}, "train": {"forward"}}
    return tuple(phase for phase in PHASES if phase in phases or made.get(phase, {phase}) <= set(phases))


def check_phase(model: str, phase: str, phases: Collection[str]) -> None:
    """Refuse a phase that the model does not have.

    Raises:
        PhaseError: naming the phases it does have.
    """
    known = offered(phases)
    if phase not in known:
        hint = did_you_mean(phase, known)
        raise PhaseError(f"{model} has no phase {phase!r}; it has {', '.join(known)}{hint}")


def bind_phase(
    graph: OperatorGraph, batch: int = 1, context: int | None = None, encoder: int | None = None
) -> OperatorGraph:
    """The graph of one phase with its symbols replaced by numbers; facts ``batch`` and ``context`` say which.

    Args:
        graph: symbolic graph.
        batch: independent sequences or images.
        context: tokens (see the table above); None means the fact ``default_context``, else 2,048. Networks without
            tokens ignore it.
        encoder: tokens of the encoder of an encoder-decoder; None means ``context`` in a prefill (where the decoder
            makes one step only), and otherwise the fact ``default_E``.

    Raises:
        PhaseError: a size below 1 or absurdly large, a batch for a network that has none, or an unknown symbol.
    """
    facts = dict(graph.facts)
    free = graph.symbols()
    tokens = int(facts.get("default_context", DEFAULT_CONTEXT)) if context is None else context
    source = tokens if graph.phase == "prefill" and context is not None else int(facts.get("default_E", tokens))
    values = {"B": batch, "S": tokens, "T": tokens, "E": source if encoder is None else encoder}
    for name, value in (("batch", batch), ("context", tokens), ("encoder", values["E"])):
        if value < 1:
            raise PhaseError(f"{name} must be at least 1, got {value}")
    if free - values.keys():
        raise PhaseError(f"{graph.model} ({graph.phase}): no value for the symbols {', '.join(free - values.keys())}")
    if batch > 1 and "B" not in free:
        raise PhaseError(f"{graph.model} ({graph.phase}) has a fixed batch; it cannot run with batch {batch}")
    bound = bind(graph, **{name: values[name] for name in free})
    largest = max(bound.tensors, key=elements, default=None)
    if largest is not None and elements(largest) > MAX_ELEMENTS:
        raise PhaseError(f"{graph.model}: tensor {largest.name} would have {elements(largest):.2e} elements, over 1e18")
    facts |= {"batch": batch, **({"context": tokens} if free & {"S", "T"} else {})}
    return replace(bound, facts=tuple(sorted(facts.items())))


@dataclass(frozen=True, slots=True)
class GeneratePlan:
    """What generating ``output`` tokens after a prompt consists of; decode steps differ in T only.

    Attributes:
        prefill: bound graph; its result is the first token.
        decode: symbolic graph of one step; bind it with ``decode_step``.
        batch: sequences at once.
        first_context, last_context: T of the first and last decode step, both included; no step if first > last.
        encoder: tokens of the encoder of an encoder-decoder, or None for the model's default.
    """

    prefill: OperatorGraph
    decode: OperatorGraph
    batch: int
    first_context: int
    last_context: int
    encoder: int | None = None

    @property
    def steps(self) -> int:
        """Number of decode steps."""
        return max(0, self.last_context - self.first_context + 1)


def generate_plan(
    prefill: OperatorGraph, decode: OperatorGraph, prompt: int, output: int, batch: int = 1
) -> GeneratePlan:
    """The plan for a prompt of ``prompt`` and an answer of ``output`` tokens.

    In an encoder-decoder the prompt goes to the encoder, so the decoder's own context starts at one token.

    Raises:
        PhaseError: a size below 1.
    """
    for name, value in (("prompt", prompt), ("output", output)):
        if value < 1:
            raise PhaseError(f"{name} must be at least 1 token, got {value}")
    has_encoder = "E" in decode.symbols()
    encoder = prompt if "E" in prefill.symbols() else None
    before = 1 if has_encoder else prompt
    bound = bind_phase(prefill, batch, prompt, encoder)
    return GeneratePlan(bound, decode, batch, before + 1, before + output - 1, encoder)


def decode_step(plan: GeneratePlan, context: int) -> OperatorGraph:
    """The bound graph of the decode step that attends to ``context`` keys."""
    return bind_phase(plan.decode, plan.batch, context, plan.encoder)


def split_by_symbol(graph: OperatorGraph, name: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the operators whose work depends on a symbol, and of those that are the same for all its values.

    An operator that touches a constant part of a tensor of varying size (appending to a cache) does not depend on it.
    """
    dependent = frozenset(op.name for _, op in graph.walk() if any(name in symbols_of(size) for size in _sizes(op)))
    return dependent, frozenset(op.name for _, op in graph.walk()) - dependent


def _sizes(op: Op) -> list[Size]:
    sizes: list[Size] = [loop.extent for loop in op.loops]
    sizes += [value for _, value in op.params if not isinstance(value, str)]
    return sizes if op.active_points is None else [*sizes, op.active_points]
