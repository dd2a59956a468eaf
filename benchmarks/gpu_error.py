"""Errors of the GPU unit against measurements: `python -m benchmarks.gpu_error DATA [--record]`.

DATA is a folder with vidur/, deepbench/ and llmcompass/. Nothing is fitted per GPU: chips are the shipped files. The
calibrated rows use one number per set, the clock fraction that is best on twelve of the shapes, and give the error on
all others. ``--record`` writes search/validation/recorded.yaml, which `hwsim validate` shows where there are no data.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

from search.validation.case import Request
from search.validation.groups import all_groups
from search.validation.record import recorded_text
from search.validation.result import RECORDED, choose, results
from search.validation.show import PARTS, summary_rows

GROUPS = ("gpu", "gpu-calibrated", "gpu-held-out", "gpu-held-out-clock", "collectives")


def main(data: Path, record: bool) -> None:
    """Print the table, and write it where that is asked."""
    found = list(results(choose(all_groups(), GROUPS), Request(data)))
    for row, result in zip(summary_rows(found), found, strict=True):
        name, rows, mean, _, worst, _, bias, *_ = row
        print(f"{name:36} {rows:>6} {mean:>6} {worst:>6} {bias:>6} {result.remark}")
    print(f"columns: {', '.join(PARTS)}")
    if record:
        RECORDED.write_text(recorded_text(found, datetime.date.today().isoformat()), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--record" in sys.argv[2:])
