"""DRAM: timing and current data of the standards, and what follows from them for bandwidth and energy."""
