"""A complete small chip file for tests to break in one place."""

from __future__ import annotations

SMALL_CHIP = """\
title: Small test chip
technology: {node: 28 nm}
clock: core
clocks: {core: 1 GHz}
memories:
  dram: {kind: dram, size: 1 GiB, bandwidth: 10 GB/s}
  sram: {kind: sram, size: 64 KiB, bandwidth: 64 GB/s}
units:
  array: {kind: systolic_array, clock: core, path: [dram, sram], rows: 8, columns: 8, dataflow: ws, rates: {16: 1}}
sources:
  - {cite: made up for a test, status: assumed, keys: [technology, clocks, memories, units]}
"""
