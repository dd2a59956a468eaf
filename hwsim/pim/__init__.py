"""Processing in DRAM: command timing, how matrices lie in banks and rows, and what that costs."""
