"""Commands per second of the DRAM engines: ``python -m benchmarks.dram``.

CPU time of one core, without making the requests. The plain engine plays fewer requests of the same pattern.
"""

from __future__ import annotations

import time

from hwsim.dram import compiled, reference
from hwsim.dram.device import Device, load_device
from hwsim.dram.patterns import pattern
from hwsim.dram.policy import Policy, RowPolicy, Scheduler

_REQUESTS, _PLAIN_REQUESTS = 400_000, 1_500
_CASES: tuple[tuple[str, RowPolicy, Scheduler], ...] = (
    ("stream", "open", "hit_first"),
    ("interleaved", "open", "hit_first"),
    ("random", "open", "hit_first"),
    ("random", "closed", "hit_first"),
    ("random", "open", "fcfs"),
    ("act-storm", "open", "hit_first"),
)


def _rate(device: Device, name: str, policy: Policy) -> tuple[float, float]:
    """Commands per CPU second of the compiled (best of three) and of the plain engine."""
    requests, fast = pattern(name, device, _REQUESTS), 0.0
    for _ in range(3):
        began = time.process_time()
        outcome = compiled.play(device, policy, requests, log=False)
        fast = max(fast, sum(outcome.counts) / (time.process_time() - began))
    requests = pattern(name, device, _PLAIN_REQUESTS)
    began = time.process_time()
    outcome = reference.play(device, policy, requests)
    return fast, sum(outcome.counts) / (time.process_time() - began)


def main() -> None:
    """Print a table."""
    device = load_device("gddr6")
    began = time.process_time()
    compiled.play(device, Policy(), pattern("stream", device, 10))
    print(f"first call {time.process_time() - began:.1f} s of CPU (compiles, or loads what was compiled)")
    print("standard  pattern      rows    scheduler    commands/s  over the plain engine")
    for standard in ("gddr6", "hbm2", "hbm3", "ddr5", "lpddr5"):
        for name, rows, scheduler in _CASES:
            fast, plain = _rate(load_device(standard), name, Policy(scheduler, rows))
            text = f"{standard:<9} {name:<12} {rows:<7} {scheduler:<11}"
            print(f"{text} {fast / 1e6:8.2f} M  {fast / plain:8.0f} x", flush=True)


if __name__ == "__main__":
    main()
