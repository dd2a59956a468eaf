"""A space small enough to be exhausted in seconds: 96 designs of one matrix product."""

from __future__ import annotations

from pathlib import Path

BASE = """\
title: Small test chip
technology: {node: 28 nm}
clock: core
clocks: {core: 1 GHz}
memories:
  dram: {kind: dram, size: 1 GiB, bandwidth: 10 GB/s}
  sram: {kind: sram, size: 64 KiB}
units:
  array: {kind: systolic_array, clock: core, path: [dram, sram], rows: 8, columns: 8, dataflow: ws, rates: {8: 1}}
sources:
  - {cite: made up for a test, status: assumed, keys: [technology, clocks, memories, units]}
"""
SPACE = """\
title: Tiny space
base: tiny_base
parameters:
  rows: {path: units.array.rows, choices: [4, 8, 16, 32]}
  columns: {path: units.array.columns, choices: [4, 8, 16, 32]}
  dataflow: {path: units.array.dataflow, choices: [ws, os, is]}
  sram: {path: memories.sram.size, choices: [16 KiB, 64 KiB]}
workloads:
  - {model: "matmul:m=64,n=48,k=96,bits=8"}
objectives:
  - {quantity: seconds, goal: min}
  - {quantity: energy_joules, goal: min}
constraints:
  - {quantity: area_mm2, at_most: 0.4}
"""


def write_tiny(folder: Path, space: str = SPACE, base: str = BASE) -> Path:
    """The two files; returns the space."""
    (folder / "tiny_base.yaml").write_text(base, encoding="utf-8")
    path = folder / "tiny.yaml"
    path.write_text(space, encoding="utf-8")
    return path
