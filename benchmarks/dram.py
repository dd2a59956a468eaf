"""Commands per second of the DRAM engines: ``python -m benchmarks.dram``.

CPU time of one core. The plain engine plays fewer requests of the same pattern.
"""

from __future__ import annotations

import time

from hwsim.dram import compiled, reference
from hwsim.dram.device import Device, load_device
from hwsim.dram.patterns import pattern
from hwsim.dram.policy import Policy

_REQUESTS, _PLAIN_REQUESTS = 400_000, 1_500


def _rate(device: Device, name: str) -> tuple[float, float]:
    """Commands per CPU second of the compiled and of the plain engine."""
    policy = Policy()
    began = time.process_time()
    outcome = compiled.play(device, policy, pattern(name, device, _REQUESTS), log=False)
    fast = sum(outcome.counts) / (time.process_time() - began)
    began = time.process_time()
    outcome = reference.play(device, policy, pattern(name, device, _PLAIN_REQUESTS))
    return fast, sum(outcome.counts) / (time.process_time() - began)


def main() -> None:
    """Print a table."""
    device = load_device("gddr6")
    began = time.process_time()
    compiled.play(device, Policy(), pattern("stream", device, 10))
    print(f"first call {time.process_time() - began:.1f} s of CPU (compiles, or loads what was compiled)")
    print("standard  pattern      commands/s  over the plain engine")
    for standard in ("gddr6", "hbm2", "hbm3", "ddr5", "lpddr5"):
        for name in ("stream", "interleaved", "random", "act-storm"):
            fast, plain = _rate(load_device(standard), name)
            print(f"{standard:<9} {name:<12} {fast / 1e6:8.2f} M  {fast / plain:8.0f} x", flush=True)


if __name__ == "__main__":
    main()
