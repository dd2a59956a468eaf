"""Scheduling a graph through a scratchpad: order of operators, what stays, addresses, spills and retrieves."""
