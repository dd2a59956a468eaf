"""FlightLLM beside GPUs with everything simulated, and what tokens cost; see ``search.validation.flightllm``."""

from __future__ import annotations

from search.validation.flightllm import CHIPS, MODELS, ratios, run_of


def values(_: bool) -> dict[str, float]:
    """The stated ratios by their name, and ``MODEL, CHIP: tokens/s|tokens/J|tokens/s/k$|$/M tokens``."""
    values = {ratio.what: ratio.simulated for ratio in ratios()}
    for model, chip in ((model, chip) for model in MODELS for chip in CHIPS):
        run = run_of(model, chip)
        values |= {
            f"{model}, {chip}: tokens/s": run.rate,
            f"{model}, {chip}: tokens/J": run.rate / run.watts,
            f"{model}, {chip}: tokens/s/k$": 1e3 * run.rate / run.price,
            f"{model}, {chip}: $/M tokens": run.dollars_per_million,
        }
    return values
