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
ROWS = [
    ("python -c pass", [sys.executable, "-c", "pass"], RUNS),
    ("hwsim --help", [HWSIM, "--help"], RUNS),
    ("llama-3-8b decode, tpu_v4i", [HWSIM, "estimate", "llama-3-8b", "--chip", "tpu_v4i"], RUNS),
    ("llama-3-70b decode, a100_80gb_sxm", [HWSIM, "estimate", "llama-3-70b", "--chip", "a100_80gb_sxm"], RUNS),
    ("llama-3-70b decode, xeon_8480", [HWSIM, "estimate", "llama-3-70b", "--chip", "xeon_8480"], RUNS),
    ("resnet-50, eyeriss", [HWSIM, "estimate", "resnet-50", "--chip", "eyeriss"], RUNS),
    ("unet, tpu_v4i", [HWSIM, "estimate", "unet", "--chip", "tpu_v4i"], RUNS),
    (
        "gpt2-xl generate 128 + 512, a100_80gb_sxm",
        [
            HWSIM,
            "estimate",
            "gpt2-xl",
            "--chip",
            "a100_80gb_sxm",
            "--phase",
            "generate",
            "--prompt",
            "128",
            "--output",
            "512",
        ],
        RUNS,
    ),
    (
        "trace deepseek-v3 (decode and prefill)",
        [sys.executable, "-m", "workloads.build_catalog", "--dry-run", "deepseek-v3"],
        1,
    ),
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
    print(f"{'command':44s} {'CPU s':>8s} {'x bare':>8s} {'peak MB':>8s}")
    bare = 0.0
    for name, command, runs in ROWS:
        results = [measure(command) for _ in range(runs)]
        seconds = statistics.median(seconds for seconds, _ in results)
        bare = bare or seconds
        print(f"{name:44s} {seconds:8.2f} {seconds / bare:8.0f} {max(peak for _, peak in results):8.0f}")


if __name__ == "__main__":
    main()
