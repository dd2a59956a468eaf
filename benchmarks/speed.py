"""CPU seconds and peak memory of whole commands, as a user pays for them: start-up, mapping and simulation included.

    python benchmarks/speed.py

Every command runs five times; medians are printed, and their ratio to a bare `python -c pass` on the same machine.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

RUNS = 5
HWSIM = str(Path(sys.executable).with_name("hwsim"))
TRACE = "from workloads.build_catalog import entries, trace_entry; trace_entry('deepseek-v3', entries()['deepseek-v3'])"
ESTIMATES = (
    "llama-3-8b --chip tpu_v4i",
    "llama-3-70b --chip a100_80gb_sxm",
    "llama-3-70b --chip xeon_8480",
    "resnet-50 --chip eyeriss",
    "unet --chip tpu_v4i",
    "gpt2-xl --chip a100_80gb_sxm --phase generate --prompt 128 --output 512",
)
ROWS = [
    ("python -c pass", [sys.executable, "-c", "pass"], RUNS),
    ("hwsim --help", [HWSIM, "--help"], RUNS),
    *((text, [HWSIM, "estimate", *text.split()], RUNS) for text in ESTIMATES),
    ("trace deepseek-v3, prefill and decode", [sys.executable, "-c", TRACE], 1),
]


def measure(command: list[str]) -> tuple[float, float]:
    """CPU seconds and peak resident megabytes of one run."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        assert process.stderr is not None
        raise SystemExit(f"{' '.join(command)} failed: {process.stderr.read().decode()[-400:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    print(f"{'command':72s} {'CPU s':>8s} {'x bare':>8s} {'peak MB':>8s}")
    bare = 0.0
    for name, command, runs in ROWS:
        results = [measure(command) for _ in range(runs)]
        seconds = statistics.median(seconds for seconds, _ in results)
        bare = bare or seconds
        print(f"{name:72s} {seconds:8.2f} {seconds / bare:8.0f} {max(peak for _, peak in results):8.0f}")


if __name__ == "__main__":
    main()
