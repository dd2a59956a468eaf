"""PIM-GPT beside T4 and Xeon, by model and by how the baseline runs; see ``search.validation.pim_gpt``."""

from __future__ import annotations

from collections.abc import Callable

from search.validation.pim_gpt import BASELINES, KINDS, MODELS, Comparison, middle_step, row_hit_rate, whole_generation


def values(full: bool) -> dict[str, float]:
    """Keys of the panels; a step in the middle of 1,024 tokens stands for the mean, in full all tokens are summed.

    Per model ``MODEL: ms per token|mJ per token|row hits`` and ``MODEL: speed|energy, CHIP, KIND``; over the models
    ``lowest|highest speed|energy, CHIP, KIND``.
    """
    found = [(whole_generation if full else middle_step)(model) for model in MODELS]
    values: dict[str, float] = {}
    for one in found:
        values[f"{one.model}: ms per token"] = 1e3 * one.pim.seconds
        values[f"{one.model}: mJ per token"] = 1e3 * one.pim.joules
        values[f"{one.model}: row hits"] = 100 * row_hit_rate(one.report)
    ratios: dict[str, Callable[[Comparison, str, str], float]] = {
        "speed": Comparison.speedup,
        "energy": Comparison.efficiency,
    }
    for what, ratio in ratios.items():
        for chip, kind in ((chip, kind) for chip in BASELINES for kind in KINDS):
            column = {one.model: ratio(one, chip, kind) for one in found}
            values |= {f"{model}: {what}, {chip}, {kind}": number for model, number in column.items()}
            values[f"lowest {what}, {chip}, {kind}"] = min(column.values())
            values[f"highest {what}, {chip}, {kind}"] = max(column.values())
    return values
