"""A model as its user meets it: a name, the phases it has, and the symbolic graph of each.

Catalog, saved files, configurations and the user's own Python functions all become a ``Model``; the choices that turn
its graph into a bound one (sizes, precision, how composites are executed) are applied here, in one order for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from workloads.experts import choose_experts
from workloads.graph import OperatorGraph
from workloads.inference import fold_batchnorms
from workloads.latent_attention import choose_mla
from workloads.offload import Offload, offload
from workloads.parallel import ALONE, Parallel, local_batch, on_one_device
from workloads.phases import GeneratePlan, PhaseError, bind_phase, check_phase, default_phase, generate_plan
from workloads.precision import with_precision
from workloads.sparsity import with_zeros


@dataclass(frozen=True, slots=True)
class Model:
    """A named network; ``symbolic`` returns the graph of one of the traced ``phases``."""

    name: str
    phases: tuple[str, ...]
    symbolic: Callable[[str], OperatorGraph]


@dataclass(frozen=True, slots=True)
class Choices:
    """What is not in a trace.

    Attributes:
        batch: independent sequences or images.
        context: tokens, see ``workloads.phases``; None means the model's default.
        bits: bits per element by role, or None for 16 throughout.
        mla: how multi-head latent attention is executed, ``absorbed`` or ``expanded``.
        experts: tokens per expert: ``balanced``, ``uniform`` or a histogram.
        fold_batchnorms: whether batch norms become part of the convolutions before them.
        zeros: fraction of zeros by role or tensor, see ``workloads.sparsity``; None means none.
        parallel: over how many devices the model is cut; graphs are then those of one device.
        offload: which weights lie in a storage behind the memory, see ``workloads.offload``; None means none.
    """

    batch: int = 1
    context: int | None = None
    bits: Mapping[str, int] | None = None
    mla: str = "absorbed"
    experts: str | tuple[int, ...] = "balanced"
    fold_batchnorms: bool = True
    zeros: Mapping[str, float] | None = None
    parallel: Parallel = ALONE
    offload: Offload | None = None


def symbolic_graph(model: Model, phase: str, choices: Choices) -> OperatorGraph:
    """The graph of a traced phase with precision and execution choices applied, sizes still symbolic."""
    graph = model.symbolic(phase)
    if choices.fold_batchnorms:
        graph = fold_batchnorms(graph)
    graph = choose_experts(choose_mla(graph, choices.mla), choices.experts)
    graph = graph if choices.zeros is None else with_zeros(graph, choices.zeros)
    return graph if choices.bits is None else with_precision(graph, choices.bits)


def bind_model(model: Model, phase: str | None = None, choices: Choices | None = None) -> OperatorGraph:
    """The bound graph of one phase; by default decode for language models, forward for the others.

    Raises:
        PhaseError: a phase the model does not have, ``generate``, which is no single graph, or training with weights in
            a storage.
    """
    chosen = choices or Choices()
    name = phase or default_phase(model.phases)
    check_phase(model.name, name, model.phases)
    if name == "train":
        if chosen.offload is not None:
            raise PhaseError(f"{model.name}: weights are trained in memory; leave out --offload")
        from workloads.training import training_step

        unfolded = replace(chosen, fold_batchnorms=False)
        graph = symbolic_graph(model, "forward", unfolded)
        return training_step(bind_phase(graph, chosen.batch, chosen.context))
    if name == "generate":
        raise PhaseError(f"{model.name}: generate consists of a prefill and many decode steps; plan it with plan_model")
    batch = local_batch(chosen.parallel, chosen.batch)
    graph = on_one_device(bind_phase(symbolic_graph(model, name, chosen), batch, chosen.context), chosen.parallel)
    return graph if chosen.offload is None else offload(graph, chosen.offload)


def plan_model(model: Model, prompt: int, output: int, choices: Choices | None = None) -> GeneratePlan:
    """The plan for generating ``output`` tokens after a prompt of ``prompt`` tokens.

    Raises:
        PhaseError: the model does not generate, or a size below 1.
    """
    chosen = choices or Choices()
    check_phase(model.name, "generate", model.phases)
    if chosen.parallel != ALONE:
        raise PhaseError(f"{model.name}: generate runs on one device only; estimate prefill and decode with --parallel")
    if chosen.offload is not None:
        raise PhaseError(f"{model.name}: generate keeps weights in memory; estimate prefill and decode with --offload")
    prefill, decode = (symbolic_graph(model, phase, chosen) for phase in ("prefill", "decode"))
    return generate_plan(prefill, decode, prompt, output, chosen.batch)
