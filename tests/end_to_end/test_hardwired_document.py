"""docs/hardwired.md holds the numbers that the program computes."""

from __future__ import annotations

from benchmarks.hardwired import CONTEXTS, DOCUMENT, filled, played
from hwsim.config import load_chip


def test_the_document_has_the_numbers_of_today() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert filled(text) == text


def test_a_longer_context_is_never_faster_nor_is_less_bandwidth() -> None:
    rates = [played(load_chip("hnlpu"), context).report.throughput for context in CONTEXTS[::3]]
    assert rates == sorted(rates, reverse=True)
    slow, fast = (load_chip("hnlpu", [f"memories.hbm.bandwidth={rate} TB/s"]) for rate in (20, 200))
    assert played(slow, 8192).report.throughput <= played(fast, 8192).report.throughput
