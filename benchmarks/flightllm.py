"""FlightLLM's comparison with GPUs: rate, energy and cost of Llama-2-7B and OPT-6.7B, and the published ratios.

    python -m benchmarks.flightllm

A prompt of 128 tokens and 512 of output, batch 1. The FPGAs run 4-bit weights and 8-bit activations, the GPUs 16 bits.
"""

from __future__ import annotations

from search.validation.flightllm import CHIPS, MODELS, Run, ratios, run_of

HEAD = f"{'':18} {'s':>7} {'tokens/s':>9} {'W':>6} {'tok/J':>6} {'tok/J (limit)':>13} {'tok/s/k$':>9} {'$/Mtok':>7}"


def line(run: Run) -> str:
    """One row of the table."""
    return (
        f"{run.chip:18} {run.seconds:7.2f} {run.rate:9.1f} {run.watts:6.1f} {run.rate / run.watts:6.2f} "
        f"{run.rate / run.board_watts:13.2f} {run.rate / run.price * 1e3:9.2f} {run.dollars_per_million:7.2f}"
    )


def main() -> None:
    """Print both tables."""
    for model in MODELS:
        print(f"{model}\n{HEAD}")
        for chip in CHIPS:
            print(line(run_of(model, chip)))
        print()
    print(f"{'llama-2-7b':44} {'published':>9} {'simulated GPU':>14} {'GPU at limit':>14}")
    for ratio in ratios():
        print(f"{ratio.what:44} {ratio.published:9.2f} {ratio.simulated:14.2f} {ratio.at_limit:14.2f}")


if __name__ == "__main__":
    main()
