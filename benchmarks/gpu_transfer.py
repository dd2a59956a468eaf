"""Choose the GPU model's shared constants with one GPU left out at a time: `python -m benchmarks.gpu_transfer DATA`.

Writes search/validation/held_out.yaml; the groups `gpu-held-out` of `hwsim validate` show the errors on the GPU left
out. Takes some minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from search.validation.case import Request
from search.validation.gpu_sets import MeasuredSet, samples_of
from search.validation.measured import Sample
from search.validation.transfer import CLOCK_RULE, HELD_OUT, gpu_family, mean_error, search_constants, transfer_sets

Samples = Mapping[MeasuredSet, Sequence[Sample]]

ROWS = 60
HEADER = """\
# Constants of the GPU model chosen without looking at one GPU. Written by benchmarks/gpu_transfer.py.
"""


def main(data: Path) -> None:
    """Search eight times, print the errors, write the file."""
    samples: dict[MeasuredSet, Sequence[Sample]] = {}
    for measured in transfer_sets():
        rows = samples_of(measured, Request(data))
        assert rows is not None, measured.file
        step = max(1, len(rows) // ROWS) | 1
        samples[measured] = rows[::step]
    chosen = {clock: _choose(samples, clock, given) for clock, given in (("rule", CLOCK_RULE), ("free", {}))}
    HELD_OUT.write_text(HEADER + yaml.safe_dump(chosen, sort_keys=False), encoding="utf-8")


def _choose(samples: Samples, clock: str, given: Mapping[str, float]) -> dict[str, dict[str, float]]:
    chosen = {}
    for family in dict.fromkeys(map(gpu_family, samples)):
        others = {measured: rows for measured, rows in samples.items() if gpu_family(measured) != family}
        constants = search_constants(others, given)
        left_out = {measured: rows for measured, rows in samples.items() if gpu_family(measured) == family}
        seen, unseen = mean_error(others, constants), mean_error(left_out, constants)
        print(f"clock {clock}, without {family}: {seen:.1%} on the others, {unseen:.1%} on it", flush=True)
        chosen[family] = constants
    return chosen


if __name__ == "__main__":
    main(Path(sys.argv[1]))
